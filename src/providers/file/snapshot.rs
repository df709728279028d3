//! Snapshot: all secrets of the file as they were at one moment.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
    time::SystemTime,
};

use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    secret::{Metadata, Secret},
};

/// All secrets as they were at one moment. A request that must not see two states keeps one.
///
/// Cloning shares it. A secret that did not change between two snapshots is the same value in
/// memory in both, not a copy.
#[derive(Clone)]
pub struct Snapshot(Arc<Loaded>);

/// The content of a snapshot, and which one it is.
pub(super) struct Loaded {
    pub(super) contents: Contents,
    pub(super) modified: Option<SystemTime>,
    /// Counts the snapshots whose content differs.
    pub(super) generation: u64,
    /// The generation in which each secret last changed.
    changed_in: HashMap<String, u64>,
}

/// What a source holds. An entry that can't be read does not affect the others.
pub(super) struct Contents {
    pub(super) entries: Entries,
    pub(super) vault_url: Result<String>,
    pub(super) vault_token: Result<Secret>,
}

pub(super) type Entries = BTreeMap<String, Result<Secret>>;

impl Snapshot {
    /// The secret of exactly this name: its JSON text, without insignificant whitespace.
    ///
    /// # Errors
    /// `NotFound` if there is no such name; `Corrupt` or `AccessDenied` if, in a CSI mount, its
    /// file can't be used.
    pub fn get(&self, name: &str) -> Result<Secret> {
        self.0.get(name)
    }

    /// The names in order, those of unusable files in a CSI mount included.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.contents.entries.keys().map(String::as_str)
    }

    /// When the file, or the folder behind the `..data` of a CSI mount, was last modified.
    pub fn modified(&self) -> Option<SystemTime> {
        self.0.modified
    }

    /// The `vault.url` of the file: Vault's address, to the letter.
    ///
    /// # Errors
    /// `NotFound` if the file has none, `Corrupt` if it is no string, `Unsupported` for a CSI
    /// mount.
    pub fn vault_url(&self) -> Result<String> {
        self.0.contents.vault_url.clone()
    }

    /// The `vault.token` of the file. The older `vault_token` beside it is not looked at.
    ///
    /// # Errors
    /// As [`vault_url`](Self::vault_url).
    pub fn vault_token(&self) -> Result<Secret> {
        self.0.contents.vault_token.clone()
    }

    pub(super) fn new(loaded: Arc<Loaded>) -> Self {
        Self(loaded)
    }

    pub(super) fn entries(&self) -> &Entries {
        &self.0.contents.entries
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("secrets", &self.0.contents.entries.len())
            .field("modified", &self.0.modified)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// The contents of one generation. A secret that is the same as in `previous` keeps its
    /// version.
    pub(super) fn new(
        contents: Contents,
        modified: Option<SystemTime>,
        generation: u64,
        previous: Option<&Self>,
    ) -> Self {
        let unchanged = |name: &str, entry: &Result<Secret>| {
            let previous = previous?;
            let old = previous.contents.entries.get(name)?;
            same(old, entry).then(|| previous.changed_in.get(name).copied()).flatten()
        };
        let version =
            |(name, entry): (&String, &Result<Secret>)| (name.clone(), unchanged(name, entry).unwrap_or(generation));
        let changed_in = contents.entries.iter().map(version).collect();
        Self { contents, modified, generation, changed_in }
    }

    /// The version of a secret: the generation in which it last changed. `None` if it does not
    /// exist.
    pub(super) fn version(&self, name: &str) -> Option<String> {
        self.changed_in.get(name).map(u64::to_string)
    }

    pub(super) fn get(&self, name: &str) -> Result<Secret> {
        match self.contents.entries.get(name) {
            Some(entry) => entry.clone(),
            None => Err(not_found(name)),
        }
    }
}

impl Contents {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let mut pairs = self.entries.iter().zip(&other.entries);
        self.entries.len() == other.entries.len()
            && pairs.all(|((name, one), (other_name, other))| name == other_name && same(one, other))
            && same(&self.vault_url, &other.vault_url)
            && same(&self.vault_token, &other.vault_token)
    }
}

/// A secret of this name and text. The one of `previous` is kept if it is the same, so that what
/// was parsed of it stays parsed.
pub(super) fn secret(name: &str, mut text: Zeroizing<String>, previous: Option<&Loaded>) -> Secret {
    let known = previous.and_then(|loaded| loaded.contents.entries.get(name)?.as_ref().ok());
    match known {
        Some(known) if known.expose_bytes().is_ok_and(|known| known == text.as_bytes()) => known.clone(),
        _ => Secret::text(std::mem::take(&mut *text), Metadata::default().with_name(name)),
    }
}

pub(super) fn not_found(name: &str) -> Error {
    Error::not_found(format!("secret not found: '{name}'"))
}

/// The value's JSON text without insignificant whitespace, every other byte as it stands.
pub(super) fn compact(raw: &str) -> Zeroizing<String> {
    let mut compact = Zeroizing::new(String::with_capacity(significant(raw).map(str::len).sum()));
    significant(raw).for_each(|part| compact.push_str(part));
    compact
}

/// The parts of valid JSON between whitespace that is not inside a string.
fn significant(raw: &str) -> impl Iterator<Item = &str> {
    let (mut in_string, mut escaped) = (false, false);
    raw.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            _ => {}
        }
        !in_string && matches!(character, ' ' | '\t' | '\r' | '\n')
    })
}

fn same<T: PartialEq>(one: &Result<T>, other: &Result<T>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(one), Err(other)) => (one.kind(), one.message()) == (other.kind(), other.message()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_insignificant_whitespace_goes() {
        let raw = "{ \"a b\" :\t[1.10 ,\r\n 2 ], \"q\\\" \\\\\" : \" \\u0020\\n \" }";
        assert_eq!(*compact(raw), "{\"a b\":[1.10,2],\"q\\\" \\\\\":\" \\u0020\\n \"}");
    }

    proptest! {
        #[test]
        fn compact_text_is_what_serde_writes(keys in prop::collection::vec(".*", 0..5), value in ".*") {
            let document: serde_json::Map<_, _> =
                keys.into_iter().map(|key| (key, serde_json::json!([value, { "x": 1 }]))).collect();
            let pretty = serde_json::to_string_pretty(&document).expect("JSON");
            let plain = serde_json::to_string(&document).expect("JSON");
            let compact = compact(&pretty);
            prop_assert_eq!(&*compact, &plain);
            prop_assert_eq!(compact.capacity(), plain.len());
        }
    }
}
