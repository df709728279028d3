//! The new value of `update`: where it is read from, and which of its bytes are stored.
//!
//! Bytes are stored as they are. The one exception is text from stdin that is one line: `echo`, and
//! whoever types it, ends it with a newline that is not part of the value.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use s1crets::{Error, ErrorKind, JsonKind, Metadata, Secret, SecretValue};
use zeroize::Zeroizing;

use super::{Update, current::Current};
use crate::report::Failure;

/// The new value as it was given.
pub(super) struct NewValue {
    bytes: Zeroizing<Vec<u8>>,
    /// The length of the newline that ends a single line from stdin; 0 for any other value.
    newline: usize,
}

impl NewValue {
    /// Reads the value from where the arguments say.
    pub(super) fn read(args: &Update) -> Result<Self, Failure> {
        let new = match (&args.value, &args.value_file) {
            (Some(value), _) => {
                check_argument(value)?;
                return Ok(Self::of_bytes(Zeroizing::new(value.clone().into_bytes())));
            }
            (None, Some(file)) if file != Path::new("-") => {
                let unreadable =
                    |error| Failure::io(format!("can't read the new value from {}", file.display()), error);
                Self::of_bytes(File::open(file).and_then(read_all).map_err(unreadable)?)
            }
            (None, _) => Self::of_stdin(from_stdin()?),
        };
        match new.bytes.len() == new.newline {
            true => Err(Failure::Usage("the new value is empty; pass '' as VALUE to empty the secret".into())),
            false => Ok(new),
        }
    }

    fn of_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { bytes, newline: 0 }
    }

    fn of_stdin(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { newline: newline_of_single_line(&bytes), bytes }
    }

    /// Whether it depends on the form of the secret, text or bytes, what is stored.
    pub(super) fn depends_on_form(&self) -> bool {
        self.newline > 0
    }

    /// The kind of the value as JSON; `None` if it is not JSON.
    pub(super) fn json_kind(&self) -> Option<JsonKind> {
        let secret = Secret::binary(self.bytes.to_vec(), Metadata::default());
        secret.json().ok().map(|json| json.kind())
    }

    /// [`JsonKind::Number`] or [`JsonKind::Bool`] if the text is one in JSON.
    pub(super) fn scalar_kind(&self) -> Option<JsonKind> {
        let text = std::str::from_utf8(self.without_newline()).ok()?;
        // Refuses `NaN`, too, which few other programs read.
        SecretValue::json_text(text).ok()?;
        let secret = Secret::text(text, Metadata::default());
        let json = secret.json().ok().filter(|json| json.raw() == text)?;
        Some(json.kind()).filter(|kind| matches!(kind, JsonKind::Number | JsonKind::Bool))
    }

    /// The value to store.
    pub(super) fn into_value(self, current: &Current, as_json: bool) -> Result<SecretValue, Failure> {
        let bytes = if current.is_binary() { &self.bytes } else { self.without_newline() };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(SecretValue::binary(bytes.to_vec()));
        };
        let keeps_kind = current.scalar_kind().is_some_and(|kind| self.scalar_kind() == Some(kind));
        match as_json || keeps_kind {
            true => Ok(SecretValue::json_text(text)?),
            false => Ok(SecretValue::text(text)),
        }
    }

    fn without_newline(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() - self.newline]
    }
}

/// The length of the LF or CR LF at the end, if it is the only one.
fn newline_of_single_line(bytes: &[u8]) -> usize {
    let Some(line) = bytes.strip_suffix(b"\n").filter(|line| !line.contains(&b'\n')) else { return 0 };
    if line.ends_with(b"\r") { 2 } else { 1 }
}

/// Refuses a VALUE that other commands take for the name of a file.
fn check_argument(value: &str) -> Result<(), Error> {
    let (what, hint) = match value {
        "-" => ("is `-`, which is not read as stdin", "to read stdin, omit VALUE"),
        _ if value.starts_with('@') => (
            "begins with @, which is not read as the name of a file",
            "to store what a file holds, use --value-file FILE; to store a text that begins with @, pipe it to stdin",
        ),
        _ if is_file_url(value) => (
            "is a URL of a file, which is not read",
            "to store what a file holds, use --value-file FILE; to store the URL, pipe it to stdin",
        ),
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("VALUE {what}")).with_hint(hint))
}

/// The schemes of URLs ignore case.
fn is_file_url(value: &str) -> bool {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| ["file", "fileb"].iter().any(|file| file.eq_ignore_ascii_case(scheme)))
}

fn from_stdin() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::Usage("no new value; pipe it to stdin or use --value-file".into()));
    }
    read_all(stdin).map_err(|error| Failure::io("can't read the new value from stdin", error))
}

/// Whether stdin has data that was not read. Keys typed ahead on a terminal don't count.
#[cfg(unix)]
pub(super) fn has_unread_stdin() -> bool {
    let stdin = io::stdin();
    !stdin.is_terminal() && rustix::io::ioctl_fionread(&stdin).is_ok_and(|bytes| bytes > 0)
}

#[cfg(not(unix))]
pub(super) fn has_unread_stdin() -> bool {
    false
}

fn read_all(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    /// Above what any backend accepts, so the buffer does not grow and leave an unwiped copy
    /// behind.
    const CAPACITY: usize = 128 * 1024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(new: NewValue, current: &Current) -> Vec<u8> {
        new.into_value(current, false).expect("a value").expose_bytes().expect("one value").to_vec()
    }

    fn stdin(bytes: &[u8]) -> NewValue {
        NewValue::of_stdin(Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn one_line_from_stdin_loses_its_newline_and_nothing_else_does() {
        for (given, text) in [
            (&b"line\n"[..], &b"line"[..]),
            (b"line\r\n", b"line"),
            (b"line", b"line"),
            (b"line\r", b"line\r"),
            (b"line\n\n", b"line\n\n"),
            (b"one\ntwo\n", b"one\ntwo\n"),
            (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
            (b"\nline", b"\nline"),
        ] {
            assert_eq!(stored(stdin(given), &Current::Unknown), text, "{given:?}");
            assert_eq!(stored(NewValue::of_bytes(Zeroizing::new(given.to_vec())), &Current::Unknown), given);
            let binary = Current::Value(Secret::binary([0xff], Metadata::default()));
            assert_eq!(stored(stdin(given), &binary), given, "bytes stay as they are");
        }
    }

    #[test]
    fn a_number_or_boolean_keeps_its_kind_if_the_text_is_one() {
        let current = |json: &str| {
            let secret = Secret::text(format!("{{\"k\":{json}}}"), Metadata::default());
            Current::Value(secret.key("k").expect("a key"))
        };
        for (old, new, stays) in [
            ("5432", "5433\n", true),
            ("5432", "-1.50e3", true),
            ("true", "false", true),
            ("5432", "true", false),
            ("true", "1", false),
            ("5432", "0123", false),
            ("5432", " 5433", false),
            ("1.5", "NaN", false),
            ("5432", "text", false),
            ("\"5432\"", "5433", false),
            ("null", "5433", false),
            ("[1]", "5433", false),
        ] {
            let value = stdin(new.as_bytes()).into_value(&current(old), false).expect("a value");
            let part = Secret::text(r#"{"k":1}"#, Metadata::default());
            let changed = part.with_replaced(&["k"].into(), &value).expect("replaced");
            let new = new.trim_end_matches('\n');
            let expected = if stays { format!(r#"{{"k":{new}}}"#) } else { format!(r#"{{"k":"{new}"}}"#) };
            assert_eq!(changed.expose_text(), Some(expected.as_str()), "{old} {new}");
        }
    }
}
