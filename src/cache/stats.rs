//! What a cache has done so far.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a cache has done since it was made, of single secrets and listings together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads that were answered from memory, fresh.
    pub hits: u64,
    /// Reads that were answered from memory with a stale value, since the provider couldn't be asked.
    pub stale: u64,
    /// Reads that were told from memory that there is no such secret.
    pub negative: u64,
    /// Reads that had to wait for a load.
    pub misses: u64,
    /// Reads among the misses that joined a load under way.
    pub coalesced: u64,
    /// Loads in the background, of values that were about to expire.
    pub refreshes: u64,
    /// Calls of the provider that brought what was asked for; of a `get_many`, each name.
    pub loaded: u64,
    /// Calls of the provider that failed for a passing reason.
    pub failed: u64,
    /// Calls of the provider that brought another answer: not found, denied, …
    pub refused: u64,
    /// Single secrets and listings held.
    pub entries: u64,
}

/// Counters that cost an addition each.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) stale: Counter,
    pub(super) negative: Counter,
    pub(super) misses: Counter,
    pub(super) coalesced: Counter,
    pub(super) refreshes: Counter,
    pub(super) loaded: Counter,
    pub(super) failed: Counter,
    pub(super) refused: Counter,
}

#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn read(&self, entries: u64) -> CacheStats {
        CacheStats {
            hits: self.hits.get(),
            stale: self.stale.get(),
            negative: self.negative.get(),
            misses: self.misses.get(),
            coalesced: self.coalesced.get(),
            refreshes: self.refreshes.get(),
            loaded: self.loaded.get(),
            failed: self.failed.get(),
            refused: self.refused.get(),
            entries,
        }
    }
}
