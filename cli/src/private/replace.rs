//! Writes what has a name: files by a fresh one that takes the old one's place, others directly.

use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt, fs::PermissionsExt},
    },
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, renameat, unlinkat},
    io::Errno,
};
use zeroize::Zeroizing;

use super::place::Place;
use crate::{report::Refusal, signals::uninterrupted};

/// How the name of a file begins that takes the place of another one when it is whole.
const FRESH: &str = ".s1crets-";
/// A fresh file that is as old as this and that no writer holds locked was left by one that was killed.
pub(super) const LEFT: Duration = Duration::from_secs(60);
/// How often another name is tried when a random one is taken.
const ATTEMPTS: u32 = 100;

const EXISTING: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// Makes the file hold these bytes: whole or not at all. One that holds them already is left as it is, except for its mode.
/// What is no file, such as a FIFO, is written to.
pub(super) fn write(place: &Place, bytes: &[u8], mode: u32) -> io::Result<()> {
    if let Some(found) = &place.found {
        match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Errno::ISDIR.into()),
            _ => return write_to(place, found, bytes),
        }
        if !place.is_strangers
            && let Some(file) = holding(place, bytes)?
        {
            return set_mode(&file, mode);
        }
    }
    uninterrupted(|| replace(place, bytes, mode))
}

/// Opens a file to add to it; a new one is private.
pub(super) fn append(place: &Place) -> io::Result<File> {
    if place.is_strangers {
        // It can't be replaced, as others added to it, and what is added to it is the stranger's to read.
        return Err(io::Error::other("it belongs to another user, in a folder that everybody can write to"));
    }
    // One that appears meanwhile may be a stranger's too.
    let new = if place.found.is_none() { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
    let flags = EXISTING | OFlags::RDWR | OFlags::APPEND | new;
    let file = match openat(&place.folder, &place.name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::EXIST | Errno::NOENT) => return Err(changed()),
        opened => opened?,
    };
    let opened = fstat(&file)?;
    let is_expected = match place.found {
        Some(found) => is_same(&found, &opened),
        None => FileType::from_raw_mode(opened.st_mode) == FileType::RegularFile,
    };
    if is_expected { Ok(file.into()) } else { Err(changed()) }
}

/// A FIFO or a device. Opening a FIFO waits for its reader.
fn write_to(place: &Place, found: &Stat, bytes: &[u8]) -> io::Result<()> {
    let file = openat(&place.folder, &place.name, EXISTING | OFlags::WRONLY, Mode::empty())?;
    match is_same(found, &fstat(&file)?) {
        true => File::from(file).write_all(bytes),
        false => Err(changed()),
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn changed() -> io::Error {
    io::Error::other("it was replaced meanwhile")
}

/// The file, if it holds these bytes.
fn holding(place: &Place, bytes: &[u8]) -> io::Result<Option<File>> {
    let flags = EXISTING | OFlags::RDONLY | OFlags::NONBLOCK;
    let mut file = match openat(&place.folder, &place.name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // What may not be read can still be replaced.
        Err(Errno::ACCESS | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = file.metadata()?;
    if !found.is_file() || found.len() != bytes.len() as u64 {
        return Ok(None);
    }
    let mut held = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    file.read_to_end(&mut held)?;
    Ok((*held == bytes).then_some(file))
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match file.metadata()?.mode() & 0o7777 == mode {
        true => Ok(()),
        false => file.set_permissions(Permissions::from_mode(mode)),
    }
}

fn replace(place: &Place, bytes: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(&place.folder, ".", flags, Mode::empty())?;
    let prefix = fresh_prefix(place);
    remove_left(&folder, &prefix);
    let mut fresh = Fresh::create(&folder, prefix)?;
    set_mode(&fresh.file, mode)?;
    fresh.file.write_all(bytes)?;
    fresh.file.sync_all()?;
    fresh.rename(place)?;
    // The new name is on the disk when the folder is.
    File::from(folder).sync_all()
}

fn fresh_prefix(place: &Place) -> OsString {
    let mut prefix = OsString::from(FRESH);
    prefix.push(&place.name);
    prefix.push("-");
    prefix
}

/// A file on its way to its name. It is removed when dropped, unless it was renamed.
struct Fresh {
    folder: OwnedFd,
    name: Option<OsString>,
    /// Locked for as long as it is being written, so that no other writer takes it for left.
    file: File,
}

impl Fresh {
    fn create(folder: &OwnedFd, prefix: OsString) -> io::Result<Self> {
        let flags = EXISTING | OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
        for _ in 0..ATTEMPTS {
            let mut name = prefix.clone();
            name.extend((0..6).map(|_| OsString::from(fastrand::alphanumeric().to_string())));
            match openat(folder, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => {
                    let fresh = Self { folder: folder.try_clone()?, name: Some(name), file: file.into() };
                    // Where files can't be locked, age alone decides.
                    let _ = fresh.file.try_lock();
                    return Ok(fresh);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("no name is free for the new file beside it"))
    }

    fn rename(mut self, place: &Place) -> io::Result<()> {
        let Some(name) = &self.name else { return Ok(()) };
        match renameat(&self.folder, name, &self.folder, &place.name) {
            Ok(()) => {
                self.name = None;
                Ok(())
            }
            Err(Errno::PERM | Errno::ACCESS) if place.is_strangers => {
                let why = format!("{} belongs to another user, who alone can replace it there", place.path.display());
                Err(Refusal { why, hint: "write to a folder of your own" }.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

/// Removes what writers of the same file left that were killed.
fn remove_left(folder: &OwnedFd, prefix: &OsString) {
    // What can't be looked at or removed is somebody else's.
    for entry in Dir::read_from(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_bytes().starts_with(prefix.as_bytes()) && is_left(folder, name).unwrap_or(false) {
            let _ = unlinkat(folder, name, AtFlags::empty());
        }
    }
}

fn is_left(folder: impl AsFd, name: &std::ffi::CStr) -> io::Result<bool> {
    let flags = EXISTING | OFlags::RDONLY | OFlags::NONBLOCK;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    let found = file.metadata()?;
    let age = SystemTime::now().duration_since(found.modified()?).unwrap_or_default();
    let is_locked = || matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock));
    Ok(found.is_file() && age >= LEFT && !is_locked())
}
