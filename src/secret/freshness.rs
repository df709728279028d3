//! How fresh a secret is that a cache gave.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::ErrorKind;

/// How fresh a secret is that a cache gave, as of the moment when this was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// How long ago the provider gave the value, or last said that it is still the current one.
    pub age: Duration,
    /// How long the value is fresh yet; zero if it is stale.
    pub expires_in: Duration,
    /// Whether the value has outlived its time: it is served because the provider can't be asked.
    pub stale: bool,
    /// Where this handle came from.
    pub source: Source,
    /// Why the last attempt to read the value anew failed, if it did.
    pub refresh_error: Option<ErrorKind>,
}

/// Where a secret came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// Read from the provider, or confirmed by it, by the call that gave it.
    Provider,
    /// Held in memory.
    Memory,
    /// Kept on disk, by this process or another one.
    Disk,
}

/// What a cache notes on a handle that it gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) loaded: Instant,
    pub(crate) expires: Instant,
    pub(crate) source: Source,
    pub(crate) error: Option<ErrorKind>,
}

impl Seen {
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
