//! Freshness: how old a secret is that a cache served, and whether it is stale.

use std::time::Duration;

use crate::{clock::Instant, error::ErrorKind};

/// How fresh a secret is that a cache served, as of the moment when this was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// How long ago the provider gave the value, or last confirmed that its version is current.
    pub age: Duration,
    /// How long the value stays fresh; zero if it is stale. The shorter of the cache's TTL and the
    /// value's own lifetime.
    pub expires_in: Duration,
    /// Whether the value is past its TTL. It is served because the provider can't be reached.
    pub stale: bool,
    /// Where this value came from.
    pub source: Source,
    /// Why the last attempt to reload the value failed, if it did.
    pub refresh_error: Option<ErrorKind>,
}

/// Where a secret came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// From the provider, by the call that returned it: read, or confirmed by its version.
    Provider,
    /// From memory.
    Memory,
    /// From disk, where this process or another one stored it.
    Disk,
}

/// What a cache notes on a value that it serves.
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
