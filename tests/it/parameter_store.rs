//! Reads of Parameter Store: kinds of values, versions, batches, listings, path_exists.

use s1crets::{ErrorKind, ListOptions, Provider};
use s1crets_testbed::{Fault, unique};
use serde_json::json;

use crate::support::{Aws, fails, get_together, text};

#[tokio::test]
async fn a_string_list_stays_one_text() {
    let aws = Aws::start().await;
    let name = unique("/it/ps/list-");
    aws.seed.put_parameter(&name, "a,b,c", "StringList");
    assert_eq!(text(aws.client().await.get("aws.ps", &name).await), "a,b,c");
}

#[tokio::test]
async fn a_secure_string_is_decrypted_by_default() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("/it/ps/secure-"));
    aws.seed.put_parameter(&name, "hunter2", "SecureString");
    assert_eq!(text(client.get("aws.ps", &name).await), "hunter2");
    assert_eq!(text(client.get("aws.ps", &name).decrypt(true).await), "hunter2");
    assert_ne!(text(client.get("aws.ps", &name).decrypt(false).await), "hunter2");
    // Neither is answered with what the cache holds of the other.
    assert_eq!(text(client.get("aws.ps", &name).await), "hunter2");
    let asked: Vec<_> =
        aws.proxy.requests("GetParameter").iter().map(|request| request.json()["WithDecryption"].clone()).collect();
    assert_eq!(asked, [json!(true), json!(false)]);
}

#[tokio::test]
async fn a_version_is_read_by_its_number_and_its_label() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("/it/ps/versions-"));
    for value in ["one", "two", "three"] {
        aws.seed.put_parameter(&name, value, "String");
    }
    let label = json!({ "Name": name, "ParameterVersion": 2, "Labels": ["blue"] });
    aws.seed.call("AmazonSSM.LabelParameterVersion", &label).unwrap();

    let get = || client.get("aws.ps", &name);
    assert_eq!(text(get().await), "three");
    assert_eq!(text(get().version(1).await), "one");
    assert_eq!(text(get().label("blue").await), "two");
    assert_eq!(get().label("blue").await.unwrap().version(), Some("2"));
    assert_eq!(text(client.get("aws.ps", &format!("{name}:1")).await), "one");
    fails(get().version(9).await, ErrorKind::NotFound);
    fails(get().label("red").await, ErrorKind::NotFound);
    assert_eq!(text(get().version(9).default("spare").await), "spare");
}

#[tokio::test]
async fn a_version_that_aws_does_not_find_is_not_found() {
    let aws = Aws::start().await;
    let message = "Systems Manager could not find version 9 of /x";
    aws.proxy.fault("GetParameter", Fault::aws_json("ParameterVersionNotFound", message)).once();
    let error = fails(aws.client().await.get("aws.ps", "/x").version(9).await, ErrorKind::NotFound);
    assert!(error.to_string().contains(message), "{error}");
}

#[tokio::test]
async fn several_versions_in_one_batch_are_told_apart() {
    let aws = Aws::start().await;
    // As AWS answers; moto leaves the selector out.
    let entry = |value: &str, version: u8, selector: Option<&str>| json!({ "Name": "/a", "Type": "String", "Value": value, "Version": version, "Selector": selector });
    let found = [entry("one", 1, Some(":1")), entry("three", 3, None), entry("two", 2, Some(":blue"))];
    aws.proxy.fault("GetParameters", Fault::json(&json!({ "Parameters": found }))).once();
    let names = ["/a", "/a:1", "/a:blue"].map(str::to_owned);
    let texts: Vec<_> = get_together(&aws.client().await, "aws.ps", &names).await.into_iter().map(text).collect();
    assert_eq!(texts, ["three", "one", "two"]);
    assert_eq!(aws.proxy.total(), 1);
}

/// Some servers, moto among them, leave the selector out.
#[tokio::test]
async fn versions_that_a_batch_does_not_tell_apart_are_read_one_by_one() {
    let aws = Aws::start().await;
    let name = unique("/it/ps/no-selector-");
    for value in ["one", "two", "three"] {
        aws.seed.put_parameter(&name, value, "String");
    }
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter{name}", crate::support::ACCOUNT);
    let entry = |value: &str, version: u8| json!({ "Name": name, "ARN": arn, "Type": "String", "Value": value, "Version": version });
    for other in [format!("{name}:1"), format!("{arn}:1")] {
        let mut found = [entry("one", 1), entry("three", 3)];
        for _ in 0..2 {
            found.reverse();
            aws.proxy.fault("GetParameters", Fault::json(&json!({ "Parameters": found }))).once();
            let answers = get_together(&aws.client().await, "aws.ps", &[name.clone(), other.clone()]).await;
            assert_eq!(answers.into_iter().map(text).collect::<Vec<_>>(), ["three", "one"], "{other}");
        }
        // As moto answers, in any order.
        let answers = get_together(&aws.client().await, "aws.ps", &[other.clone(), name.clone()]).await;
        assert_eq!(answers.into_iter().map(text).collect::<Vec<_>>(), ["one", "three"], "{other}");
    }
}

