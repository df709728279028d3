//! The facade: names, requests and their refinements, settings, the words of errors.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use s1crets::{
    CachePolicy, Client, Config, ErrorKind, Operation, SecretValue,
    providers::memory::{Fault, Memory},
};

use crate::{
    gated::Gated,
    support::{fails, text},
};

fn client(memory: &Memory) -> Client {
    Client::builder().with_provider("memory", memory.clone()).build().unwrap()
}

#[tokio::test]
async fn an_unknown_provider_is_told_with_those_that_there_are() {
    let client = client(&Memory::new());
    let error = fails(client.get("aws.smm", "x").await, ErrorKind::InvalidInput);
    let expected = "there is no provider \"aws.smm\"; there are aws.ps, aws.sm, file, memory, vault.kv";
    assert_eq!(error.message(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains("[providers.aws.smm]")), "{error:?}");
    fails(client.get_by_path("nope", "x").await, ErrorKind::InvalidInput);
    fails(client.path_exists("nope", "x").await, ErrorKind::InvalidInput);
    fails(client.update("nope", "x", "y").await, ErrorKind::InvalidInput);
    fails(client.invalidate("nope", "x"), ErrorKind::InvalidInput);
    let many = client.get_many("nope", &["x".to_owned()]).await;
    assert_eq!(many[0].as_ref().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn aws_sm_is_the_default_and_the_config_can_name_another() {
    assert_eq!(client(&Memory::new()).default_provider(), "aws.sm");
    let config = Config::parse("provider = \"memory\"").unwrap();
    assert_eq!(Client::builder().with_config(config).build().unwrap().default_provider(), "memory");
}

#[tokio::test]
async fn instances_of_one_provider_are_apart() {
    let config = Config::parse("[providers.one]\ntype = \"memory\"\n[providers.two]\ntype = \"memory\"").unwrap();
    let client = Client::builder()
        .with_config(config)
        .with_provider("two", Memory::new().with("a", "two"))
        .with_provider("three", Memory::new().with("a", "three"))
        .build()
        .unwrap();
    assert_eq!(client.providers(), ["aws.ps", "aws.sm", "file", "memory", "one", "three", "two", "vault.kv"]);
    fails(client.get("one", "a").await, ErrorKind::NotFound);
    assert_eq!(text(client.get("two", "a").await), "two");
    assert_eq!(text(client.get("three", "a").await), "three");
}

#[tokio::test]
async fn a_provider_from_outside_serves_all_calls_behind_a_cache() {
    let gated = Gated::new(Memory::new().with("p/a", r#"{"k":1}"#));
    gated.open();
    let client = Client::builder().with_provider("mine", gated.clone()).build().unwrap();
    assert_eq!(text(client.get("mine", "p/a").key("k").await), "1");
    assert_eq!(text(client.get_ref("mine://p/a#k").await), "1");
    assert_eq!(gated.memory.calls(), 1);
    assert_eq!(client.get_by_path("mine", "p").await.unwrap().len(), 1);
    assert!(client.path_exists("mine", "p").await.unwrap());
    client.update("mine", "p/a", "2").key("k").await.unwrap();
    assert_eq!(text(client.get("mine", "p/a").await), r#"{"k":"2"}"#);
}

#[tokio::test]
async fn settings_that_contradict_the_type_are_refused_when_built() {
    for (text, why) in [
        (
            "[providers.x]\ntype = \"aws.xx\"",
            "no provider of type \"aws.xx\"; there are aws.sm, aws.ps, file, vault.kv, memory",
        ),
        ("[providers.x]\nregion = \"r\"", "no provider of type \"x\""),
    ] {
        let error = fails(Client::builder().with_config(Config::parse(text).unwrap()).build(), ErrorKind::Config);
        assert!(error.message().starts_with("in [providers.") && error.message().contains(why), "{error}");
    }
    for (text, why, hint) in [
        ("[providers.file]\nregion = \"r\"", "no setting `region`", "`region` is a setting of aws.sm, aws.ps"),
        ("[providers.\"aws.sm\"]\npath = \"/x\"", "no setting `path`", "`path` is a setting of file"),
        ("[providers.memory]\nretry = 3", "memory has no settings", "remove the key"),
    ] {
        let error = fails(Config::parse(text), ErrorKind::Config);
        assert!(error.message().starts_with("line 2: ") && error.message().contains(why), "{error}");
        assert_eq!(error.hint(), Some(hint));
    }
    fails(Client::builder().with_provider("No Name", Memory::new()).build(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_builders_settings_go_before_the_files() {
    let config = Config::parse("[cache]\nentries = 0\n[providers.memory]\n").unwrap();
    let memory = Memory::new().with("a", "x");
    let builder = || Client::builder().with_config(config.clone()).with_provider("memory", memory.clone());
    let uncached = builder().build().unwrap();
    for _ in 0..2 {
        text(uncached.get("memory", "a").await);
    }
    assert_eq!(memory.calls(), 2);
    let cached = builder().with_cache(CachePolicy::default()).build().unwrap();
    for _ in 0..2 {
        text(cached.get("memory", "a").await);
    }
    assert_eq!(memory.calls(), 3);
}

#[tokio::test]
async fn every_setting_of_the_builder_builds_without_a_call() {
    let client = Client::builder()
        .with_region("eu-west-1")
        .with_role_arn("arn:aws:iam::123456789012:role/r")
        .with_endpoint_url("http://127.0.0.1:9")
        .with_retry(NonZeroU32::MIN)
        .with_timeout(Duration::from_millis(1))
        .with_file("/nowhere/secrets.json")
        .with_cache(CachePolicy::default())
        .build()
        .unwrap();
    assert_eq!(client.providers(), ["aws.ps", "aws.sm", "file", "memory", "vault.kv"]);
}

#[tokio::test]
async fn an_error_says_what_was_attempted_on_what() {
    let memory = Memory::new().with("a", r#"{"k":1}"#);
    let client = client(&memory);
    let told = [
        client.get("memory", "none").await.unwrap_err(),
        client.get("memory", "a").keypath(["x", "y"]).await.unwrap_err(),
        client.get("memory", "a b#c").await.unwrap_err(),
        client.update("memory", "none", "x").await.unwrap_err(),
        client.get_many("memory", &["none".to_owned()]).await.remove(0).unwrap_err(),
    ];
    let told = told.map(|error| error.to_string());
    assert_eq!(
        told,
        [
            "get memory://none: no such secret",
            "get memory://a#/x/y: no key \"x\" in the JSON object",
            "get memory://a%20b%23c: no such secret",
            "update memory://none: no such secret",
            "get memory://none: no such secret",
        ]
    );
    memory.fail_next(Fault::new(ErrorKind::Unavailable));
    let error = fails(client.get_by_path("memory", "p").await, ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "get_by_path memory://p: a scripted failure");
    assert_eq!((error.operation(), error.reference()), (Some(Operation::GetByPath), Some("memory://p")));
    assert!(error.is_retryable());
    memory.fail_next(Fault::new(ErrorKind::Timeout));
    let error = fails(client.path_exists("memory", "p").await, ErrorKind::Timeout);
    assert_eq!(error.to_string(), "path_exists memory://p: a scripted failure");
}

#[tokio::test]
async fn messages_are_lower_case_and_have_no_final_period() {
    let memory = Memory::new().with("a", "x");
    let client = client(&memory);
    let mut messages = BTreeSet::new();
    for error in [
        client.get("memory", "none").await.unwrap_err(),
        client.get("memory", "a").key("k").await.unwrap_err(),
        client.get("memory", "").await.unwrap_err(),
        client.get("memory", "a\nb").await.unwrap_err(),
        client.get("memory", "a").version(7).await.unwrap_err(),
        client.get("memory", "a").label("l").await.unwrap_err(),
        client.get("memory", "a").decrypt(false).await.unwrap_err(),
        client.get("nope", "a").await.unwrap_err(),
        client.get_ref("nonsense").await.unwrap_err(),
        client.get_ref("memory://a?b").await.unwrap_err(),
        client.update("memory", "a", "x").if_version("9").await.unwrap_err(),
    ] {
        messages.insert(error.message().to_owned());
    }
    assert_eq!(messages.len(), 11, "{messages:?}");
    for message in messages {
        let first = message.chars().next().unwrap();
        assert!(!first.is_uppercase() && !message.ends_with('.') && !message.contains('\n'), "{message:?}");
    }
}

#[tokio::test]
async fn a_reference_reaches_the_part_it_points_to() {
    let json = r#"{"password":"p","hosts":[{"name":"h0"},{"name":"h1"}],"/a":1,"a b":2}"#;
    let client = client(&Memory::new().with("prod/db", json).with("/lead", "x").with("q?#%", "odd"));
    for (reference, expected) in [
        ("memory://prod/db", json),
        ("memory://prod/db#password", "p"),
        ("memory://prod/db#/hosts/1/name", "h1"),
        ("memory://prod/db#%2Fa", "1"),
        ("memory://prod/db#a%20b", "2"),
        ("memory:///lead", "x"),
        ("memory://q%3F%23%25", "odd"),
    ] {
        assert_eq!(text(client.get_ref(reference).await), expected, "{reference}");
    }
    for reference in ["prod/db", "memory://", "memory://a#", "Memory://a", "memory://a?x"] {
        let error = fails(client.get_ref(reference).await, ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("{reference:?}")), "{error}");
    }
    fails(client.get_ref("memory://prod/db#/hosts/name").await, ErrorKind::KeyNotFound);
    assert_eq!(text(client.get_ref("memory://prod/db#none").default("spare").await), "spare");
    // A malformed reference is a mistake, not a missing secret.
    fails(client.get_ref("nonsense").default("spare").await, ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_request_can_be_refined_in_any_order() {
    let memory = Memory::new().with("a", r#"{"x":{"y":[1,2]}}"#);
    memory.set("a", r#"{"x":{"y":[3,4]}}"#);
    let client = client(&memory);
    let get = || client.get("memory", "a");
    assert_eq!(text(get().key("x").version(1).key("y").cached(false).key("0").await), "1");
    assert_eq!(text(get().version(1).keypath(["x", "y", "1"]).retry(2).timeout(Duration::from_secs(1)).await), "2");
    assert_eq!(text(get().key("replaced").keypath(["x"]).key("y").await), "[3,4]");
    assert!(client.path_exists("memory", "a").keypath(["x", "y"]).key("1").await.unwrap());
    assert!(!client.path_exists("memory", "a").keypath(["x", "y"]).key("2").await.unwrap());
}

#[tokio::test]
async fn a_default_covers_absence_and_nothing_else() {
    let memory = Memory::new().with("a", "plain");
    let client = client(&memory);
    for read in [
        client.get("memory", "none"),
        client.get("memory", "a").key("k"),
        client.get("memory", "a").version(9),
        client.get_ref("memory://none#k"),
    ] {
        assert_eq!(text(read.default("spare").await), "spare");
    }
    for kind in [ErrorKind::AccessDenied, ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Corrupt] {
        memory.fail_next(Fault::new(kind));
        fails(client.get("memory", "other").default("spare").await, kind);
    }
    fails(client.get("nope", "a").default("spare").await, ErrorKind::InvalidInput);
    fails(client.get("memory", "a").label("l").default("spare").await, ErrorKind::Unsupported);
    // A default is given as it is: the keypath is not followed into it.
    assert_eq!(text(client.get("memory", "none").key("k").default(r#"{"k":1}"#).await), r#"{"k":1}"#);
}

#[tokio::test]
async fn paths_that_no_backend_takes_are_refused_before_a_call() {
    let memory = Memory::new();
    let client = client(&memory);
    for path in ["", "a\0b", "a\nb", "\u{7f}"] {
        fails(client.get("memory", path).await, ErrorKind::InvalidInput);
        fails(client.path_exists("memory", path).await, ErrorKind::InvalidInput);
        fails(client.update("memory", path, "x").await, ErrorKind::InvalidInput);
        fails(client.get_many("memory", &[path.to_owned()]).await.remove(0), ErrorKind::InvalidInput);
        if !path.is_empty() {
            fails(client.get_by_path("memory", path).await, ErrorKind::InvalidInput);
        }
    }
    assert_eq!(memory.calls(), 0);
    assert!(client.get_by_path("memory", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_path_among_many_fails_alone() {
    let client = client(&Memory::new().with("a", "x"));
    let mut answers = client.get_many("memory", &["a", "", "a\0b", "a"].map(str::to_owned)).await.into_iter();
    assert_eq!(text(answers.next().unwrap()), "x");
    fails(answers.next().unwrap(), ErrorKind::InvalidInput);
    fails(answers.next().unwrap(), ErrorKind::InvalidInput);
    assert_eq!(text(answers.next().unwrap()), "x");
}

#[tokio::test]
async fn a_provider_that_could_not_be_opened_is_opened_by_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let client = Client::builder().with_file(&file).build().unwrap();
    assert!(client.get("file", "a").await.is_err());
    std::fs::write(&file, r#"{"secrets":{"a":{"type":"simple","value":"x"}},"vault":{"token":"t","url":"u"}}"#)
        .unwrap();
    assert_eq!(text(client.get("file", "a").key("value").await), "x");
}

#[tokio::test]
async fn what_is_written_is_what_was_given() {
    let memory = Memory::new().with("a", "{}").with("b", vec![1]);
    let client = client(&memory);
    for (value, written) in [
        (SecretValue::from("text"), &b"text"[..]),
        (SecretValue::json(&[1, 2]).unwrap(), b"[1,2]"),
        (SecretValue::json_text(" { \"n\": 1.10 } ").unwrap(), b" { \"n\": 1.10 } "),
        (SecretValue::from(vec![0, 255]), &[0, 255]),
    ] {
        client.update("memory", "a", value).await.unwrap();
        assert_eq!(client.get("memory", "a").await.unwrap().expose_bytes(), written);
    }
    fails(SecretValue::json_text("{"), ErrorKind::InvalidInput);
}
