//! What a record is named, and how it is sealed and opened.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::key::Key;

/// The ciphers, each under a key of its own that is derived from the one key.
///
/// Nonces are random: 192 bits of them, so that any number of processes can draw without a word to each other.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
    names: Hmac<Sha256>,
}

/// Names within one provider's settings.
#[derive(Clone)]
pub(super) struct Scope(Hmac<Sha256>);

/// The name of a record: a keyed hash of all that it is bound to. Without the key it tells nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name([u8; 32]);

pub(super) const NONCE: usize = 24;
pub(super) const TAG: usize = 16;

impl Seal {
    pub(super) fn new(key: &Key) -> Self {
        let cipher = derived::<32>(key, b"s1crets disk cache: seal");
        let names = derived::<64>(key, b"s1crets disk cache: names");
        Self { cipher: XChaCha20Poly1305::new((&*cipher).into()), names: Hmac::new((&*names).into()) }
    }

    pub(super) fn scope(&self, settings: impl AsRef<[u8]>) -> Scope {
        let mut names = self.names.clone();
        feed(&mut names, settings.as_ref());
        Scope(names)
    }

    /// Encrypts in place, for this name and header alone.
    pub(super) fn seal(&self, name: Name, header: &[u8], body: &mut [u8]) -> Option<([u8; NONCE], [u8; TAG])> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let bound = [header, &name.0].concat();
        let tag = self.cipher.encrypt_inout_detached(&XNonce::from(nonce), &bound, body.into()).ok()?;
        Some((nonce, tag.into()))
    }

    /// Decrypts in place what was sealed for this name and header; nothing if it is anything else.
    pub(super) fn open(
        &self,
        name: Name,
        header: &[u8],
        nonce: [u8; NONCE],
        tag: [u8; TAG],
        body: &mut [u8],
    ) -> Option<()> {
        let bound = [header, &name.0].concat();
        let (nonce, tag) = (XNonce::from(nonce), Tag::from(tag));
        self.cipher.decrypt_inout_detached(&nonce, &bound, body.into(), &tag).ok()
    }
}

impl Scope {
    /// The name of what `key` stands for, of this kind.
    pub(super) fn name(&self, kind: u8, key: &[u8]) -> Name {
        let mut names = self.0.clone();
        feed(&mut names, &[kind]);
        feed(&mut names, key);
        Name(names.finalize().into_bytes().into())
    }
}

impl Name {
    /// As the end of a file's name.
    pub(super) fn to_hex(self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        hex
    }

    pub(super) fn from_hex(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes().first_chunk::<64>().filter(|chunk| chunk.len() == hex.len())?;
        let mut name = [0; 32];
        for (byte, pair) in name.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(name))
    }
}

/// With its length before it, so that no two sequences of parts look the same.
fn feed(names: &mut Hmac<Sha256>, part: &[u8]) {
    names.update(&(part.len() as u64).to_be_bytes());
    names.update(part);
}

fn derived<const SIZE: usize>(key: &Key, purpose: &[u8]) -> Zeroizing<[u8; SIZE]> {
    let mut bytes = Zeroizing::new([0; SIZE]);
    let expanded = Hkdf::<Sha256>::new(None, key.bytes()).expand(purpose, &mut *bytes);
    expanded.expect("HKDF gives up to 255 times the hash");
    bytes
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal([redacted])")
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope([redacted])")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_part_of_what_a_record_is_bound_to_changes_its_name() {
        let (seal, other) = (Seal::new(&Key::of([1; 32])), Seal::new(&Key::of([2; 32])));
        let names = [
            seal.scope("a").name(0, b"bc"),
            other.scope("a").name(0, b"bc"),
            seal.scope("ab").name(0, b"c"),
            seal.scope("a").name(1, b"bc"),
            seal.scope("a").name(0, b"b"),
            seal.scope("").name(0, b"abc"),
        ];
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert_eq!(names[0], seal.scope("a").name(0, b"bc"));
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let name = Name(std::array::from_fn(|index| index as u8 * 7));
        assert_eq!(Name::from_hex(&name.to_hex()), Some(name));
        for hex in ["", "00", &"g".repeat(64), &"0".repeat(65), &"é".repeat(32)] {
            assert_eq!(Name::from_hex(hex), None, "{hex}");
        }
    }
}
