//! What is wrong with a setting, and where.

use std::fmt;

use serde::de;

use super::origin::Origin;
use crate::error::Error;

/// How alike two keys must be, from 0 to 1, for one to be meant by the other: enough for a slip of the finger or a
/// plural, not for another word.
const ALIKE: f64 = 0.7;

/// A setting that can't be read.
#[derive(Debug)]
pub(super) struct Malformed {
    message: String,
    origin: Option<Origin>,
    unknown: Option<Box<Unknown>>,
    /// What would be right in its place.
    expected: Option<String>,
}

#[derive(Debug)]
struct Unknown {
    key: String,
    known: Vec<&'static str>,
    within: bool,
}

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), origin: None, unknown: None, expected: None }
    }

    /// A value that is not what it has to be. Text is not repeated: it may be a secret in the wrong place.
    pub(super) fn unfit(found: &str, expected: impl Into<String>) -> Self {
        let expected = expected.into();
        Self { expected: Some(expected.clone()), ..Self::new(format!("expected {expected}, found {found}")) }
    }

    /// Says where, unless that was said nearer to the cause.
    pub(super) fn at(self, origin: &Origin) -> Self {
        Self { origin: self.origin.or_else(|| Some(origin.clone())), ..self }
    }

    /// What is wrong is further down: keys of other tables are not meant.
    pub(super) fn within(mut self) -> Self {
        if let Some(unknown) = &mut self.unknown {
            unknown.within = true;
        }
        self
    }

    /// One more key of the outermost table that could have been meant.
    pub(super) fn or_known(mut self, key: &'static str) -> Self {
        if let Some(unknown) = self.unknown.as_mut().filter(|unknown| !unknown.within) {
            unknown.known.push(key);
        }
        self
    }
}

impl Unknown {
    fn hint(&self) -> String {
        did_you_mean(&self.key, &self.known).unwrap_or_else(|| format!("the keys here are {}", self.known.join(", ")))
    }
}

/// The one that was meant, if one is alike enough.
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
        let Malformed { message, origin, unknown, expected } = malformed;
        let is_variable = matches!(origin, Some(Origin::Variable(_)));
        let expected = expected.filter(|_| is_variable).map(|expected| format!("expected is {expected}"));
        let error = Self::config(match origin {
            // What a variable holds is not repeated: it may have been meant for another.
            Some(Origin::Variable(name)) => format!("the variable {name} has a value that can't be read"),
            Some(origin) => format!("{origin}: {message}"),
            None => message,
        });
        match unknown.map(|unknown| unknown.hint()).or(expected) {
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
