//! Maintenance of a disk cache without its key: what `s1crets cache` and `s1crets doctor` do.

use std::io;

use s1crets_fs::Folder;

use super::{
    clock, drops, folder,
    generation::Generation,
    header::DropFilter,
    key,
    settings::DiskCache,
    sweep::{self, PruneStats, removable_after},
};
use crate::error::{Error, Result};

/// What a disk cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStats {
    /// Records of single secrets and of listings, with whatever key they are sealed.
    pub entries: u64,
    /// Those among them that have expired and are not removed yet.
    pub expired: u64,
    /// Bytes of all records.
    pub bytes: u64,
}

impl DiskCache {
    /// Counts what the folder holds: nothing if there is no folder yet.
    ///
    /// # Errors
    /// `Config` if the folder is refused, or can't be read.
    pub fn stats(&self) -> Result<DiskStats> {
        self.with_folder(|folder| {
            let (mut stats, now) = (DiskStats::default(), clock::now());
            for name in folder::records(folder)? {
                let Ok(file) = folder.file(&name, rustix::fs::OFlags::RDONLY) else { continue };
                stats.entries += 1;
                stats.bytes += file.metadata()?.len();
                stats.expired += u64::from(removable_after(folder, &name)?.is_none_or(|time| time <= now));
            }
            Ok(stats)
        })
    }

    /// Removes all records, and tells all processes that use the folder: they drop what they hold
    /// in memory. The key stays. Returns how many records there were.
    ///
    /// # Errors
    /// `Config` if the folder is refused, or can't be changed.
    pub fn clear(&self) -> Result<u64> {
        self.with_folder(|folder| {
            let generation = Generation::open(folder)?;
            let advance = || generation.advance(folder).map(drop);
            drops::drop_records(folder, &generation, &[&DropFilter::All], advance)
        })
    }

    /// Removes expired records, those above the limit of `entries`, and what killed processes left
    /// behind. Processes that write to the folder do the same, about once an hour.
    ///
    /// # Errors
    /// `Config` if the folder is refused, or can't be changed.
    pub fn prune(&self, entries: u64) -> Result<PruneStats> {
        self.with_folder(|folder| sweep::sweep(folder, entries, clock::now()))
    }

    /// Checks that the folder and the key can be used, and creates neither. Returns whether there
    /// is a folder.
    ///
    /// # Errors
    /// `Config` if either can't be used.
    pub fn check(&self) -> Result<bool> {
        let path = self.folder()?;
        let folder = path.try_exists().unwrap_or(true).then(|| folder::open(&path)).transpose()?;
        key::find_existing(self.key(), folder.as_ref())?;
        Ok(folder.is_some())
    }

    fn with_folder<T: Default>(&self, act: impl FnOnce(&Folder) -> io::Result<T>) -> Result<T> {
        let path = self.folder()?;
        if !path.try_exists().unwrap_or(true) {
            return Ok(T::default());
        }
        let folder = folder::open(&path)?;
        act(&folder).map_err(|error| {
            Error::config(format!("can't maintain the disk cache's folder {}", path.display())).with_source(error)
        })
    }
}
