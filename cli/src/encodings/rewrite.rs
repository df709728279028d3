//! Texts rewritten character by character, each different result once.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

/// How an encoder writes the characters that it does not leave as they are.
type EscapeMap = BTreeMap<char, String>;

/// A text that many encoders write.
///
/// What an encoder writes follows from how it writes each character that the text has. Most encoders differ in
/// characters that a value does not have, so the text itself is only rewritten for those that differ here.
pub(super) struct Rewriter {
    text: Zeroizing<Vec<char>>,
    /// Its characters, but for those that every encoder leaves as they are.
    distinct: BTreeSet<char>,
    /// What was written before. The text as it is counts as written.
    seen: BTreeSet<EscapeMap>,
}

impl Rewriter {
    pub(super) fn of_text(text: &str) -> Self {
        Self::of(text.chars().collect())
    }

    /// Bytes as the characters of the same numbers.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self::of(bytes.iter().copied().map(char::from).collect())
    }

    fn of(text: Vec<char>) -> Self {
        let distinct = text.iter().copied().filter(|character| !character.is_ascii_alphanumeric()).collect();
        Self { text: Zeroizing::new(text), distinct, seen: BTreeSet::from([EscapeMap::new()]) }
    }

    /// Whether any encoder escapes a character of it that is of these.
    pub(super) fn has(&self, of_these: impl Fn(char) -> bool) -> bool {
        self.distinct.iter().any(|character| of_these(*character))
    }

    /// The text with some characters spelled in another way, unless that was written before.
    pub(super) fn write(&mut self, escape: impl Fn(char) -> Option<String>) -> Option<Vec<u8>> {
        let escapes: EscapeMap =
            self.distinct.iter().filter_map(|character| Some((*character, escape(*character)?))).collect();
        if self.seen.contains(&escapes) {
            return None;
        }
        let mut out = String::with_capacity(self.text.len() * 2);
        for character in self.text.iter() {
            match escapes.get(character) {
                Some(escape) => out += escape,
                None => out.push(*character),
            }
        }
        self.seen.insert(escapes);
        Some(out.into_bytes())
    }
}
