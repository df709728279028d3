//! Atomic write: a file is replaced whole or not at all, and stays private at every moment.
//!
//! The steps, of which a killed writer may leave out all from any one on:
//!
//! 1. Remove the leftovers of killed writers of the same file.
//! 2. Create a temporary file in the same folder, new and with mode 0600, and lock it.
//! 3. Give it owner, mode and access list, before there are contents to read.
//! 4. Write the contents and wait until they are on disk.
//! 5. Rename it to its name, and wait until the folder is on disk.
//!
//! The folder is the one that [`Target`](crate::Target) holds open, so no step follows a path
//! again.

use std::{
    fs::{File, Metadata},
    io::{self, Read, Write},
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::{
    fs::{FileType, Mode, OFlags, Stat, fstat, openat},
    io::Errno,
};
use zeroize::Zeroizing;

#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::access_list;
use crate::{
    error::{At, Error, Refusal, Result, Step},
    leftovers,
    output_path::NamedTarget,
    temp_file::{TempFile, set_mode},
};

/// A temporary file this old that no writer holds locked is a leftover.
pub const LEFTOVER_AGE: Duration = Duration::from_secs(60);

const EXISTING: OFlags = OFlags::CLOEXEC.union(OFlags::NOFOLLOW);

/// How a file is written. Default: with mode 0600, owned by us.
#[derive(Clone, Debug)]
pub struct AtomicWrite {
    owner: Owner,
    leftover_age: Duration,
}

#[derive(Clone, Debug)]
enum Owner {
    Ours { mode: u32 },
    As(Box<Access>),
}

/// Who may do what with a file.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) metadata: Metadata,
    /// Its access control list, where it has one.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) list: Option<Vec<u8>>,
}

/// New contents, written and on disk, that wait for the rename. Dropping removes them.
#[derive(Debug)]
pub struct PendingWrite<'a> {
    target: &'a NamedTarget,
    folder: OwnedFd,
    temporary: TempFile<OwnedFd>,
}

impl Default for AtomicWrite {
    fn default() -> Self {
        Self { owner: Owner::Ours { mode: 0o600 }, leftover_age: LEFTOVER_AGE }
    }
}

impl AtomicWrite {
    /// Sets the mode of the file. Default: 0600.
    #[must_use]
    pub fn with_mode(self, mode: u32) -> Self {
        Self { owner: Owner::Ours { mode }, ..self }
    }

    /// Gives the file owner, group and mode of the one that it replaces, and on Linux its access
    /// control list.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn with_access_of(self, replaced: &File) -> io::Result<Self> {
        let access = Access {
            metadata: replaced.metadata()?,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            list: access_list::of(replaced)?,
        };
        Ok(Self { owner: Owner::As(Box::new(access)), ..self })
    }

    /// Sets from which age on a leftover is removed. Default: 60 s. Zero is for writers of a file
    /// that take turns by a lock: none of them can be between creating its file and locking it.
    #[must_use]
    pub fn with_leftover_age(self, age: Duration) -> Self {
        Self { leftover_age: age, ..self }
    }

    /// Makes the file hold these bytes, and waits until they are on disk. A file of ours that holds
    /// them already is left as it is, except for its mode.
    ///
    /// # Errors
    /// Any error of the system, with its step; a [`Refusal`] for another user's file that only its
    /// owner can replace. The old file is whole then, and nothing is left beside it.
    pub fn write(&self, target: &NamedTarget, bytes: &[u8]) -> Result<()> {
        if let Owner::Ours { mode } = self.owner
            && let Some(file) = target.holding(bytes).at(Step::Open, &target.path)?
        {
            return set_mode(&file, mode).at(Step::SetOwner, &target.path);
        }
        self.begin(target, bytes)?.commit()
    }

    /// Creates the file with these bytes unless something has its name. Returns whether it did.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn create_new(&self, target: &NamedTarget, bytes: &[u8]) -> Result<bool> {
        let PendingWrite { folder, temporary, .. } = self.begin(target, bytes)?;
        let created = temporary.create_new(&target.name).at(Step::Rename, &target.path)?;
        File::from(folder).sync_all().at(Step::SyncFolder, &target.path)?;
        Ok(created)
    }

    /// Does all but the rename, for callers that check something in between.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn begin<'a>(&self, target: &'a NamedTarget, bytes: &[u8]) -> Result<PendingWrite<'a>> {
        let path = &target.path;
        if target.kind().is_some_and(|kind| kind != FileType::RegularFile) {
            let error = if target.is_special() { Errno::INVAL } else { Errno::ISDIR };
            return Err(Error::new(Step::Open, path, error));
        }
        // Readable, unlike the handle in the target: it is listed and synced.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&target.folder, ".", flags, Mode::empty()).at(Step::Open, path)?;
        leftovers::remove(&folder, &target.name, self.leftover_age);
        let mut temporary = leftovers::create_locked(&folder, &target.name).at(Step::Create, path)?;
        let owned = match &self.owner {
            Owner::Ours { mode } => temporary.set_mode(*mode),
            Owner::As(replaced) => temporary.set_access(replaced),
        };
        owned.at(Step::SetOwner, path)?;
        temporary.write(bytes).at(Step::Write, path)?;
        temporary.sync().at(Step::Write, path)?;
        Ok(PendingWrite { target, folder, temporary })
    }
}

