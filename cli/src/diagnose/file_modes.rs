//! Who else may read or write a file.

use std::{fs, io, path::Path};

/// What others than the owner may do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Nothing.
    Private,
    /// Read it.
    Readable,
    /// Change it.
    Writable,
}

/// What everybody on this machine may do with a file or folder. Elsewhere than on Unix nobody is known to.
///
/// # Errors
/// If there is no such file, or it can't be looked at.
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

/// As on Unix, where nothing is known.
#[cfg(not(unix))]
pub(crate) fn exposure(path: &Path) -> io::Result<Exposure> {
    fs::metadata(path).map(|_| Exposure::Private)
}