#[tokio::test]
async fn a_parameter_is_read_by_its_arn_too() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("/it/ps/arn-"));
    aws.seed.put_parameter(&name, "x", "String");
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter{name}", crate::support::ACCOUNT);
    assert_eq!(text(client.get("aws.ps", &arn).await), "x");
    assert_eq!(get_together(&client, "aws.ps", std::slice::from_ref(&arn)).await.len(), 1);
}

#[tokio::test]
async fn a_listing_ends_at_a_slash_and_gives_full_names() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("/it/ps/below-"));
    for rest in ["data/a", "data/b/c", "database", "dat"] {
        aws.seed.put_parameter(&format!("{root}/{rest}"), rest, "SecureString");
    }
    let full = |rests: &[&str]| rests.iter().map(|rest| format!("{root}/{rest}")).collect::<Vec<_>>();
    for path in [format!("{root}/data"), format!("{root}/data/")] {
        let all = client.get_by_path("aws.ps", &path).await.unwrap();
        assert_eq!(all.names().collect::<Vec<_>>(), full(&["data/a", "data/b/c"]));
        let first = client.get_by_path("aws.ps", &path).recursive(false).await.unwrap();
        assert_eq!(first.names().collect::<Vec<_>>(), full(&["data/a"]));
        let value = all.get(&format!("{root}/data/a")).unwrap();
        assert_eq!(value.expose_str().unwrap(), "data/a");
    }
    let raw = client.get_by_path("aws.ps", &format!("{root}/data")).decrypt(false).await.unwrap();
    assert_ne!(raw.get(&format!("{root}/data/a")).unwrap().expose_str().unwrap(), "data/a");
    assert!(client.get_by_path("aws.ps", &format!("{root}/none")).await.unwrap().is_empty());
    fails(client.get_by_path("aws.ps", "no/slash").await, ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_root_lists_all() {
    // In a region where no other test plants.
    let aws = Aws::start_in("ap-south-1").await;
    for name in ["/r/a", "/r/b/c", "bare"] {
        aws.seed.put_parameter(name, "x", "String");
    }
    let store = aws.parameter_store().await;
    for path in ["/", ""] {
        let listing = store.get_by_path(path, &ListOptions::default()).await.unwrap();
        assert!(listing.names().any(|name| name == "/r/b/c"), "{path:?}");
        assert!(store.path_exists("/").await.unwrap());
    }
}

#[tokio::test]
async fn a_sibling_that_begins_alike_does_not_make_a_path_exist() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("/it/ps/exists-"));
    aws.seed.put_parameter(&format!("{root}/database/x"), "x", "String");
    for (rest, exists) in [
        ("/database/x", true),
        ("/database", true),
        ("/database/", true),
        ("", true),
        ("/data", false),
        ("/database/x/y", false),
        ("/database/xy", false),
        ("/other", false),
    ] {
        let found = client.path_exists("aws.ps", &format!("{root}{rest}")).await.unwrap();
        assert_eq!(found, exists, "{rest}");
    }
}

#[tokio::test]
async fn path_exists_never_asks_for_decryption() {
    let aws = Aws::start().await;
    let name = unique("/it/ps/look-");
    aws.seed.put_parameter(&name, "x", "SecureString");
    assert!(aws.client().await.path_exists("aws.ps", &name).await.unwrap());
    assert_eq!((aws.proxy.count("DescribeParameters"), aws.proxy.total()), (1, 1));
}

#[tokio::test]
async fn an_arn_and_a_version_exist_as_they_can_be_read() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("/it/ps/exists-arn-"));
    aws.seed.put_parameter(&name, "x", "SecureString");
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter{name}", crate::support::ACCOUNT);
    for (path, exists) in [
        (arn.clone(), true),
        (format!("{arn}:1"), true),
        (format!("{name}:1"), true),
        (format!("{arn}-none"), false),
        (format!("{name}:9"), false),
        (format!("{name}:blue"), false),
    ] {
        assert_eq!(client.path_exists("aws.ps", &path).await.unwrap(), exists, "{path}");
    }
    let asked = aws.proxy.requests("GetParameter");
    assert!(asked.iter().all(|request| request.json()["WithDecryption"] == json!(false)));
    assert_eq!((asked.len(), aws.proxy.total()), (6, 6));
}

#[tokio::test]
async fn a_missing_parameter_and_a_missing_version_have_the_same_words_in_a_batch() {
    let aws = Aws::start().await;
    let name = unique("/it/ps/words-");
    aws.seed.put_parameter(&name, "x", "String");
    let place = "it was looked for in region us-east-1";
    let none = (format!("{name}-none"), "no such parameter", place);
    let version = (format!("{name}:9"), "AWS says ParameterVersionNotFound", "it exists, and has no such version");
    let client = aws.client().await;
    let names = [none.0.clone(), version.0.clone(), name.clone()];
    let many = get_together(&client, "aws.ps", &names).await;
    for ((path, message, hint), many) in [none, version].into_iter().zip(many) {
        let single = fails(aws.client().await.get("aws.ps", &path).await, ErrorKind::NotFound);
        let many = fails(many, ErrorKind::NotFound);
        for error in [single, many] {
            assert!(error.message().starts_with(message), "{error}");
            assert!(error.hint().unwrap_or_default().starts_with(hint), "{error} {:?}", error.hint());
        }
    }
}

