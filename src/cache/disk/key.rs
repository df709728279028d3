//! The key: given, or made once and kept beside the records.

use std::{
    env, fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{
    folder::{Folder, is_private},
    settings::DiskKey,
};
use crate::{
    error::{Error, Result},
    fs::plain_file,
};

/// 256 random bits.
pub(super) struct Key(Zeroizing<[u8; SIZE]>);

const SIZE: usize = 32;
/// The file that keeps a key of our own making.
const OWN: &str = "key";
/// More than any spelling of a key takes.
const LIMIT: u64 = 256;

impl Key {
    /// The key that the settings name, or that is kept in the folder; made where it has to be.
    ///
    /// # Errors
    /// `Config` if it can't be read, is no key, or others may read it.
    pub(super) fn find(from: &DiskKey, folder: &Folder) -> Result<Self> {
        Self::look(from, Some(folder))?.map_or_else(|| own(folder), Ok)
    }

    /// The same where nothing is made: nothing if there is none yet.
    pub(super) fn look(from: &DiskKey, folder: Option<&Folder>) -> Result<Option<Self>> {
        match from {
            DiskKey::Kept => folder.map_or(Ok(None), read_own),
            DiskKey::File(path) => from_file(path, true).map(Some),
            DiskKey::Credential(path) => from_file(path, false).map(Some),
            DiskKey::Variable(name) => {
                let text = Zeroizing::new(env::var(name).unwrap_or_default());
                Self::parse(text.as_bytes()).map(Some).ok_or_else(|| malformed(format_args!("the variable {name}")))
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.0
    }

    #[cfg(any(test, feature = "__fuzzing"))]
    pub(super) fn of(bytes: [u8; SIZE]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn random() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; SIZE]);
        getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// From base64, hexadecimal digits, or the bytes themselves.
    fn parse(text: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; SIZE]>::try_from(text) {
            return Some(Self(Zeroizing::new(bytes)));
        }
        let text = text.trim_ascii();
        // Larger than what is expected: the decoder asks for room by the length of the text.
        let mut room = Zeroizing::new([0; SIZE + 4]);
        let decoded = match text.len() {
            64 => unhex(text, &mut *room).then_some(SIZE),
            _ => BASE64.decode_slice(text, &mut *room).ok(),
        };
        let mut bytes = Zeroizing::new([0; SIZE]);
        bytes.copy_from_slice(&room[..SIZE]);
        (decoded == Some(SIZE)).then_some(Self(bytes))
    }

    fn to_text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(vec![0; SIZE.div_ceil(3) * 4]);
        // The room is what base64 takes.
        let written = BASE64.encode_slice(self.bytes(), &mut text).unwrap_or_default();
        text.truncate(written);
        text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

/// Makes the key in the folder, unless somebody else comes first. It gets its name when it is whole, and only if there is
/// none, so that processes that begin together end up with the same one.
fn own(folder: &Folder) -> Result<Key> {
    let cant = |error| Error::config(format!("can't make a key in {}", folder.path().display())).with_source(error);
    make(folder).map_err(cant)?;
    read_own(folder)?.ok_or_else(|| cant(io::ErrorKind::NotFound.into()))
}

fn read_own(folder: &Folder) -> Result<Option<Key>> {
    let path = folder.path().join(OWN);
    match folder.file(OWN, OFlags::RDONLY) {
        Ok(file) => read(&path, file, true).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, error)),
    }
}

fn make(folder: &Folder) -> io::Result<()> {
    let key = Key::random()?;
    let unfinished = folder.unfinished(&key.to_text())?;
    // After a power cut a key that is empty would be worse than none.
    unfinished.sync()?;
    unfinished.place(OWN).map(drop)
}

fn from_file(path: &Path, private: bool) -> Result<Key> {
    let file = plain_file::open(path).map_err(|error| unreadable(path, error))?;
    read(path, file, private)
}

/// A credential is guarded by its folder, and systemd has its reasons for the modes of it; any other key must be private.
fn read(path: &Path, file: File, private: bool) -> Result<Key> {
    if private && !is_private(&file).map_err(|error| unreadable(path, error))? {
        let error = Error::config(format!("the disk cache's key {} is not used: others may read it", path.display()));
        return Err(error.with_hint(format!("chmod 600 {}", path.display())));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LIMIT as usize));
    file.take(LIMIT).read_to_end(&mut text).map_err(|error| unreadable(path, error))?;
    Key::parse(&text).ok_or_else(|| malformed(path.display()))
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

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::config(format!("can't read the disk cache's key {}", path.display())).with_source(error)
}

fn malformed(place: impl fmt::Display) -> Error {
    Error::config(format!("{place} holds no key for the disk cache"))
        .with_hint("a key is 32 random bytes, as they are, in base64 or in hexadecimal digits: openssl rand -base64 32")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_any_spelling() {
        let key = Key::random().expect("a key");
        let hex: String = key.bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [key.to_text().to_vec(), [&key.to_text()[..], b"\n"].concat(), hex.into(), key.bytes().to_vec()] {
            assert_eq!(Key::parse(&text).expect("a key").bytes(), key.bytes());
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "secret", &"0".repeat(63), &"g".repeat(64), &BASE64.encode([7; 31]), &BASE64.encode([7; 33])] {
            assert!(Key::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Key::of([7; SIZE])), "Key([redacted])");
    }
}
