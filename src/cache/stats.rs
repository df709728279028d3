//! What a cache has done so far.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::metrics::{self, Exported, Exporter};
use crate::{clock::Instant, error::Result};

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
    /// Reads among the hits and the stale that were answered from disk, the memory not holding it.
    pub restored: u64,
    /// Reads that had to wait for a load.
    pub misses: u64,
    /// Reads among the misses that joined a load under way.
    pub coalesced: u64,
    /// Loads in the background, of values that were about to expire.
    pub refreshes: u64,
    /// Calls of the provider. One for many names may take several requests of the backend.
    pub calls: u64,
    /// Calls among them that were for several names at once.
    pub batched: u64,
    /// Answers of the provider that brought what was asked for; of a call for many, each name.
    pub loaded: u64,
    /// Answers of the provider that were failures for a passing reason.
    pub failed: u64,
    /// Answers of the provider that were others: not found, denied, …
    pub refused: u64,
    /// Values that were fresh again since the provider said that their version is still the current one.
    pub revalidated: u64,
    /// Times that the provider would not tell a version, so that the value was read instead.
    pub revalidation_denied: u64,
    /// Entries that went to make room for others.
    pub evicted: u64,
    /// Single secrets and listings held.
    pub entries: u64,
    /// Bytes that they take: values and names, without what the parsed form of JSON and the bookkeeping take.
    pub bytes: u64,
}

/// Counters that cost an addition each.
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
    pub(super) evicted: Counter,
    calls: Counter,
    batched: Counter,
    loaded: Counter,
    failed: Counter,
    refused: Counter,
    exporter: Exporter,
}

/// A count, and its likeness among the metrics of the process.
pub(super) struct Counter {
    /// In parts, so that threads that count at the same time don't contend for one.
    parts: [Part; PARTS],
    exported: Exported,
}

/// How many threads can count without getting into each other's way.
pub(super) const PARTS: usize = 4;

/// Alone on its line of the processor's cache.
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
    /// Counters of the cache in front of the provider of that name.
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
            evicted: plain(metrics::EVICTED),
            // Told in more detail, call by call and answer by answer.
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

    /// Counts a call of the provider that began then and has ended now.
    pub(super) fn called(&self, call: Call, started: Instant) {
        self.calls.add();
        if call == Call::GetMany {
            self.batched.add();
        }
        self.exporter.called(call.as_str(), started.elapsed());
    }

    /// Counts what the provider said to one name.
    pub(super) fn answered<T>(&self, answer: &Result<T>) {
        match answer {
            Ok(_) => self.loaded.add(),
            Err(error) if error.kind().is_transient() => self.failed.add(),
            Err(_) => self.refused.add(),
        }
        self.exporter.answered(answer.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok"));
    }

    /// Tells how many entries and bytes are held of one kind, if anyone wants to know.
    pub(super) fn holds(&self, what: &'static str, size: impl FnOnce() -> (u64, u64)) {
        self.exporter.holds(what, size);
    }

    /// The counts, and how much is held of single secrets and of listings.
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
        self.exported.add();
    }

    fn get(&self) -> u64 {
        self.parts.iter().map(|part| part.0.load(Ordering::Relaxed)).sum()
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