impl PendingWrite<'_> {
    /// Renames the new file to its name, and waits until the folder is on disk.
    ///
    /// # Errors
    /// Any error of the system. At [`Step::SyncFolder`] the file holds the new contents already.
    pub fn commit(self) -> Result<()> {
        let Self { target, folder, temporary } = self;
        temporary.replace(&target.name).map_err(|error| not_replaced(target, error))?;
        File::from(folder).sync_all().at(Step::SyncFolder, &target.path)
    }
}

/// In a folder with the sticky bit, only its owner can replace a file.
fn not_replaced(target: &NamedTarget, error: io::Error) -> Error {
    let path = target.real_path.display();
    let refusal = Refusal {
        why: format!("{path} belongs to another user, who alone can replace it there"),
        hint: "use a folder of your own".to_owned(),
    };
    let cause = match error.kind() == io::ErrorKind::PermissionDenied && target.is_foreign {
        true => refusal.into(),
        false => error,
    };
    Error::new(Step::Rename, &target.path, cause)
}

impl NamedTarget {
    fn kind(&self) -> Option<FileType> {
        self.found.map(|found| FileType::from_raw_mode(found.st_mode))
    }

    /// Opens the file that has the name to read it.
    ///
    /// # Errors
    /// Any error of the system, also if the name has become a link.
    pub fn open(&self) -> io::Result<File> {
        let flags = EXISTING | OFlags::RDONLY | OFlags::NONBLOCK;
        Ok(openat(&self.folder, &self.name, flags, Mode::empty())?.into())
    }

    /// Opens the file to add to it; a new one has mode 0600.
    ///
    /// # Errors
    /// Any error of the system; that the name stands for something else by now; that another user
    /// owns the file in a world-writable folder, and could read what is added.
    pub fn append(&self) -> Result<File> {
        self.open_to_append().at(Step::Open, &self.path)
    }

    fn open_to_append(&self) -> io::Result<File> {
        if self.is_foreign {
            return Err(io::Error::other("it belongs to another user, in a world-writable folder"));
        }
        // One that appears meanwhile may be another user's too.
        let new = if self.found.is_none() { OFlags::CREATE | OFlags::EXCL } else { OFlags::empty() };
        let flags = EXISTING | OFlags::RDWR | OFlags::APPEND | new;
        let file = match openat(&self.folder, &self.name, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST | Errno::NOENT) => return Err(changed()),
            opened => opened?,
        };
        let opened = fstat(&file)?;
        let is_expected = match self.found {
            Some(found) => is_same(&found, &opened),
            None => FileType::from_raw_mode(opened.st_mode) == FileType::RegularFile,
        };
        if is_expected { Ok(file.into()) } else { Err(changed()) }
    }

    /// Writes into a FIFO or a device. Opening a FIFO waits for its reader.
    ///
    /// # Errors
    /// Any error of the system; that the name stands for something else by now.
    pub fn write_through(&self, bytes: &[u8]) -> Result<()> {
        self.open_to_write_through().and_then(|mut file| file.write_all(bytes)).at(Step::Write, &self.path)
    }

    fn open_to_write_through(&self) -> io::Result<File> {
        let file = openat(&self.folder, &self.name, EXISTING | OFlags::WRONLY, Mode::empty())?;
        match self.found.is_some_and(|found| fstat(&file).is_ok_and(|opened| is_same(&found, &opened))) {
            true => Ok(file.into()),
            false => Err(changed()),
        }
    }

    /// The file, if it is ours and holds these bytes.
    fn holding(&self, bytes: &[u8]) -> io::Result<Option<File>> {
        if self.is_foreign || self.kind() != Some(FileType::RegularFile) {
            return Ok(None);
        }
        let mut file = match self.open() {
            Ok(file) => file,
            // What may not be read can still be replaced.
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        if !found.is_file() || found.len() != bytes.len() as u64 {
            return Ok(None);
        }
        let mut held = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
        file.read_to_end(&mut held)?;
        Ok((*held == bytes).then_some(file))
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn changed() -> io::Error {
    io::Error::other("it was replaced meanwhile")
}
