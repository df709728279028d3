//! What goes wrong on disk is told once, and never stops a read.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU32, Ordering},
};

/// What can go wrong, each with a warning of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The folder or its key can't be used.
    Unusable,
    /// A record is not what was written.
    Record,
    /// Nothing can be written.
    Write,
    /// A record is from the future.
    Clock,
    /// Files can't be locked.
    Lock,
    /// What should be gone can't be removed.
    Removal,
}

/// Where warnings go: the command shows them without being asked.
const TARGET: &str = "s1crets::disk_cache";

/// Which troubles were told already.
#[derive(Debug, Default)]
pub(super) struct Troubles(AtomicU32);

impl Troubles {
    /// Warns the first time, and notes every other time at the debug level. `why` names no secret.
    pub(super) fn tell(&self, trouble: Trouble, why: &dyn Display) {
        let bit = 1 << trouble as u32;
        let message = trouble.message();
        match self.0.fetch_or(bit, Ordering::Relaxed) & bit {
            0 => tracing::warn!(target: TARGET, why = %why, "{message}"),
            _ => tracing::debug!(target: TARGET, why = %why, "{message}"),
        }
    }
}

impl Trouble {
    fn message(self) -> &'static str {
        match self {
            Self::Unusable => "the disk cache can't be used: going on without",
            Self::Record => "a record of the disk cache can't be read: it counts as missing",
            Self::Write => "the disk cache can't be written: it keeps nothing new",
            Self::Clock => "a record of the disk cache is from the future: it counts as missing",
            Self::Lock => "the disk cache can't be locked: each process loads by itself",
            Self::Removal => {
                "the disk cache can't drop what changed: going on without it; other processes may serve \
                              the old value until its time is over"
            }
        }
    }
}
