//! Entry points of the fuzz targets, one for each parser of outside input. Not part of the public
//! API.

use crate::{
    config::Config,
    secret::{
        Json, KeyPath, Metadata, Reference, Secret, SecretValue,
        json::{NotJson, ROOT, Tree},
    },
};

/// Parses any text as a reference. A parsed one is written, and parsed again as an equal one.
///
/// # Panics
/// If it is not equal.
pub fn reference(text: &str) {
    if let Ok(reference) = text.parse::<Reference>() {
        let written = reference.to_string();
        assert_eq!(written.parse::<Reference>().expect("what is written can be read"), reference);
    }
}

/// Follows any steps into any document, and replaces the value there.
///
/// # Panics
/// If a part is not JSON, or the new value is not found.
pub fn keypath(document: &str, steps: &[&str], value: &str) {
    let secret = Secret::text(document, Metadata::default());
    if let (Ok(found), false) = (secret.keypath(steps), steps.is_empty()) {
        let text = found.json().expect("a part is JSON").raw();
        Tree::parse(text).expect("a part is JSON by itself");
    }
    let path = KeyPath::from(steps);
    if let Ok(pointer) = KeyPath::from_pointer(document) {
        assert_eq!(pointer.is_pointer(), !document.is_empty());
    }
    if let (Ok(changed), false) = (secret.with_replaced(&path, &SecretValue::text(value)), steps.is_empty()) {
        let changed = Secret::text(changed.expose_text().expect("text"), Metadata::default());
        assert_eq!(changed.at(&path).expect("what was put in").expose_str().expect("text"), value);
    }
}

/// Parses any text as a config file.
///
/// # Panics
/// If it is refused without a message.
pub fn config(text: &str) {
    if let Err(error) = Config::parse(text) {
        assert!(!error.message().is_empty());
    }
}

/// Parses any text as a `secrets.json`. A parsed one is written as an equal file.
///
/// # Panics
/// If it is not equal.
#[cfg(feature = "file")]
pub fn fetcher_file(text: &str) {
    crate::providers::file::fuzz(text);
}

/// Reads any bytes as a record of the disk cache. One that can be read is written, and read again
/// as an equal one.
///
/// # Panics
/// If it is not equal.
#[cfg(all(feature = "disk-cache", unix))]
pub fn disk_record(bytes: &[u8]) {
    crate::cache::disk::fuzz(bytes);
}

/// Parses any text as JSON, here and by serde_json.
///
/// # Panics
/// If one of them refuses what the other one takes, or reads another value.
pub fn json(text: &str) {
    // serde_json takes no byte order mark, and skips strings without looking for halves of pairs.
    let standard = Tree::parse_strict(text);
    let theirs = serde_json::from_str::<serde::de::IgnoredAny>(text.strip_prefix('\u{feff}').unwrap_or(text));
    assert_eq!(standard.is_ok() || standard.err() == Some(NotJson::HalfPair), theirs.is_ok());
    let Ok(tree) = Tree::parse(text) else {
        return assert!(theirs.is_err(), "what is JSON to all is JSON here");
    };
    Tree::parse(Json::new(text, &tree, ROOT).raw()).expect("JSON by itself");
    let ours = Json::new(text, &tree, ROOT);
    // serde_json refuses numbers beyond f64 and deep nesting, and some keys have a meaning for it.
    if let Ok(theirs) = serde_json::from_str(text)
        && !has_private_key(ours)
    {
        same(ours, &theirs);
    }
}

/// Whether an object has a key by which serde_json recognizes raw values.
fn has_private_key(json: Json<'_>) -> bool {
    json.elements().any(has_private_key)
        || json.members().any(|(key, value)| key.starts_with("$serde_json") || has_private_key(value))
}

fn same(ours: Json<'_>, theirs: &serde_json::Value) {
    match theirs {
        serde_json::Value::Null => assert!(ours.is_null()),
        serde_json::Value::Bool(value) => assert_eq!(ours.as_bool(), Some(*value)),
        serde_json::Value::Number(_) => assert_eq!(ours.kind(), crate::JsonKind::Number),
        serde_json::Value::String(text) => assert_eq!(ours.as_str(), Some(text.as_str())),
        serde_json::Value::Array(elements) => {
            assert_eq!(ours.elements().count(), elements.len());
            ours.elements().zip(elements).for_each(|(ours, theirs)| same(ours, theirs));
        }
        serde_json::Value::Object(members) => {
            assert_eq!(ours.members().count(), members.len());
            for (key, theirs) in members {
                same(ours.get(key).expect("the same keys"), theirs);
            }
        }
    }
}
