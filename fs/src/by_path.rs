//! Atomic write on systems other than Unix: by path, without owners, modes and open folders.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::error::{At, Result, Step};

/// How often another name is tried when a random one is taken.
const ATTEMPTS: u32 = 100;

/// What a path leads to.
#[derive(Debug)]
pub enum Target {
    /// A file, which may not exist yet.
    Named(Box<NamedTarget>),
}

/// The path of a file, which may not exist yet.
#[derive(Debug)]
pub struct NamedTarget {
    path: PathBuf,
}

/// How a file is written.
#[derive(Clone, Debug, Default)]
pub struct AtomicWrite;

impl Target {
    /// The target at `path`.
    ///
    /// # Errors
    /// None on this system.
    pub fn of(path: &Path) -> Result<Self> {
        Ok(Self::Named(Box::new(NamedTarget { path: path.to_owned() })))
    }

    /// The target at `path`. Missing folders on the way are created.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn creating_folders(path: &Path) -> Result<Self> {
        fs::create_dir_all(folder(path)).at(Step::Resolve, path)?;
        Self::of(path)
    }
}

impl NamedTarget {
    /// Whether there is a FIFO or a device of that name: not on this system.
    pub fn is_special(&self) -> bool {
        false
    }

    /// Writes into a FIFO or a device. There is none on this system: it is a file.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn write_through(&self, bytes: &[u8]) -> Result<()> {
        AtomicWrite.write(self, bytes)
    }

    /// Opens the file to add to it, or creates it.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn append(&self) -> Result<File> {
        OpenOptions::new().read(true).append(true).create(true).open(&self.path).at(Step::Open, &self.path)
    }
}

impl AtomicWrite {
    /// Modes mean nothing on this system.
    #[must_use]
    pub fn with_mode(self, _: u32) -> Self {
        self
    }

    /// Owners and modes mean nothing on this system.
    ///
    /// # Errors
    /// None.
    pub fn with_access_of(self, _: &File) -> io::Result<Self> {
        Ok(self)
    }

    /// Leftovers stay on this system.
    #[must_use]
    pub fn with_leftover_age(self, _: Duration) -> Self {
        self
    }

    /// Makes the file hold these bytes. One that holds them already is left as it is.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn write(&self, target: &NamedTarget, bytes: &[u8]) -> Result<()> {
        let path = &target.path;
        if fs::read(path).is_ok_and(|held| *Zeroizing::new(held) == bytes) {
            return Ok(());
        }
        let temporary = write_beside(path, bytes).at(Step::Write, path)?;
        fs::rename(&temporary.0, path).at(Step::Rename, path)
    }

    /// Creates the file with these bytes unless something has its name. Returns whether it did.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn create_new(&self, target: &NamedTarget, bytes: &[u8]) -> Result<bool> {
        let path = &target.path;
        let temporary = write_beside(path, bytes).at(Step::Write, path)?;
        match fs::hard_link(&temporary.0, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error).at(Step::Rename, path),
        }
    }
}

/// A temporary file. It is removed when dropped, if it still has that name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<Temporary> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for _ in 0..ATTEMPTS {
        let random: String = (0..10).map(|_| fastrand::alphanumeric()).collect();
        let temporary = folder(path).join(format!(".{name}.s1crets-{random}.tmp"));
        let mut file = match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            opened => opened?,
        };
        let temporary = Temporary(temporary);
        file.write_all(bytes)?;
        file.sync_all()?;
        return Ok(temporary);
    }
    Err(io::Error::other("no name is free for the new file beside it"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}
