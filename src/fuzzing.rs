//! The parsers of outside input, for the fuzz targets. No part of the public interface.

use crate::{
    config::Config,
    secret::{
        Json, KeyPath, Metadata, Reference, Secret, SecretValue,
        json::{ROOT, Tree},
    },
};

/// Any text is a reference or is refused; what is read is written and read again as the same.
///
/// # Panics
/// If it isn't.
pub fn reference(text: &str) {
    if let Ok(reference) = text.parse::<Reference>() {
        let written = reference.to_string();
        assert_eq!(written.parse::<Reference>().expect("what is written can be read"), reference);
    }
}

/// Any document and any steps: found or not found, and what is put in is found there.
///
/// # Panics
/// If it isn't.
pub fn keypath(document: &str, steps: &[&str], value: &str) {
    let secret = Secret::text(document, Metadata::default());
    if let (Ok(found), false) = (secret.keypath(steps), steps.is_empty()) {
        let text = found.json().expect("a part is JSON").raw();
        Tree::parse(text).expect("a part is JSON by itself");
    }
    let path = KeyPath::from(steps);
    if let Ok(pointer) = KeyPath::from_pointer(document) {
        assert!(pointer.is_pointer());
    }
    if let (Ok(changed), false) = (secret.with_replaced(&path, &SecretValue::text(value)), steps.is_empty()) {
        let changed = Secret::text(changed.expose_text().expect("text"), Metadata::default());
        assert_eq!(changed.at(&path).expect("what was put in").expose_str().expect("text"), value);
    }
}

/// Any text is a config file or is refused, with a message that fits on a line.
pub fn config(text: &str) {
    if let Err(error) = Config::parse(text) {
        assert!(!error.message().is_empty());
    }
}

/// Any text is a fetcher's file or is refused; what is written of it is the same file.
///
/// # Panics
/// If it isn't.
#[cfg(feature = "file")]
pub fn fetcher_file(text: &str) {
    crate::providers::file::fuzz(text);
}

/// Any bytes are a record of the cache on disk or are refused; what is read is written and read again as the same.
///
/// # Panics
/// If it isn't.
#[cfg(all(feature = "disk-cache", unix))]
pub fn disk_record(bytes: &[u8]) {
    crate::cache::disk::fuzz(bytes);
}

/// Any text is JSON for us if it is for serde_json, but for what is nested too deep or not Unicode; and means the same.
///
/// # Panics
/// If it isn't.
pub fn json(text: &str) {
    let Ok(tree) = Tree::parse(text) else { return };
    serde_json::from_str::<serde::de::IgnoredAny>(text).expect("JSON for us is JSON for serde_json");
    let ours = Json::new(text, &tree, ROOT);
    // Numbers beyond f64 are text here and refused there; keys that serde_json keeps for itself are nothing special here.
    if let (Ok(theirs), false) = (serde_json::from_str(text), has_private_key(ours)) {
        same(ours, &theirs);
    }
}

/// Whether a key is the one by which serde_json's own `Value` recognizes raw values.
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