#[tokio::test]
async fn an_arn_of_the_other_service_is_refused_with_its_provider() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    for (provider, other, arn) in [
        ("aws.sm", "aws.ps", "arn:aws:ssm:us-east-1:123456789012:parameter/x"),
        ("aws.ps", "aws.sm", "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"),
    ] {
        let many = get_together(&client, provider, &[arn.to_owned(), "/x".to_owned()]).await.remove(0);
        let update = client.update(provider, arn, "v").await.map(drop).unwrap_err();
        let exists = client.path_exists(provider, arn).await.map(drop).unwrap_err();
        let single = client.get(provider, arn).await.map(drop).unwrap_err();
        for error in [fails(many, ErrorKind::InvalidInput), update, exists, single] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert_eq!(error.hint(), Some(&*format!("ask its provider: {other}://{arn}")));
        }
        fails(client.get(provider, arn).default("spare").await, ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn an_empty_page_is_not_the_end_of_the_search() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    let empty = json!({ "Parameters": [], "NextToken": "more" });
    let hit = json!({ "Parameters": [{ "Name": "/x", "Type": "String", "Version": 1 }] });
    aws.proxy.fault("DescribeParameters", Fault::json(&empty)).times(2);
    aws.proxy.fault("DescribeParameters", Fault::json(&hit)).once();
    assert!(client.path_exists("aws.ps", "/x").await.unwrap());
    let tokens: Vec<_> =
        aws.proxy.requests("DescribeParameters").iter().map(|request| request.json()["NextToken"].clone()).collect();
    assert_eq!(tokens, [json!(null), json!("more"), json!("more")]);
}

#[tokio::test]
async fn an_empty_page_does_not_hide_the_parameter_to_update() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("/it/ps/page-"));
    aws.seed.put_parameter(&name, "old", "String");
    let empty = json!({ "Parameters": [], "NextToken": "more" });
    let hit = json!({ "Parameters": [{ "Name": name, "Type": "String", "Version": 1 }] });
    aws.proxy.fault("DescribeParameters", Fault::json(&empty)).once();
    aws.proxy.fault("DescribeParameters", Fault::json(&hit)).once();
    client.update("aws.ps", &name, "new").await.unwrap();
    assert_eq!(text(client.get("aws.ps", &name).await), "new");
}

#[tokio::test]
async fn an_empty_page_does_not_end_a_listing() {
    let aws = Aws::start().await;
    let empty = json!({ "Parameters": [], "NextToken": "more" });
    let hit = json!({ "Parameters": [{ "Name": "/p/x", "Type": "String", "Value": "v", "Version": 1 }] });
    aws.proxy.fault("GetParametersByPath", Fault::json(&empty)).once();
    aws.proxy.fault("GetParametersByPath", Fault::json(&hit)).once();
    let listing = aws.client().await.get_by_path("aws.ps", "/p").await.unwrap();
    assert_eq!(listing.names().collect::<Vec<_>>(), ["/p/x"]);
}

#[tokio::test]
async fn an_identity_that_may_not_describe_still_finds_what_exists() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("/it/ps/readable-"));
    aws.seed.put_parameter(&format!("{root}/a/b"), "x", "SecureString");
    aws.proxy.fault("DescribeParameters", Fault::access_denied()).always();
    for (rest, exists) in [("/a/b", true), ("/a", true), ("/b", false)] {
        assert_eq!(client.path_exists("aws.ps", &format!("{root}{rest}")).await.unwrap(), exists, "{rest}");
    }
    let decrypted = |request: &s1crets_testbed::Request| request.json()["WithDecryption"] == json!(true);
    let read = [aws.proxy.requests("GetParameter"), aws.proxy.requests("GetParametersByPath")].concat();
    assert!(!read.iter().any(decrypted), "a look needs no right to decrypt");
}

#[tokio::test]
async fn options_of_the_other_store_are_refused_before_a_call() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    for refused in [
        client.get("aws.ps", "/x").version_id("i").await,
        client.get("aws.ps", "/x").version_stage("s").await,
        client.get("aws.sm", "x").version(1).await,
        client.get("aws.sm", "x").label("l").await,
        client.get("aws.sm", "x").decrypt(false).await,
    ] {
        fails(refused, ErrorKind::Unsupported);
    }
    fails(client.get_by_path("aws.sm", "x").decrypt(false).await, ErrorKind::Unsupported);
    fails(client.update("aws.ps", "/x", vec![1]).await, ErrorKind::InvalidInput);
    assert_eq!(aws.proxy.total(), 0);
}
