//! Applies many encoders to one text, character by character, and yields each distinct result once.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

/// The characters that an encoder escapes, each with its escape.
type EscapeMap = BTreeMap<char, String>;

/// Rewrites a text for many encoders.
///
/// The output of an encoder depends only on what it does with the characters of this text. Most
/// encoders differ in characters that a value does not have. So they are compared by their
/// [`EscapeMap`], which is small, and the text is rewritten only for a map that is new.
pub(super) struct Rewriter {
    text: Zeroizing<Vec<char>>,
    /// Its distinct characters, except ASCII letters and digits: no encoder escapes those.
    distinct: BTreeSet<char>,
    /// The maps applied so far. The empty one, which changes nothing, counts as applied.
    seen: BTreeSet<EscapeMap>,
}

impl Rewriter {
    pub(super) fn of_text(text: &str) -> Self {
        Self::of(text.chars().collect())
    }

    /// Treats each byte as the character with its number.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self::of(bytes.iter().copied().map(char::from).collect())
    }

    fn of(text: Vec<char>) -> Self {
        let distinct = text.iter().copied().filter(|character| !character.is_ascii_alphanumeric()).collect();
        Self { text: Zeroizing::new(text), distinct, seen: BTreeSet::from([EscapeMap::new()]) }
    }

    /// Whether the text has such a character. ASCII letters and digits are not considered.
    pub(super) fn has(&self, predicate: impl Fn(char) -> bool) -> bool {
        self.distinct.iter().any(|character| predicate(*character))
    }

    /// The text with its characters escaped; `None` if that is not a new result.
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
