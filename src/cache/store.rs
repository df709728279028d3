//! The store of cached entries, bounded by number and by bytes.
//!
//! Two maps hold each entry:
//!
//! - `entries`, a map made for reads, has the value. A read takes no lock, and writes to no memory
//!   that another thread uses: not even to a reference count, if there are few threads.
//! - `order`, a moka cache, has only the entry's id. It decides which entries are evicted. It learns
//!   of a read at most once a tick of the clock for each entry, as it takes several times as long as
//!   the read itself.
//!
//! Invariants:
//! - **What was removed is not read again:** `entries` alone decides what a read finds, and a
//!   removal from it is complete when it returns.
//! - **An eviction removes what was evicted, and nothing newer.** moka reports it later, maybe from
//!   another thread, when the key may hold a newer entry: only an entry with the id that moka reports
//!   is removed.
//! - **Each entry is known to both maps**, as writes take turns: `order` ends with the id of the last
//!   entry that was stored, so that entry is evicted one day.
//! - `bytes` is the sum over `entries`: whoever takes an entry out of it subtracts its bytes.

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use moka::{notification::RemovalCause, sync::Cache};
use papaya::HashMap;
use rapidhash::fast::RandomState;

use super::{
    policy::Deadlines,
    stats::{self, Counters},
};
use crate::clock::{Instant, Recent};

/// Entries by key, within a number of entries and, if set, of bytes.
///
/// moka bounds one thing only: it bounds the number, and evicts what is used least. Bytes are counted
/// here. Over their bound, the entries loaded longest ago are evicted. As only entries that are read
/// are reloaded, that is nearly the order of use.
pub(super) struct Store<K, T> {
    held: Arc<Held<K, T>>,
    order: Cache<K, u64, RandomState>,
    max_bytes: Option<u64>,
    /// Held during each write, and holds the id of the last entry.
    last_id: Mutex<u64>,
    counters: Arc<Counters>,
}

/// What reads find, and what the listener of evictions removes.
struct Held<K, T> {
    entries: HashMap<K, Entry<T>, RandomState>,
    bytes: AtomicU64,
}

/// A value with its deadlines.
pub(super) struct Entry<T> {
    /// With its provenance noted, so that a hit is one clone. Each copy has a reference count of its
    /// own, so that threads which read the same entry don't contend for one.
    ///
    /// Empty once the entry was removed: the map frees removed entries at some later time, but values
    /// are wiped at once.
    values: [ArcSwapOption<T>; COPIES],
    pub(super) deadlines: Deadlines,
    surely_fresh_until: Instant,
    id: u64,
    bytes: u64,
    /// The tick of the last read that `order` knows of.
    last_read: AtomicU64,
}

/// No tick of a clock.
const NEVER: u64 = u64::MAX;

/// Copies of a value: as many as [`stats`] has parts of a counter.
const COPIES: usize = stats::PARTS;

impl<T> Entry<T> {
    /// The value; `None` if the entry was removed meanwhile.
    #[inline]
    pub(super) fn value(&self) -> Option<T>
    where
        T: Clone,
    {
        self.values[stats::part_of_this_thread() % COPIES].load().as_deref().cloned()
    }

    /// Drops the value of a removed entry.
    fn drop_value(&self) {
        self.values.iter().for_each(|value| value.store(None));
    }

    /// Whether it is fresh and not due, as far as a look at the clock can tell. If not, it may still
    /// be: the clock itself decides.
    #[inline]
    pub(super) fn is_surely_fresh(&self, recent: Recent) -> bool {
        recent.now < self.surely_fresh_until
    }
}

