//! Files that Python's json module wrote: whatever a fetcher in Python can write is read.

use std::process::Command;

use super::*;
use crate::{
    error::{ErrorKind, Result},
    options::UpdateOptions,
    provider::Provider,
    secret::{KeyPath, SecretValue},
};

/// Writes the file as the fetcher does.
const WRITE: &str = r#"
import json, sys
sys.setrecursionlimit(20000)
deep = "bottom"
for _ in range(1000):
    deep = [deep]
secrets = {
    "plain": {"type": "simple", "value": "v"},
    "numbers": {"nan": float("nan"), "high": float("inf"), "low": float("-inf"), "n": 1.10, "s": "text"},
    "half": {"key": "\ud800", "ok": "yes", "\udfff": "under half a pair", "list": ["\udc00", "x"]},
    "typed": {"type": "simple", "value": "\ud800"},
    "rotated": {"type": "versioned", "current": "c", "previous": None, "next": None},
    "deep": {"deep": deep, "beside": "here"},
    "name \ud800": {"a": "b"},
}
with open(sys.argv[1], "w", encoding=sys.argv[2]) as file:
    json.dump({"secrets": secrets, "vault": {"url": "http://vault/", "token": "t"}}, file, indent=2, sort_keys=True)
"#;

/// Writes what the fetcher would if one value of the file were another one.
const CHANGE: &str = r#"
import json, sys
sys.setrecursionlimit(20000)
with open(sys.argv[1], encoding="utf-8-sig") as file:
    document = json.load(file)
document["secrets"]["plain"]["value"] = "w"
with open(sys.argv[2], "w") as file:
    json.dump(document, file, indent=2, sort_keys=True)
"#;

fn python(script: &str, arguments: &[&Path]) {
    let status = Command::new("python3").arg("-c").arg(script).args(arguments).status();
    assert!(status.expect("python3 is on the path").success());
}

async fn open(encoding: &str) -> (Place, FileProvider) {
    let place = Place::empty();
    python(WRITE, &[&place.path(), Path::new(encoding)]);
    let provider = place.unwatched().await;
    (place, provider)
}

fn key(provider: &FileProvider, name: &str, steps: &[&str]) -> Result<String> {
    let part = provider.read(name)?.at(&KeyPath::from(steps))?;
    Ok(part.expose_str()?.to_owned())
}

#[tokio::test]
async fn each_entry_is_read_and_what_is_no_text_is_corrupt_by_itself() {
    // With a byte order mark, as editors on Windows write it, and without.
    for encoding in ["utf-8", "utf-8-sig"] {
        let (_place, provider) = open(encoding).await;
        let bottom: Vec<_> = ["deep"].into_iter().chain(std::iter::repeat_n("0", 1000)).collect();
        for (name, steps, value) in [
            ("plain", &["value"][..], "v"),
            ("numbers", &["nan"], "NaN"),
            ("numbers", &["high"], "Infinity"),
            ("numbers", &["low"], "-Infinity"),
            ("numbers", &["n"], "1.1"),
            ("numbers", &["s"], "text"),
            ("half", &["ok"], "yes"),
            ("half", &[r"\udfff"], "under half a pair"),
            ("half", &["list", "1"], "x"),
            ("half", &["list"], r#"["\udc00","x"]"#),
            ("deep", &["beside"], "here"),
            ("deep", &bottom, "bottom"),
            (r"name \ud800", &["a"], "b"),
        ] {
            assert_eq!(key(&provider, name, steps).expect("read"), value, "{name} {steps:?}");
        }
        for (name, steps) in [("half", &["key"][..]), ("half", &["list", "0"]), ("typed", &["value"])] {
            assert_eq!(key(&provider, name, steps).expect_err("no text").kind(), ErrorKind::Corrupt, "{name}");
        }
        assert_eq!(provider.read("typed").and_then(|it| it.simple()).expect_err("no text").kind(), ErrorKind::Corrupt);
        let rotated = provider.read("rotated").and_then(|it| it.versioned()).expect("versioned");
        assert_eq!((&rotated.previous, &rotated.next), (&None, &None));
        assert_eq!(provider.names().expect("names").len(), 7);
    }
}

#[tokio::test]
async fn an_update_writes_the_rest_of_the_file_as_python_does() {
    for encoding in ["utf-8", "utf-8-sig"] {
        let (place, provider) = open(encoding).await;
        let expected = place.folder.path().join("expected");
        python(CHANGE, &[&place.path(), &expected]);
        let options = UpdateOptions::default().with_keypath(["value"]);
        provider.update("plain", &SecretValue::from("w"), &options).await.expect("written");
        assert_eq!(place.text(), fs::read_to_string(expected).expect("Python's"));
    }
}

/// Too deep for Python, but no reason to refuse the other entries.
#[tokio::test]
async fn an_entry_of_any_depth_leaves_its_neighbours_readable() {
    let place = Place::empty();
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    place.replace(&format!(r#"{{"secrets":{{"deep":{{"a":{deep}}},"plain":{{"value":"v"}}}}}}"#));
    let provider = place.unwatched().await;
    assert_eq!(key(&provider, "plain", &["value"]).expect("read"), "v");
    assert_eq!(key(&provider, "deep", &["a"]).expect("read"), deep);
}
