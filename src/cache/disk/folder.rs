//! The folder of the disk cache, as errors of the library, and what its files are called.

use std::{
    io::{self, Read},
    path::Path,
};

use rustix::fs::OFlags;
use s1crets_fs::{Fingerprint, Folder, Step, seal::Name};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// How the names of records begin.
pub(super) const RECORD: &str = "r-";
/// How the names of the files of outages begin.
pub(super) const OUTAGE: &str = "o-";
/// How the names of unfinished files begin, which are renamed once they are whole.
pub(super) const UNFINISHED: &str = "t-";

/// Opens the folder, and creates it with mode 0700 if it does not exist.
///
/// # Errors
/// `Config` if it can't be opened, another user owns it, or others can look into it.
pub(super) fn create(path: &Path) -> Result<Folder> {
    Folder::create(path).map_err(unusable)
}

/// Opens the folder.
///
/// # Errors
/// As [`create`], also if it does not exist.
pub(super) fn open(path: &Path) -> Result<Folder> {
    Folder::open(path).map_err(unusable)
}

/// The file of the record of this name.
pub(super) fn file_of(name: Name) -> String {
    format!("{RECORD}{}", name.to_hex())
}

/// The names of all files that are records, or pretend to be.
pub(super) fn records(folder: &Folder) -> io::Result<impl Iterator<Item = String> + use<>> {
    Ok(folder.names()?.into_iter().filter(|name| name.starts_with(RECORD)))
}

/// Removes a record. Returns whether there was one: a folder in its place can't be read as one, and
/// stays.
///
/// # Errors
/// Any error of the system.
pub(super) fn remove_record(folder: &Folder, file: &str) -> io::Result<bool> {
    match folder.remove(file) {
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(false),
        outcome => outcome,
    }
}

/// Reads a file of at most `limit` bytes, and its fingerprint.
///
/// # Errors
/// Any error of the system; that the file is larger.
pub(super) fn read(folder: &Folder, file: &str, limit: usize) -> io::Result<(Zeroizing<Vec<u8>>, Fingerprint)> {
    let mut opened = folder.file(file, OFlags::RDONLY)?;
    let metadata = opened.metadata()?;
    let size = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
    if size > limit {
        return Err(io::Error::other("it is too large"));
    }
    let mut bytes = Zeroizing::new(vec![0; size]);
    opened.read_exact(&mut bytes)?;
    Ok((bytes, Fingerprint::of(&metadata)))
}

/// The first bytes of a file, as many as it has.
///
/// # Errors
/// Any error of the system.
pub(super) fn read_start<const LENGTH: usize>(folder: &Folder, file: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(LENGTH);
    folder.file(file, OFlags::RDONLY)?.take(LENGTH as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unusable(error: s1crets_fs::Error) -> Error {
    let path = error.path().display();
    if let Some(refusal) = error.refusal() {
        let message = format!("the disk cache's folder {path} is not used: {}", refusal.why);
        return Error::config(message).with_hint(refusal.hint.clone());
    }
    let action = match error.step() {
        Step::Create => "create",
        Step::Check => "check",
        _ => "open",
    };
    let message = format!("can't {action} the disk cache's folder {path}");
    Error::config(message).with_source(io::Error::from(error))
}
