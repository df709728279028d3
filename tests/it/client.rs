//! The client: names, requests and their options, settings, references, error messages.

use std::{
    collections::BTreeSet,
    fs,
    num::NonZeroU32,
    thread,
    time::{Duration, Instant},
};

use futures::FutureExt;
use s1crets::{
    CachePolicy, Client, Config, ErrorKind, Operation, Reference, SecretValue,
    providers::memory::{Fault, Memory},
};
use serde_json::json;
use tokio::runtime;

use crate::{
    gated::Gated,
    support::{fails, text},
};

fn client(memory: &Memory) -> Client {
    Client::builder().with_provider("memory", memory.clone()).build().unwrap()
}

#[tokio::test]
async fn an_unknown_provider_is_an_error_that_lists_the_known_ones() {
    let client = client(&Memory::new());
    let error = fails(client.get("aws.smm", "x").await, ErrorKind::InvalidInput);
    let expected = "there is no provider \"aws.smm\"; there are aws.ps, aws.sm, file, memory, vault.kv";
    assert_eq!(error.message(), expected);
    assert!(error.hint().is_some_and(|hint| hint.contains("`aws.sm`?")), "{error:?}");
    fails(client.get_by_path("nope", "x").await, ErrorKind::InvalidInput);
    fails(client.path_exists("nope", "x").await, ErrorKind::InvalidInput);
    fails(client.update("nope", "x", "y").await, ErrorKind::InvalidInput);
    fails(client.invalidate("nope", "x"), ErrorKind::InvalidInput);
    fails(client.get_refs(["nope://x"]).await.remove(0), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn aws_sm_is_the_default_and_the_config_can_name_another() {
    assert_eq!(client(&Memory::new()).default_provider(), "aws.sm");
    let config = Config::parse("provider = \"memory\"").unwrap();
    assert_eq!(Client::builder().with_config(config).build().unwrap().default_provider(), "memory");
}

#[tokio::test]
async fn instances_of_one_provider_type_are_separate() {
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
async fn a_provider_of_another_crate_serves_all_calls_behind_a_cache() {
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
async fn the_builders_settings_win_over_the_files() {
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
async fn an_error_names_the_operation_and_the_reference() {
    let memory = Memory::new().with("a", r#"{"k":1}"#);
    let client = client(&memory);
    let errors = [
        client.get("memory", "none").await.unwrap_err(),
        client.get("memory", "a").keypath(["x", "y"]).await.unwrap_err(),
        client.get("memory", "a b#c").await.unwrap_err(),
        client.update("memory", "none", "x").await.unwrap_err(),
        client.get_refs(["memory://none"]).await.remove(0).unwrap_err(),
        client.at("memory://none#k").update("x").await.unwrap_err(),
        client.at("nonsense").update("x").await.unwrap_err(),
        client.at("nonsense").path_exists().await.unwrap_err(),
        client.at("memory://a#k").get_by_path().await.unwrap_err(),
    ];
    let messages = errors.map(|error| error.to_string());
    assert_eq!(
        messages,
        [
            "get memory://none: no such secret",
            "get memory://a#x#y: no key \"x\" in the JSON object",
            "get memory://a%20b%23c: no such secret",
            "update memory://none: no such secret",
            "get memory://none: no such secret",
            "update memory://none#k: no such secret",
            "update \"nonsense\": a reference is written PROVIDER://PATH or PROVIDER://PATH#KEY",
            "path_exists \"nonsense\": a reference is written PROVIDER://PATH or PROVIDER://PATH#KEY",
            "get_by_path memory://a#k: a listing takes a path, not the key of a secret",
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
async fn a_reference_reads_the_part_that_it_points_to() {
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

/// A hazard of two ways to name a secret: they mean different things.
#[tokio::test]
async fn every_call_on_a_reference_means_what_the_call_on_provider_and_path_means() {
    let memory = Memory::new().with("p/a", r#"{"k":"one","l":"x"}"#);
    let client = client(&memory);
    let reference: Reference = "memory://p/a#k".parse().unwrap();
    assert_eq!(text(client.get_ref(&reference).await), "one");
    assert_eq!(text(client.get_ref(reference.clone()).await), "one");
    assert_eq!(text(client.get_ref(reference.to_string()).await), "one");
    let at = client.at(&reference);
    assert_eq!(text(at.clone().get().await), "one");
    assert_eq!(memory.calls(), 1);
    let refused = at.clone().get().await.unwrap();
    at.clone().update("two").await.unwrap();
    assert_eq!(text(client.get("memory", "p/a").await), r#"{"k":"two","l":"x"}"#);
    assert_eq!(text(at.clone().rejected(&refused).await.map(Option::unwrap)), "two");
    let whole = client.rejected("memory", "p/a", &refused).await.map(Option::unwrap);
    assert_eq!(text(whole), r#"{"k":"two","l":"x"}"#);
    memory.set("p/a", r#"{"k":"three"}"#);
    assert_eq!(text(at.clone().get().await), "two", "it is cached");
    assert_eq!(text(at.clone().refresh().await), "three");
    memory.set("p/a", r#"{"k":"four"}"#);
    at.clone().invalidate().unwrap();
    assert_eq!(text(at.clone().get().await), "four");
    assert!(at.path_exists().await.unwrap());
    assert!(!client.at("memory://p/a#l").path_exists().await.unwrap());
    assert!(client.at("memory://p").path_exists().await.unwrap());
    assert_eq!(client.at("memory://p").get_by_path().await.unwrap().len(), 1);
    fails(client.at(&reference).get_by_path().await, ErrorKind::InvalidInput);
    assert_eq!(text(client.handle(&reference).await.unwrap().get().map(|value| value.clone())), "four");
}

#[tokio::test]
async fn options_of_a_request_can_be_set_in_any_order() {
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
async fn a_default_replaces_only_what_does_not_exist() {
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
    // A default is returned whole, without the keypath.
    assert_eq!(text(client.get("memory", "none").key("k").default(r#"{"k":1}"#).await), r#"{"k":1}"#);
}

#[tokio::test]
async fn malformed_paths_are_refused_without_a_call() {
    let memory = Memory::new();
    let client = client(&memory);
    for path in ["", "a\0b", "a\nb", "\u{7f}"] {
        fails(client.get("memory", path).await, ErrorKind::InvalidInput);
        fails(client.path_exists("memory", path).await, ErrorKind::InvalidInput);
        fails(client.update("memory", path, "x").await, ErrorKind::InvalidInput);
        fails(client.invalidate("memory", path), ErrorKind::InvalidInput);
        if !path.is_empty() {
            fails(client.get_by_path("memory", path).await, ErrorKind::InvalidInput);
        }
    }
    assert_eq!(memory.calls(), 0);
    assert!(client.get_by_path("memory", "").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_malformed_reference_among_many_fails_alone() {
    let client = client(&Memory::new().with("a", "x"));
    let references = ["memory://a", "memory://", "memory://a%00b", "memory://a"];
    let mut answers = client.get_refs(references).await.into_iter();
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
    fs::write(&file, r#"{"secrets":{"a":{"type":"simple","value":"x"}},"vault":{"token":"t","url":"u"}}"#).unwrap();
    assert_eq!(text(client.get("file", "a").key("value").await), "x");
}

/// The provider's own thread watches the file, and readers of the handle look at what it found.
#[test]
fn a_handle_on_a_file_is_kept_fresh_without_the_runtime_that_opened_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let put = |value: &str| {
        let fresh = folder.path().join("fresh.json");
        let secret = json!({ "a": { "type": "simple", "value": value } });
        let text = json!({ "secrets": secret, "vault": { "token": "t", "url": "u" } }).to_string();
        fs::write(&fresh, text).unwrap();
        fs::rename(&fresh, &file).unwrap();
    };
    put("one");
    let client = Client::builder().with_file(&file).build().unwrap();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.block_on(client.handle("file://a#value")).unwrap();
    drop(runtime);
    assert_eq!(handle.get().unwrap().expose_str().unwrap(), "one");
    let mut changes = handle.changes();
    put("two");
    let begun = Instant::now();
    while handle.get().unwrap().expose_str().unwrap() != "two" {
        assert!(begun.elapsed() < Duration::from_secs(30), "the handle is not kept fresh");
        thread::sleep(Duration::from_millis(5));
    }
    let change = changes.next().now_or_never().flatten().expect("a change that was read");
    assert_eq!(change.expose_str().unwrap(), "two");
}

#[tokio::test]
async fn an_update_writes_the_value_as_it_was_given() {
    let memory = Memory::new().with("a", "{}").with("b", vec![1]);
    let client = client(&memory);
    for (value, written) in [
        (SecretValue::from("text"), &b"text"[..]),
        (SecretValue::json(&[1, 2]).unwrap(), b"[1,2]"),
        (SecretValue::json_text(" { \"n\": 1.10 } ").unwrap(), b" { \"n\": 1.10 } "),
        (SecretValue::from(vec![0, 255]), &[0, 255]),
    ] {
        client.update("memory", "a", value).await.unwrap();
        assert_eq!(client.get("memory", "a").await.unwrap().expose_bytes().unwrap(), written);
    }
    fails(SecretValue::json_text("{"), ErrorKind::InvalidInput);
}

/// Denied, misconfigured and corrupt are no "not found".
#[tokio::test]
async fn a_default_and_false_answer_only_for_what_is_missing() {
    for &kind in ErrorKind::ALL {
        let memory = Memory::new().with("a", r#"{"k":"v"}"#);
        let client = client(&memory);
        let failing = || {
            client.clear();
            memory.fail_next(Fault::new(kind));
        };
        let is_missing = matches!(kind, ErrorKind::NotFound | ErrorKind::KeyNotFound);
        failing();
        let got = client.get("memory", "a").key("k").default("spare").await;
        failing();
        let exists = client.path_exists("memory", "a").key("k").await;
        match is_missing {
            true => assert_eq!((text(got), exists.unwrap()), ("spare".to_owned(), false), "{kind}"),
            false => assert_eq!([got.unwrap_err().kind(), exists.unwrap_err().kind()], [kind, kind]),
        }
        failing();
        fails(client.get_refs(["memory://a#k"]).await.pop().unwrap(), kind);
    }
}

/// Else a request that was made before an update, and awaited after it, would give the old value.
#[tokio::test]
async fn the_cache_is_looked_into_when_a_request_is_awaited() {
    let memory = Memory::new().with("a", "old");
    let client = client(&memory);
    assert_eq!(text(client.get("memory", "a").await), "old");
    let read = client.get("memory", "a").into_future();
    client.update("memory", "a", "new").await.unwrap();
    assert_eq!(text(read.await), "new");

    // A value that is held is ready at the first poll, without a runtime.
    let read = client.get("memory", "a").into_future().now_or_never();
    assert_eq!(text(read.unwrap()), "new");
    memory.set("a", "newer");
    let read = client.refresh("memory", "a").into_future();
    assert_eq!(text(read.await), "newer");
}
