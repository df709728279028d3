//! Counters of a cache: hits, misses, loads, failures.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::metrics::{self, Exported, Exporter};
use crate::{clock::Instant, error::Result};

/// The counters of a cache since it was created, for single secrets and listings together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Reads served from the cache with a fresh value.
    pub hits: u64,
    /// Reads served from the cache with a stale value: the load failed, or the circuit breaker is open.
    pub stale: u64,
    /// Reads answered with a cached "not found".
    pub negative: u64,
    /// Hits and stale reads whose value came from disk, as memory did not have it.
    pub restored: u64,
    /// Reads that waited for a load.
    pub misses: u64,
    /// Misses that joined a load under way.
    pub coalesced: u64,
    /// Background loads of values that were about to expire.
    pub refreshes: u64,
    /// Calls of the provider. A call for many names may take several requests.
    pub calls: u64,
    /// Calls that were for several names.
    pub batched: u64,
    /// Values that the provider returned. In a call for many, each name counts.
    pub loaded: u64,
    /// Transient failures of the provider: unavailable, timeout, throttled.
    pub failed: u64,
    /// Other errors of the provider: not found, denied and so on.
    pub refused: u64,
    /// Values that became fresh again because the provider confirmed their version.
    pub revalidated: u64,
    /// Version checks that the provider denied, so that the value was read instead.
    pub revalidation_denied: u64,
    /// Entries evicted to make room for others.
    pub evicted: u64,
    /// Cached secrets and listings.
    pub entries: u64,
    /// Bytes of their values and names. Parsed JSON and bookkeeping are not counted.
    pub bytes: u64,
}

/// The counters. Each costs one addition.
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) stale: Counter,
    pub(super) negative: Counter,
    pub(super) restored: Counter,
    pub(super) misses: Counter,
    pub(super) coalesced: Counter,
    pub(super) refreshes: Counter,
    pub(super) revalidated: Counter,
    pub(super) revalidation_denied: Counter,
    pub(super) evicted: DeferredCounter,
    calls: Counter,
    batched: Counter,
    loaded: Counter,
    failed: Counter,
    refused: Counter,
    exporter: Exporter,
}

/// A count, and its counterpart in the metrics of the process.
pub(super) struct Counter {
    /// In parts, so that threads don't contend for one.
    parts: [Part; PARTS],
    exported: Exported,
}

/// A count that is exported later: whoever counts may hold a lock, under which the recorder must
/// not be called.
pub(super) struct DeferredCounter {
    count: AtomicU64,
    /// How much of the count was exported.
    told: AtomicU64,
    exported: Exported,
}

/// How many threads can count without contention.
pub(super) const PARTS: usize = 4;

/// Alone on its cache line.
#[derive(Default)]
#[repr(align(64))]
struct Part(AtomicU64);

/// How the provider is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Get,
    GetMany,
    GetByPath,
    Version,
}

impl Counters {
    /// Counters of the cache in front of the provider with this name.
    pub(super) fn new(provider: &str) -> Self {
        let exporter = Exporter::new(provider);
        let read = |result| Counter::new(exporter.counter(metrics::READS, Some(("result", result))));
        let plain = |name| Counter::new(exporter.counter(name, None));
        let own = || Counter::new(Exported::default());
        Self {
            hits: read("hit"),
            stale: read("stale"),
            negative: read("negative"),
            restored: plain(metrics::RESTORED),
            misses: read("miss"),
            coalesced: plain(metrics::COALESCED),
            refreshes: plain(metrics::REFRESHES),
            revalidated: plain(metrics::REVALIDATED),
            revalidation_denied: plain(metrics::REVALIDATION_DENIED),
            evicted: DeferredCounter::new(exporter.counter(metrics::EVICTED, None)),
            // Exported in more detail, by call and by result.
            calls: own(),
            batched: own(),
            loaded: own(),
            failed: own(),
            refused: own(),
            exporter,
        }
    }

    /// The provider's name.
    pub(super) fn provider(&self) -> &str {
        self.exporter.provider()
    }

    /// Counts a call of the provider that has just ended.
    pub(super) fn called(&self, call: Call, started: Instant) {
        self.calls.add();
        if call == Call::GetMany {
            self.batched.add();
        }
        self.exporter.called(call.as_str(), started.elapsed());
    }

    /// Counts what the provider returned for one name.
    pub(super) fn answered<T>(&self, answer: &Result<T>) {
        match answer {
            Ok(_) => self.loaded.add(),
            Err(error) if error.kind().is_transient() => self.failed.add(),
            Err(_) => self.refused.add(),
        }
        self.exporter.answered(answer.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok"));
    }

    /// Exports how many entries and bytes of one kind are cached, and how many were evicted, if
    /// metrics are on.
    pub(super) fn holds(&self, what: &'static str, size: impl FnOnce() -> (u64, u64)) {
        self.exporter.holds(what, size);
        self.evicted.export();
    }

    /// The counts, with the sizes of single secrets and of listings.
    pub(super) fn read(&self, held: [(u64, u64); 2]) -> CacheStats {
        CacheStats {
            hits: self.hits.get(),
            stale: self.stale.get(),
            negative: self.negative.get(),
            restored: self.restored.get(),
            misses: self.misses.get(),
            coalesced: self.coalesced.get(),
            refreshes: self.refreshes.get(),
            calls: self.calls.get(),
            batched: self.batched.get(),
            loaded: self.loaded.get(),
            failed: self.failed.get(),
            refused: self.refused.get(),
            revalidated: self.revalidated.get(),
            revalidation_denied: self.revalidation_denied.get(),
            evicted: self.evicted.get(),
            entries: held.iter().map(|(entries, _)| entries).sum(),
            bytes: held.iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}

impl Counter {
    fn new(exported: Exported) -> Self {
        Self { parts: Default::default(), exported }
    }

    pub(super) fn add(&self) {
        self.parts[part_of_this_thread()].0.fetch_add(1, Ordering::Relaxed);
        self.exported.add(1);
    }

    fn get(&self) -> u64 {
        self.parts.iter().map(|part| part.0.load(Ordering::Relaxed)).sum()
    }
}

impl DeferredCounter {
    fn new(exported: Exported) -> Self {
        Self { count: AtomicU64::new(0), told: AtomicU64::new(0), exported }
    }

    pub(super) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn export(&self) {
        let count = self.get();
        let told = self.told.fetch_max(count, Ordering::Relaxed);
        self.exported.add(count.saturating_sub(told));
    }

    fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Threads take the parts in turn.
pub(super) fn part_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PART: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS);
    PART.try_with(|part| *part).unwrap_or_default()
}

impl Call {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetMany => "get_many",
            Self::GetByPath => "get_by_path",
            Self::Version => "version",
        }
    }
}
