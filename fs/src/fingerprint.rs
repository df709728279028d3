//! Fingerprint of a file: its identity, size and times, to tell whether it changed without reading
//! it.

use std::{
    fs::Metadata,
    time::{Duration, SystemTime},
};

/// A file that changed this recently may change again without its times moving: some file systems
/// count whole seconds, and all others ticks of the kernel.
const TICK: Duration = Duration::from_secs(2);

/// The state of a file without its contents. Two different fingerprints mean a change, whichever is
/// the later one; two equal ones mean none, unless they are [recent](Self::is_recent).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    identity: Identity,
    size: u64,
    modified: Option<SystemTime>,
    /// When content, name, mode or owner last changed. Can't be set back, unlike `modified`.
    changed: Option<SystemTime>,
}

impl Fingerprint {
    /// The fingerprint of the file that this metadata is of.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            changed: changed(metadata),
        }
    }

    /// The fingerprint of the file that has this status: the same as [`of`](Self::of) its metadata.
    #[cfg(unix)]
    #[allow(clippy::unnecessary_cast, reason = "the types of these fields differ between systems")]
    pub(crate) fn of_status(status: &rustix::fs::Stat) -> Self {
        Self {
            identity: (status.st_dev as u64, status.st_ino as u64),
            size: u64::try_from(status.st_size).unwrap_or_default(),
            modified: time(status.st_mtime as i64, status.st_mtime_nsec as i64),
            changed: time(status.st_ctime as i64, status.st_ctime_nsec as i64),
        }
    }

    /// When the contents last changed, as far as the file system says.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Whether both are of the same file, whatever its contents.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Whether the last change is so recent that an equal fingerprint later proves nothing.
    pub fn is_recent(&self, now: SystemTime) -> bool {
        let age = |time: SystemTime| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
        [self.modified, self.changed].into_iter().flatten().any(|time| age(time) < TICK)
    }
}

/// Device and inode: which file it is.
pub type Identity = (u64, u64);

/// Which file this metadata is of.
#[cfg(unix)]
pub fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino())
}

/// Which file this metadata is of: unknown on this system, where size and times have to do.
#[cfg(not(unix))]
pub fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;

    time(metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(unix)]
fn time(seconds: i64, nanos: i64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<SystemTime> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_recent_by_either_time_and_also_ahead_of_the_clock() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for (modified, changed, recent) in
            [(at(1_000), at(1_000), true), (at(1), at(999), true), (at(1_001), at(9), true), (at(998), at(998), false)]
        {
            let fingerprint = Fingerprint { identity: (1, 2), size: 3, modified, changed };
            assert_eq!(fingerprint.is_recent(now), recent, "{fingerprint:?}");
        }
    }
}
