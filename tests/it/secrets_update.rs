//! Updates of Secrets Manager: text and bytes, stages, compare-and-swap, lost races.

use s1crets::ErrorKind;
use s1crets_testbed::{Fault, unique};
use serde_json::json;

use crate::support::{Aws, fails, get_together, text};

#[tokio::test]
async fn an_update_puts_a_new_version_with_a_token() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/put-"));
    aws.seed.create_secret(&name, "old");
    let updated = client.update("aws.sm", &name, "new").await.unwrap();
    assert_eq!(updated.name.as_deref(), Some(name.as_str()));
    let sent = aws.proxy.requests("PutSecretValue")[0].json();
    assert_eq!(sent["SecretString"], "new");
    assert_eq!(sent["ClientRequestToken"].as_str().unwrap().len(), 36);
    assert_eq!((sent["VersionStages"].is_null(), aws.proxy.total()), (true, 2));
    let secret = client.get("aws.sm", &name).await.unwrap();
    assert_eq!((secret.expose_str().unwrap(), secret.version()), ("new", updated.version.as_deref()));
    assert_eq!(text(client.get("aws.sm", &name).version_stage("AWSPREVIOUS").await), "old");
}

/// Else an attempt whose answer was lost, and its repetition, would make two versions.
#[tokio::test]
async fn all_attempts_of_one_update_carry_the_same_token() {
    let aws = Aws::start_in("eu-west-2").await;
    let (client, name) = (aws.client().await, unique("it/sm/token-"));
    aws.seed.create_secret(&name, "old");
    aws.proxy.fault("PutSecretValue", Fault::Truncate(3)).once();
    client.update("aws.sm", &name, "new").await.unwrap();
    let tokens: Vec<_> = aws
        .proxy
        .requests("PutSecretValue")
        .iter()
        .map(|request| request.json()["ClientRequestToken"].as_str().unwrap().to_owned())
        .collect();
    assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{tokens:?}");
    assert_eq!(text(client.get("aws.sm", &name).version_stage("AWSPREVIOUS").await), "old");
}

#[tokio::test]
async fn text_stays_text_and_bytes_stay_bytes() {
    let aws = Aws::start().await;
    let (client, words, bytes) = (aws.client().await, unique("it/sm/form-"), unique("it/sm/form-"));
    aws.seed.create_secret(&words, "old");
    aws.seed.create_secret_binary(&bytes, &[0xff]);

    client.update("aws.sm", &words, b"new".to_vec()).await.unwrap();
    assert!(!client.get("aws.sm", &words).await.unwrap().is_binary());
    fails(client.update("aws.sm", &words, vec![0xff]).await, ErrorKind::InvalidInput);

    client.update("aws.sm", &bytes, "new").await.unwrap();
    let secret = client.get("aws.sm", &bytes).await.unwrap();
    assert!(secret.is_binary() && secret.expose_bytes().unwrap() == b"new");
    client.update("aws.sm", &bytes, vec![0xfe]).await.unwrap();
    assert_eq!(client.get("aws.sm", &bytes).await.unwrap().expose_bytes().unwrap(), [0xfe]);
}

#[tokio::test]
async fn one_key_of_bytes_that_are_json_leaves_them_bytes() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/binary-json-"));
    aws.seed.create_secret_binary(&name, br#"{"a":1}"#);
    client.update("aws.sm", &name, "x").key("a").await.unwrap();
    let secret = client.get("aws.sm", &name).await.unwrap();
    assert!(secret.is_binary() && secret.expose_bytes().unwrap() == br#"{"a":"x"}"#);
}

#[tokio::test]
async fn a_missing_secret_is_not_created() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/create-"));
    fails(client.update("aws.sm", &name, "x").await, ErrorKind::NotFound);
    fails(client.update("aws.sm", &name, "x").key("k").await, ErrorKind::NotFound);
    fails(client.update("aws.sm", &name, "x").if_version("v").await, ErrorKind::NotFound);
    assert!(!client.path_exists("aws.sm", &name).await.unwrap());
}