impl<K, T> Store<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// `life` is how long moka keeps an entry that nobody replaces.
    pub(super) fn new(max_entries: u64, max_bytes: Option<u64>, life: Duration, counters: Arc<Counters>) -> Self {
        let held = Arc::new(Held::new());
        let (evicting, counting) = (held.clone(), counters.clone());
        let on_removal = move |key: Arc<K>, id, cause| {
            if evicting.remove_id(&*key, id) && cause == RemovalCause::Size {
                counting.evicted.add();
            }
        };
        let order = Cache::builder().max_capacity(max_entries).time_to_live(life).eviction_listener(on_removal);
        let order = order.build_with_hasher(RandomState::new());
        Self { held, order, max_bytes, last_id: Mutex::default(), counters }
    }

    /// What `read` makes of the entry of a key; `None` if there is none.
    #[inline]
    pub(super) fn read<Q, R>(&self, key: &Q, recent: Recent, read: impl FnOnce(&Entry<T>) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entries = self.held.entries.pin();
        let entry = entries.get(key);
        if entry.is_none_or(|entry| entry.last_read.load(Ordering::Relaxed) != recent.tick) {
            self.note_read(key, entry, recent);
        }
        entry.map(read)
    }

    /// The value of a key with its deadlines.
    pub(super) fn get<Q>(&self, key: &Q) -> Option<(T, Deadlines)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entries = self.held.entries.pin();
        let entry = entries.get(key)?;
        Some((entry.value()?, entry.deadlines))
    }

    /// Stores an entry of that many bytes. One that exceeds the bound by itself is not stored, and what it
    /// replaces is removed.
    pub(super) fn put(&self, key: &K, value: impl Fn() -> T, deadlines: Deadlines, bytes: u64) {
        if self.max_bytes.is_some_and(|max| bytes > max) {
            return self.remove(key);
        }
        let mut last_id = self.write();
        *last_id += 1;
        let entry = Entry {
            values: std::array::from_fn(|_| ArcSwapOption::from_pointee(value())),
            deadlines,
            surely_fresh_until: deadlines.surely_fresh_until(),
            id: *last_id,
            bytes,
            last_read: AtomicU64::new(NEVER),
        };
        self.held.insert(key, entry);
        self.order.insert(key.clone(), *last_id);
        if let Some(max) = self.max_bytes.filter(|max| self.held.bytes() > *max) {
            self.make_room(max);
        }
    }

    pub(super) fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let _writing = self.write();
        self.remove_from_both(key);
    }

    pub(super) fn remove_if(&self, matches: impl Fn(&K, &T) -> bool) {
        let _writing = self.write();
        let entries = self.held.entries.pin();
        for (key, _) in entries.iter().filter(|(key, entry)| entry.value().is_some_and(|value| matches(key, &value))) {
            self.remove_from_both(key);
        }
    }

    /// How many entries and bytes are stored, after pending evictions.
    pub(super) fn size(&self) -> (u64, u64) {
        self.order.run_pending_tasks();
        (self.held.entries.len() as u64, self.held.bytes())
    }

    /// Tells `order` of a read, or of a miss, which counts for a key when it is stored later.
    #[cold]
    fn note_read<Q>(&self, key: &Q, entry: Option<&Entry<T>>, recent: Recent)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        // One thread does so for all that read the entry in the same tick.
        if entry.is_none_or(|entry| entry.last_read.swap(recent.tick, Ordering::Relaxed) != recent.tick) {
            self.order.get(key);
        }
    }

    fn remove_from_both<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.held.remove(key);
        self.order.invalidate(key);
    }

    /// Evicts the oldest entries until a sixteenth of the room is free, so that not every load has to
    /// evict. The newest stays. The caller holds the lock of writes.
    fn make_room(&self, max: u64) {
        self.order.run_pending_tasks();
        let entries = self.held.entries.pin();
        let mut oldest: Vec<_> = entries.iter().map(|(key, entry)| (entry.deadlines.loaded, entry.id, key)).collect();
        oldest.sort_unstable_by_key(|(loaded, id, _)| (*loaded, *id));
        oldest.pop();
        for (_, _, key) in oldest {
            if self.held.bytes() <= max - max / 16 {
                break;
            }
            self.remove_from_both(key);
            self.counters.evicted.add();
        }
    }

    fn write(&self) -> MutexGuard<'_, u64> {
        self.last_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, T> Held<K, T>
