//! `aws.sm://prod/db#password`: where a secret is, in one word.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    error::{Error, Result},
    secret::KeyPath,
};

/// Which provider to ask, for which path, and for which part of the value.
///
/// ```text
/// PROVIDER://PATH            aws.ps:///prod/db/root       the path begins with a slash
/// PROVIDER://PATH#KEY        aws.sm://prod/db#password    one key
/// PROVIDER://PATH#/POINTER   file://app/db#/hosts/0/name  an RFC 6901 JSON pointer
/// ```
///
/// Path and key are percent-encoded as in a URI: `%23` is a `#` of the path, `%3F` a `?`, `%25` a
/// `%`. An unescaped `?` is refused: it is kept for options to come.
///
/// ```
/// use s1crets::Reference;
///
/// let reference: Reference = "aws.sm://prod/db#password".parse()?;
/// assert_eq!((reference.provider(), reference.path()), ("aws.sm", "prod/db"));
/// assert_eq!(reference.keypath().steps(), ["password"]);
/// assert_eq!(reference.to_string(), "aws.sm://prod/db#password");
/// # Ok::<(), s1crets::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    provider: String,
    path: String,
    keypath: KeyPath,
}

/// What can't stand for itself in the path of a reference.
const PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'#').add(b'?').add(b' ');
/// The same for the key. A key's own leading `/` is escaped too, lest it look like a pointer.
const KEY: &AsciiSet = &CONTROLS.add(b'%').add(b' ');

impl Reference {
    /// A reference to a whole secret.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the provider's name or the path is malformed.
    pub fn new(provider: impl Into<String>, path: impl Into<String>) -> Result<Self> {
        let reference = Self { provider: provider.into(), path: path.into(), keypath: KeyPath::default() };
        check_provider(&reference.provider)?;
        check_path(&reference.path)?;
        Ok(reference)
    }

    /// The same with a keypath.
    #[must_use]
    pub fn with_keypath(self, keypath: impl Into<KeyPath>) -> Self {
        Self { keypath: keypath.into(), ..self }
    }

    /// Whether `text` has the form of a reference, rather than of a bare path.
    pub fn looks_like(text: &str) -> bool {
        text.split_once("://").is_some_and(|(provider, _)| check_provider(provider).is_ok())
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The path, decoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The part of the value that is meant; empty for all of it.
    pub fn keypath(&self) -> &KeyPath {
        &self.keypath
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((provider, rest)) = text.split_once("://") else {
            return Err(Error::invalid_input("a reference is written PROVIDER://PATH or PROVIDER://PATH#KEY"));
        };
        let (path, fragment) = match rest.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (rest, None),
        };
        if path.contains('?') {
            return Err(Error::invalid_input("in a reference's path '?' is reserved")
                .with_hint("write %3F for a question mark in a name"));
        }
        let keypath = fragment.map(read_fragment).transpose()?.unwrap_or_default();
        Ok(Self::new(provider, decode(path)?)?.with_keypath(keypath))
    }
}

/// As text.
impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From text.
impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|error: Error| de::Error::custom(error.message()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.provider, utf8_percent_encode(&self.path, PATH))?;
        match self.keypath.steps() {
            [] => Ok(()),
            [key] if !self.keypath.is_pointer() && !key.is_empty() => match key.strip_prefix('/') {
                Some(rest) => write!(f, "#%2F{}", utf8_percent_encode(rest, KEY)),
                None => write!(f, "#{}", utf8_percent_encode(key, KEY)),
            },
            _ => write!(f, "#{}", utf8_percent_encode(&self.keypath.to_pointer(), KEY)),
        }
    }
}

/// Names as they stand before `://`: a lower-case letter, then letters, digits, `.`, `-` and `_`.
pub(crate) fn check_provider(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let begins = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    if begins && bytes.all(goes_on) {
        return Ok(());
    }
    Err(Error::invalid_input(format!(
        "{name:?} is no provider's name: those are lower-case letters, digits, '.', '-' and '_', a letter first"
    )))
}

/// A path that every backend can be asked for: not empty, no control characters.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid_input("the path is empty"));
    }
    match path.chars().find(|character| character.is_control()) {
        Some(control) => Err(Error::invalid_input(format!("the path holds the control character {control:?}"))),
        None => Ok(()),
    }
}

fn read_fragment(fragment: &str) -> Result<KeyPath> {
    // Whether it is a pointer shows before decoding, so that `#%2Fa` can be the key "/a".
    let decoded = decode(fragment)?;
    match fragment.chars().next() {
        None => Err(Error::invalid_input("the key behind '#' is empty")),
        Some('/') => KeyPath::from_pointer(&decoded),
        Some(_) => Ok(KeyPath::new([decoded])),
    }
}

fn decode(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let whole =
        |at: usize| matches!(bytes.get(at + 1..at + 3), Some(digits) if digits.iter().all(u8::is_ascii_hexdigit));
    if text.match_indices('%').any(|(at, _)| !whole(at)) {
        return Err(Error::invalid_input("in a reference '%' begins an escape such as %20")
            .with_hint("write %25 for a percent sign in a name"));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Error::invalid_input("the escapes of a reference are not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Reference {
        text.parse().expect(text)
    }

    #[test]
    fn a_leading_slash_belongs_to_the_path() {
        assert_eq!(read("aws.ps:///prod/db/root").path(), "/prod/db/root");
        assert_eq!(read("aws.sm://prod/db").path(), "prod/db");
    }

    #[test]
    fn arns_and_secret_names_need_no_escapes() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-1+2=3@x_y.z-AbCdEf";
        assert_eq!(read(&format!("aws.sm://{arn}#user")).path(), arn);
    }

    #[test]
    fn escapes_and_pointers() {
        let reference = read("file://a%23b%3F%25/%C3%A9#%2Fa");
        assert_eq!((reference.path(), reference.keypath().steps()), ("a#b?%/\u{e9}", &["/a".to_owned()][..]));
        let pointer = read("file://a#/b~1c/0");
        assert_eq!(pointer.keypath().steps(), ["b/c", "0"]);
        assert!(pointer.keypath().is_pointer());
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for text in [
            "prod/db",
            "://x",
            "Aws://x",
            "a b://x",
            "file://",
            "file://a#",
            "file://a%2",
            "file://a%zz",
            "file://a?x=1",
            "file://%00",
            "file://a%FF",
            "file://a#/~2",
            "file://a\nb",
            "1a://x",
        ] {
            let error = text.parse::<Reference>().expect_err(text);
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<Reference>();
        }

        #[test]
        fn what_is_written_is_read_back(
            path in "[^\\p{Cc}]+",
            steps in proptest::collection::vec(".+", 0..4),
        ) {
            let written = Reference::new("aws.sm", path).expect("a path").with_keypath(steps);
            let again = read(&written.to_string());
            prop_assert_eq!(again.path(), written.path());
            prop_assert_eq!(again.keypath().steps(), written.keypath().steps());
        }
    }
}
