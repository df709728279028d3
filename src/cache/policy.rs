//! What a cache keeps, and for how long.

use std::time::Duration;

/// How much a cache keeps, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachePolicy {
    /// Entries at most, of single secrets and of listings each. The least used go first. 0 keeps
    /// nothing; callers that ask at the same time still share one load. Default: 1000, as in the
    /// Python s1crets.
    pub entries: u64,
    /// How long an answer is kept, from when it was loaded; reads don't extend it. Zero keeps
    /// nothing. Default: 15 minutes, as in the Python s1crets.
    pub ttl: Duration,
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self { entries: 1000, ttl: Duration::from_secs(15 * 60) }
    }
}

impl CachePolicy {
    /// The same with that many entries at most.
    #[must_use]
    pub fn with_entries(self, entries: u64) -> Self {
        Self { entries, ..self }
    }

    /// The same with answers kept that long.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }
}
