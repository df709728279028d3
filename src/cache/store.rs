//! What is held, within its bounds.

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

use super::{policy::Times, stats::Counters};

/// Entries by key: at most so many, and if that is set, at most so many bytes.
///
/// moka sees to the number, by who is used least; it bounds one thing only. The bytes are counted here; what is too
/// much goes in the order in which it was loaded. As only what is read is loaded anew, that is nearly the order of use.
pub(super) struct Store<K, T> {
    entries: Cache<K, Held<T>, RandomState>,
    bytes: Arc<AtomicU64>,
    max_bytes: Option<u64>,
    /// Held by whoever makes room, so that two don't do so for the same bytes.
    making_room: Mutex<()>,
    counters: Arc<Counters>,
}

/// An entry. Kept as it is rather than behind a count of its own: those who read the same one contend for each.
#[derive(Clone)]
pub(super) struct Held<T> {
    /// With its note, so that a hit is one clone.
    pub(super) value: T,
    pub(super) times: Times,
    bytes: u64,
}

impl<K, T> Store<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// `life` is how long an entry stays that nobody replaces.
    pub(super) fn new(max_entries: u64, max_bytes: Option<u64>, life: Duration, counters: Arc<Counters>) -> Self {
        let bytes = Arc::new(AtomicU64::new(0));
        let (left, evicted) = (bytes.clone(), counters.clone());
        let gone = move |_: Arc<K>, held: Held<T>, cause| {
            left.fetch_sub(held.bytes, Ordering::Relaxed);
            if cause == RemovalCause::Size {
                evicted.evicted.add();
            }
        };
        let entries = Cache::builder().max_capacity(max_entries).time_to_live(life).eviction_listener(gone);
        let entries = entries.build_with_hasher(RandomState::new());
        Self { entries, bytes, max_bytes, making_room: Mutex::default(), counters }
    }

    pub(super) fn get<Q>(&self, key: &Q) -> Option<Held<T>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.entries.get(key)
    }

    /// Puts an entry of that many bytes. One that exceeds the bound by itself is not kept, nor is what it replaces.
    pub(super) fn put(&self, key: &K, value: T, times: Times, bytes: u64) {
        if self.max_bytes.is_some_and(|max| bytes > max) {
            return self.remove(key);
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.entries.insert(key.clone(), Held { value, times, bytes });
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
        for (key, held) in &self.entries {
            if matches(&key, &held.value) {
                self.entries.invalidate(&*key);
            }
        }
    }

    /// How many entries and bytes are held, with what is to go anyway gone.
    pub(super) fn size(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.bytes())
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Drops the oldest until a part of the room is free, so that not every load has to look for some. The newest stays.
    fn make_room(&self, max: u64) {
        let _only = self.making_room.lock().unwrap_or_else(PoisonError::into_inner);
        // What moka has evicted but not yet let go of counts until then.
        self.entries.run_pending_tasks();
        if self.bytes() <= max {
            return;
        }
        let mut oldest: Vec<_> = self.entries.iter().map(|(key, held)| (held.times.loaded, key)).collect();
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
