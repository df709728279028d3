//! References: the provider, path and keypath of a secret in one text, such as
//! `aws.sm://prod/db#password`.

use std::{fmt, str::FromStr};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    secret::{
        KeyPath,
        provider_name::{check_provider, is_like_a_name, meant_type},
    },
};

/// The provider, path and keypath of a secret.
///
/// ```text
/// PROVIDER://PATH            aws.ps:///prod/db/root       here the path begins with a slash
/// PROVIDER://PATH#KEY        aws.sm://prod/db#password    one key
/// PROVIDER://PATH#KEY#KEY    aws.sm://prod/db#hosts#0     further keys, as in a KeyPath
/// PROVIDER://PATH#/POINTER   file://app/db#/hosts/0/name  an RFC 6901 JSON pointer
/// ```
///
/// Path, keys and pointer are percent-encoded as in a URI:
///
/// - A space is `%20`, a `%` is `%25`, and a `#` is `%23`.
/// - In the path, a `?` is `%3F`. An unescaped one is refused, because it is reserved for options.
/// - At the beginning of a key, a `/` is `%2F`, because an unescaped one begins a pointer.
/// - An empty key is written `""`, and the key `""` itself `%22%22`. So a text that ends in `#`, or
///   has `##` in it, is refused: it is more likely a variable that was empty.
///
/// `Display` writes the same grammar, and parsing its text gives an equal reference.
///
/// ```
/// use s1crets::Reference;
///
/// let reference: Reference = "aws.sm://prod/db#hosts#0".parse()?;
/// assert_eq!((reference.provider(), reference.path()), ("aws.sm", "prod/db"));
/// assert_eq!(reference.keypath().steps(), ["hosts", "0"]);
/// assert_eq!(reference.to_string(), "aws.sm://prod/db#hosts#0");
/// # Ok::<(), s1crets::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    provider: String,
    path: String,
    keypath: KeyPath,
}

/// The ASCII characters to escape in a key or a pointer.
const KEY: &AsciiSet = &CONTROLS.add(b'%').add(b' ').add(b'#');
/// The ASCII characters to escape in a path.
const PATH: &AsciiSet = &KEY.add(b'?');

/// How an empty key is written.
const EMPTY_KEY: &str = "\"\"";

impl Reference {
    /// A reference to a whole secret.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the name of the provider is
    /// malformed, or the path is empty or has control characters.
    pub fn new(provider: impl Into<String>, path: impl Into<String>) -> Result<Self> {
        let reference = Self { provider: provider.into(), path: path.into(), keypath: KeyPath::default() };
        check_provider(&reference.provider)?;
        check_path(&reference.path)?;
        Ok(reference)
    }

    /// Sets the keypath. Default: none, which means the whole secret.
    #[must_use]
    pub fn with_keypath(self, keypath: impl Into<KeyPath>) -> Self {
        Self { keypath: keypath.into(), ..self }
    }

    /// Parses the text of a setting. The error repeats nothing of its path: it may be a secret that
    /// does not belong there.
    pub(crate) fn parse_setting(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: Error| match (error.hint(), meant_reference(text)) {
            (_, Some((provider, _))) => format!("{}; write {provider}://PATH", error.message()),
            (Some(hint), None) => format!("{}; {hint}", error.message()),
            (None, None) => error.message().to_owned(),
        })
    }

    /// Whether a text without `://` can only be a reference that lacks it, as in `aws.sm:prod/db`.
    pub(crate) fn lacks_slashes(text: &str) -> bool {
        meant_reference(text).is_some()
    }

    /// The same path and keypath of another provider, whose name the caller has checked.
    pub(crate) fn with_provider(self, provider: &str) -> Self {
        Self { provider: provider.to_owned(), ..self }
    }

    /// Whether `text` begins like a reference, with a provider and `://`, and so is no bare path. A
    /// provider in upper case counts, although [parsing](FromStr) refuses it.
    pub fn looks_like(text: &str) -> bool {
        text.split_once("://").is_some_and(|(provider, _)| is_like_a_name(provider))
    }

    /// The name of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The path, decoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The keypath to a part of the secret; empty for the whole secret.
    pub fn keypath(&self) -> &KeyPath {
        &self.keypath
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((provider, rest)) = text.split_once("://") else {
            return Err(not_a_reference(text));
        };
        let (path, fragment) = match rest.split_once('#') {
            Some((path, fragment)) => (path, Some(fragment)),
            None => (rest, None),
        };
        if path.contains('?') {
            return Err(Error::invalid_input("in a reference's path '?' is reserved")
                .with_hint("write %3F for a question mark in a name"));
        }
        let keypath = fragment.map(parse_fragment).transpose()?.unwrap_or_default();
        Ok(Self::new(provider, decode(path)?)?.with_keypath(keypath))
    }
}

