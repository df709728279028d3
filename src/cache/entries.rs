//! Cached entries by key, and how they are loaded.
//!
//! One [`Entries`] holds single secrets, another one listings. Its parts:
//!
//! - [`Store`]: the values, each with its deadlines, within the bounds of the policy.
//! - `negative`: names that do not exist, remembered for a short time.
//! - [`SingleFlight`]: the loads under way. What a load brings is stored in one step with taking the
//!   load off its list.
//!
//! A value that was dropped (by an update, an invalidation, another process) must not come back.
//! Three things could bring it: a load under way, which [`drop_if`](Entries::drop_if) detaches *before*
//! it empties the store; a load under another name, whose value a [`StaleFilter`] then matches; and a
//! copy in the second tier, which [`restore`](Entries::restore) discards if anything was dropped since
//! it began to read.
//!
//! Where a stale value is served: in [`judge`](Entries::judge), without waiting, while the circuit
//! breaker is open; and in [`load`](Entries::load), after a load that failed for a transient reason.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::{
    ops::compute::{CompResult, Op},
    sync::Cache,
};
use tokio::sync::watch;

use super::{
    breaker::{Breaker, Outage},
    cacheable::Cacheable,
    policy::{CachePolicy, Deadlines, Verdict},
    stats::Counters,
    store::Store,
};
use crate::{
    clock::{Instant, Recent},
    error::{Error, ErrorKind, Result},
    retry::jitter,
    secret::{Source, freshness::Provenance},
    single_flight::{Executor, SingleFlight, StaleFilter},
};

/// Cached values by key, with the loads that bring them.
pub(super) struct Entries<K, T> {
    policy: CachePolicy,
    store: Store<K, T>,
    negative: Cache<K, Arc<Negative>>,
    /// When a value was last loaded because its users reported it as rejected.
    last_reread: Cache<K, Instant>,
    loads: Arc<SingleFlight<K, T>>,
    /// How often anything was dropped: tells a reader of the second tier that its copy may be old.
    /// Held while a value is stored, so that a copy from there never replaces a newer one.
    drop_count: Mutex<u64>,
    /// Those who want to know when a key was loaded or dropped.
    followers: Mutex<HashMap<K, watch::Sender<LoadEvents>>>,
    breaker: Arc<Breaker>,
    counters: Arc<Counters>,
}

/// What happened to a key. A receiver is woken by the end of each load and by each drop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LoadEvents {
    /// How often anything was dropped.
    pub(crate) drops: u64,
}

/// A secret that does not exist.
struct Negative {
    until: Instant,
    error: Error,
}

/// What a reader gets if its load fails for a transient reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// The cached value, if it is not too old.
    ServeStale,
    /// The error: a reader that refuses cached answers gets no old ones either.
    Fail,
}

impl OnFailure {
    pub(super) fn of(cached: bool) -> Self {
        if cached { Self::ServeStale } else { Self::Fail }
    }
}

/// The result of a lookup.
pub(super) enum Lookup<T> {
    /// The value.
    Hit(T),
    /// The value, which is to be reloaded in the background.
    Due(T),
    /// No such secret exists, as a recent load found.
    Missing(Error),
    /// It has to be loaded.
    Miss,
}

impl<K, T> Entries<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Cacheable,
{
    pub(super) fn new(
        policy: CachePolicy,
        breaker: Arc<Breaker>,
        counters: Arc<Counters>,
        executor: Executor,
    ) -> Arc<Self> {
        let entries = if policy.keeps() { policy.entries } else { 0 };
        // The deadlines decide; moka's time to live only frees what nobody asks for any more.
        let life = policy.ttl.saturating_add(policy.max_stale).min(LONGEST_LIFE);
        Arc::new(Self {
            policy,
            store: Store::new(entries, policy.max_bytes, life, counters.clone()),
            negative: bounded(entries, policy.negative_ttl),
            last_reread: bounded(entries, policy.reread_interval),
            loads: SingleFlight::new(executor),
            drop_count: Mutex::default(),
            followers: Mutex::default(),
            breaker,
            counters,
        })
    }