where
    K: Hash + Eq + Clone,
{
    fn new() -> Self {
        let entries = HashMap::builder().hasher(RandomState::new()).build();
        Self { entries, bytes: AtomicU64::new(0) }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn insert(&self, key: &K, entry: Entry<T>) {
        self.bytes.fetch_add(entry.bytes, Ordering::Relaxed);
        self.drop_removed(self.entries.pin().insert(key.clone(), entry));
    }

    fn remove<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.drop_removed(self.entries.pin().remove(key));
    }

    /// Removes the entry of a key if it has this id. Returns whether it had.
    fn remove_id(&self, key: &K, id: u64) -> bool {
        let entries = self.entries.pin();
        let removed = entries.remove_if(key, |_, entry| entry.id == id).ok().flatten();
        self.drop_removed(removed.map(|(_, entry)| entry));
        removed.is_some()
    }

    fn drop_removed(&self, removed: Option<&Entry<T>>) {
        if let Some(entry) = removed {
            entry.drop_value();
            self.bytes.fetch_sub(entry.bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::cache::policy::CachePolicy;

    type Strings = Store<String, Arc<u64>>;

    fn store(max_entries: u64, max_bytes: Option<u64>) -> Strings {
        Store::new(max_entries, max_bytes, Duration::from_secs(3600), Arc::new(Counters::new("test")))
    }

    fn put(store: &Strings, key: &str, value: &Arc<u64>) {
        let deadlines = CachePolicy::default().deadlines(Instant::now(), None, 0.0);
        store.put(&key.to_owned(), || value.clone(), deadlines, 1);
    }

    fn read(store: &Strings, key: &str) -> Option<u64> {
        store.read(key, Recent::look(), |entry| entry.value().map(|value| *value))?
    }

    /// A reader keeps the map from freeing removed entries.
    #[test]
    fn a_removed_value_is_dropped_although_others_read() {
        let (store, value) = (store(10, None), Arc::new(1));
        put(&store, "a", &value);
        put(&store, "b", &Arc::new(2));
        let entries = store.held.entries.pin();
        assert!(entries.get("b").is_some());
        thread::scope(|scope| scope.spawn(|| store.remove("a")).join().expect("removed"));
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(entries.get("b").and_then(Entry::value).as_deref(), Some(&2));
    }

    #[test]
    fn a_removed_value_is_dropped_at_once() {
        let (store, value) = (store(10, None), Arc::new(1));
        for remove in [
            (|store| store.remove("a")) as fn(&Strings),
            |store| store.remove_if(|key, _| key == "a"),
            |store| put(store, "a", &Arc::new(2)),
        ] {
            put(&store, "a", &value);
            assert_eq!((read(&store, "a"), Arc::strong_count(&value)), (Some(1), 1 + COPIES));
            remove(&store);
            assert_eq!(Arc::strong_count(&value), 1);
        }
        let small = Store { max_bytes: Some(0), ..store };
        put(&small, "a", &value);
        assert_eq!((read(&small, "a"), Arc::strong_count(&value)), (None, 1), "it exceeds the bound by itself");
    }

    #[test]
    fn the_entry_that_is_read_least_is_evicted() {
        let (store, value) = (store(2, None), Arc::new(1));
        put(&store, "read", &value);
        put(&store, "unread", &value);
        // moka counts reads once it is half full, which it notices in its maintenance.
        store.size();
        // In different ticks, as reads within one count as one.
        for tick in 0..10 {
            store.read("read", Recent { tick, ..Recent::look() }, |_| ()).expect("stored");
            store.read("new", Recent { tick, ..Recent::look() }, |_| ());
        }
        store.size();
        put(&store, "new", &value);
        assert_eq!(store.size(), (2, 2));
        assert_eq!(["read", "unread", "new"].map(|key| read(&store, key)), [Some(1), None, Some(1)]);
        assert_eq!(store.counters.read([(0, 0); 2]).evicted, 1);
    }

    /// An eviction is reported after the key may have been stored anew.
    #[test]
    fn a_late_eviction_removes_no_newer_entry() {
        let (store, value) = (store(10, None), Arc::new(1));
        put(&store, "a", &value);
        put(&store, "a", &Arc::new(2));
        assert!(!store.held.remove_id(&"a".to_owned(), 1));
        assert_eq!((read(&store, "a"), store.size()), (Some(2), (1, 1)));
        assert!(store.held.remove_id(&"a".to_owned(), 2));
        assert_eq!((read(&store, "a"), store.size()), (None, (0, 0)));
    }

    #[test]
    fn writes_of_many_threads_leave_the_maps_in_agreement_and_within_the_bounds() {
        let (store, value) = (store(50, Some(40)), Arc::new(7));
        thread::scope(|scope| {
            for thread in 0..4_usize {
                let (store, value) = (&store, &value);
                scope.spawn(move || {
                    for round in 0..5_000_usize {
                        let key = format!("k{}", (round * 7 + thread * 13) % 100);
                        match round % 8 {
                            0 => store.remove(&*key),
                            1 => store.remove_if(|other, _| *other == key),
                            2..5 => put(store, &key, value),
                            _ => assert!(matches!(read(store, &key), None | Some(7))),
                        }
                    }
                });
            }
        });
        let (entries, bytes) = store.size();
        let keys: Vec<_> = store.held.entries.pin().keys().cloned().collect();
        assert_eq!((keys.len() as u64, bytes), (entries, entries), "each entry has one byte");
        assert!(bytes <= 40, "{bytes}");
        assert!(keys.iter().all(|key| store.order.contains_key(key)), "each one can be evicted");
        store.remove_if(|_, _| true);
        assert_eq!((store.size(), Arc::strong_count(&value)), ((0, 0), 1), "every value is dropped");
    }
}
