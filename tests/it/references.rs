//! `/aws/reference/secretsmanager/…`: Parameter Store's way to Secrets Manager.

use s1crets::ErrorKind;
use s1crets_testbed::unique;

use crate::support::{Aws, fails, get_together, text};

const PREFIX: &str = "/aws/reference/secretsmanager/";

struct Walk {
    aws: Aws,
    client: s1crets::Client,
    /// `PREFIX` and the name of a secret that holds `{"u":{"v":1},"list":["x"]}`.
    path: String,
}

impl Walk {
    async fn start() -> Self {
        let aws = Aws::start().await;
        let name = unique("it/reference/");
        aws.seed.create_secret(&name, r#"{"u":{"v":1},"list":["x"]}"#);
        let client = aws.client().await;
        Self { aws, client, path: format!("{PREFIX}{name}") }
    }

    async fn get(&self, rest: &str) -> s1crets::Result<s1crets::Secret> {
        self.client.get("aws.ps", &format!("{}{rest}", self.path)).await
    }

    async fn or_spare(&self, rest: &str) -> String {
        text(self.client.get("aws.ps", &format!("{}{rest}", self.path)).default("spare").await)
    }

    fn name(&self) -> &str {
        &self.path[PREFIX.len()..]
    }
}

#[tokio::test]
async fn the_rest_of_the_path_is_a_keypath() {
    let walk = Walk::start().await;
    let whole = r#"{"u":{"v":1},"list":["x"]}"#;
    for (rest, expected) in
        [("", whole), ("/", whole), ("/u", r#"{"v":1}"#), ("/u/v", "1"), ("/list/0", "x"), ("/u/v/", "1")]
    {
        assert_eq!(text(walk.get(rest).await), expected, "{rest:?}");
    }
    assert_eq!(text(walk.client.get("aws.ps", &format!("{}/u", walk.path)).key("v").await), "1");
}

#[tokio::test]
async fn the_longest_existing_name_wins() {
    let walk = Walk::start().await;
    walk.aws.seed.create_secret(&format!("{}/u", walk.name()), r#"{"v":2}"#);
    assert_eq!(text(walk.get("/u/v").await), "2");
    assert_eq!(text(walk.get("/list/0").await), "x");
}

#[tokio::test]
async fn a_missing_key_is_key_not_found_or_the_default() {
    let walk = Walk::start().await;
    for rest in ["/nope", "/u/nope", "/u/v/deeper", "/list/7"] {
        fails(walk.get(rest).await, ErrorKind::KeyNotFound);
        assert_eq!(walk.or_spare(rest).await, "spare", "{rest}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_json_has_no_keys_rather_than_being_the_answer() {
    let walk = Walk::start().await;
    for (suffix, value) in [("-text", "plain"), ("-number", "7"), ("-null", "null"), ("-string", "\"s\"")] {
        walk.aws.seed.create_secret(&format!("{}{suffix}", walk.name()), value);
        assert_eq!(text(walk.get(suffix).await), value);
        let deeper = format!("{suffix}/key");
        fails(walk.get(&deeper).await, ErrorKind::KeyNotFound);
        assert_eq!(walk.or_spare(&deeper).await, "spare");
    }
}

#[tokio::test]
async fn a_missing_secret_is_not_found_or_the_default() {
    let walk = Walk::start().await;
    let error = fails(walk.get("-not/a/b").await, ErrorKind::NotFound);
    assert!(error.to_string().contains("-not/a/b"), "{error}");
    assert_eq!(walk.or_spare("-not/a/b").await, "spare");
    assert_eq!(walk.or_spare("-not").await, "spare");
}

#[tokio::test]
async fn the_bare_prefix_is_never_asked_for() {
    let walk = Walk::start().await;
    fails(walk.client.get("aws.ps", &format!("{PREFIX}nope/a")).await, ErrorKind::NotFound);
    let asked: Vec<_> =
        walk.aws.proxy.requests("GetParameter").iter().map(|request| request.json()["Name"].clone()).collect();
    assert_eq!(asked, [format!("{PREFIX}nope/a"), format!("{PREFIX}nope")]);
}

#[tokio::test]
async fn a_walk_is_made_once_and_then_held() {
    let walk = Walk::start().await;
    assert_eq!(text(walk.get("/u/v").await), "1");
    let calls = walk.aws.proxy.total();
    assert_eq!(calls, 3, "{:?}", walk.aws.proxy.counts());
    assert_eq!(text(walk.get("/u/v").await), "1");
    assert_eq!(walk.aws.proxy.total(), calls);
}

#[tokio::test]
async fn many_walks_have_an_answer_each() {
    let walk = Walk::start().await;
    let parameter = unique("/it/beside-");
    walk.aws.seed.put_parameter(&parameter, "p", "String");
    let paths = [format!("{}/u/v", walk.path), parameter, format!("{}-not", walk.path), format!("{}/nope", walk.path)];
    let mut answers = get_together(&walk.client, "aws.ps", &paths).await.into_iter();
    assert_eq!(text(answers.next().unwrap()), "1");
    assert_eq!(text(answers.next().unwrap()), "p");
    fails(answers.next().unwrap(), ErrorKind::NotFound);
    fails(answers.next().unwrap(), ErrorKind::KeyNotFound);
}

#[tokio::test]
async fn a_referenced_secret_exists() {
    let walk = Walk::start().await;
    for (rest, exists) in [("", true), ("/u/v", true), ("/nope", false), ("-not", false)] {
        let path = format!("{}{rest}", walk.path);
        assert_eq!(walk.client.path_exists("aws.ps", &path).await.unwrap(), exists, "{rest}");
    }
}

#[tokio::test]
async fn a_reference_is_not_written_through() {
    let walk = Walk::start().await;
    let error = fails(walk.client.update("aws.ps", &walk.path, "x").await, ErrorKind::Unsupported);
    assert!(error.hint().is_some_and(|hint| hint.contains("aws.sm")), "{error:?}");
    assert_eq!(walk.aws.proxy.total(), 0);
}
