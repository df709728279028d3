//! Prints secrets and other results to stdout, as text or JSON.

use std::{
    io::{self, IsTerminal, StdoutLock, Write},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use s1crets::{Error, Listing, Secret};
use serde_json::{Value, json};

use crate::{escape, report::Failure, staleness, whole_map::as_one_value};

/// How values are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) json: bool,
    /// Add a newline to a text value.
    pub(crate) newline: bool,
    /// Allow binary values on a terminal.
    pub(crate) binary: bool,
}

/// Prints one secret.
pub(crate) fn secret(secret: &Secret, style: Style) -> Result<(), Failure> {
    if style.json {
        return print(|out| writeln!(out, "{}", secret_as_json(secret)));
    }
    let secret = as_one_value(secret.clone())?;
    refuse_binary([&secret].into_iter(), style)?;
    let value = secret.expose_bytes()?;
    print(|out| {
        out.write_all(value)?;
        if style.newline && !secret.is_binary() {
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// Prints `NAME VALUE` lines, or one JSON object by name.
pub(crate) fn listing(listing: &Listing, style: Style) -> Result<(), Failure> {
    if style.json {
        let members = listing.iter().map(|(name, secret)| format!("{}:{}", as_json(name), secret_as_json(secret)));
        let members: Vec<_> = members.collect();
        return print(|out| writeln!(out, "{{{}}}", members.join(",")));
    }
    let (mut secrets, mut failures) = (Vec::with_capacity(listing.len()), Vec::new());
    for (name, secret) in listing.iter() {
        match as_one_value(secret.clone()) {
            Ok(secret) => secrets.push((name, secret)),
            Err(error) => failures.push(Failure::unreadable(name, &error)),
        }
    }
    if !failures.is_empty() {
        return Err(Failure::Many(failures));
    }
    refuse_binary(secrets.iter().map(|(_, secret)| secret), style)?;
    let lines = secrets.iter().map(|(name, secret)| Ok((*name, secret.expose_bytes()?)));
    let lines: Vec<_> = lines.collect::<Result<_, Error>>()?;
    print(|out| {
        for (name, value) in lines {
            out.write_all(escape::word(name).as_bytes())?;
            out.write_all(b" ")?;
            out.write_all(value)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// Prints `fields` as JSON, or `text` for people, with each line escaped.
#[cfg(unix)]
pub(crate) fn json_or_text(fields: &Value, text: &str, json: bool) -> Result<(), Failure> {
    match json {
        true => line(fields),
        false => print(|out| text.lines().try_for_each(|line| writeln!(out, "{}", escape::text(line)))),
    }
}

/// Calls `write` with stdout and flushes it. A closed pipe is not an error: its reader has seen
/// enough.
pub(crate) fn print(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::io("can't write to stdout", error)),
        _ => Ok(()),
    }
}

/// Prints one line of text for people. Escapes all of it, so that a newline in a name starts no
/// second line.
pub(crate) fn text_line(text: &str) -> Result<(), Failure> {
    print(|out| writeln!(out, "{}", escape::text(text)))
}

/// Prints JSON on one line.
pub(crate) fn line(value: &Value) -> Result<(), Failure> {
    print(|out| writeln!(out, "{}", escape::json(&value.to_string())))
}

/// A secret with its metadata and freshness as JSON. Text is under `value`, and bytes are in
/// base64, under `value_base64`. A map has an object of its texts under `values`, and one of its
/// bytes under `values_base64`.
///
/// Values are written as every JSON serializer writes them, because masks know that form. The rest
/// is escaped.
fn secret_as_json(secret: &Secret) -> String {
    let values = match secret.is_map() {
        true => map_as_json(secret),
        false => match value_as_json(secret) {
            Ok(text) => format!(r#""value":{text}"#),
            Err(base64) => format!(r#""value_base64":{base64}"#),
        },
    };
    let freshness = secret.freshness();
    let stale = freshness.as_ref().is_some_and(staleness::is_stale);
    let age = as_json(freshness.map(|freshness| freshness.age.as_secs()));
    let source = as_json(freshness.map(|freshness| staleness::source(freshness.source)));
    let [created, name, version] =
        [as_json(secret.created().map(rfc3339)), as_json(secret.name()), as_json(secret.version())];
    format!(
        r#"{{"age_seconds":{age},"created":{created},"name":{name},"source":{source},"stale":{stale},{values},"version":{version}}}"#
    )
}

fn map_as_json(map: &Secret) -> String {
    let (mut texts, mut bytes) = (Vec::new(), Vec::new());
    for (name, secret) in map.entries() {
        match value_as_json(&secret) {
            Ok(text) => texts.push(format!("{}:{text}", as_json(name))),
            Err(base64) => bytes.push(format!("{}:{base64}", as_json(name))),
        }
    }
    format!(r#""values":{{{}}},"values_base64":{{{}}}"#, texts.join(","), bytes.join(","))
}

/// A value as a JSON string. `Err` has bytes that are not text, in base64.
fn value_as_json(secret: &Secret) -> Result<Value, Value> {
    match (secret.is_binary(), secret.expose_str()) {
        (false, Ok(text)) => Ok(json!(text)),
        _ => Err(json!(BASE64.encode(secret.expose_bytes().unwrap_or_default()))),
    }
}

fn as_json(value: impl Into<Value>) -> String {
    escape::json(&value.into().to_string())
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

fn refuse_binary<'a>(mut secrets: impl Iterator<Item = &'a Secret>, style: Style) -> Result<(), Failure> {
    if style.binary || !io::stdout().is_terminal() {
        return Ok(());
    }
    match secrets.any(Secret::is_binary) {
        true => Err(Failure::Usage("the secret is binary; pass --binary to print it to a terminal".into())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use s1crets::{Metadata, SecretValue};

    use super::*;

    #[test]
    fn json_of_a_map_has_texts_and_bytes_by_name() {
        let entries = [("tls.crt", SecretValue::from("PEM\n")), ("k\u{202e}", SecretValue::binary([0xff]))];
        let secret = Secret::map(entries, Metadata::default().with_version("7")).expect("a map");
        assert_eq!(
            secret_as_json(&secret),
            r#"{"age_seconds":null,"created":null,"name":null,"source":null,"stale":false,"values":{"tls.crt":"PEM\n"},"values_base64":{"k\u202e":"/w=="},"version":"7"}"#
        );
        let empty = Secret::new(SecretValue::map::<&str, &str>([]).expect("a map"), Metadata::default());
        assert!(secret_as_json(&empty).contains(r#""values":{},"values_base64":{}"#));
    }
}
