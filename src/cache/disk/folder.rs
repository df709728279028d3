//! Files of one folder: by its handle, never through a link, new ones whole or not at all.

use std::{
    fs::{DirBuilder, File},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags},
    process::geteuid,
};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// The folder, held open: whatever its path leads to later, this stays the folder that was checked.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// Read and written by its owner alone.
const PRIVATE: Mode = Mode::from_raw_mode(0o600);
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);
/// How the names of unfinished files begin.
pub(super) const UNFINISHED: &str = "t-";

impl Folder {
    /// The folder at `path`, made with mode 0700 if it isn't there.
    ///
    /// # Errors
    /// `Config` if it can't be opened, or is somebody else's, or others can look into it.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| cant("make", path, error))?;
        Self::open(path)
    }

    /// The folder at `path`.
    ///
    /// # Errors
    /// As [`create`](Self::create), also if it isn't there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = ALWAYS | OFlags::DIRECTORY | OFlags::RDONLY;
        let handle =
            rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| cant("open", path, error.into()))?;
        let status = rustix::fs::fstat(&handle).map_err(|error| cant("look at", path, error.into()))?;
        if status.st_uid != geteuid().as_raw() {
            return Err(refused(path, "it belongs to another user"));
        }
        if status.st_mode & 0o077 != 0 {
            let error = refused(path, "others may look into it");
            return Err(error.with_hint(format!("chmod 700 {}", path.display())));
        }
        Ok(Self { handle, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of its files. Links are refused; so is what is no plain file.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        // A pipe in place of a file must not hold up whoever opens it.
        let handle = rustix::fs::openat(&self.handle, name, flags | ALWAYS | OFlags::NONBLOCK, PRIVATE)?;
        let file = File::from(handle);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is no plain file")),
        }
    }

    /// All of a file, unless it is larger than `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let flags = ALWAYS | OFlags::NONBLOCK | OFlags::RDONLY;
        let handle = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
        let size = usize::try_from(rustix::fs::fstat(&handle)?.st_size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(io::Error::other("it is too large"));
        }
        let mut bytes = Zeroizing::new(vec![0; size]);
        File::from(handle).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A file that has no name of its own yet. It is removed when dropped, unless it was moved into place.
    pub(super) fn unfinished(&self, bytes: &[u8]) -> io::Result<Unfinished<'_>> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name = format!("{UNFINISHED}{:016x}", u64::from_ne_bytes(random));
        let file = self.file(&name, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY)?;
        // From here on it is removed if anything fails.
        let mut unfinished = Unfinished { folder: self, name, file };
        unfinished.file.write_all(bytes)?;
        Ok(unfinished)
    }

    /// Removes a file. Says whether there was one.
    pub(super) fn remove(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all files, in no order. Those that are no text are nobody's of ours.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            if let Ok(name) = entry?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

/// A file on its way.
pub(super) struct Unfinished<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
}

impl Unfinished<'_> {
    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Moves it into place of whatever is there.
    pub(super) fn replace(mut self, name: &str) -> io::Result<()> {
        rustix::fs::renameat(&self.folder.handle, &*self.name, &self.folder.handle, name)?;
        self.name.clear();
        Ok(())
    }

    /// Moves it into place if nothing is there. Says whether it did.
    pub(super) fn place(self, name: &str) -> io::Result<bool> {
        let folder = self.folder.handle.as_fd();
        match rustix::fs::linkat(folder, &*self.name, folder, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // What can't be removed now is swept later.
            let _ = self.folder.remove(&self.name);
        }
    }
}

/// Whether a file is ours alone, or the system's.
pub(super) fn is_private(file: &File) -> io::Result<bool> {
    let status = file.metadata()?;
    Ok(status.mode() & 0o077 == 0 && [geteuid().as_raw(), 0].contains(&status.uid()))
}

fn cant(what: &str, path: &Path, error: io::Error) -> Error {
    Error::config(format!("can't {what} the disk cache's folder {}", path.display())).with_source(error)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::config(format!("the disk cache's folder {} is not used: {why}", path.display()))
}
