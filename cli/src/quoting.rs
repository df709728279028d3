//! Quoting rules of `export`: how a text is escaped within PowerShell, JSON, YAML and CI commands.
//!
//! [`encodings`](crate::encodings) uses the same functions. So CI masks and `run --redact` find a
//! value in the output of `export`.

use std::io::Write;

/// Escapes a text within a single-quoted string of PowerShell.
///
/// [A doubled quote stands for
/// one](https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules),
/// and the four typographic single quotes are quotes too. PowerShell reads the output of a program
/// line by line, so line ends would be lost: they and all other control characters become
/// `'+[char]10+'`.
pub(crate) fn powershell(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '\'' | '\u{2018}'..='\u{201b}' => drop(write!(out, "{character}{character}")),
            '\u{2028}' | '\u{2029}' => drop(write!(out, "'+[char]{}+'", u32::from(character))),
            other if other.is_control() => drop(write!(out, "'+[char]{}+'", u32::from(other))),
            other => drop(write!(out, "{other}")),
        }
    }
}

/// Escapes a text within a double-quoted string, for JSON and YAML alike. Characters that either of
/// them does not accept, or that an editor would not show, are written as `\u0000`.
pub(crate) fn json(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '"' | '\\' => drop(write!(out, "\\{character}")),
            '\n' => out.extend(br"\n"),
            '\t' => out.extend(br"\t"),
            '\r' => out.extend(br"\r"),
            other if !is_unescaped(other) => drop(write!(out, "\\u{:04x}", u32::from(other))),
            other => drop(write!(out, "{other}")),
        }
    }
}

/// Whether both JSON and YAML accept a character unescaped, and an editor shows it.
pub(crate) fn is_unescaped(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Escapes the text that follows a logging command of Azure Pipelines. Only `%` is special there,
/// besides line ends, which `export` refuses.
pub(crate) fn azure(out: &mut Vec<u8>, text: &str) {
    out.extend(text.replace('%', "%AZP25").into_bytes());
}

/// Escapes a value within a [service
/// message](https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values) of
/// TeamCity.
pub(crate) fn teamcity(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => out.extend(b"|n"),
            '\r' => out.extend(b"|r"),
            '\'' | '|' | '[' | ']' => drop(write!(out, "|{character}")),
            other if u32::from(other) > 0x7f => {
                // An escape has four digits: one unit of UTF-16.
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "|0x{unit:04X}");
                }
            }
            other => drop(write!(out, "{other}")),
        }
    }
}
