//! Reads of Secrets Manager: names, versions, bytes, path_exists, deleted secrets.

use s1crets::{ErrorKind, Provider};
use s1crets_testbed::{Fault, unique};
use serde_json::json;

use crate::support::{Aws, fails, get_together, text};

#[tokio::test]
async fn a_secret_is_read_by_name_by_arn_and_by_arn_without_its_end() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/arn-"));
    let arn = aws.seed.create_secret(&name, "x");
    let partial = arn.rsplit_once('-').unwrap().0.to_owned();
    for id in [&name, &arn, &partial] {
        let secret = client.get("aws.sm", id).await.unwrap();
        assert_eq!((secret.expose_str().unwrap(), secret.name()), ("x", Some(name.as_str())), "{id}");
    }
    let ids = [arn, name, partial];
    let fresh = aws.client().await;
    aws.proxy.reset_counts();
    for answer in get_together(&fresh, "aws.sm", &ids).await {
        assert_eq!(text(answer), "x");
    }
    assert_eq!(aws.proxy.count("BatchGetSecretValue"), 1);
}

#[tokio::test]
async fn versions_are_read_by_id_and_by_stage() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/versions-"));
    aws.seed.create_secret(&name, "one");
    let first = client.get("aws.sm", &name).await.unwrap().version().unwrap().to_owned();
    let second = aws.seed.put_secret(&name, "two");
    let pending = json!({ "SecretId": name, "SecretString": "three", "VersionStages": ["AWSPENDING", "mine"] });
    aws.seed.call("secretsmanager.PutSecretValue", &pending).unwrap();

    let get = || client.get("aws.sm", &name);
    assert_eq!(text(get().version_id(&first).await), "one");
    assert_eq!(text(get().version_id(&second).await), "two");
    assert_eq!(text(get().version_stage("AWSPREVIOUS").await), "one");
    assert_eq!(text(get().version_stage("AWSCURRENT").await), "two");
    assert_eq!(text(get().version_stage("AWSPENDING").await), "three");
    assert_eq!(text(get().version_stage("mine").await), "three");
    assert_eq!(text(get().cached(false).await), "two");
    fails(get().version_stage("nope").await, ErrorKind::NotFound);
    fails(get().version_id("00000000-0000-0000-0000-000000000000").await, ErrorKind::NotFound);
    assert_eq!(text(get().version_stage("nope").default("spare").await), "spare");
}

#[tokio::test]
async fn bytes_stay_bytes() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/bytes-"));
    let bytes: Vec<u8> = (0..=255).collect();
    aws.seed.create_secret_binary(&name, &bytes);
    let secret = client.get("aws.sm", &name).await.unwrap();
    assert!(secret.is_binary() && secret.expose_bytes().unwrap() == bytes);
    fails(secret.key("a"), ErrorKind::KeyNotFound);
    assert!(!client.path_exists("aws.sm", &name).key("a").await.unwrap());
    // Bytes that are JSON have keys all the same.
    let name = unique("it/sm/bytes-");
    aws.seed.create_secret_binary(&name, br#"{"a":1}"#);
    assert_eq!(text(client.get("aws.sm", &name).key("a").await), "1");
}

#[tokio::test]
async fn bytes_win_over_text_and_an_answer_with_neither_is_corrupt() {
    let aws = Aws::start().await;
    let client = aws.client().await;
    let both = json!({ "Name": "x", "VersionId": "v", "SecretString": "text", "SecretBinary": "/wA=" });
    aws.proxy.fault("GetSecretValue", Fault::json(&both)).once();
    let secret = client.get("aws.sm", "x").await.unwrap();
    assert!(secret.is_binary() && secret.expose_bytes().unwrap() == [0xff, 0]);
    aws.proxy.fault("GetSecretValue", Fault::json(&json!({ "Name": "y", "VersionId": "v" }))).once();
    fails(client.get("aws.sm", "y").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_access_denied() {
    let aws = Aws::start().await;
    let message = "Secrets Manager can't decrypt the protected secret text";
    aws.proxy.fault("GetSecretValue", Fault::aws_json("DecryptionFailure", message)).once();
    let error = fails(aws.client().await.get("aws.sm", "x").await, ErrorKind::AccessDenied);
    assert!(error.hint().is_some_and(|hint| hint.contains("kms:Decrypt")), "{error:?}");
    assert_eq!(aws.proxy.total(), 1);
}

#[tokio::test]
async fn a_missing_secret_is_not_found_and_says_which() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/missing-"));
    let error = fails(client.get("aws.sm", &name).await, ErrorKind::NotFound);
    assert!(error.to_string().starts_with(&format!("get aws.sm://{name}: ")), "{error}");
    assert!(!error.is_retryable());
    assert_eq!(aws.proxy.total(), 1, "a missing secret is no reason to ask again");
    fails(client.get("aws.sm", &name).await, ErrorKind::NotFound);
    assert_eq!(aws.proxy.total(), 1, "that there is none is remembered for a while");
    fails(client.get("aws.sm", &name).cached(false).await, ErrorKind::NotFound);
    assert_eq!(aws.proxy.total(), 2);
}

#[tokio::test]
async fn a_secret_scheduled_for_deletion_is_not_found_with_the_reason() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/deleted-"));
    let name = format!("{root}/gone");
    aws.seed.create_secret(&name, "x");
    aws.seed.call("secretsmanager.DeleteSecret", &json!({ "SecretId": name })).unwrap();
    let error = fails(client.get("aws.sm", &name).await, ErrorKind::NotFound);
    assert!(error.to_string().contains("deleted"), "{error}");
    assert_eq!(text(client.get("aws.sm", &name).default("spare").await), "spare");
    for path in [&name, &root] {
        assert!(!client.path_exists("aws.sm", path).await.unwrap(), "{path}");
    }
    assert!(client.get_by_path("aws.sm", &root).await.unwrap().is_empty());
    let answers = get_together(&client, "aws.sm", &[name.clone(), root.clone()]).await;
    answers.into_iter().for_each(|answer| drop(fails(answer, ErrorKind::NotFound)));
    fails(client.update("aws.sm", &name, "new").await, ErrorKind::NotFound);
    fails(client.update("aws.sm", &name, "new").key("k").await, ErrorKind::NotFound);

    aws.seed.call("secretsmanager.RestoreSecret", &json!({ "SecretId": name })).unwrap();
    assert_eq!(text(client.get("aws.sm", &name).await), "x");
}

