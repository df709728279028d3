//! Generation: whether any record was dropped since a process last looked.
//!
//! The generation is a file that every drop makes a byte longer. Once it is long, or can't grow, it
//! is removed instead, and created again by the next process that looks. Each process holds it
//! open, so that a look is one `fstat`: its length, and whether it still has a name.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use rustix::fs::OFlags;
use s1crets_fs::Folder;

/// The file, held open.
#[derive(Debug)]
pub(super) struct Generation {
    opened: ArcSwap<Opened>,
    reopening: Mutex<()>,
}

#[derive(Debug)]
struct Opened {
    file: File,
    /// How often this process had to open the file again.
    times: u64,
}

/// The generation as one process saw it. If two are equal, nothing was dropped in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot(u64);

const FILE: &str = "generation";
/// The length at which the file is removed and created again.
const LONGEST: u64 = 64 * 1024;

impl Generation {
    pub(super) fn open(folder: &Folder) -> io::Result<Self> {
        Ok(Self {
            opened: ArcSwap::from_pointee(Opened { file: open(folder)?, times: 0 }),
            reopening: Mutex::default(),
        })
    }

    /// The generation now.
    ///
    /// # Errors
    /// If the file was removed, and can't be opened again.
    pub(super) fn snapshot(&self, folder: &Folder) -> io::Result<Snapshot> {
        loop {
            let opened = self.opened.load();
            let status = rustix::fs::fstat(&opened.file)?;
            if status.st_nlink > 0 {
                let size = u64::try_from(status.st_size).unwrap_or_default();
                return Ok(Snapshot(opened.times << 32 | size));
            }
            let gone = opened.times;
            drop(opened);
            self.reopen(folder, gone)?;
        }
    }

    /// The generation by a name that all processes give it.
    pub(super) fn shared_name(&self, folder: &Folder) -> io::Result<String> {
        self.snapshot(folder)?;
        let status = rustix::fs::fstat(&self.opened.load().file)?;
        Ok(format!("{:x}-{:x}", status.st_ino, status.st_size))
    }

    /// Begins a new generation. Returns the last snapshot of the old one and the first of the new
    /// one, unless another process did the same at this moment.
    pub(super) fn advance(&self, folder: &Folder) -> io::Result<Option<[Snapshot; 2]>> {
        let before = self.snapshot(folder)?;
        self.grow(folder)?;
        let after = self.snapshot(folder)?;
        Ok((after.0 == before.0 + 1).then_some([before, after]))
    }

    fn grow(&self, folder: &Folder) -> io::Result<()> {
        let opened = self.opened.load();
        let mut file = &opened.file;
        let size = rustix::fs::fstat(file)?.st_size;
        // Appending takes no lock: two that do it at once add two bytes. Removing takes no space.
        match u64::try_from(size).is_ok_and(|size| size < LONGEST) && file.write_all(b".").is_ok() {
            true => Ok(()),
            false => folder.remove(FILE).map(drop),
        }
    }

    fn reopen(&self, folder: &Folder, gone: u64) -> io::Result<()> {
        let _one = self.reopening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.opened.load().times == gone {
            self.opened.store(Opened { file: open(folder)?, times: gone + 1 }.into());
        }
        Ok(())
    }
}

fn open(folder: &Folder) -> io::Result<File> {
    let append = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
    // A process that may not write can still look.
    folder.file(FILE, append).or_else(|error| folder.file(FILE, OFlags::RDONLY).map_err(|_| error))
}

/// The generation that one memory agrees with: it holds nothing that was dropped before.
#[derive(Debug)]
pub(super) struct MemoryGeneration {
    seen: AtomicU64,
    /// Held while memory is emptied, and while a drop of our own advances the generation.
    changing: Mutex<()>,
}

/// Memory holds nothing yet, so it agrees with any generation.
const EMPTY: u64 = u64::MAX;
/// The generation could not be looked at, so it may have changed.
const UNKNOWN: u64 = u64::MAX - 1;

