//! What tells one state of a file from another.

use std::{
    fs::Metadata,
    time::{Duration, SystemTime},
};

/// A file changed this recently may change again without its times moving: some file systems count
/// in whole seconds, and all others in ticks of the kernel.
#[cfg(any(feature = "file", all(feature = "disk-cache", unix)))]
const TICK: Duration = Duration::from_secs(2);

/// The state of a file as far as it can be told without reading it. Two different stamps mean a
/// change, whichever is the later one; two equal ones mean none, unless they are fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    identity: Identity,
    size: u64,
    modified: Option<SystemTime>,
    /// When content, name, mode or owner last changed. Can't be set back, unlike `modified`.
    changed: Option<SystemTime>,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            changed: changed(metadata),
        }
    }

    #[cfg(feature = "file")]
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    #[cfg(feature = "file")]
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Whether an equal stamp later on would not prove that nothing changed.
    #[cfg(any(feature = "file", all(feature = "disk-cache", unix)))]
    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        let age = |time: SystemTime| now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
        [self.modified, self.changed].into_iter().flatten().any(|time| age(time) < TICK)
    }
}

/// Device and inode.
pub(crate) type Identity = (u64, u64);

#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino())
}

/// Not to be had here; the times tell as much.
#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;

    let since = Duration::new(metadata.ctime().try_into().ok()?, metadata.ctime_nsec().try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<SystemTime> {
    None
}

#[cfg(all(test, any(feature = "file", all(feature = "disk-cache", unix))))]
mod tests {
    use super::*;

    #[test]
    fn a_recent_change_of_either_kind_is_fresh_and_so_is_one_ahead_of_the_clock() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        for (modified, changed, fresh) in
            [(at(1_000), at(1_000), true), (at(1), at(999), true), (at(1_001), at(9), true), (at(998), at(998), false)]
        {
            let stamp = Stamp { identity: (1, 2), size: 3, modified, changed };
            assert_eq!(stamp.is_fresh(now), fresh, "{stamp:?}");
        }
    }
}
