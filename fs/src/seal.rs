//! Seal: encryption of records on disk (XChaCha20-Poly1305), and their names as keyed hashes.
//!
//! - Encryption, names and labels each have a key of their own, derived from the one [`Key`].
//! - A record opens only under the name and the header that it was sealed for. One that was copied
//!   to another name, or whose header was changed, does not open.
//! - Nonces are random, 192 bits: any number of processes can seal under one key without a counter.
//! - A name is a keyed hash of everything that the record is bound to. Without the key it tells
//!   nothing.
//! - A label is a keyed hash of a text, for the clear part of a record: two records about the same
//!   text can be matched without opening them, and without the key it does not reveal the text.

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::Key;

/// Seals and opens records, and names them.
pub struct Seal {
    cipher: XChaCha20Poly1305,
    names: Hmac<Sha256>,
    labels: Hmac<Sha256>,
}

/// The names of records that are bound to the same settings.
#[derive(Clone)]
pub struct Scope(Hmac<Sha256>);

/// The name of a record: a keyed hash of everything that it is bound to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 32]);

/// A keyed hash of a text.
pub type Label = [u8; 32];

/// The length of a nonce, in bytes.
pub const NONCE: usize = 24;
/// The length of an authentication tag, in bytes.
pub const TAG: usize = 16;

impl Seal {
    /// A seal under `key` for one `purpose`: records of another purpose do not open.
    pub fn new(key: &Key, purpose: &str) -> Self {
        let cipher = derived::<32>(key, &format!("{purpose}: seal"));
        let hashes = |what| Hmac::new((&*derived::<64>(key, &format!("{purpose}: {what}"))).into());
        Self { cipher: XChaCha20Poly1305::new((&*cipher).into()), names: hashes("names"), labels: hashes("labels") }
    }

    /// The keyed hash of a text of this kind.
    pub fn label(&self, kind: u8, text: &[u8]) -> Label {
        let mut label = self.labels.clone();
        feed(&mut label, &[kind]);
        feed(&mut label, text);
        label.finalize().into_bytes().into()
    }

    /// The scope of these settings.
    pub fn scope(&self, settings: impl AsRef<[u8]>) -> Scope {
        let mut names = self.names.clone();
        feed(&mut names, settings.as_ref());
        Scope(names)
    }

    /// Encrypts `body` in place, for this name and header alone. `None` if the system has no random
    /// bytes, or the body is too long.
    pub fn seal(&self, name: Name, header: &[u8], body: &mut [u8]) -> Option<([u8; NONCE], [u8; TAG])> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).ok()?;
        let bound = [header, &name.0].concat();
        let tag = self.cipher.encrypt_inout_detached(&XNonce::from(nonce), &bound, body.into()).ok()?;
        Some((nonce, tag.into()))
    }

    /// Decrypts in place a body that was sealed for this name and header; `None` for anything else.
    pub fn open(&self, name: Name, header: &[u8], nonce: [u8; NONCE], tag: [u8; TAG], body: &mut [u8]) -> Option<()> {
        let bound = [header, &name.0].concat();
        let (nonce, tag) = (XNonce::from(nonce), Tag::from(tag));
        self.cipher.decrypt_inout_detached(&nonce, &bound, body.into(), &tag).ok()
    }
}

impl Scope {
    /// The name of the record of this kind and cache key.
    pub fn name(&self, kind: u8, key: &[u8]) -> Name {
        let mut names = self.0.clone();
        feed(&mut names, &[kind]);
        feed(&mut names, key);
        Name(names.finalize().into_bytes().into())
    }
}

impl Name {
    /// The name as 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        hex
    }

    /// Reads a name as [`to_hex`](Self::to_hex) writes it; `None` for anything else.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes().first_chunk::<64>().filter(|chunk| chunk.len() == hex.len())?;
        let mut name = [0; 32];
        for (byte, pair) in name.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(name))
    }
}

/// Each part goes in with its length before it, so that no two sequences of parts look the same.
fn feed(names: &mut Hmac<Sha256>, part: &[u8]) {
    names.update(&(part.len() as u64).to_be_bytes());
    names.update(part);
}

fn derived<const SIZE: usize>(key: &Key, purpose: &str) -> Zeroizing<[u8; SIZE]> {
    let mut bytes = Zeroizing::new([0; SIZE]);
    let expanded = Hkdf::<Sha256>::new(None, key.bytes()).expand(purpose.as_bytes(), &mut *bytes);
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
    fn every_part_that_a_record_is_bound_to_changes_its_name() {
        let (seal, other) = (Seal::new(&Key::of([1; 32]), "test"), Seal::new(&Key::of([2; 32]), "test"));
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
    fn a_record_opens_only_for_its_own_name_header_key_and_purpose() {
        let key = Key::of([1; 32]);
        let seal = Seal::new(&key, "test");
        let name = seal.scope("a").name(0, b"b");
        let mut body = *b"hunter2";
        let (nonce, tag) = seal.seal(name, b"header", &mut body).expect("sealed");
        assert_ne!(&body, b"hunter2");
        let others = [
            (Seal::new(&key, "other"), name, &b"header"[..]),
            (Seal::new(&Key::of([2; 32]), "test"), name, b"header"),
            (Seal::new(&key, "test"), seal.scope("a").name(0, b"c"), b"header"),
            (Seal::new(&key, "test"), name, b"other"),
        ];
        for (seal, name, header) in others {
            assert_eq!(seal.open(name, header, nonce, tag, &mut body.clone()), None);
        }
        seal.open(name, b"header", nonce, tag, &mut body).expect("opened");
        assert_eq!(&body, b"hunter2");
    }

    #[test]
    fn a_label_depends_on_key_purpose_kind_and_text_and_is_no_name() {
        let key = Key::of([1; 32]);
        let seal = Seal::new(&key, "test");
        let labels = [
            seal.label(0, b"a"),
            seal.label(0, b"b"),
            seal.label(1, b"a"),
            Seal::new(&key, "other").label(0, b"a"),
            Seal::new(&Key::of([2; 32]), "test").label(0, b"a"),
            seal.scope("").name(0, b"a").0,
        ];
        assert_eq!(labels.iter().collect::<HashSet<_>>().len(), labels.len());
        assert_eq!(labels[0], seal.label(0, b"a"));
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
