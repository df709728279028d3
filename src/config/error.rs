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
    unknown: Option<Unknown>,
}

#[derive(Debug)]
struct Unknown {
    key: String,
    known: Vec<&'static str>,
}

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), origin: None, unknown: None }
    }

    /// Says where, unless that was said nearer to the cause.
    pub(super) fn at(self, origin: &Origin) -> Self {
        Self { origin: self.origin.or_else(|| Some(origin.clone())), ..self }
    }

    /// One more key that could have been meant.
    pub(super) fn or_known(mut self, key: &'static str) -> Self {
        if let Some(unknown) = &mut self.unknown {
            unknown.known.push(key);
        }
        self
    }
}

impl Unknown {
    fn hint(&self) -> Option<String> {
        let alike = |known: &&str| strsim::jaro_winkler(&self.key, known);
        let best = self.known.iter().copied().max_by(|one, other| alike(one).total_cmp(&alike(other)))?;
        if alike(&best) >= ALIKE {
            return Some(format!("did you mean `{best}`?"));
        }
        Some(format!("the keys here are {}", self.known.join(", ")))
    }
}

impl de::Error for Malformed {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let unknown = Unknown { key: field.to_owned(), known: expected.to_vec() };
        Self { unknown: Some(unknown), ..Self::new(format!("unknown key `{}`", field.escape_debug())) }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"))
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        let Malformed { message, origin, unknown } = malformed;
        let error = Self::config(match origin {
            // What a variable holds is not repeated: it may have been meant for another.
            Some(Origin::Variable(name)) => format!("the variable {name} has a value that can't be read"),
            Some(origin) => format!("{origin}: {message}"),
            None => message,
        });
        match unknown.and_then(|unknown| unknown.hint()) {
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
