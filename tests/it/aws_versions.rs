//! Several versions of one name at once, and the items of a StringList.

use futures::future::join_all;
use s1crets::{ErrorKind, Reference};
use s1crets_testbed::unique;
use serde_json::json;

use crate::support::{Aws, fails, get_together, text};

#[tokio::test]
async fn versions_of_one_secret_that_are_read_at_the_same_time_come_back_right() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/versions-"));
    aws.seed.create_secret(&name, "one");
    let first = client.get("aws.sm", &name).await.unwrap().version().unwrap().to_owned();
    let second = aws.seed.put_secret(&name, "two");
    let pending = json!({ "SecretId": name, "SecretString": "three", "VersionStages": ["AWSPENDING"] });
    aws.seed.call("secretsmanager.PutSecretValue", &pending).unwrap();
    let fresh = aws.client().await;
    let get = || fresh.get("aws.sm", &name);
    let reads = [
        get().version_id(&first),
        get().version_id(&second),
        get(),
        get().version_stage("AWSPREVIOUS"),
        get().version_stage("AWSPENDING"),
        get().version_stage("AWSCURRENT"),
    ];
    let answers = join_all(reads.map(IntoFuture::into_future)).await;
    let texts: Vec<_> = answers.into_iter().map(text).collect();
    assert_eq!(texts, ["one", "two", "two", "one", "three", "two"]);
}

#[tokio::test]
async fn versions_of_one_parameter_that_are_read_at_the_same_time_come_back_right() {
    let aws = Aws::start().await;
    let name = unique("/it/versions-");
    for value in ["one", "two", "three"] {
        aws.seed.put_parameter(&name, value, "String");
    }
    let label = json!({ "Name": name, "ParameterVersion": 2, "Labels": ["blue"] });
    aws.seed.call("AmazonSSM.LabelParameterVersion", &label).unwrap();
    let client = aws.client().await;
    let get = || client.get("aws.ps", &name);
    let reads = [get().version(1), get(), get().version(2), get().version(3)];
    let answers = join_all(reads.map(IntoFuture::into_future)).await;
    assert_eq!(answers.into_iter().map(text).collect::<Vec<_>>(), ["one", "three", "two", "three"]);

    // The same by paths, in every order.
    let arn = format!("arn:aws:ssm:us-east-1:{}:parameter{name}", crate::support::ACCOUNT);
    let mut paths: Vec<_> = [":1", "", ":blue", ":3"].map(|selector| (format!("{name}{selector}"), selector)).to_vec();
    paths.extend([":1", ":blue"].map(|selector| (format!("{arn}{selector}"), selector)));
    for turn in 0..paths.len() {
        paths.rotate_left(turn);
        let names: Vec<_> = paths.iter().map(|(path, _)| path.clone()).collect();
        let answers = get_together(&aws.client().await, "aws.ps", &names).await;
        for ((path, selector), answer) in paths.iter().zip(answers) {
            let expected = [(":1", "one"), ("", "three"), (":blue", "two"), (":3", "three")];
            let expected = expected.iter().find(|(other, _)| other == selector).unwrap().1;
            assert_eq!(text(answer), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn an_item_of_a_string_list_is_picked_by_its_number() {
    let aws = Aws::start().await;
    let name = unique("/it/list-");
    aws.seed.put_parameter(&name, "db-1,db-2,{\"port\":5432}", "StringList");
    let client = aws.client().await;
    let item = |key: &str| Reference::new("aws.ps", &name).unwrap().to_string() + "#" + key;
    assert_eq!(text(client.get("aws.ps", &name).await), "db-1,db-2,{\"port\":5432}");
    assert_eq!(text(client.get("aws.ps", &name).key("1").await), "db-2");
    let many = client.get_refs([item("0"), item("/1"), item("9"), item("user")]).await;
    let [first, second, none, named] = many.try_into().unwrap();
    assert_eq!((text(first), text(second)), ("db-1".to_owned(), "db-2".to_owned()));
    let error = fails(none, ErrorKind::KeyNotFound);
    assert!(error.to_string().contains("no item 9 in the list, which has 3 from 0"), "{error}");
    let error = fails(named, ErrorKind::KeyNotFound);
    assert!(error.to_string().contains("it is a list, with items numbered from 0"), "{error}");
    assert_eq!(text(client.get("aws.ps", &name).key("2").key("port").await), "5432");
    let listing = client.get_by_path("aws.ps", &name[..name.rfind('/').unwrap()]).await.unwrap();
    let (_, listed) = listing.iter().find(|(path, _)| *path == name).unwrap();
    assert_eq!(listed.key("0").unwrap().expose_str().unwrap(), "db-1");

    client.update("aws.ps", &name, "db-9").key("1").await.unwrap();
    assert_eq!(text(client.get("aws.ps", &name).await), "db-1,db-9,{\"port\":5432}");
    fails(client.update("aws.ps", &name, "a,b").key("1").await, ErrorKind::InvalidInput);
    fails(client.update("aws.ps", &name, "x").key("3").await, ErrorKind::KeyNotFound);
    let error = fails(client.update("aws.ps", &name, "x").key("foo").await, ErrorKind::KeyNotFound);
    assert_eq!(error.hint(), Some("pick an item by its number, such as #0"));
    let described = json!({ "ParameterFilters": [{ "Key": "Name", "Values": [name] }] });
    let described = aws.seed.call("AmazonSSM.DescribeParameters", &described).unwrap();
    assert_eq!(described["Parameters"][0]["Type"], "StringList");
}

#[tokio::test]
async fn a_number_into_other_text_is_still_a_key_of_its_json() {
    let aws = Aws::start().await;
    let name = unique("/it/no-list-");
    aws.seed.put_parameter(&name, "a,b", "String");
    let client = aws.client_by(aws.config()).await;
    fails(client.get("aws.ps", &name).key("0").await, ErrorKind::KeyNotFound);
    aws.seed.put_parameter(&name, "[\"x\",\"y\"]", "String");
    assert_eq!(text(client.get("aws.ps", &name).cached(false).key("1").await), "y");
}