impl MemoryGeneration {
    /// Sets the first generation, unless memory may hold something by now.
    pub(super) fn start(&self, now: Option<Snapshot>) {
        let _ = self.seen.compare_exchange(EMPTY, encoded(now), Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Runs `empty_memory`, and then lets other readers continue, if anything was dropped since the
    /// last call. It runs once when the generation can't be looked at any more.
    pub(super) fn catch_up(&self, look: impl Fn() -> Option<Snapshot>, empty_memory: impl FnOnce()) {
        let is_seen = |now: u64| self.seen.load(Ordering::Acquire) == now;
        if is_seen(encoded(look())) {
            return;
        }
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = encoded(look());
        if !is_seen(now) {
            empty_memory();
            self.seen.store(now, Ordering::Release);
        }
    }

    /// Runs `advance` for a drop whose records this memory has dropped already: it need not be
    /// emptied.
    pub(super) fn advance(&self, advance: impl FnOnce() -> io::Result<Option<[Snapshot; 2]>>) -> io::Result<()> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([before, after]) = advance()? {
            let _ = self.seen.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Default for MemoryGeneration {
    fn default() -> Self {
        Self { seen: AtomicU64::new(EMPTY), changing: Mutex::default() }
    }
}

fn encoded(now: Option<Snapshot>) -> u64 {
    now.map_or(UNKNOWN, |snapshot| snapshot.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cache::disk::folder;

    fn cache_folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder::create(&place.path().join("cache")).expect("a private folder");
        (place, folder)
    }

    #[test]
    fn every_drop_is_seen_by_processes_that_looked_before() {
        let (_place, folder) = cache_folder();
        let [ours, theirs] = [0, 1].map(|_| Generation::open(&folder).expect("a file"));
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert_eq!(theirs.snapshot(&folder).expect("seen"), theirs.snapshot(&folder).expect("seen"));
            seen.push(theirs.snapshot(&folder).expect("seen"));
            ours.advance(&folder).expect("it grows");
        }
        seen.push(theirs.snapshot(&folder).expect("seen"));
        seen.dedup();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn a_file_that_is_long_or_gone_is_created_again_which_is_seen_too() {
        let (place, folder) = cache_folder();
        let [ours, theirs] = [0, 1].map(|_| Generation::open(&folder).expect("a file"));
        let before = theirs.snapshot(&folder).expect("seen");
        let file = place.path().join("cache").join(FILE);
        std::fs::write(&file, vec![b'.'; LONGEST as usize]).expect("a long file");
        let long = theirs.snapshot(&folder).expect("seen");
        ours.advance(&folder).expect("it is removed");
        let anew = theirs.snapshot(&folder).expect("seen");
        assert!(before != long && long != anew && before != anew);
        folder.remove(FILE).expect("it is removed");
        assert_ne!(theirs.snapshot(&folder).expect("seen"), anew);
        assert!(file.exists());
    }

    #[test]
    fn memory_is_emptied_once_for_each_drop_by_others_and_not_for_its_own() {
        let (_place, folder) = cache_folder();
        let [ours, theirs] = [0, 1].map(|_| Generation::open(&folder).expect("a file"));
        let (memory, emptied) = (MemoryGeneration::default(), Cell::new(0));
        let look = || ours.snapshot(&folder).ok();
        let catch_up = || {
            memory.catch_up(look, || emptied.set(emptied.get() + 1));
            emptied.get()
        };
        memory.start(look());
        assert_eq!((catch_up(), catch_up()), (0, 0));
        theirs.advance(&folder).expect("advanced");
        assert_eq!((catch_up(), catch_up()), (1, 1));
        memory.advance(|| ours.advance(&folder)).expect("advanced");
        assert_eq!(catch_up(), 1);
        theirs.advance(&folder).expect("advanced");
        memory.advance(|| ours.advance(&folder)).expect("advanced");
        assert_eq!((catch_up(), catch_up()), (2, 2), "another drop came before ours");
    }

    #[test]
    fn memory_that_could_not_look_is_emptied_once_it_can_again() {
        let (_place, folder) = cache_folder();
        let generation = Generation::open(&folder).expect("a file");
        let look = || generation.snapshot(&folder).ok();
        let emptied = Cell::new(0);
        let empty = || emptied.set(emptied.get() + 1);
        for late in [false, true] {
            let memory = MemoryGeneration::default();
            emptied.set(0);
            memory.start(if late { None } else { look() });
            memory.catch_up(|| None, empty);
            memory.catch_up(|| None, empty);
            assert_eq!(emptied.get(), u32::from(!late), "what it held may have been dropped since");
            memory.catch_up(look, empty);
            assert_eq!(emptied.get(), 1 + u32::from(!late), "so may what it loaded meanwhile");
            memory.start(look());
        }
    }
}
