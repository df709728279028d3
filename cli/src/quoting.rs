//! How `export` spells a text within what stands around it: what is shown so has to be found so, by masks and `run --redact`.

use std::io::Write;

/// A text between the single quotes of PowerShell:
/// [a doubled quote is one](https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules);
/// the four typographic single quotes are quotes as well. What a program prints reaches PowerShell line by line, so that a
/// value with line ends in it would not arrive as it is: characters that end a line, and all other control characters,
/// are written as numbers.
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

/// A text between double quotes, as JSON and YAML both read it. What one of the two does not take as it is, or what an
/// editor would not show, is written as a number.
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

/// Whether JSON and YAML both take a character as it is, and an editor shows it.
pub(crate) fn is_unescaped(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A text behind a logging command of Azure Pipelines, in which `%` alone has a meaning.
pub(crate) fn azure(out: &mut Vec<u8>, text: &str) {
    out.extend(text.replace('%', "%AZP25").into_bytes());
}

/// A value within a [service message](https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values) of TeamCity.
pub(crate) fn teamcity(out: &mut Vec<u8>, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => out.extend(b"|n"),
            '\r' => out.extend(b"|r"),
            '\'' | '|' | '[' | ']' => drop(write!(out, "|{character}")),
            other if u32::from(other) > 0x7f => {
                // Four digits are a unit of UTF-16.
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "|0x{unit:04X}");
                }
            }
            other => drop(write!(out, "{other}")),
        }
    }
}
