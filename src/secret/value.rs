//! A new value for a secret, on its way to a provider.

use std::{collections::BTreeMap, fmt, io};

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    document::SingleValue,
    json::{Tree, quote},
};
use crate::error::{Error, Result};

/// A value to be written by `update`: text, bytes, JSON, or a map of named values.
///
/// Without a keypath, text and JSON are written byte for byte. Under a keypath, text becomes a JSON
/// string, and JSON is inserted as it is, without the whitespace around it. `Debug` is redacted,
/// and the value is wiped when dropped.
#[derive(Clone)]
pub struct SecretValue(Form);

#[derive(Clone)]
enum Form {
    Text(Zeroizing<String>),
    Json(Zeroizing<String>),
    Binary(Zeroizing<Vec<u8>>),
    /// None of the values is a map.
    Map(BTreeMap<String, SecretValue>),
}

impl SecretValue {
    /// A text. The buffer is taken over, not copied.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Form::Text(Zeroizing::new(text.into())))
    }

    /// Bytes. The buffer is taken over, not copied.
    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Form::Binary(Zeroizing::new(bytes.into())))
    }

    /// A JSON text, which is kept byte for byte.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it is not exactly one JSON
    /// value. What only some parsers read, such as `NaN`, is refused.
    pub fn json_text(text: impl Into<String>) -> Result<Self> {
        let text = Zeroizing::new(text.into());
        match Tree::parse_strict(&text) {
            Ok(_) => Ok(Self(Form::Json(text))),
            Err(why) => Err(Error::invalid_input(format!("the new value is {why}"))),
        }
    }

    /// Anything that serde can write as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if it can't, for example because
    /// the keys of a map are not strings.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        match write_json(value) {
            Some(text) => Ok(Self(Form::Json(text))),
            None => Err(Error::invalid_input("the new value can't be written as JSON")),
        }
    }

    /// A map of named values, each text or bytes, for providers whose secrets are such maps
    /// ([`Capabilities::maps`](crate::Capabilities::maps)). If a name is given twice, the last
    /// value counts.
    ///
    /// ```
    /// use s1crets::SecretValue;
    ///
    /// let tls = [("tls.crt", SecretValue::from("PEM")), ("keystore", SecretValue::binary([0, 255]))];
    /// assert!(SecretValue::map(tls)?.is_map());
    /// # Ok::<(), s1crets::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if a named value is a map
    /// itself.
    pub fn map<K, V>(entries: impl IntoIterator<Item = (K, V)>) -> Result<Self>
    where
        K: Into<String>,
        V: Into<SecretValue>,
    {
        let entries: BTreeMap<_, _> = entries.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        match entries.values().any(Self::is_map) {
            true => Err(nested()),
            false => Ok(Self(Form::Map(entries))),
        }
    }

    /// The bytes to write: of text and JSON, the UTF-8.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a map.
    pub fn expose_bytes(&self) -> Result<&[u8]> {
        match &self.0 {
            Form::Text(text) | Form::Json(text) => Ok(text.as_bytes()),
            Form::Binary(bytes) => Ok(bytes),
            Form::Map(_) => Err(Error::invalid_input("the new value is a map of named values, not one value")),
        }
    }

    /// The text; `None` for bytes and maps.
    pub fn expose_text(&self) -> Option<&str> {
        match &self.0 {
            Form::Text(text) | Form::Json(text) => Some(text),
            Form::Binary(_) | Form::Map(_) => None,
        }
    }

    /// The named values of a map, sorted by name; empty for any other value.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match &self.0 {
            Form::Map(entries) => Some(entries),
            _ => None,
        };
        entries.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether this is bytes rather than text.
    pub fn is_binary(&self) -> bool {
        matches!(self.0, Form::Binary(_))
    }

    /// Whether this is a map of named values.
    pub fn is_map(&self) -> bool {
        matches!(self.0, Form::Map(_))
    }

    /// A text that is known to be JSON.
    pub(crate) fn of_json(text: Zeroizing<String>) -> Self {
        Self(Form::Json(text))
    }

    /// The JSON to insert for this value in a JSON document.
    pub(crate) fn to_json(&self) -> Result<Zeroizing<String>> {
        match &self.0 {
            Form::Json(text) => Ok(Zeroizing::new(trimmed(text).to_owned())),
            Form::Text(text) => Ok(quote(text)),
            Form::Binary(_) => Err(Error::invalid_input("bytes can't be put under a key of a JSON secret")),
            Form::Map(_) => Err(Error::invalid_input("a map of named values can't be put under a key")),
        }
    }

    /// A single value as the content of a secret; a map is returned as its entries.
    pub(super) fn into_content(self) -> Result<SingleValue, BTreeMap<String, Self>> {
        match self.0 {
            Form::Text(text) | Form::Json(text) => Ok(SingleValue::text(text)),
            Form::Binary(bytes) => Ok(SingleValue::binary(bytes)),
            Form::Map(entries) => Err(entries),
        }
    }
}

