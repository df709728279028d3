//! Private folder: opened once, checked, and used through its handle, never through a link.

use std::{
    ffi::OsStr,
    fs::{DirBuilder, File},
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{DirBuilderExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Dir, Mode, OFlags},
    process::geteuid,
};
use zeroize::Zeroizing;

use crate::{
    error::{At, Error, Refusal, Result, Step},
    fingerprint::Fingerprint,
    temp_file::TempFile,
};

/// A folder that we own and nobody else can look into, held open: whatever its path leads to later,
/// this stays the folder that was checked.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// Read and written by its owner alone.
const PRIVATE: Mode = Mode::from_raw_mode(0o600);
const ALWAYS: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

impl Folder {
    /// Opens the folder at `path`, and creates it with mode 0700 if it does not exist.
    ///
    /// # Errors
    /// As [`open`](Self::open), unless it does not exist.
    pub fn create(path: &Path) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).at(Step::Create, path)?;
        Self::open(path)
    }

    /// Opens the folder at `path`, which must not be a link.
    ///
    /// # Errors
    /// Any error of the system; a [`Refusal`] if another user owns it, or others may look into it.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = ALWAYS | OFlags::DIRECTORY | OFlags::RDONLY;
        let handle = rustix::fs::openat(CWD, path, flags, Mode::empty()).at(Step::Open, path)?;
        let status = rustix::fs::fstat(&handle).at(Step::Check, path)?;
        let refuse = |why: &str, hint| Err(Error::new(Step::Check, path, Refusal { why: why.to_owned(), hint }));
        if status.st_uid != geteuid().as_raw() {
            return refuse("it belongs to another user", "use a folder of your own".to_owned());
        }
        if status.st_mode & 0o077 != 0 {
            return refuse("others may look into it", format!("chmod 700 {}", path.display()));
        }
        Ok(Self { handle, path: path.to_owned() })
    }

    /// The path that the folder was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one of its files; one that is created has mode 0600. Links are refused, and whatever
    /// is not a plain file.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        // A FIFO in place of a file must not block whoever opens it.
        let handle = rustix::fs::openat(&self.handle, name, flags | ALWAYS | OFlags::NONBLOCK, PRIVATE)?;
        let file = File::from(handle);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is no plain file")),
        }
    }

    /// Reads a whole file of at most `limit` bytes. The buffer is wiped when dropped.
    ///
    /// # Errors
    /// Any error of the system; that it is larger.
    pub fn read(&self, name: &str, limit: usize) -> io::Result<Zeroizing<Vec<u8>>> {
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

    /// Creates a temporary file with these bytes; its name begins with `prefix`. Nothing is synced.
    ///
    /// Leftovers stay: scanning the folder at each write would cost more than the write. The owner
    /// of the folder sweeps it at times, by the prefix.
    ///
    /// # Errors
    /// Any error of the system; the file is removed then.
    pub fn temp_file(&self, prefix: &str, bytes: &[u8]) -> io::Result<TempFile<BorrowedFd<'_>>> {
        let mut temporary = TempFile::create(self.handle.as_fd(), OsStr::new(prefix), "")?;
        temporary.write(bytes)?;
        Ok(temporary)
    }

    /// The fingerprint of a file, without opening it; `None` if there is none.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn fingerprint(&self, name: &str) -> io::Result<Option<Fingerprint>> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(Fingerprint::of_status(&status))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file. Returns whether there was one.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn remove(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all files, in no order, except those that are not UTF-8.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn names(&self) -> io::Result<Vec<String>> {
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

/// Whether only we, or the system, may read a file.
///
/// # Errors
/// Any error of the system.
pub fn is_private(file: &File) -> io::Result<bool> {
    let status = file.metadata()?;
    Ok(status.mode() & 0o077 == 0 && [geteuid().as_raw(), 0].contains(&status.uid()))
}
