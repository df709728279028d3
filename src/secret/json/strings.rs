//! Decodes JSON strings whose syntax was checked.
//!
//! JSON escapes UTF-16, so a string can hold half of a surrogate pair (`"\ud800"`). Python reads
//! and writes such strings; a Rust `str` can't hold them.

use zeroize::Zeroizing;

use super::write::write_unit;

/// The content of a string, decoded.
pub(super) enum Decoded {
    /// No escapes: the text is as it is written.
    AsWritten,
    Text(Zeroizing<String>),
    /// UTF-16 with half of a surrogate pair.
    HalfPair(Zeroizing<Vec<u16>>),
}

/// Decodes the content of a string: the text between its quotes.
pub(super) fn decode(inner: &str) -> Decoded {
    match text(inner) {
        Some(text) => Decoded::Text(text),
        None => Decoded::HalfPair(utf16(inner)),
    }
}

/// The decoded text; `None` if it has half of a surrogate pair.
fn text(inner: &str) -> Option<Zeroizing<String>> {
    // Decoding only shortens, so the buffer never moves and leaves no copy behind.
    let mut decoded = Zeroizing::new(String::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        decoded.push_str(&rest[..at]);
        let (unit, length) = escaped_unit(&rest[at..]);
        rest = &rest[at + length..];
        let character = match char::from_u32(unit.into()) {
            Some(character) => character,
            None => {
                let (second, length) = rest.starts_with('\\').then(|| escaped_unit(rest))?;
                rest = &rest[length..];
                char::decode_utf16([unit, second]).next()?.ok()?
            }
        };
        decoded.push(character);
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// The content of a string in UTF-16.
pub(super) fn utf16(inner: &str) -> Zeroizing<Vec<u16>> {
    // No unit takes less than a byte.
    let mut units = Zeroizing::new(Vec::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        let (unit, length) = escaped_unit(&rest[at..]);
        units.push(unit);
        rest = &rest[at + length..];
    }
    units.extend(rest.encode_utf16());
    units
}

/// The text, with each half of a surrogate pair as its escape, such as `\ud800`.
pub(super) fn with_halves_escaped(units: &[u16]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(units.len() * r"\ud800".len()));
    for character in char::decode_utf16(units.iter().copied()) {
        match character {
            Ok(character) => text.push(character),
            Err(half) => write_unit(&mut text, half.unpaired_surrogate()),
        }
    }
    text
}

/// The unit of UTF-16 that the escape at the start of `text` means, and the length of the escape.
fn escaped_unit(text: &str) -> (u16, usize) {
    let character = match text.as_bytes().get(1) {
        Some(b'u') => {
            let unit = text.get(2..6).and_then(|digits| u16::from_str_radix(digits, 16).ok());
            return (unit.unwrap_or_default(), 6);
        }
        Some(b'b') => 8,
        Some(b'f') => 0xc,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        // A quote, a slash or a backslash: the syntax was checked.
        other => other.copied().unwrap_or_default(),
    };
    (character.into(), 2)
}