/// Serializes as text.
impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Deserializes from text.
impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse_setting(&text).map_err(de::Error::custom)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.provider, utf8_percent_encode(&self.path, PATH))?;
        if self.keypath.is_pointer() {
            return write!(f, "#{}", utf8_percent_encode(&self.keypath.to_pointer(), KEY));
        }
        self.keypath.steps().iter().try_for_each(|key| write_key(f, key))
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    match (key, key.strip_prefix('/')) {
        ("", _) => write!(f, "#{EMPTY_KEY}"),
        (EMPTY_KEY, _) => f.write_str("#%22%22"),
        (_, Some(rest)) => write!(f, "#%2F{}", utf8_percent_encode(rest, KEY)),
        (_, None) => write!(f, "#{}", utf8_percent_encode(key, KEY)),
    }
}

/// The error for a text without `://`. If it begins with what can only be a provider, the hint is the
/// right spelling. Any other text is not repeated: it may be a secret, as in `admin:password`.
fn not_a_reference(text: &str) -> Error {
    let error = Error::invalid_input("a reference is written PROVIDER://PATH or PROVIDER://PATH#KEY");
    match meant_reference(text) {
        Some((provider, rest)) => error.with_hint(format!("write {}", spelled(provider, rest))),
        None => error,
    }
}

/// The provider that a text without `://` means, and what follows it, as in `aws.sm:prod/db`.
fn meant_reference(text: &str) -> Option<(&'static str, &str)> {
    let (typed, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty() && !rest.starts_with("//"))?;
    Some((meant_type(typed)?, rest))
}

/// A reference to what somebody wrote behind the name of a provider. The name of a parameter with
/// levels begins with a slash, and no other name does.
fn spelled(provider: &str, rest: &str) -> String {
    let path = rest.trim_start_matches('/');
    match provider == "aws.ps" && rest.contains('/') {
        true => format!("{provider}:///{path}"),
        false => format!("{provider}://{path}"),
    }
}

/// Checks a path: not empty, and without control characters, which no backend takes.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid_input("the path is empty"));
    }
    match path.chars().find(|character| character.is_control()) {
        Some(control) => Err(Error::invalid_input(format!("the path holds the control character {control:?}"))),
        None => Ok(()),
    }
}

/// Parses what follows the first `#`.
fn parse_fragment(fragment: &str) -> Result<KeyPath> {
    // Before decoding, so that `%2F` begins a key and `%23` is a part of one.
    if fragment.starts_with('/') && !fragment.contains('#') {
        return KeyPath::from_pointer(&decode(fragment)?);
    }
    fragment.split('#').map(parse_key).collect::<Result<Vec<_>>>().map(KeyPath::new)
}

fn parse_key(key: &str) -> Result<String> {
    match key {
        "" => Err(Error::invalid_input("the key after '#' is empty").with_hint("write #\"\" for a key that is empty")),
        EMPTY_KEY => Ok(String::new()),
        _ if key.starts_with('/') => Err(Error::invalid_input("a JSON pointer can't be combined with keys")
            .with_hint("write %2F for a slash at the beginning of a key, and %23 for a '#' in a pointer")),
        _ => decode(key),
    }
}

