//! Temporary file in an open folder, which gets its name once it is whole.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, Permissions},
    io::{self, Write},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, PermissionsExt, fchown},
    },
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, linkat, openat, renameat, unlinkat},
    io::Errno,
};

#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::access_list;
use crate::atomic_write::Access;

/// How often another name is tried when a random one is taken.
const ATTEMPTS: u32 = 100;
/// The file has to be new: nobody else can have placed or opened it.
const NEW: OFlags =
    OFlags::CREATE.union(OFlags::EXCL).union(OFlags::WRONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A new file with mode 0600 under a random name. It is removed when dropped, unless it was given
/// its name by [`replace`](Self::replace).
#[derive(Debug)]
pub struct TempFile<F: AsFd> {
    folder: F,
    /// `None` once the file has another name, or none any more.
    name: Option<OsString>,
    file: File,
}

impl<F: AsFd> TempFile<F> {
    /// Creates an empty file in `folder`, named `prefix`, random letters and digits, `suffix`.
    ///
    /// # Errors
    /// Any error of the system; that a hundred random names are taken.
    pub fn create(folder: F, prefix: &OsStr, suffix: &str) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let random: String = (0..10).map(|_| fastrand::alphanumeric()).collect();
            let name: OsString = [prefix, OsStr::new(&random), OsStr::new(suffix)].into_iter().collect();
            match openat(&folder, &name, NEW, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return Ok(Self { folder, name: Some(name), file: file.into() }),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("no name is free for the new file beside it"))
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file another mode.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        set_mode(&self.file, mode)
    }

    /// Gives the file owner, group, mode and access list of another one. Only the superuser can
    /// give files away.
    pub(crate) fn set_access(&self, access: &Access) -> io::Result<()> {
        let old = &access.metadata;
        let new = self.file.metadata()?;
        let owner = (new.uid() != old.uid()).then(|| old.uid());
        let group = (new.gid() != old.gid()).then(|| old.gid());
        if owner.is_some() || group.is_some() {
            fchown(&self.file, owner, group)?;
        }
        // Before the mode: a list that the folder gave to the new file would give its users what
        // the mode allows the group.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        access_list::set(&self.file, access.list.as_deref())?;
        // After the owner: changing it clears special bits.
        self.set_mode(old.mode() & 0o7777)
    }

    /// Waits until the contents are on disk.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Moves the file to `name`, in place of whatever is there.
    ///
    /// # Errors
    /// Any error of the system; the temporary file is removed then.
    pub fn replace(mut self, name: impl AsRef<OsStr>) -> io::Result<()> {
        if let Some(temporary) = &self.name {
            renameat(&self.folder, temporary, &self.folder, name.as_ref())?;
        }
        self.name = None;
        Ok(())
    }

    /// Gives the file its `name` if nothing has it yet. Returns whether it did.
    ///
    /// # Errors
    /// Any error of the system.
    pub fn create_new(self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let Some(temporary) = &self.name else { return Ok(false) };
        match linkat(&self.folder, temporary, &self.folder, name.as_ref(), AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Forgets the name: another process has removed the file.
    pub(crate) fn forget(mut self) {
        self.name = None;
    }
}

impl<F: AsFd> Drop for TempFile<F> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What can't be removed now is a leftover, removed by a later writer.
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }
}

pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    match file.metadata()?.mode() & 0o7777 == mode {
        true => Ok(()),
        false => file.set_permissions(Permissions::from_mode(mode)),
    }
}
