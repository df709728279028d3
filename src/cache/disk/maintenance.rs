//! What `s1crets cache` does, which takes no key, and what `s1crets doctor` looks at.

use std::{io, time::Duration};

use s1crets_fs::Folder;

use super::{clock, folder, generation::Generation, key, lock, settings::DiskCache, store::RECORD, sweep};
use crate::error::{Error, Result};

/// What a disk cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStats {
    /// Records of single secrets and of listings, whoever's key they are sealed with.
    pub entries: u64,
    /// Those among them that are past their time and not removed yet.
    pub expired: u64,
    /// Bytes of all records.
    pub bytes: u64,
}

/// What was removed from a disk cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneStats {
    /// Records past their time, and files that were none.
    pub expired: u64,
    /// Records beyond the bound.
    pub evicted: u64,
    /// What killed processes left: unfinished files and locks.
    pub left_over: u64,
}

/// How long a process is waited for that is just changing something.
const PATIENCE: Duration = Duration::from_secs(1);

impl DiskCache {
    /// What the folder holds; nothing if there is no folder yet.
    ///
    /// # Errors
    /// `Config` if the folder is not fit for a cache, or can't be read.
    pub fn stats(&self) -> Result<DiskStats> {
        self.with_folder(|folder| {
            let (mut stats, now) = (DiskStats::default(), clock::now());
            for name in folder.names()?.iter().filter(|name| name.starts_with(RECORD)) {
                let Ok(file) = folder.file(name, rustix::fs::OFlags::RDONLY) else { continue };
                stats.entries += 1;
                stats.bytes += file.metadata()?.len();
                stats.expired += u64::from(sweep::dies(folder, name).is_none_or(|dies| dies <= now));
            }
            Ok(stats)
        })
    }

    /// Removes all records, and lets all processes that use the folder know: they drop what they hold in memory. The key
    /// stays. Returns how many records there were.
    ///
    /// # Errors
    /// `Config` if the folder is not fit for a cache, or can't be changed.
    pub fn clear(&self) -> Result<u64> {
        self.with_folder(|folder| {
            let generation = Generation::open(folder)?;
            let _turn = lock::folder(folder, PATIENCE)?;
            let mut removed = 0;
            for name in folder.names()?.iter().filter(|name| name.starts_with(RECORD)) {
                removed += u64::from(folder.remove(name)?);
            }
            generation.advance(folder)?;
            Ok(removed)
        })
    }

    /// Removes the records that are past their time, those beyond `entries`, and what killed processes left behind. That
    /// happens by itself too, about once an hour.
    ///
    /// # Errors
    /// `Config` if the folder is not fit for a cache, or can't be changed.
    pub fn prune(&self, entries: u64) -> Result<PruneStats> {
        self.with_folder(|folder| sweep::sweep(folder, entries, clock::now()))
    }

    /// Whether the folder is there, and it and the key can be used. Nothing is made.
    ///
    /// # Errors
    /// `Config` if either can't be used.
    pub fn check(&self) -> Result<bool> {
        let path = self.folder()?;
        let folder = path.try_exists().unwrap_or(true).then(|| folder::open(&path)).transpose()?;
        key::look(self.key(), folder.as_ref())?;
        Ok(folder.is_some())
    }

    fn with_folder<T: Default>(&self, act: impl FnOnce(&Folder) -> io::Result<T>) -> Result<T> {
        let path = self.folder()?;
        if !path.try_exists().unwrap_or(true) {
            return Ok(T::default());
        }
        let folder = folder::open(&path)?;
        act(&folder).map_err(|error| {
            Error::config(format!("can't look after the disk cache's folder {}", path.display())).with_source(error)
        })
    }
}
