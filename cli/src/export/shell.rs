//! Shells: a value stands in single quotes, in which nothing but the quote itself has a meaning.

use std::io::Write;

use super::format::Document;
use crate::quoting;

/// POSIX shells:
/// [in single quotes each character stands for itself](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02);
/// a quote is written outside of them.
pub(super) fn sh(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "export {}=", entry.name);
        quote(out, entry.bytes());
        out.push(b'\n');
    }
}

/// One word of a POSIX shell.
pub(crate) fn quote(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'\'');
    for byte in value {
        match byte {
            b'\'' => out.extend(br"'\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
}

/// fish: [in single quotes `\'` and `\\` alone are escapes](https://fishshell.com/docs/current/language.html#quotes).
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

/// PowerShell: in single quotes, which are interrupted for what can't stand there.
pub(super) fn powershell(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "${{env:{}}} = '", entry.name);
        quoting::powershell(out, entry.text());
        out.extend(b"'\n");
    }
}
