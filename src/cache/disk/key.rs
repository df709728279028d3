//! Key of the disk cache: named in the settings, or created once and kept beside the records.

use std::{
    env, fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustix::fs::OFlags;
use s1crets_fs::{Folder, Key, is_private};
use zeroize::Zeroizing;

use super::{folder::UNFINISHED, settings::DiskKey};
use crate::{
    error::{Error, Result},
    fs::plain_file,
};

/// The file of the key that is kept in the folder.
const OWN: &str = "key";
/// The most bytes that are read of a key: more than it takes in any form.
const LIMIT: u64 = 256;

/// The key that the settings name, or the one kept in the folder, which is created if there is
/// none.
///
/// # Errors
/// `Config` if it can't be read, is not a key, or others may read it.
pub(super) fn find(from: &DiskKey, folder: &Folder) -> Result<Key> {
    find_existing(from, Some(folder))?.map_or_else(|| create(folder), Ok)
}

/// The key as [`find`] gives it, without creating one: `None` if there is none yet.
pub(super) fn find_existing(from: &DiskKey, folder: Option<&Folder>) -> Result<Option<Key>> {
    match from {
        DiskKey::Kept => folder.map_or(Ok(None), read_own),
        DiskKey::File(path) => from_file(path, true).map(Some),
        DiskKey::Credential(path) => from_file(path, false).map(Some),
        DiskKey::Variable(name) => {
            let text = Zeroizing::new(env::var(name).unwrap_or_default());
            Key::parse(text.trim().as_bytes()).map(Some).ok_or_else(|| malformed(format_args!("the variable {name}")))
        }
    }
}

/// Creates the key in the folder, unless another process is faster. It gets its name once it is
/// whole, and only if there is none, so that processes that start together end up with the same
/// one.
fn create(folder: &Folder) -> Result<Key> {
    let failed = |error| Error::config(format!("can't create a key in {}", folder.path().display())).with_source(error);
    let write = || -> io::Result<bool> {
        let temporary = folder.temp_file(UNFINISHED, &Key::random()?.to_text())?;
        // After a power cut an empty key would be worse than none.
        temporary.sync()?;
        temporary.create_new(OWN)
    };
    write().map_err(failed)?;
    read_own(folder)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn read_own(folder: &Folder) -> Result<Option<Key>> {
    let path = folder.path().join(OWN);
    match folder.file(OWN, OFlags::RDONLY) {
        Ok(file) => read(&path, file, true).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, error)),
    }
}

fn from_file(path: &Path, private: bool) -> Result<Key> {
    let file = plain_file::open(path).map_err(|error| unreadable(path, error))?;
    read(path, file, private)
}

/// The folder guards a systemd credential, whose own mode may be wider. Any other key must be
/// private.
fn read(path: &Path, file: File, private: bool) -> Result<Key> {
    if private && !is_private(&file).map_err(|error| unreadable(path, error))? {
        let error = Error::config(format!("the disk cache's key {} is not used: others may read it", path.display()));
        return Err(error.with_hint(format!("chmod 600 {}", path.display())));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LIMIT as usize));
    file.take(LIMIT).read_to_end(&mut text).map_err(|error| unreadable(path, error))?;
    Key::parse(&text).ok_or_else(|| malformed(path.display()))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::config(format!("can't read the disk cache's key {}", path.display())).with_source(error)
}

fn malformed(place: impl fmt::Display) -> Error {
    Error::config(format!("{place} holds no key for the disk cache"))
        .with_hint("a key is 32 random bytes, as they are, in base64 or in hexadecimal digits: openssl rand -base64 32")
}
