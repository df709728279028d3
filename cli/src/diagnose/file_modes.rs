//! Checks whether any user of this machine can read or write a file, by its mode.

use std::{fs, io, path::Path};

/// What any user may do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Nothing.
    Private,
    /// Read it.
    Readable,
    /// Change it.
    Writable,
}

/// What any user of this machine may do with a file or folder.
///
/// # Errors
/// If the file does not exist, or its metadata can't be read.
#[cfg(unix)]
pub(crate) fn exposure(path: &Path) -> io::Result<Exposure> {
    use std::os::unix::fs::MetadataExt;
    let mode = fs::metadata(path)?.mode();
    Ok(match (mode & 0o002 != 0, mode & 0o004 != 0) {
        (true, _) => Exposure::Writable,
        (false, true) => Exposure::Readable,
        (false, false) => Exposure::Private,
    })
}

/// Always private, because only Unix modes are checked.
#[cfg(not(unix))]
pub(crate) fn exposure(path: &Path) -> io::Result<Exposure> {
    fs::metadata(path).map(|_| Exposure::Private)
}
