//! Prints secrets and other results to stdout, as text or JSON.

use std::{
    io::{self, IsTerminal, StdoutLock, Write},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use s1crets::{Listing, Secret};
use serde_json::{Value, json};

use crate::{escape, report::Failure};

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
    refuse_binary([secret].into_iter(), style)?;
    print(|out| {
        out.write_all(secret.expose_bytes())?;
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
    refuse_binary(listing.iter().map(|(_, secret)| secret), style)?;
    print(|out| {
        for (name, secret) in listing.iter() {
            out.write_all(escape::text(name).as_bytes())?;
            out.write_all(b" ")?;
            out.write_all(secret.expose_bytes())?;
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

/// A secret with its metadata as JSON. A value that is not UTF-8 text is in base64, under
/// `value_base64`.
///
/// The value is written as every JSON serializer writes it, because masks know that form. The rest
/// is escaped.
fn secret_as_json(secret: &Secret) -> String {
    let (key, value) = match (secret.is_binary(), secret.expose_str()) {
        (false, Ok(text)) => ("value", json!(text)),
        _ => ("value_base64", json!(BASE64.encode(secret.expose_bytes()))),
    };
    let [created, name, version] =
        [as_json(secret.created().map(rfc3339)), as_json(secret.name()), as_json(secret.version())];
    format!(r#"{{"created":{created},"name":{name},"{key}":{value},"version":{version}}}"#)
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
