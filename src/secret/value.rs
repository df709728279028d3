//! What is written: a new value on its way to a provider.

use std::fmt;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// A value to be written by `update`: text, bytes or JSON. Redacted in `Debug`, wiped on drop.
///
/// Under a keypath text becomes a JSON string and JSON is put in as it is; without one both are
/// written as text, byte for byte.
#[derive(Clone)]
pub struct SecretValue(Form);

#[derive(Clone)]
enum Form {
    Text(Zeroizing<String>),
    Json(Zeroizing<String>),
    Binary(Zeroizing<Vec<u8>>),
}

impl SecretValue {
    /// Text, as it is.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Form::Text(Zeroizing::new(text.into())))
    }

    /// Bytes, as they are.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Form::Binary(Zeroizing::new(bytes.into())))
    }

    /// JSON that is text already; it is kept byte for byte.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is not exactly one JSON value.
    pub fn json_text(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        match crate::secret::json::Tree::parse(&text) {
            Ok(_) => Ok(Self(Form::Json(text))),
            Err(why) => Err(Error::invalid_input(format!("the new value is {why}"))),
        }
    }

    /// Anything that serde can turn into JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it can't, as with a map whose keys are no strings.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(Self(Form::Json(Zeroizing::new(text)))),
            Err(_) => Err(Error::invalid_input("the new value can't be written as JSON")),
        }
    }

    /// The bytes that are written where there is no keypath.
    pub fn expose_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Text(text) | Form::Json(text) => text.as_bytes(),
            Form::Binary(bytes) => bytes,
        }
    }

    /// The text, or nothing if this is bytes.
    pub fn expose_text(&self) -> Option<&str> {
        match &self.0 {
            Form::Text(text) | Form::Json(text) => Some(text),
            Form::Binary(_) => None,
        }
    }

    /// Whether this is bytes rather than text.
    pub fn is_binary(&self) -> bool {
        matches!(self.0, Form::Binary(_))
    }

    /// JSON that is known to be so.
    pub(crate) fn of_json(text: Zeroizing<String>) -> Self {
        Self(Form::Json(text))
    }

    /// The JSON that stands for this value inside a JSON document.
    pub(crate) fn to_json(&self) -> Result<Zeroizing<String>> {
        match &self.0 {
            Form::Json(text) => Ok(text.clone()),
            Form::Text(text) => Ok(quote(text)),
            Form::Binary(_) => Err(Error::invalid_input("bytes can't be put under a key of a JSON secret")),
        }
    }
}

impl From<&str> for SecretValue {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<&[u8]> for SecretValue {
    fn from(bytes: &[u8]) -> Self {
        Self::binary(bytes)
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue([redacted])")
    }
}

/// `text` as a JSON string in UTF-8, in a buffer that never moves.
pub(crate) fn quote(text: &str) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::with_capacity(crate::secret::json::ascii_string_len(text)));
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '\0'..='\u{1f}' => {
                let mut one = String::new();
                crate::secret::json::write_ascii_string(&mut one, character.encode_utf8(&mut [0; 4]));
                json.push_str(&one[1..one.len() - 1]);
            }
            other => json.push(other),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", SecretValue::from("hunter2")), "SecretValue([redacted])");
    }

    proptest! {
        #[test]
        fn text_under_a_key_is_a_json_string(text in any::<String>()) {
            let json = SecretValue::from(text.as_str()).to_json().expect("text");
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("a string"), text);
        }
    }
}
