//! What is removed by itself: records past their time, those beyond the bound, and what killed processes left.

use std::{
    io::{self, Read},
    time::{Duration, SystemTime},
};

use rustix::fs::OFlags;
use s1crets_fs::Folder;

use super::{folder::UNFINISHED, lock, maintenance::PruneStats, record, store::RECORD};

/// The file whose time of change tells when this was last done.
const MARKER: &str = "swept";
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Unfinished files are written in milliseconds; one this old is left over.
const LEFT_OVER: Duration = Duration::from_secs(10 * 60);

/// Whether it is time. Says so to one process only.
pub(super) fn is_due(folder: &Folder) -> bool {
    let age = folder.file(MARKER, OFlags::RDONLY).and_then(|file| file.metadata()?.modified()).ok();
    if age.is_some_and(|time| !is_older(time, EVERY)) {
        return false;
    }
    let marker = folder.file(MARKER, OFlags::WRONLY | OFlags::CREATE);
    marker.and_then(|marker| marker.set_modified(SystemTime::now())).is_ok()
}

/// Removes what is past its time, and what is beyond `bound` records: those first that would have to go first anyway.
pub(super) fn sweep(folder: &Folder, bound: u64, now: u64) -> io::Result<PruneStats> {
    let (mut swept, mut living) = (PruneStats::default(), Vec::new());
    for name in folder.names()? {
        if name.starts_with(RECORD) {
            match dies(folder, &name) {
                Some(dies) if dies > now => living.push((dies, name)),
                _ => swept.expired += u64::from(folder.remove(&name)?),
            }
        } else if name.starts_with(UNFINISHED) {
            swept.left_over += u64::from(is_left_over(folder, &name) && folder.remove(&name)?);
        } else if name.starts_with(lock::TURN) {
            swept.left_over += u64::from(lock::sweep(folder, &name).unwrap_or(false));
        }
    }
    living.sort_unstable();
    let beyond = living.len().saturating_sub(usize::try_from(bound).unwrap_or(usize::MAX));
    for (_, name) in living.drain(..beyond) {
        swept.evicted += u64::from(folder.remove(&name)?);
    }
    Ok(swept)
}

/// When a record may be removed, by its header.
pub(super) fn dies(folder: &Folder, name: &str) -> Option<u64> {
    let mut header = [0; record::HEADER];
    folder.file(name, OFlags::RDONLY).and_then(|mut file| file.read_exact(&mut header)).ok()?;
    record::dies(&header)
}

fn is_left_over(folder: &Folder, name: &str) -> bool {
    let changed = folder.file(name, OFlags::RDONLY).and_then(|file| file.metadata()?.modified());
    changed.is_ok_and(|time| is_older(time, LEFT_OVER))
}

fn is_older(time: SystemTime, age: Duration) -> bool {
    // One from the future is none of today's.
    SystemTime::now().duration_since(time).map_or(true, |since| since > age)
}
