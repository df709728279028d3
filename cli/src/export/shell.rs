//! Shells: a value stands in single quotes, in which nothing but the quote itself has a meaning.

use std::io::Write;

use super::format::Document;

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

/// PowerShell:
/// [in single quotes a doubled quote is one](https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules);
/// the four typographic single quotes are quotes as well. What a program prints reaches PowerShell line by line, so that a
/// value with line ends in it would not arrive as it is: characters that end a line, and all other control characters,
/// are written as numbers.
pub(super) fn powershell(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        let _ = write!(out, "${{env:{}}} = '", entry.name);
        for character in entry.text().chars() {
            match character {
                '\'' | '\u{2018}'..='\u{201b}' => {
                    let _ = write!(out, "{character}{character}");
                }
                '\u{2028}' | '\u{2029}' => {
                    let _ = write!(out, "'+[char]{}+'", u32::from(character));
                }
                other if other.is_control() => {
                    let _ = write!(out, "'+[char]{}+'", u32::from(other));
                }
                other => {
                    let _ = write!(out, "{other}");
                }
            }
        }
        out.extend(b"'\n");
    }
}