    /// Looks a key up in memory.
    pub(super) fn lookup<Q>(&self, key: &Q) -> Lookup<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let recent = Recent::look();
        let found = self.store.read(key, recent, |entry| {
            if entry.is_surely_fresh(recent) {
                return entry.value().map(Lookup::Hit).inspect(|_| self.counters.hits.add());
            }
            Some(self.judge(&entry.value()?, &entry.deadlines))
        });
        found.flatten().unwrap_or_else(|| self.lookup_negative(key))
    }

    /// Looks a key up in the second tier: what `read` returns, with the time of its load, is stored if
    /// it is newer than what memory has.
    ///
    /// `outage` is asked about a value that would have to be reloaded: if another process has just
    /// seen the provider fail, the circuit breaker opens.
    pub(super) fn restore(
        &self,
        key: &K,
        read: impl FnOnce() -> Option<(T, Instant)>,
        outage: impl FnOnce() -> Option<Outage>,
    ) -> Lookup<T> {
        let drops_before = *self.drop_count();
        let Some((value, loaded)) = read() else { return Lookup::Miss };
        let (deadlines, now) = (self.policy.deadlines(loaded, None, jitter()), Instant::now());
        let (source, outage) = match deadlines.verdict(now) {
            Verdict::Dead => return Lookup::Miss,
            Verdict::Fresh => (Source::Memory, None),
            Verdict::Due => (Source::Memory, outage()),
            // Nobody has loaded it here: it stays a value from disk, however often it is served.
            Verdict::Stale => (Source::Disk, outage()),
        };
        outage.iter().for_each(|outage| self.breaker.adopt(now, *outage));
        let error = outage.map(|outage| outage.kind);
        // A copy that was read before a drop may be the very value that was dropped.
        let drops = self.drop_count();
        if *drops != drops_before {
            return Lookup::Miss;
        }
        // Under the same lock as the insert, so that no load stores a newer value in between.
        if self.store.get(key).is_some_and(|(_, stored)| stored.loaded >= loaded) {
            return Lookup::Miss;
        }
        self.insert(key, value.clone(), deadlines, source, error);
        drop(drops);
        self.export_size();
        self.counters.restored.add();
        let provenance = Provenance { loaded, expires: deadlines.expires, end: None, source: Source::Disk, error };
        self.judge(&value.with_provenance(provenance), &deadlines)
    }

    /// The values of `keys`: from loads under way, or from one call of `load` for all others.
    pub(super) async fn load<F>(
        self: &Arc<Self>,
        keys: &[K],
        load: impl Fn(Vec<K>) -> F,
        on_failure: OnFailure,
    ) -> Vec<Result<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        keys.iter().for_each(|_| self.counters.misses.add());
        let load = |keys| self.noted(load(keys));
        let stored = |key: &K| (on_failure == OnFailure::ServeStale).then(|| self.fresh(key)).flatten();
        let on_join = || self.counters.coalesced.add();
        let outcomes = self.loads.load(keys, stored, load, self.store_outcome(), on_join).await;
        let answers = keys.iter().zip(outcomes).map(|(key, outcome)| match outcome {
            Err(error) if error.kind().is_transient() && on_failure == OnFailure::ServeStale => {
                self.stale(key).ok_or(error)
            }
            answer => answer,
        });
        answers.collect()
    }

    /// The outcome of the load under way for a key, if there is one.
    pub(super) async fn join(&self, key: &K) -> Result<Option<T>> {
        self.loads.join(key).await.transpose()
    }

    /// Reloads a value in the background, unless a load of it is under way.
    pub(super) fn refresh<F>(self: &Arc<Self>, key: &K, load: impl FnOnce(Vec<K>) -> F)
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        if self.loads.start(key, |keys| self.noted(load(keys)), self.store_outcome()) {
            self.counters.refreshes.add();
        }
    }

    /// Reports when a load of the key ends, and when anything is dropped.
    pub(super) fn follow(&self, key: K) -> watch::Receiver<LoadEvents> {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.retain(|_, follower| follower.receiver_count() > 0);
        followers.entry(key).or_default().subscribe()
    }

    /// When a read of a stored value starts the next reload: in the past, if one is due. `None` for a
    /// value that is too old to be served: a read of it asks the provider whatever the breaker says.
    pub(super) fn next_refresh(&self, key: &K) -> Option<Instant> {
        let (_, deadlines) = self.store.get(key)?;
        if deadlines.verdict(Instant::now()) == Verdict::Dead {
            return None;
        }
        let refresh = deadlines.refresh;
        Some(self.breaker.retry_at().map_or(refresh, |retry_at| refresh.max(retry_at)))
    }

    /// The cached value, unless it is too old to be served even in an outage.
    pub(super) fn peek(&self, key: &K) -> Option<T> {
        let (value, deadlines) = self.store.get(key)?;
        (deadlines.verdict(Instant::now()) != Verdict::Dead).then_some(value)
    }

    /// Whether a rejected value may be loaded again now. If so, not again for
    /// [`reread_interval`](CachePolicy::reread_interval).
    pub(super) fn may_reread(&self, key: &K) -> bool {
        let now = Instant::now();
        let entry = self.last_reread.entry_by_ref(key).and_compute_with(|last| {
            match last.is_none_or(|last| now >= *last.value() + self.policy.reread_interval) {
                true => Op::Put(now),
                false => Op::Nop,
            }
        });
        matches!(entry, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    /// Drops what matches by its key, or by its value. Loads come first: one that ends in between finds
    /// itself detached.
    pub(super) fn drop_if(&self, by_key: impl Fn(&K) -> bool, by_value: Option<StaleFilter<T>>) {
        *self.drop_count() += 1;
        self.loads.detach(&by_key, by_value.as_ref());
        self.store.remove_if(|key, value| by_key(key) || by_value.as_ref().is_some_and(|matches| matches(value)));
        for (key, _) in &self.negative {
            if by_key(&key) {
                self.negative.invalidate(&*key);
            }
        }
        self.export_size();
        self.notify(|_| true, |events| events.drops += 1);
    }

    /// Keeps readers from now on from joining the loads of these keys that are under way.
    pub(super) fn detach_loads(&self, keys: &[K]) {
        self.loads.detach(|key| keys.contains(key), None);
    }

    /// How many entries and bytes are stored.
    pub(super) fn size(&self) -> (u64, u64) {
        self.store.size()
    }

    /// What a stored value is good for now. While the circuit breaker is open, a stale value is served
    /// at once; while it has just closed, one is served and reloaded in the background.
    fn judge(&self, value: &T, deadlines: &Deadlines) -> Lookup<T> {
        let now = Instant::now();
        let (counter, lookup): (_, fn(T) -> Lookup<T>) = match deadlines.verdict(now) {
            Verdict::Fresh => (&self.counters.hits, Lookup::Hit),
            Verdict::Due if !self.breaker.may_ask(now) => (&self.counters.hits, Lookup::Hit),
            Verdict::Due => (&self.counters.hits, Lookup::Due),
            Verdict::Stale if !self.breaker.may_ask(now) => (&self.counters.stale, Lookup::Hit),
            Verdict::Stale if self.breaker.failed_recently(now) => (&self.counters.stale, Lookup::Due),
            Verdict::Stale | Verdict::Dead => return Lookup::Miss,
        };
        counter.add();
        lookup(value.clone())
    }

    fn lookup_negative<Q>(&self, key: &Q) -> Lookup<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.negative.get(key).filter(|negative| Instant::now() < negative.until) {
            Some(negative) => {
                self.counters.negative.add();
                Lookup::Missing(negative.error.clone())
            }
            None => Lookup::Miss,
        }
    }

    /// The cached value, if it may be served although it can't be reloaded.
    fn stale(&self, key: &K) -> Option<T> {
        self.peek(key).inspect(|_| self.counters.stale.add())
    }

    /// The values of a load that is requested now, each with a note of when it was loaded and when it
    /// ends. It is made here once for all who wait: whoever joined later must not be told a later end.
    fn noted<F>(self: &Arc<Self>, load: F) -> impl Future<Output = Vec<Result<T>>> + Send + use<K, T, F>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        let (entries, requested) = (self.clone(), Instant::now());
        async move {
            let noted = |answer: Result<T>| answer.map(|value| entries.with_load_noted(value, requested));
            load.await.into_iter().map(noted).collect()
        }
    }

    /// Stores the outcome of a load.
    fn store_outcome(self: &Arc<Self>) -> impl Fn(&K, &Result<T>) -> Box<dyn FnOnce()> + Clone + Send + use<K, T> {
        let entries = self.clone();
        move |key, outcome| {
            match outcome {
                Ok(value) => entries.store_value(key, value),
                Err(error) => entries.store_error(key, error),
            }
            entries.notify(|followed| followed == key, |_| {});
            let entries = entries.clone();
            Box::new(move || entries.export_size())
        }
    }

    /// Exports what changed in the store. The recorder is somebody else's code, which may read a
    /// secret itself: no lock may be held.
    fn export_size(&self) {
        self.counters.holds(T::KIND, || self.store.size());
    }

    fn store_value(&self, key: &K, value: &T) {
        self.negative.invalidate(key);
        if value.is_complete() && self.policy.keeps() {
            // A value that another process loaded is as old as it was there.
            let noted = value.provenance();
            let loaded = noted.map_or_else(Instant::now, |noted| noted.loaded);
            let deadlines = self.policy.deadlines(loaded, noted.and_then(|noted| noted.end), jitter());
            // Not while a copy from the second tier is compared with what is stored.
            let _writes = self.drop_count();
            self.insert(key, value.clone(), deadlines, Source::Memory, None);
        }
    }

    fn store_error(&self, key: &K, error: &Error) {
        match error.kind() {
            kind if kind.is_transient() => {
                if let Some((value, deadlines)) = self.store.get(key) {
                    let source = value.provenance().map_or(Source::Memory, |noted| noted.source);
                    self.insert(key, value, deadlines, source, Some(kind));
                }
            }
            ErrorKind::NotFound => {
                self.store.remove(key);
                if !self.policy.negative_ttl.is_zero() {
                    let until = Instant::now() + self.policy.negative_ttl;
                    self.negative.insert(key.clone(), Arc::new(Negative { until, error: error.clone() }));
                }
            }
            ErrorKind::AccessDenied => self.store.remove(key),
            // Says nothing about this secret: credentials, configuration, a corrupt reply.
            _ => {}
        }
    }

    /// `source` and `error` are what the entry says of itself until it is replaced.
    fn insert(&self, key: &K, value: T, deadlines: Deadlines, source: Source, error: Option<ErrorKind>) {
        let Deadlines { loaded, expires, .. } = deadlines;
        let bytes = value.bytes() as u64;
        let end = value.provenance().and_then(|noted| noted.end);
        let value = value.with_provenance(Provenance { loaded, expires, end, source, error });
        self.store.put(key, || value.with_own_count(), deadlines, bytes);
    }

    /// With a note that it was loaded just now. A value that is not kept is as fresh as its own life is
    /// long, and without an end of its own it has no freshness.
    fn with_load_noted(&self, value: T, requested: Instant) -> T {
        if value.provenance().is_some() {
            return value;
        }
        let (loaded, end) = (Instant::now(), value.lifetime().map(|lifetime| requested + lifetime));
        let expires = match (self.policy.keeps(), end) {
            (true, _) => self.policy.deadlines(loaded, end, 0.0).expires,
            (false, Some(end)) => end,
            (false, None) => return value,
        };
        value.with_provenance(Provenance { loaded, expires, end, source: Source::Provider, error: None })
    }

    /// The cached value, if it is fresh.
    fn fresh(&self, key: &K) -> Option<T> {
        let (value, deadlines) = self.store.get(key)?;
        deadlines.is_fresh(Instant::now()).then_some(value)
    }

    fn notify(&self, concerns: impl Fn(&K) -> bool, note: impl Fn(&mut LoadEvents)) {
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        let concerned = followers.iter().filter(|(key, _)| concerns(key));
        concerned.for_each(|(_, follower)| follower.send_modify(&note));
    }

    fn drop_count(&self) -> MutexGuard<'_, u64> {
        self.drop_count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A map of so many entries that live for so long.
fn bounded<K, V>(entries: u64, life: Duration) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(entries).time_to_live(life.min(LONGEST_LIFE)).build()
}

/// Longer lives make moka's clock overflow.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
