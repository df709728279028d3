//! `Freshness`: how old a cached secret is, and whether it is stale.

use std::time::Duration;

use crate::{clock::Instant, error::ErrorKind};

/// How fresh a cached secret was at the time of [`Secret::freshness`](crate::Secret::freshness).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// How long ago the provider returned the value, or last confirmed that its version is current.
    pub age: Duration,
    /// How long the value stays fresh, by the cache's TTL or its own lifetime, whichever ends
    /// first. Zero if it is stale.
    pub expires_in: Duration,
    /// Whether the value is older than its TTL. It is served because the provider can't be reached,
    /// or because the client is [offline](crate::ClientBuilder::with_offline).
    pub stale: bool,
    /// Where the value came from.
    pub source: Source,
    /// Why the last reload failed, here or in another process; `None` if it did not.
    pub refresh_error: Option<ErrorKind>,
}

/// Where a secret came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The provider, which was called for this read: for the value, or to confirm its version.
    Provider,
    /// The cache in memory.
    Memory,
    /// The cache on disk, where this process or another one stored the value. A value that was
    /// stale when it was read from there stays one from disk until it is loaded.
    Disk,
}

/// What a cache records about a value that it serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provenance {
    pub(crate) loaded: Instant,
    pub(crate) expires: Instant,
    /// The value's own end, such as that of its lease.
    pub(crate) end: Option<Instant>,
    pub(crate) source: Source,
    pub(crate) error: Option<ErrorKind>,
}

impl Provenance {
    pub(crate) fn freshness(self, now: Instant) -> Freshness {
        Freshness {
            age: now.saturating_duration_since(self.loaded),
            expires_in: self.expires.saturating_duration_since(now),
            stale: now >= self.expires,
            source: self.source,
            refresh_error: self.error,
        }
    }
}
