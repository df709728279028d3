//! Locks between processes: one load per key, and one writer of the folder.
//!
//! They are the kernel's, on files, so a process that ends in any way releases them. The holder of a
//! load lock removes the file *before* it releases the lock. So the lock of a file without a name
//! means that the load is done. The lock of a file that still has its name means that nobody has
//! loaded: the file is new, or its holder was killed.

use std::{
    fs::{File, TryLockError},
    io, thread,
    time::{Duration, Instant},
};

use rustix::fs::OFlags;
use s1crets_fs::{Folder, seal::Name};
use tokio::sync::SemaphorePermit;

use crate::retry::Backoff;

/// How the names of the files of load locks begin.
pub(super) const LOAD_LOCK: &str = "l-";
/// The file of the lock on the folder.
const FOLDER_LOCK: &str = "lock";

/// How the wait for a load lock ended.
#[derive(Debug)]
pub(crate) enum LoadLock<'a> {
    /// We have it, and nobody has loaded. Other processes wait until this is dropped.
    Held(#[allow(dead_code, reason = "held until dropped")] HeldLock<'a>),
    /// Another process had it, and its load is done: what it stored is on disk.
    LoadedElsewhere,
    /// Another process has had it for too long, or files can't be locked.
    NotLocked,
}

/// The lock on one key. Its file is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct HeldLock<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
    _descriptor: SemaphorePermit<'a>,
}

/// Waits for the lock on the load of a record, until `deadline` at most. Processes that see
/// different generations don't wait for each other: a load from before a drop is of no use after
/// it.
///
/// # Errors
/// If files can't be locked here.
pub(super) async fn load<'a>(
    folder: &'a Folder,
    name: Name,
    generation: &str,
    descriptor: SemaphorePermit<'a>,
    deadline: tokio::time::Instant,
) -> io::Result<LoadLock<'a>> {
    let name = format!("{LOAD_LOCK}{}-{generation}", name.to_hex());
    let file = folder.file(&name, OFlags::RDWR | OFlags::CREATE)?;
    let mut waits = 0;
    while !is_taken(&file)? {
        if tokio::time::Instant::now() >= deadline {
            return Ok(LoadLock::NotLocked);
        }
        waits += 1;
        tokio::time::sleep(Backoff::LOCKED_FILE.wait(waits)).await;
    }
    match rustix::fs::fstat(&file)?.st_nlink {
        0 => Ok(LoadLock::LoadedElsewhere),
        _ => Ok(LoadLock::Held(HeldLock { folder, name, file, _descriptor: descriptor })),
    }
}

/// Takes the lock on the folder, which is released when the file is dropped. `None` if another
/// process holds it for longer than `patience`. Blocks.
///
/// # Errors
/// If files can't be locked here.
pub(super) fn folder(folder: &Folder, patience: Duration) -> io::Result<Option<File>> {
    let file = folder.file(FOLDER_LOCK, OFlags::RDWR | OFlags::CREATE)?;
    let (start, mut waits) = (Instant::now(), 0);
    while !is_taken(&file)? {
        if start.elapsed() >= patience {
            return Ok(None);
        }
        waits += 1;
        thread::sleep(Backoff::LOCKED_FILE.wait(waits));
    }
    Ok(Some(file))
}

/// Removes the file of a load lock, unless a process holds it. Returns whether it did.
pub(super) fn remove_unheld(folder: &Folder, name: &str) -> io::Result<bool> {
    remove_opened(folder, name, &folder.file(name, OFlags::RDWR)?)
}

/// The name is removed only under the lock of the file that has it: the file that was opened may be
/// gone by now, and another one of that name in use.
fn remove_opened(folder: &Folder, name: &str, file: &File) -> io::Result<bool> {
    match is_taken(file)? && rustix::fs::fstat(file)?.st_nlink > 0 {
        true => folder.remove(name),
        false => Ok(false),
    }
}

/// Takes the lock on a file, if nobody has it.
fn is_taken(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Drop for HeldLock<'_> {
    fn drop(&mut self) {
        let _ = self.folder.remove(&self.name);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::disk::folder;

    /// The sweep opens a file; then its holder is done, and another load uses a new file of that
    /// name.
    #[test]
    fn a_load_lock_taken_while_another_process_sweeps_is_not_removed_as_a_leftover() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder::create(&place.path().join("cache")).expect("created");
        let create = || folder.file("l-1", OFlags::RDWR | OFlags::CREATE).expect("created");
        let opened = create();
        folder.remove("l-1").expect("removed");
        let held = create();
        assert!(is_taken(&held).expect("locked"));
        assert!(!remove_opened(&folder, "l-1", &opened).expect("looked at"));
        assert!(!remove_unheld(&folder, "l-1").expect("looked at"), "it is held");
        drop(held);
        assert!(remove_unheld(&folder, "l-1").expect("looked at"), "nobody holds it any longer");
    }
}
