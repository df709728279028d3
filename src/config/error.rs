//! Errors about settings, with the place of the setting and a hint for a mistyped key.

use std::fmt;

use serde::de;

use super::origin::Origin;
use crate::error::Error;

/// The least similarity of two keys, from 0 to 1, for a "did you mean": enough for a typo or a
/// plural, not for another word.
const ALIKE: f64 = 0.7;

/// An error about a setting: the error type of deserialization.
#[derive(Debug)]
pub(crate) struct Malformed {
    message: String,
    origin: Option<Origin>,
    unknown: Option<Box<Unknown>>,
    /// What the value has to be.
    expected: Option<String>,
    /// A hint that replaces those made from `unknown` and `expected`.
    hint: Option<Box<str>>,
}

#[derive(Debug)]
struct Unknown {
    key: String,
    known: Vec<&'static str>,
    /// Whether the key is in a table below the one that is read.
    within: bool,
}

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), origin: None, unknown: None, expected: None, hint: None }
    }

    /// An error from below, with its hint.
    pub(super) fn of(error: &Error) -> Self {
        Self { hint: error.hint().map(Into::into), ..Self::new(error.message()) }
    }

    /// A value of the wrong type or range. `found` must not repeat text, which may be a secret in
    /// the wrong place.
    pub(super) fn unfit(found: &str, expected: impl Into<String>) -> Self {
        let expected = expected.into();
        Self { expected: Some(expected.clone()), ..Self::new(format!("expected {expected}, found {found}")) }
    }

    /// Adds the origin of the setting, unless an inner table already did.
    pub(super) fn at(self, origin: &Origin) -> Self {
        Self { origin: self.origin.or_else(|| Some(origin.clone())), ..self }
    }

    /// Marks the error as one of a table below, whose keys are others.
    pub(super) fn within(mut self) -> Self {
        if let Some(unknown) = &mut self.unknown {
            unknown.within = true;
        }
        self
    }

    /// Adds a key of the outermost table that could have been meant.
    pub(crate) fn or_known(mut self, key: &'static str) -> Self {
        if let Some(unknown) = self.unknown.as_mut().filter(|unknown| !unknown.within) {
            unknown.known.push(key);
        }
        self
    }

    /// The key that the outermost table doesn't have, if that is the error.
    pub(super) fn unknown_key(&self) -> Option<&str> {
        self.unknown.as_ref().filter(|unknown| !unknown.within).map(|unknown| unknown.key.as_str())
    }

    /// The keys that the outermost table has, of an error about an unknown key.
    pub(super) fn into_known_keys(self) -> Vec<&'static str> {
        self.unknown.map_or_else(Vec::new, |unknown| unknown.known)
    }

    /// Adds how to fix it.
    pub(super) fn with_hint(self, hint: impl Into<Box<str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same error in other words.
    pub(super) fn replaced(self, message: String, hint: String) -> Self {
        Self { message, hint: Some(hint.into()), ..self }
    }
}

impl Unknown {
    fn hint(&self) -> String {
        did_you_mean(&self.key, &self.known).unwrap_or_else(|| format!("the keys here are {}", self.known.join(", ")))
    }
}

/// A hint that names the known word most similar to `typed`, if one is similar enough.
pub(crate) fn did_you_mean(typed: &str, known: &[&str]) -> Option<String> {
    let alike = |known: &&str| strsim::jaro_winkler(typed, known);
    let best = known.iter().copied().max_by(|one, other| alike(one).total_cmp(&alike(other)))?;
    (alike(&best) >= ALIKE).then(|| format!("did you mean `{best}`?"))
}

impl de::Error for Malformed {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let unknown = Unknown { key: field.to_owned(), known: expected.to_vec(), within: false };
        Self { unknown: Some(Box::new(unknown)), ..Self::new(format!("unknown key `{}`", field.escape_debug())) }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::unfit(&in_toml(found), in_words(expected))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::unfit(&in_toml(found), in_words(expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

fn in_toml(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Str(_) => "text".to_owned(),
        de::Unexpected::Map => "a table".to_owned(),
        de::Unexpected::Seq => "an array".to_owned(),
        other => other.to_string(),
    }
}

fn in_words(expected: &dyn de::Expected) -> String {
    match expected.to_string().as_str() {
        "a string" | "path string" => "text".to_owned(),
        "a map" => "a table".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a nonzero u32" => "a whole number from 1 to 4294967295".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u64" => "a whole number from 0 on".to_owned(),
        "f64" => "a number".to_owned(),
        kind if kind.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        let Malformed { message, origin, unknown, expected, hint } = malformed;
        let is_variable = matches!(origin, Some(Origin::Variable(_)));
        let expected = expected.filter(|_| is_variable).map(|expected| format!("expected is {expected}"));
        let error = Self::config(match origin {
            // The value is not repeated: it may have been meant for another variable.
            Some(Origin::Variable(name)) => format!("the variable {name} has a value that can't be read"),
            Some(origin) => format!("{origin}: {message}"),
            None => message,
        });
        match hint.map(String::from).or_else(|| unknown.map(|unknown| unknown.hint())).or(expected) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Malformed {}
