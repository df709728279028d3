//! Key of a seal: 256 bits, random or read from text.

use std::{fmt, io};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

/// 256 random bits. They are wiped when dropped, and never shown.
pub struct Key(Zeroizing<[u8; SIZE]>);

const SIZE: usize = 32;

impl Key {
    /// A new random key.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// A key of these bytes.
    pub fn of(bytes: [u8; SIZE]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key in base64, in hexadecimal digits, or as 32 raw bytes; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; SIZE]>::try_from(text) {
            return Some(Self(Zeroizing::new(bytes)));
        }
        let text = text.trim_ascii();
        // Larger than a key: the decoder asks for room by the length of the text.
        let mut room = Zeroizing::new([0; SIZE + 4]);
        let decoded = match text.len() {
            64 => unhex(text, &mut *room).then_some(SIZE),
            _ => BASE64.decode_slice(text, &mut *room).ok(),
        };
        let mut bytes = Zeroizing::new([0; SIZE]);
        bytes.copy_from_slice(&room[..SIZE]);
        (decoded == Some(SIZE)).then_some(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// The key in base64.
    pub fn to_text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(vec![0; SIZE.div_ceil(3) * 4]);
        let written = BASE64.encode_slice(self.bytes(), &mut text).expect("base64 of 32 bytes fits");
        text.truncate(written);
        text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

fn unhex(digits: &[u8], bytes: &mut [u8]) -> bool {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    digits.chunks_exact(2).zip(bytes).all(|(pair, byte)| match (digit(pair[0]), digit(pair[1])) {
        (Some(high), Some(low)) => {
            *byte = high << 4 | low;
            true
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_base64_hex_or_raw_bytes() {
        let key = Key::random().expect("a key");
        let hex: String = key.bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [key.to_text().to_vec(), [&key.to_text()[..], b"\n"].concat(), hex.into(), key.bytes().to_vec()] {
            assert_eq!(Key::parse(&text).expect("a key").bytes(), key.bytes());
        }
    }

    #[test]
    fn text_that_is_not_a_key_is_refused() {
        for text in ["", "secret", &"0".repeat(63), &"g".repeat(64), &BASE64.encode([7; 31]), &BASE64.encode([7; 33])] {
            assert!(Key::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Key::of([7; SIZE])), "Key([redacted])");
    }
}
