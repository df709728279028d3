//! Leftovers: temporary files of writers that were killed.
//!
//! A writer holds its temporary file locked until it has its name or is gone. So a file that nobody
//! holds locked is a leftover. Both sides keep to one order: a writer creates, locks, and then
//! checks that the file still has a name; whoever removes takes the lock before the name goes.

use std::{
    ffi::{CStr, OsStr, OsString},
    fs::{File, TryLockError},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    time::{Duration, SystemTime},
};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, fstat, openat, unlinkat};

use crate::temp_file::TempFile;

/// How the names of all temporary files end.
const SUFFIX: &str = ".tmp";
/// How often another file is made because a remover was between creation and lock.
const ATTEMPTS: u32 = 100;

/// The longest part of a name that fits into the name of a temporary file: a name has at most 255
/// bytes, and the rest of it 24.
const MAX_NAME: usize = 231;

/// How the names of temporary files for `name` begin.
fn prefix(name: &OsStr) -> OsString {
    [OsStr::new("."), shortened(name), OsStr::new(".s1crets-")].into_iter().collect()
}

/// As much of a name as fits. Some file systems take whole characters only.
fn shortened(name: &OsStr) -> &OsStr {
    match (name.as_bytes().get(..MAX_NAME), name.to_str()) {
        (None, _) => name,
        (Some(_), Some(text)) => {
            OsStr::new(&text[..(0..=MAX_NAME).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)])
        }
        (Some(bytes), None) => OsStr::from_bytes(bytes),
    }
}

/// Creates a temporary file for `name`, locked for as long as it is open.
pub(crate) fn create_locked(folder: &OwnedFd, name: &OsStr) -> io::Result<TempFile<OwnedFd>> {
    for _ in 0..ATTEMPTS {
        let temporary = TempFile::create(folder.try_clone()?, &prefix(name), SUFFIX)?;
        // Where files can't be locked, age alone decides.
        let is_taken = matches!(temporary.file().try_lock(), Err(TryLockError::WouldBlock));
        if !is_taken && fstat(temporary.file())?.st_nlink > 0 {
            return Ok(temporary);
        }
        temporary.forget();
    }
    Err(io::Error::other("the new file beside it is removed again and again"))
}

/// Removes the temporary files for `name` that are at least this old and that nobody is writing.
pub(crate) fn remove(folder: &OwnedFd, name: &OsStr, age: Duration) {
    let prefix = prefix(name);
    for entry in Dir::read_from(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes.starts_with(prefix.as_bytes()) && bytes.ends_with(SUFFIX.as_bytes()) {
            // What can't be opened or removed belongs to somebody else.
            let _ = remove_one(folder, name, age);
        }
    }
}

fn remove_one(folder: &OwnedFd, name: &CStr, age: Duration) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    let status = file.metadata()?;
    let since = SystemTime::now().duration_since(status.modified()?).unwrap_or_default();
    let is_locked = || matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    if status.is_file() && since >= age && !is_locked() {
        unlinkat(folder, name, AtFlags::empty())?;
    }
    Ok(())
}