fn decode(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let whole =
        |at: usize| matches!(bytes.get(at + 1..at + 3), Some(digits) if digits.iter().all(u8::is_ascii_hexdigit));
    if text.match_indices('%').any(|(at, _)| !whole(at)) {
        return Err(Error::invalid_input("in a reference '%' begins an escape such as %20")
            .with_hint("write %25 for a percent sign"));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Error::invalid_input("the escapes of the reference are not UTF-8")),
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
    fn a_leading_slash_is_part_of_the_path() {
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
    fn each_hash_begins_a_key() {
        for (text, keys) in [
            ("file://a#b#c", &["b", "c"][..]),
            ("file://a#b%23c", &["b#c"]),
            ("file://a#tls.crt#0#b/c", &["tls.crt", "0", "b/c"]),
            ("file://a#b#%2Fc", &["b", "/c"]),
            ("file://a#\"\"", &[""]),
            ("file://a#b#\"\"#c", &["b", "", "c"]),
        ] {
            assert_eq!(read(text).keypath().steps(), keys, "{text}");
            assert!(!read(text).keypath().is_pointer(), "{text}");
            assert_eq!(read(text).to_string(), text);
        }
    }

    /// References with one key have meant the same since the first release.
    #[test]
    fn plain_keys_keep_their_meaning() {
        for (fragment, key) in [
            ("password", "password"),
            ("a.b-c_d", "a.b-c_d"),
            ("a/b", "a/b"),
            ("%2Fa", "/a"),
            ("a%23b", "a#b"),
            ("a%20b", "a b"),
            ("a b", "a b"),
            ("100%25", "100%"),
            ("\"quoted\"", "\"quoted\""),
            ("0", "0"),
            ("h\u{e9}", "h\u{e9}"),
            ("a?b=c", "a?b=c"),
        ] {
            let reference = read(&format!("aws.sm://prod/db#{fragment}"));
            assert_eq!((reference.path(), reference.keypath()), ("prod/db", &KeyPath::new([key])), "{fragment}");
        }
    }

    #[test]
    fn a_missing_slash_gets_the_right_spelling_as_a_hint() {
        for (text, hint) in [
            ("aws.sm:prod/db", "write aws.sm://prod/db"),
            ("aws.sm:/prod/db", "write aws.sm://prod/db"),
            ("aws.sm:prod/db#password", "write aws.sm://prod/db#password"),
            ("AWS.SM:prod/db", "write aws.sm://prod/db"),
            ("aws.ps:/prod/db", "write aws.ps:///prod/db"),
            ("aws.ps:prod/db", "write aws.ps:///prod/db"),
            ("aws.ps:/prod", "write aws.ps:///prod"),
            ("ssm:db", "write aws.ps://db"),
            ("vault:secret/app#key", "write vault.kv://secret/app#key"),
            ("file:app/db", "write file://app/db"),
        ] {
            let error = text.parse::<Reference>().expect_err(text);
            assert_eq!((error.kind(), error.hint()), (crate::ErrorKind::InvalidInput, Some(hint)), "{text}");
        }
        // What follows the colon may be a password.
        for text in ["admin:hunter2", "prod/db", "aws.sm:", ":x", "arn:aws:secretsmanager:x", "vualt:x"] {
            assert_eq!(text.parse::<Reference>().expect_err(text).hint(), None, "{text}");
        }
        let error = "AWS.SM://prod/db".parse::<Reference>().expect_err("upper case");
        assert_eq!(error.hint(), Some("did you mean `aws.sm`?"));
    }

    #[test]
    fn a_text_with_a_scheme_looks_like_a_reference() {
        for text in ["aws.sm://x", "AWS.SM://x", "https://x", "a-b_c.d1://"] {
            assert!(Reference::looks_like(text), "{text}");
        }
        for text in ["aws.sm:x", "prod/db", "://x", "a b://x", "1a://x", "see aws.sm://x"] {
            assert!(!Reference::looks_like(text), "{text}");
        }
    }

    #[test]
    fn malformed_references_are_refused() {
        for text in [
            "prod/db",
            "://x",
            "Aws://x",
            "a b://x",
            "file://",
            "file://a#",
            "file://a##b",
            "file://a#b#",
            "file://a##",
            "file://a#b#/c",
            "file://a#/b#c",
            "file://a#b#%",
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
        fn any_reference_is_parsed_as_it_was_written(
            provider in "[a-z][a-z0-9._-]{0,8}",
            path in "[^\\p{Cc}]+",
            steps in proptest::collection::vec(step(), 0..4),
            pointer in any::<bool>(),
        ) {
            let keys = KeyPath::new(steps);
            let keypath = if pointer { KeyPath::from_pointer(&keys.to_pointer()).expect("a pointer") } else { keys };
            let written = Reference::new(provider, path).expect("a path").with_keypath(keypath);
            prop_assert_eq!(read(&written.to_string()), written);
        }
    }

    /// Any text, and often one with a meaning in the grammar.
    fn step() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[#/%\"~a0? ]{0,4}", Just(String::new()), Just("\"\"".to_owned())]
    }
}
