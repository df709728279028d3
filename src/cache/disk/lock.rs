//! One load a key, whichever process; and one process at a time that changes what is kept.
//!
//! The locks are the kernel's, on files: it releases them when their holder ends, however that is.

use std::{
    fs::{File, TryLockError},
    io, thread,
    time::{Duration, Instant},
};

use rustix::fs::OFlags;
use s1crets_fs::{Folder, seal::Name};
use tokio::sync::SemaphorePermit;

use crate::retry::Backoff;

/// How the names of the files begin by which loads take turns.
pub(super) const TURN: &str = "l-";
/// The file of the lock on the folder.
const FOLDER: &str = "lock";

/// Whose turn it is to load what a record is to hold.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// Ours: nobody has been at it. The others wait until this is dropped.
    Ours(#[allow(dead_code, reason = "held until dropped")] KeyLock<'a>),
    /// Somebody else has been at it and is done; what there is to find is on the disk.
    Taken,
    /// There is no waiting for whoever is at it any longer.
    Overdue,
}

/// The lock on one key. Its file is removed with it.
#[derive(Debug)]
pub(crate) struct KeyLock<'a> {
    folder: &'a Folder,
    name: String,
    file: File,
    _handle: SemaphorePermit<'a>,
}

/// Waits for the turn to load, until `deadline` at most. Those who ask in different generations don't wait for each other:
/// what a load from before a drop brings is of no use after it.
///
/// # Errors
/// If files can't be locked here.
pub(super) async fn turn<'a>(
    folder: &'a Folder,
    name: Name,
    generation: &str,
    handle: SemaphorePermit<'a>,
    deadline: tokio::time::Instant,
) -> io::Result<Turn<'a>> {
    let name = format!("{TURN}{}-{generation}", name.to_hex());
    let file = folder.file(&name, OFlags::RDWR | OFlags::CREATE)?;
    let mut waits = 0;
    while !taken(&file)? {
        if tokio::time::Instant::now() >= deadline {
            return Ok(Turn::Overdue);
        }
        waits += 1;
        tokio::time::sleep(Backoff::LOCKED_FILE.wait(waits)).await;
    }
    // A holder that is done has removed the file; one that was killed has left it to us.
    match rustix::fs::fstat(&file)?.st_nlink {
        0 => Ok(Turn::Taken),
        _ => Ok(Turn::Ours(KeyLock { folder, name, file, _handle: handle })),
    }
}

/// The lock on the folder; nothing if it isn't to be had for so long.
///
/// # Errors
/// If files can't be locked here.
pub(super) fn folder(folder: &Folder, patience: Duration) -> io::Result<Option<File>> {
    let file = folder.file(FOLDER, OFlags::RDWR | OFlags::CREATE)?;
    let (start, mut waits) = (Instant::now(), 0);
    while !taken(&file)? {
        if start.elapsed() >= patience {
            return Ok(None);
        }
        waits += 1;
        thread::sleep(Backoff::LOCKED_FILE.wait(waits));
    }
    Ok(Some(file))
}

/// Removes a file by which loads take turns, unless somebody holds it. Says whether it did.
pub(super) fn sweep(folder: &Folder, name: &str) -> io::Result<bool> {
    sweep_opened(folder, name, &folder.file(name, OFlags::RDWR)?)
}

/// The name is removed only under the lock of the file that has it: the file that was opened may be gone, and another one
/// under its name in use.
fn sweep_opened(folder: &Folder, name: &str, file: &File) -> io::Result<bool> {
    match taken(file)? && rustix::fs::fstat(file)?.st_nlink > 0 {
        true => folder.remove(name),
        false => Ok(false),
    }
}

fn taken(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        // First the name, then the lock: whoever waits for it finds that its holder was done.
        let _ = self.folder.remove(&self.name);
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::disk::folder;

    /// The sweep opens a file; then its holder is done, and another load takes its turn by a new file of that name.
    #[test]
    fn a_turn_that_began_while_another_process_swept_is_not_taken_for_left_over() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder::create(&place.path().join("cache")).expect("created");
        let create = || folder.file("l-1", OFlags::RDWR | OFlags::CREATE).expect("created");
        let opened = create();
        folder.remove("l-1").expect("removed");
        let held = create();
        assert!(taken(&held).expect("locked"));
        assert!(!sweep_opened(&folder, "l-1", &opened).expect("swept"));
        assert!(!sweep(&folder, "l-1").expect("swept"), "it is held");
        drop(held);
        assert!(sweep(&folder, "l-1").expect("swept"), "nobody holds it any longer");
    }
}
