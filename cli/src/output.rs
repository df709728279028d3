//! Values and answers on standard output.

use std::{
    io::{self, IsTerminal, StdoutLock, Write},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use s1crets::{Listing, Secret, Updated};
use serde_json::{Value, json};

use crate::{escape, report::Failure};

/// How a value is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) newline: bool,
    /// Bytes may go to a terminal.
    pub(crate) binary: bool,
}

/// One secret.
pub(crate) fn secret(secret: &Secret, style: Style) -> Result<(), Failure> {
    if style.json {
        return print(|out| writeln!(out, "{}", described(secret)));
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

/// Many secrets, a line each.
pub(crate) fn listing(listing: &Listing, style: Style) -> Result<(), Failure> {
    if style.json {
        let members = listing.iter().map(|(name, secret)| format!("{}:{}", as_json(name), described(secret)));
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

/// What an update did, for those who want JSON; nothing for others.
pub(crate) fn updated(updated: &Updated, json: bool) -> Result<(), Failure> {
    match json {
        true => line(&json!({ "name": updated.name, "version": updated.version })),
        false => Ok(()),
    }
}

/// Whether something exists, for those who want JSON; others go by the exit status.
pub(crate) fn exists(exists: bool, json: bool) -> Result<(), Failure> {
    match json {
        true => line(&json!({ "exists": exists })),
        false => Ok(()),
    }
}

/// Facts about the command's own doings: as JSON, or as text for people.
#[cfg(unix)]
pub(crate) fn facts(facts: &Value, text: &str, json: bool) -> Result<(), Failure> {
    match json {
        true => line(facts),
        false => text_lines(text),
    }
}

/// Runs `write` on standard output. A reader that has seen enough is no error.
pub(crate) fn print(write: impl FnOnce(&mut StdoutLock<'_>) -> io::Result<()>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io("can't write to standard output", error))
        }
        _ => Ok(()),
    }
}

/// Text for people, escaped line by line.
pub(crate) fn text_lines(text: &str) -> Result<(), Failure> {
    print(|out| text.lines().try_for_each(|line| writeln!(out, "{}", escape::text(line))))
}

/// One line of text for people, escaped whole: a line end in it begins no other line.
pub(crate) fn text_line(text: &str) -> Result<(), Failure> {
    print(|out| writeln!(out, "{}", escape::text(text)))
}

/// JSON on a line.
pub(crate) fn line(value: &Value) -> Result<(), Failure> {
    print(|out| writeln!(out, "{}", escape::json(&value.to_string())))
}

/// A value with what is known of it, as JSON. Bytes that are no text are in base64.
///
/// The value is written as any JSON serializer writes it: so it is known to masks. All else is escaped.
fn described(secret: &Secret) -> String {
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
        true => Err(Failure::Usage("the secret is binary: it is not printed to a terminal without --binary".into())),
        false => Ok(()),
    }
}
