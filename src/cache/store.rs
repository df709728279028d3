//! The store of cached entries, bounded by number and by bytes.

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{notification::RemovalCause, sync::Cache};
use rapidhash::fast::RandomState;

use super::{policy::Deadlines, stats::Counters};

/// Entries by key, within a number of entries and, if set, of bytes.
///
/// moka bounds one thing only: it bounds the number, and evicts what is used least. Bytes are counted
/// here. Over their bound, the entries loaded longest ago are evicted. As only entries that are read
/// are reloaded, that is nearly the order of use.
pub(super) struct Store<K, T> {
    entries: Cache<K, Entry<T>, RandomState>,
    bytes: Arc<AtomicU64>,
    max_bytes: Option<u64>,
    /// Entry while bytes are evicted, so that two threads don't evict for the same ones.
    making_room: Mutex<()>,
    counters: Arc<Counters>,
}

/// An entry. It is stored by value: a reference count of its own would be one more that threads which
/// read the same entry contend for.
#[derive(Clone)]
pub(super) struct Entry<T> {
    /// With its provenance noted, so that a hit is one clone.
    pub(super) value: T,
    pub(super) deadlines: Deadlines,
    bytes: u64,
}

impl<K, T> Store<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// `life` is how long moka keeps an entry that nobody replaces.
    pub(super) fn new(max_entries: u64, max_bytes: Option<u64>, life: Duration, counters: Arc<Counters>) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let (left, evicted) = (bytes.clone(), counters.clone());
        let gone = move |_: Arc<K>, entry: Entry<T>, cause| {
            left.fetch_sub(entry.bytes, Ordering::Relaxed);
            if cause == RemovalCause::Size {
                evicted.evicted.add();
            }
        };
        let entries = Cache::builder().max_capacity(max_entries).time_to_live(life).eviction_listener(gone);
        let entries = entries.build_with_hasher(RandomState::new());
        Self { entries, bytes, max_bytes, making_room: Mutex::default(), counters }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<Entry<T>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.get(key)
    }

    /// Stores an entry of that many bytes. One that exceeds the bound by itself is not stored, and what it
    /// replaces is removed.
    pub(super) fn put(&self, key: &K, value: T, deadlines: Deadlines, bytes: u64) {
        if self.max_bytes.is_some_and(|max| bytes > max) {
            return self.remove(key);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.entries.insert(key.clone(), Entry { value, deadlines, bytes });
        if let Some(max) = self.max_bytes.filter(|max| self.bytes() > *max) {
            self.make_room(max);
        }
    }

    pub(super) fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.invalidate(key);
    }

    pub(super) fn remove_if(&self, matches: impl Fn(&K, &T) -> bool) {
        for (key, entry) in &self.entries {
            if matches(&key, &entry.value) {
                self.entries.invalidate(&*key);
            }
        }
    }

    /// How many entries and bytes are stored, after pending evictions.
    pub(super) fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.bytes())
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Evicts the oldest entries until a sixteenth of the room is free, so that not every load has to
    /// evict. The newest stays.
    fn make_room(&self, max: u64) {
        let _only = self.making_room.lock().unwrap_or_else(PoisonError::into_inner);
        // What moka has evicted but not yet freed counts until then.
        self.entries.run_pending_tasks();
        if self.bytes() <= max {
            return;
        }
        let mut oldest: Vec<_> = self.entries.iter().map(|(key, entry)| (entry.deadlines.loaded, key)).collect();
        oldest.sort_unstable_by_key(|(loaded, _)| *loaded);
        oldest.pop();
        for (_, key) in oldest {
            if self.bytes() <= max - max / 16 {
                break;
            }
            self.entries.invalidate(&*key);
            self.counters.evicted.add();
        }
    }
}