#[tokio::test]
async fn an_update_of_one_key_moves_current_and_leaves_no_label_behind() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/stages-"));
    aws.seed.create_secret(&name, r#"{"a":1}"#);
    let updated = client.update("aws.sm", &name, "x").key("a").await.unwrap();
    assert_eq!(text(client.get("aws.sm", &name).await), r#"{"a":"x"}"#);
    assert_eq!(text(client.get("aws.sm", &name).version_stage("AWSPREVIOUS").await), r#"{"a":1}"#);
    let described = aws.seed.call("secretsmanager.DescribeSecret", &json!({ "SecretId": name })).unwrap();
    let stages = &described["VersionIdsToStages"][updated.version.as_deref().unwrap()];
    assert_eq!(stages, &json!(["AWSCURRENT"]), "{described}");
}

/// moto goes on answering with the version that was current, unless the stage is named. In a batch
/// call it can't be.
#[tokio::test]
async fn after_updates_of_one_key_every_read_gives_the_newest_version() {
    let aws = Aws::start().await;
    let root = unique("it/sm/newest-");
    let name = format!("{root}/x");
    let arn = aws.seed.create_secret(&name, r#"{"a":1,"b":1}"#);
    for value in ["one", "two", "three"] {
        aws.client().await.update("aws.sm", &name, value).key("a").await.unwrap();
        let newest = format!(r#"{{"a":"{value}","b":1}}"#);
        let client = aws.client().await;
        assert_eq!(text(client.get("aws.sm", &name).await), newest);
        let many = get_together(&aws.client().await, "aws.sm", &[name.clone(), arn.clone()]).await;
        many.into_iter().for_each(|answer| assert_eq!(text(answer), newest));
        let listing = client.get_by_path("aws.sm", &root).await.unwrap();
        assert_eq!(listing.get(&name).unwrap().expose_str().unwrap(), newest);
    }
}

#[tokio::test]
async fn a_version_put_between_reading_and_moving_stays_current() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/between-"));
    aws.seed.create_secret(&name, r#"{"a":1,"b":1}"#);
    let (seed, other) = (aws.seed.clone(), name.clone());
    aws.on_first("UpdateSecretVersionStage", move || seed.put_secret(&other, r#"{"a":1,"b":"theirs"}"#));

    let error = fails(client.update("aws.sm", &name, "ours").key("a").await, ErrorKind::Conflict);
    assert!(error.hint().is_some() && !error.is_retryable(), "{error:?}");
    assert_eq!(text(client.get("aws.sm", &name).await), r#"{"a":1,"b":"theirs"}"#);
}

#[tokio::test]
async fn a_version_put_before_ours_is_a_conflict_too() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/before-"));
    aws.seed.create_secret(&name, r#"{"a":1}"#);
    let (seed, other) = (aws.seed.clone(), name.clone());
    aws.on_first("PutSecretValue", move || seed.put_secret(&other, r#"{"a":"theirs"}"#));
    fails(client.update("aws.sm", &name, "ours").key("a").await, ErrorKind::Conflict);
    assert_eq!(text(client.get("aws.sm", &name).await), r#"{"a":"theirs"}"#);
}

#[tokio::test]
async fn a_condition_on_a_past_version_is_a_conflict() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/condition-"));
    aws.seed.create_secret(&name, "one");
    let past = client.get("aws.sm", &name).await.unwrap().version().unwrap().to_owned();
    let current = aws.seed.put_secret(&name, "two");
    fails(client.update("aws.sm", &name, "x").if_version(past).await, ErrorKind::Conflict);
    assert_eq!(text(client.get("aws.sm", &name).cached(false).await), "two");
    client.update("aws.sm", &name, "three").if_version(current).await.unwrap();
    assert_eq!(text(client.get("aws.sm", &name).await), "three");
}

#[tokio::test]
async fn without_the_right_to_move_stages_the_version_is_compared_and_written() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/no-right-"));
    aws.seed.create_secret(&name, r#"{"a":1}"#);
    aws.proxy.fault("UpdateSecretVersionStage", Fault::access_denied()).always();
    client.update("aws.sm", &name, "x").key("a").await.unwrap();
    assert_eq!(text(client.get("aws.sm", &name).await), r#"{"a":"x"}"#);

    // Even so a change is seen, as long as it comes before the last look.
    let (seed, other) = (aws.seed.clone(), name.clone());
    aws.on_first("PutSecretValue", move || seed.put_secret(&other, r#"{"a":"theirs"}"#));
    fails(client.update("aws.sm", &name, "ours").key("a").await, ErrorKind::Conflict);
    assert_eq!(text(client.get("aws.sm", &name).await), r#"{"a":"theirs"}"#);
}

/// As `aws secretsmanager put-secret-value`, which reads nothing.
#[tokio::test]
async fn whoever_may_write_and_not_read_puts_the_value_in_its_own_form() {
    let aws = Aws::start_in("eu-central-1").await;
    let (client, name) = (aws.client().await, unique("it/sm/write-only-"));
    aws.seed.create_secret(&name, r#"{"a":1}"#);
    aws.proxy.fault("GetSecretValue", Fault::access_denied()).always();
    let updated = client.update("aws.sm", &name, "new").await.unwrap();
    assert_eq!(updated.name.as_deref(), Some(name.as_str()));
    // What depends on the current value is refused.
    fails(client.update("aws.sm", &name, "x").key("a").await, ErrorKind::AccessDenied);
    fails(client.update("aws.sm", &name, "x").if_version("v").await, ErrorKind::AccessDenied);
    aws.proxy.clear();
    let secret = client.get("aws.sm", &name).await.unwrap();
    assert_eq!((secret.expose_str().unwrap(), secret.version()), ("new", updated.version.as_deref()));
}

#[tokio::test]
async fn an_error_of_a_refused_value_does_not_show_the_value() {
    let aws = Aws::start().await;
    let (client, name) = (aws.client().await, unique("it/sm/refused-"));
    aws.seed.create_secret(&name, "old");
    let message = "1 validation error detected: Value 'hunter2' at 'secretString' failed to satisfy constraint";
    aws.proxy.fault("PutSecretValue", Fault::aws_json("ValidationException", message)).once();
    let error = fails(client.update("aws.sm", &name, "hunter2").await, ErrorKind::InvalidInput);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    assert_eq!(text(client.get("aws.sm", &name).await), "old");
}

/// Every kind of error may quote the value, in whatever form the service or a gateway gives it.
#[tokio::test]
async fn no_error_of_a_write_repeats_the_value_in_any_encoding() {
    let aws = Aws::start_in("eu-west-1").await;
    let client = aws.client().await;
    let (secret, parameter) = (unique("it/sm/echo-"), unique("/it/sm/echo-"));
    aws.seed.create_secret(&secret, "old");
    aws.seed.put_parameter(&parameter, "old", "String");
    let long = "correct horse  battery\tstaple ".repeat(40);
    for value in ["hunter2", "two  blanks and \"quotes\"", long.as_str()] {
        let quoted = [value.to_owned(), format!("{value:?}"), value.split_whitespace().collect::<Vec<_>>().join(" ")];
        for (code, told) in ["AccessDeniedException", "ResourceExistsException"].into_iter().zip(quoted.iter().cycle())
        {
            for (store, operation, name) in
                [("aws.sm", "PutSecretValue", &secret), ("aws.ps", "PutParameter", &parameter)]
            {
                aws.proxy.fault(operation, Fault::aws_json(code, &format!("{}{told}", "-".repeat(290)))).once();
                let error = client.update(store, name, value).await.unwrap_err();
                let shown = format!("{error} {error:?}");
                let words = value.split_whitespace().next().unwrap();
                assert!(!shown.contains(words) && shown.contains(code), "{shown}");
            }
        }
    }
}

/// The move is made once more then, and AWS refuses it: the stage is on our version already.
#[tokio::test]
async fn a_lost_response_to_the_move_is_no_conflict() {
    let aws = Aws::start_in("eu-west-2").await;
    let (client, name) = (aws.client().await, unique("it/sm/lost-move-"));
    aws.seed.create_secret(&name, r#"{"a":1}"#);
    aws.proxy.fault("UpdateSecretVersionStage", Fault::Truncate(3)).once();
    let updated = client.update("aws.sm", &name, "ours").key("a").await.unwrap();
    assert_eq!(aws.proxy.count("UpdateSecretVersionStage"), 3, "the move twice, and the label");
    let secret = client.get("aws.sm", &name).cached(false).await.unwrap();
    assert_eq!((secret.expose_str().unwrap(), secret.version()), (r#"{"a":"ours"}"#, updated.version.as_deref()));
}
