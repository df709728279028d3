//! Writes JSON strings into buffers that don't grow: growing would leave a copy of the text behind.

use zeroize::Zeroizing;

/// `text` as a JSON string in UTF-8.
pub(crate) fn quote(text: &str) -> Zeroizing<String> {
    let mut json = Zeroizing::new(String::with_capacity(ascii_string_len(text)));
    write_string(&mut json, text);
    json
}

/// Appends `text` as a JSON string in UTF-8: at most [`ascii_string_len`] bytes.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' | '\0'..='\u{1f}' => write_escaped(out, character),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Appends `text` as a JSON string, as Python's `json.dump` writes it: in ASCII, with `\u` escapes
/// in lower case for all other characters.
#[cfg(any(test, feature = "file"))]
pub(crate) fn write_ascii_string(out: &mut String, text: &str) {
    write_ascii_units(out, text.encode_utf16());
}

/// As [`write_ascii_string`], for a string that is no text: it has half of a surrogate pair.
#[cfg(any(test, feature = "file"))]
pub(crate) fn write_ascii_units(out: &mut String, units: impl Iterator<Item = u16>) {
    out.push('"');
    for unit in units {
        match char::from_u32(unit.into()) {
            Some(character @ ('"' | '\\' | '\0'..='\u{1f}')) => write_escaped(out, character),
            Some(character @ ' '..='~') => out.push(character),
            _ => write_unit(out, unit),
        }
    }
    out.push('"');
}

/// Appends the escape of a character that has one in ASCII.
fn write_escaped(out: &mut String, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        other => other.encode_utf16(&mut [0; 2]).iter().for_each(|unit| write_unit(out, *unit)),
    }
}

/// Appends the escape `\uXXXX`.
pub(super) fn write_unit(out: &mut String, unit: u16) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = char::from_digit(u32::from(unit >> shift) & 0xf, 16);
        out.push(digit.expect("four bits are one hexadecimal digit"));
    }
}

/// How many bytes [`write_ascii_string`] writes. A buffer of this size doesn't have to grow, which
/// would leave a copy behind.
pub(crate) fn ascii_string_len(text: &str) -> usize {
    ascii_units_len(text.encode_utf16())
}

/// As [`ascii_string_len`], for [`write_ascii_units`].
pub(crate) fn ascii_units_len(units: impl Iterator<Item = u16>) -> usize {
    let escaped = units.map(|unit| match char::from_u32(unit.into()) {
        Some('"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}') => 2,
        Some(' '..='~') => 1,
        _ => 6,
    });
    escaped.sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ascii_strings_are_those_of_python() {
        let mut out = String::new();
        write_ascii_string(&mut out, "h\u{e9}\u{1f600}\u{7f}\"\\/\n");
        assert_eq!(out, r#""h\u00e9\ud83d\ude00\u007f\"\\/\n""#);
    }

    proptest! {
        #[test]
        fn a_quoted_text_is_a_json_string_and_its_buffer_did_not_grow(text in any::<String>()) {
            let json = quote(&text);
            prop_assert!(json.len() <= ascii_string_len(&text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("a string"), text);
        }
    }
}
