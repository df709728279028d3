//! Formats for shells: POSIX shells, fish and PowerShell. Values are in single quotes, in which
//! only the quote itself is special.

use std::io::Write;

use super::format::Document;
use crate::quoting;

/// `export` lines for POSIX shells.
pub(super) fn sh(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "export {}=", entry.name);
        posix_quote(out, entry.bytes());
        out.push(b'\n');
    }
}

/// Quotes a value as one word of a POSIX shell.
///
/// [All characters in single quotes are
/// literal](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02).
/// A single quote ends the string, is written as `\'`, and begins the string again.
pub(crate) fn posix_quote(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'\'');
    for byte in value {
        match byte {
            b'\'' => out.extend(br"'\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
}

/// `set -gx` lines for fish. [In single quotes, only `\'` and `\\` are
/// escapes](https://fishshell.com/docs/current/language.html#quotes).
pub(super) fn fish(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "set -gx {} '", entry.name);
        for byte in entry.bytes() {
            if matches!(byte, b'\'' | b'\\') {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.extend(b"'\n");
    }
}

/// `${env:NAME} = …` lines for PowerShell.
pub(super) fn powershell(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "${{env:{}}} = '", entry.name);
        quoting::powershell(out, entry.text());
        out.extend(b"'\n");
    }
}
