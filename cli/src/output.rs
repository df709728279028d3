//! Values and answers on standard output.

use std::{
    io::{self, IsTerminal, StdoutLock, Write},
    time::SystemTime,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use s1crets::{Listing, Secret, Updated};
use serde_json::{Map, Value, json};

use crate::report::Failure;

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
        return line(&described(secret));
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
        let all: Map<String, Value> =
            listing.iter().map(|(name, secret)| (name.to_owned(), described(secret))).collect();
        return line(&Value::Object(all));
    }
    refuse_binary(listing.iter().map(|(_, secret)| secret), style)?;
    print(|out| {
        for (name, secret) in listing.iter() {
            out.write_all(name.as_bytes())?;
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
        false => print(|out| writeln!(out, "{text}")),
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

/// JSON on a line.
pub(crate) fn line(value: &Value) -> Result<(), Failure> {
    print(|out| writeln!(out, "{value}"))
}

/// A value with what is known of it. Bytes that are no text are in base64.
fn described(secret: &Secret) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(secret.name()));
    object.insert("version".into(), json!(secret.version()));
    object.insert("created".into(), json!(secret.created().map(rfc3339)));
    match (secret.is_binary(), secret.expose_str()) {
        (false, Ok(text)) => object.insert("value".into(), json!(text)),
        _ => object.insert("value_base64".into(), json!(BASE64.encode(secret.expose_bytes()))),
    };
    Value::Object(object)
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
