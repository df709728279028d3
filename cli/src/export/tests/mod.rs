//! Round trips: each format is read back by its real reader, or by the documented rules of one that
//! can't run here.

mod ci_masks;
mod readers;
mod round_trip;
mod shells;

use proptest::{prelude::*, sample::select};
use s1crets::{Metadata, Secret};

use super::{Document, Entry, Format};

/// Texts that have broken quoting code before.
const HOSTILE: &[&str] = &[
    "$(touch /tmp/s1crets-was-here)",
    "`id`",
    "'",
    "''",
    "\"",
    "\\",
    "\\\\",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "-n",
    "--",
    "-",
    "=",
    "#",
    "!",
    "!!",
    "~",
    "*",
    "?",
    "[",
    "]",
    "{",
    "}",
    "${HOME}",
    "$HOME",
    "$",
    "$$",
    "&",
    "|",
    "|n",
    "||",
    ";",
    "<",
    "<<",
    ">",
    "%",
    "%%",
    "%0A",
    "%25",
    "%AZP25",
    "%n",
    "::add-mask::",
    "::set-output name=x::y",
    "##vso[task.complete]",
    "##teamcity[buildStop]",
    "EOF",
    "s1crets_",
    "\nEOF\n",
    "\u{1b}[31m",
    "\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2018}",
    "\u{2019}",
    "\u{201b}",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{ffff}",
    "é",
    "😀",
    "null",
    "true",
    "1e3",
    "0x10",
    "---",
    "...",
    "- a",
    ": ",
    "@",
    "\nNAME=x\n",
    "\nexport X=1\n",
];

/// Random texts, most of them with hostile parts.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => select(HOSTILE).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9]{0,6}",
        1 => any::<char>().prop_filter("no NUL", |character| *character != '\0').prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Many values at once, because a reader may be a process of its own.
fn batches() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(texts(), 1..40)
}

fn secret(value: impl AsRef<[u8]>) -> Secret {
    match std::str::from_utf8(value.as_ref()) {
        Ok(text) => Secret::text(text, Metadata::default()),
        Err(_) => Secret::binary(value.as_ref().to_vec(), Metadata::default()),
    }
}

fn name(index: usize) -> String {
    format!("V{index}")
}

/// A document with the values as `V0`, `V1` and so on; `None` if the format refuses one of them.
fn written<T: AsRef<[u8]>>(format: Format, values: &[T]) -> Option<Vec<u8>> {
    let secrets: Vec<_> = values.iter().enumerate().map(|(index, value)| (name(index), secret(value))).collect();
    let entries: Vec<_> = secrets.iter().map(|(name, secret)| Entry::new(name, secret).expect("one value")).collect();
    let document = Document { entries: &entries, name: Some("app") };
    format.write(&document).ok().map(|out| out.to_vec())
}

/// The values that the format can represent, and a document with them.
fn representable(format: Format, values: Vec<String>) -> (Vec<String>, Vec<u8>) {
    let accepted: Vec<_> = values.into_iter().filter(|value| written(format, &[value]).is_some()).collect();
    let out = written(format, &accepted).expect("each was accepted alone");
    (accepted, out)
}
