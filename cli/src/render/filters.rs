//! Template filters: `json`, `base64`, `url` and `shell`, and the check of values that are written.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use minijinja::{
    Environment, Error, ErrorKind, Output, State, escape_formatter,
    value::{Value, ValueKind},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::export::posix_quote;

/// All characters but the unreserved ones of [RFC
/// 3986](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const BINARY: &str = "the secret is binary, not text: use the filter base64";
const NUL: &str = "the value contains a NUL byte, which no shell can represent";
const FUNCTION: &str = "a function has no text: it takes arguments in parentheses";
const NO_JSON: &str = "this can't be written as JSON";

/// Registers the filters.
pub(super) fn add(environment: &mut Environment<'_>) {
    environment.add_filter("json", json);
    environment.add_filter("base64", base64);
    environment.add_filter("url", url);
    environment.add_filter("shell", shell);
}

/// Whether an error message is one of ours, and so contains no value.
pub(super) fn is_ours(detail: &str) -> bool {
    [BINARY, FUNCTION, NUL, NO_JSON].contains(&detail)
}

/// Writes a value without a filter, unchanged. Binary values are refused: the engine would garble
/// them.
pub(super) fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    check(value)?;
    escape_formatter(out, state, value)
}

/// Any value as JSON. A text gets quotes.
fn json(value: &Value) -> Result<String, Error> {
    check(value)?;
    serde_json::to_string(value).map_err(|_| invalid(NO_JSON))
}

/// Standard base64 with padding, of text or bytes.
fn base64(value: &Value) -> Result<String, Error> {
    match value.as_bytes() {
        Some(bytes) => Ok(BASE64.encode(bytes)),
        None => Ok(BASE64.encode(text(value)?)),
    }
}

/// Percent-encoded, for any part of a URL.
fn url(value: &Value) -> Result<String, Error> {
    Ok(utf8_percent_encode(&text(value)?, RESERVED).to_string())
}

/// Quoted as one word of a POSIX shell.
fn shell(value: &Value) -> Result<String, Error> {
    let text = text(value)?;
    if text.contains('\0') {
        return Err(invalid(NUL));
    }
    let mut word = Vec::new();
    posix_quote(&mut word, text.as_bytes());
    String::from_utf8(word).map_err(|_| invalid(BINARY))
}

fn text(value: &Value) -> Result<String, Error> {
    check(value)?;
    Ok(value.to_string())
}

/// Refuses undefined and binary values and functions, also within lists and maps.
fn check(value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Bytes => Err(invalid(BINARY)),
        // The engine would print the name of its Rust type.
        ValueKind::Plain => Err(invalid(FUNCTION)),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter()?.try_for_each(|item| check(&item)),
        ValueKind::Map => value.try_iter()?.try_for_each(|key| check(&value.get_item(&key)?)),
        _ => Ok(()),
    }
}

fn invalid(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, why)
}