#[tokio::test]
async fn a_secret_without_a_value_yet_is_not_found_but_can_be_given_one() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/empty-"));
    aws.seed.call("secretsmanager.CreateSecret", &json!({ "Name": name })).unwrap();
    fails(client.get("aws.sm", &name).await, ErrorKind::NotFound);
    client.update("aws.sm", &name, "first").await.unwrap();
    assert_eq!(text(client.get("aws.sm", &name).await), "first");
}

#[tokio::test]
async fn a_sibling_that_begins_alike_does_not_make_a_path_exist() {
    let aws = Aws::start().await;
    for prefix in ["it/sm/exists-", "/it/sm/exists-"] {
        let (client, root) = (aws.client().await, unique(prefix));
        aws.seed.create_secret(&format!("{root}/database/x"), "x");
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
            let found = client.path_exists("aws.sm", &format!("{root}{rest}")).await.unwrap();
            assert_eq!(found, exists, "{root}{rest}");
        }
    }
}

#[tokio::test]
async fn path_exists_never_reads_the_value() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/unread-"));
    let (name, empty) = (format!("{root}/x"), format!("{root}/empty"));
    let arn = aws.seed.create_secret(&name, "x");
    aws.seed.call("secretsmanager.CreateSecret", &json!({ "Name": empty })).unwrap();
    for (path, exists) in [(&name, true), (&arn, true), (&root, true), (&empty, false), (&format!("{root}/y"), false)] {
        assert_eq!(client.path_exists("aws.sm", path).await.unwrap(), exists, "{path}");
    }
    // Without the right to describe, the names tell.
    aws.proxy.fault("DescribeSecret", Fault::access_denied()).always();
    for (path, exists) in [(&name, true), (&root, true), (&format!("{root}/y"), false)] {
        assert_eq!(client.path_exists("aws.sm", path).await.unwrap(), exists, "{path}");
    }
    aws.proxy.fault("ListSecrets", Fault::access_denied()).always();
    fails(client.path_exists("aws.sm", &name).await, ErrorKind::AccessDenied);
    let reads: usize = ["GetSecretValue", "BatchGetSecretValue"].map(|read| aws.proxy.count(read)).iter().sum();
    assert_eq!(reads, 0, "{:?}", aws.proxy.counts());
}

#[tokio::test]
async fn an_identity_that_may_not_list_finds_exact_names() {
    let aws = Aws::start().await;
    let (client, root) = (aws.client().await, unique("it/sm/exact-"));
    let name = format!("{root}/x");
    aws.seed.create_secret(&name, "x");
    aws.proxy.fault("ListSecrets", Fault::access_denied()).always();
    assert!(client.path_exists("aws.sm", &name).await.unwrap());
    assert!(!client.path_exists("aws.sm", &root).await.unwrap());
}

#[tokio::test]
async fn the_root_exists_if_there_is_any_secret() {
    let aws = Aws::start_in("ap-northeast-1").await;
    aws.seed.create_secret("only", "x");
    let store = aws.secrets_manager().await;
    assert!(store.path_exists("/").await.unwrap());
    let aws = Aws::start_in("ap-northeast-3").await;
    let empty = aws.secrets_manager().await;
    assert!(!empty.path_exists("/").await.unwrap());
}