/// JSON without what may stand around it: whitespace, and a byte order mark at the start.
fn trimmed(json: &str) -> &str {
    json.trim_start_matches('\u{feff}').trim_matches([' ', '\t', '\n', '\r'])
}

/// Writes JSON into a buffer that doesn't grow: growing would leave a copy behind. So the JSON is
/// written twice, at first only to measure it.
fn write_json(value: &impl Serialize) -> Option<Zeroizing<String>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).ok()?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value).ok()?;
    String::from_utf8(std::mem::take(&mut *json)).ok().map(Zeroizing::new)
}

/// Counts the bytes that are written to it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error for a map within a map.
fn nested() -> Error {
    Error::invalid_input("a named value can't be a map of named values itself")
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", SecretValue::from("hunter2")), "SecretValue([redacted])");
    }

    #[test]
    fn the_buffer_of_written_json_does_not_grow() {
        let json = write_json(&vec!["hunter2\n"; 1000]).expect("JSON");
        assert_eq!(json.len(), json.capacity());
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).expect("a list").len(), 1000);
        let error = SecretValue::json(&std::collections::HashMap::from([((1, 2), 3)])).expect_err("no string as a key");
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
    }

    #[test]
    fn json_is_written_as_it_is_and_inserted_without_what_stands_around_it() {
        let json = SecretValue::json_text("\u{feff} {\"a\": [1 ]}\r\n").expect("JSON");
        assert_eq!(json.expose_text(), Some("\u{feff} {\"a\": [1 ]}\r\n"));
        assert_eq!(*json.to_json().expect("JSON"), "{\"a\": [1 ]}");
        for text in ["NaN", "[-Infinity]", r#""\ud800""#, "", "plain", "1 2"] {
            let error = SecretValue::json_text(text).expect_err("not for every parser");
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{text}");
        }
    }

    #[test]
    fn a_map_has_no_bytes_and_holds_no_map() {
        let map = SecretValue::map([("b", "hunter2"), ("a", "1"), ("b", "2")]).expect("a map");
        assert_eq!(format!("{map:?}"), "SecretValue([redacted])");
        let entries: Vec<_> = map.entries().map(|(name, value)| (name, value.expose_text())).collect();
        assert_eq!(entries, [("a", Some("1")), ("b", Some("2"))]);
        assert_eq!((map.expose_text(), map.is_binary(), map.is_map()), (None, false, true));
        for error in [map.expose_bytes().err(), map.to_json().err(), SecretValue::map([("x", map.clone())]).err()] {
            assert_eq!(error.map(|error| error.kind()), Some(crate::ErrorKind::InvalidInput));
        }
        assert_eq!(SecretValue::from("x").entries().count(), 0);
    }

    proptest! {
        #[test]
        fn text_under_a_key_is_a_json_string(text in any::<String>()) {
            let json = SecretValue::from(text.as_str()).to_json().expect("text");
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("a string"), text);
        }
    }
}
