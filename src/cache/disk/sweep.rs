//! Sweep: removes expired records, those above the limit, and what killed processes left.

use std::{
    io,
    time::{Duration, SystemTime},
};

use rustix::fs::OFlags;
use s1crets_fs::Folder;

use super::{
    folder::{self, OUTAGE, RECORD, UNFINISHED},
    header::{self, COMMON},
    lock, momentary, outage,
};

/// What was removed from a disk cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneStats {
    /// Expired records, and files in their place that are none.
    pub expired: u64,
    /// Records above the limit.
    pub evicted: u64,
    /// Unfinished files and locks of killed processes.
    pub left_over: u64,
}

/// The file whose modification time is that of the last sweep.
const MARKER: &str = "swept";
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Unfinished files are written in milliseconds. One this old is a leftover.
const LEFTOVER: Duration = Duration::from_secs(10 * 60);

/// Whether a sweep is due. True for one process only.
pub(super) fn is_due(folder: &Folder) -> bool {
    let swept = folder.file(MARKER, OFlags::RDONLY).and_then(|file| file.metadata()?.modified()).ok();
    if swept.is_some_and(|time| !is_older(time, EVERY)) {
        return false;
    }
    let marker = folder.file(MARKER, OFlags::WRONLY | OFlags::CREATE);
    marker.and_then(|marker| marker.set_modified(SystemTime::now())).is_ok()
}

/// Removes records that have expired, and those above `limit`: the ones that expire first.
pub(super) fn sweep(folder: &Folder, limit: u64, now: u64) -> io::Result<PruneStats> {
    let (mut stats, mut living) = (PruneStats::default(), Vec::new());
    for name in folder.names()? {
        if name.starts_with(RECORD) {
            match removable_after(folder, &name)? {
                Some(time) if time > now => living.push((time, name)),
                _ => stats.expired += u64::from(folder::remove_record(folder, &name)?),
            }
        } else if name.starts_with(UNFINISHED) {
            stats.left_over += u64::from(is_older_than(folder, &name, LEFTOVER) && folder.remove(&name)?);
        } else if name.starts_with(lock::LOAD_LOCK) {
            stats.left_over += u64::from(lock::remove_unheld(folder, &name).unwrap_or(false));
        } else if name.starts_with(OUTAGE) && is_older_than(folder, &name, outage::FORGOTTEN) {
            folder.remove(&name)?;
        }
    }
    living.sort_unstable();
    let excess = living.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
    for (_, name) in living.drain(..excess) {
        stats.evicted += u64::from(folder::remove_record(folder, &name)?);
    }
    Ok(stats)
}

/// When a record may be removed. `None` if it is no record, or can't be read.
///
/// # Errors
/// If it can't be read for the moment.
pub(super) fn removable_after(folder: &Folder, file: &str) -> io::Result<Option<u64>> {
    match folder::read_start::<COMMON>(folder, file) {
        Ok(start) => Ok(header::removable_after(&start)),
        Err(error) if momentary::is_momentary(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

fn is_older_than(folder: &Folder, name: &str, age: Duration) -> bool {
    let changed = folder.file(name, OFlags::RDONLY).and_then(|file| file.metadata()?.modified());
    changed.is_ok_and(|time| is_older(time, age))
}

/// A time in the future counts as old: the clock was set back since.
fn is_older(time: SystemTime, age: Duration) -> bool {
    SystemTime::now().duration_since(time).map_or(true, |since| since > age)
}
