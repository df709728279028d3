//! Warnings about the disk cache: each kind is logged once per process, and none stops a read.

use std::{
    fmt::Display,
    sync::atomic::{AtomicU32, Ordering},
};

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warning {
    /// The folder or its key can't be used.
    Unusable,
    /// A record can't be read.
    Record,
    /// A record can't be written.
    Write,
    /// A record is from the future.
    Clock,
    /// Files can't be locked.
    Lock,
    /// A drop can't remove a record.
    Removal,
    /// Whether anything was dropped can't be told.
    Generation,
    /// The system is short of something.
    Momentary,
    /// Other processes can't be told of an outage, or of its end.
    Outage,
}

/// The log target of warnings, which the command shows by default.
const TARGET: &str = "s1crets::disk_cache";

/// Logs warnings, and remembers which ones were logged.
#[derive(Debug, Default)]
pub(super) struct Warnings(AtomicU32);

impl Warnings {
    /// Logs a warning the first time, and at the debug level from then on. `why` contains no
    /// secret.
    pub(super) fn warn(&self, warning: Warning, why: &dyn Display) {
        let bit = 1 << warning as u32;
        let message = warning.message();
        match self.0.fetch_or(bit, Ordering::Relaxed) & bit {
            0 => tracing::warn!(target: TARGET, why = %why, "{message}"),
            _ => tracing::debug!(target: TARGET, why = %why, "{message}"),
        }
    }
}

impl Warning {
    fn message(self) -> &'static str {
        match self {
            Self::Unusable => "the disk cache can't be used: continuing without it",
            Self::Record => "a record of the disk cache can't be read: it counts as missing",
            Self::Write => "a record of the disk cache can't be written: the value is not stored on disk",
            Self::Clock => "a record of the disk cache is from the future: it counts as missing",
            Self::Lock => "the disk cache can't be locked: each process loads by itself",
            Self::Removal => {
                "the disk cache can't remove outdated records: this process does not use them and tries again later; \
                 other processes may serve them until they expire"
            }
            Self::Generation => "the disk cache can't be watched for updates: it is not used until it can",
            Self::Outage => {
                "the disk cache can't note an outage or its end: other processes wait for calls of their own"
            }
            Self::Momentary => "the system is short of a resource: the disk cache was not used for a read or a write",
        }
    }
}
