//! How TeamCity writes a text within a [service message](https://www.jetbrains.com/help/teamcity/service-messages.html#Escaped+Values).

use std::io::Write;

/// A value within a service message.
pub(crate) fn service_message(out: &mut Vec<u8>, text: &str) {
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
