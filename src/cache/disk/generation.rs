//! Whether anything was dropped since: a file that every drop changes and every read looks at.
//!
//! The file grows by a byte with each drop, and is made anew when it is long or can't grow. Whoever has looked at it holds it
//! open, so that the number of its bytes, and that it still has its name, tell all. A look is one `fstat`.

use std::{
    fs::File,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustix::fs::OFlags;
use s1crets_fs::Folder;

#[derive(Debug)]
pub(super) struct Generation {
    held: ArcSwap<Held>,
    reopening: Mutex<()>,
}

#[derive(Debug)]
struct Held {
    file: File,
    /// How often this process had to open the file again.
    times: u64,
}

/// What a look at the file tells: equal marks of one process mean that nothing was dropped in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) u64);

const FILE: &str = "generation";
/// A file this long is made anew.
const LONGEST: u64 = 64 * 1024;

impl Generation {
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        Ok(Self { held: ArcSwap::from_pointee(Held { file: open(folder)?, times: 0 }), reopening: Mutex::default() })
    }

    /// # Errors
    /// If there is no telling.
    pub(super) fn mark(&self, folder: &Folder) -> io::Result<Mark> {
        loop {
            let held = self.held.load();
            let status = rustix::fs::fstat(&held.file)?;
            if status.st_nlink > 0 {
                let size = u64::try_from(status.st_size).unwrap_or_default();
                return Ok(Mark(held.times << 32 | size));
            }
            let stale = held.times;
            drop(held);
            self.reopen(folder, stale)?;
        }
    }

    /// The same for all processes, and another one after each drop.
    pub(super) fn shared(&self, folder: &Folder) -> io::Result<String> {
        self.mark(folder)?;
        let status = rustix::fs::fstat(&self.held.load().file)?;
        Ok(format!("{:x}-{:x}", status.st_ino, status.st_size))
    }

    /// Makes every mark that was taken before an old one. Returns the last old one and the new one, unless somebody else
    /// did the same in this moment.
    pub(super) fn advance(&self, folder: &Folder) -> io::Result<Option<[Mark; 2]>> {
        let before = self.mark(folder)?;
        self.change(folder)?;
        let after = self.mark(folder)?;
        Ok((after.0 == before.0 + 1).then_some([before, after]))
    }

    fn change(&self, folder: &Folder) -> io::Result<()> {
        let held = self.held.load();
        let mut file = &held.file;
        let size = rustix::fs::fstat(file)?.st_size;
        // Appending takes no lock: two that do it at once make it two bytes longer. Removing takes no space.
        match u64::try_from(size).is_ok_and(|size| size < LONGEST) && file.write_all(b".").is_ok() {
            true => Ok(()),
            false => folder.remove(FILE).map(drop),
        }
    }

    fn reopen(&self, folder: &Folder, stale: u64) -> io::Result<()> {
        let _one = self.reopening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.held.load().times == stale {
            self.held.store(Held { file: open(folder)?, times: stale + 1 }.into());
        }
        Ok(())
    }
}

fn open(folder: &Folder) -> io::Result<File> {
    // Who may not write can still look.
    folder.file(FILE, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE).or_else(|_| folder.file(FILE, OFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::disk::folder;

    fn cache_folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder::create(&place.path().join("cache")).expect("a private folder");
        (place, folder)
    }

    #[test]
    fn every_drop_is_seen_by_those_who_looked_before() {
        let (_place, folder) = cache_folder();
        let [ours, theirs] = [0, 1].map(|_| Generation::open(&folder).expect("a file"));
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert_eq!(theirs.mark(&folder).expect("a mark"), theirs.mark(&folder).expect("a mark"));
            seen.push(theirs.mark(&folder).expect("a mark"));
            ours.advance(&folder).expect("it grows");
        }
        seen.push(theirs.mark(&folder).expect("a mark"));
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_file_that_is_long_or_gone_is_made_anew_and_that_is_seen_too() {
        let (place, folder) = cache_folder();
        let [ours, theirs] = [0, 1].map(|_| Generation::open(&folder).expect("a file"));
        let before = theirs.mark(&folder).expect("a mark");
        let file = place.path().join("cache").join(FILE);
        std::fs::write(&file, vec![b'.'; LONGEST as usize]).expect("a long file");
        let long = theirs.mark(&folder).expect("a mark");
        ours.advance(&folder).expect("it is removed");
        let anew = theirs.mark(&folder).expect("a mark");
        assert!(before != long && long != anew && before != anew);
        folder.remove(FILE).expect("it is removed");
        assert_ne!(theirs.mark(&folder).expect("a mark"), anew);
        assert!(file.exists());
    }
}
