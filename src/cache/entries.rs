//! What is held under its keys, and how it is come by.

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
use tokio::{sync::watch, time::Instant};

use super::{
    breaker::Health,
    policy::{CachePolicy, Times, Verdict, after},
    stats::Counters,
    store::Store,
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::jitter,
    secret::{Source, freshness::Seen},
    single_flight::{Flights, StaleFilter},
};

/// Values by key, with the loads that bring them. One for single secrets, one for listings.
pub(super) struct Entries<K, T> {
    policy: CachePolicy,
    held: Store<K, T>,
    missing: Cache<K, Arc<Missing>>,
    /// When a value was last loaded because it was rejected.
    reread: Cache<K, Instant>,
    flights: Arc<Flights<K, T>>,
    /// How often anything was dropped, which what was found elsewhere before may have missed.
    drops: Mutex<u64>,
    /// Those who want to know when what is under a key was loaded or dropped.
    followers: Mutex<HashMap<K, watch::Sender<()>>>,
    health: Arc<Health>,
    counters: Arc<Counters>,
}

/// What can be put on a entries.
pub(super) trait Kept: Clone + Send + Sync + 'static {
    /// What such values are called in metrics.
    const KIND: &'static str;

    /// Whether it is all of what was asked for.
    fn is_whole(&self) -> bool;

    /// The note on it, if there is one.
    fn seen(&self) -> Option<Seen>;

    /// How much memory it takes, about.
    fn bytes(&self) -> usize;

    /// The same with a note on how fresh it is.
    fn noted(self, seen: Seen) -> Self;
}

struct Missing {
    until: Instant,
    error: Error,
}

/// What a load that fails for a passing reason comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// What is held, if it is not too old.
    ServeStale,
    /// The error: whoever wants nothing from the cache gets nothing old from it either.
    Tell,
}

impl OnFailure {
    pub(super) fn of(cached: bool) -> Self {
        if cached { Self::ServeStale } else { Self::Tell }
    }
}

/// What a look at the entries brings.
pub(super) enum Look<T> {
    /// The value.
    Hit(T),
    /// The value, which is to be loaded anew in the background.
    Due(T),
    /// There is no such thing, as was found a moment ago.
    Missing(Error),
    /// It has to be loaded.
    Miss,
}

impl<K, T> Entries<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Kept,
{
    pub(super) fn new(policy: CachePolicy, health: Arc<Health>, counters: Arc<Counters>) -> Arc<Self> {
        let entries = if policy.keeps() { policy.entries } else { 0 };
        // What decides is in `Times`; this lets go of what nobody asks for any more.
        let life = policy.ttl.saturating_add(policy.max_stale).min(LONGEST_LIFE);
        Arc::new(Self {
            policy,
            held: Store::new(entries, policy.max_bytes, life, counters.clone()),
            missing: Cache::builder().max_capacity(entries).time_to_live(policy.negative_ttl.min(LONGEST_LIFE)).build(),
            reread: Cache::builder()
                .max_capacity(entries)
                .time_to_live(policy.reread_interval.min(LONGEST_LIFE))
                .build(),
            flights: Flights::new(),
            drops: Mutex::default(),
            followers: Mutex::default(),
            health,
            counters,
        })
    }

    pub(super) fn look<Q>(&self, key: &Q) -> Look<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.held.get(key) {
            Some(held) => self.judge(held.value, &held.times),
            None => self.look_missing(key),
        }
    }

    /// What `find` brings from elsewhere, with the time when it was loaded, if that is newer than what is held: it is put on
    /// the entries, and looked at.
    pub(super) fn restore(&self, key: &K, find: impl FnOnce() -> Option<(T, Instant)>) -> Look<T> {
        let drops = *self.drops();
        let Some((value, loaded)) = find() else { return Look::Miss };
        let times = self.policy.times(loaded, jitter());
        if self.held.get(key).is_some_and(|held| held.times.loaded >= loaded)
            || times.verdict(Instant::now()) == Verdict::Dead
        {
            return Look::Miss;
        }
        // What was found before a drop may be what had to go.
        let now = self.drops();
        if *now != drops {
            return Look::Miss;
        }
        self.keep(key, value.clone(), times, None);
        drop(now);
        self.counters.restored.add();
        let seen = Seen { loaded, expires: times.expires, source: Source::Disk, error: None };
        self.judge(value.noted(seen), &times)
    }

    /// What `keys` stand for: by the loads under way, or by one call of `load` for all others.
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
        let held = |key: &K| (on_failure == OnFailure::ServeStale).then(|| self.fresh(key)).flatten();
        let outcomes = self.flights.fly(keys, held, load, self.landing(), || self.counters.coalesced.add()).await;
        let loaded = Instant::now();
        let answers = keys.iter().zip(outcomes).map(|(key, outcome)| match outcome {
            Ok(value) if value.seen().is_some() => Ok(value),
            Ok(value) => Ok(self.noted(value, loaded)),
            Err(error) if error.kind().is_transient() && on_failure == OnFailure::ServeStale => {
                self.stale(key).ok_or(error)
            }
            Err(error) => Err(error),
        });
        answers.collect()
    }

    /// The outcome of the load under way, if there is one.
    pub(super) async fn join(&self, key: &K) -> Result<Option<T>> {
        self.flights.outcome(key).await.transpose()
    }

    /// Has a value loaded anew in the background, unless that is under way.
    pub(super) fn refresh<F>(self: &Arc<Self>, key: &K, load: impl FnOnce(Vec<K>) -> F)
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        if self.flights.start(key, load, self.landing()) {
            self.counters.refreshes.add();
        }
    }

    /// Tells of every load that ends, and of drops.
    pub(super) fn follow(&self, key: K) -> watch::Receiver<()> {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.retain(|_, follower| follower.receiver_count() > 0);
        followers.entry(key).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// What is held, unless it is too old to be served even in an outage.
    pub(super) fn peek(&self, key: &K) -> Option<T> {
        let held = self.held.get(key).filter(|held| held.times.verdict(Instant::now()) != Verdict::Dead)?;
        Some(held.value)
    }

    /// Whether a rejected value may be loaded again by now; from then on it may not for a while.
    pub(super) fn may_reread(&self, key: &K) -> bool {
        let now = Instant::now();
        let entry = self.reread.entry_by_ref(key).and_compute_with(|last| {
            match last.is_none_or(|last| now >= after(*last.value(), self.policy.reread_interval)) {
                true => Op::Put(now),
                false => Op::Nop,
            }
        });
        matches!(entry, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    /// Drops what matches by its key, or by its value. First the loads: one that lands in between finds itself
    /// forgotten, or what it brings doubted.
    pub(super) fn drop_if(&self, by_key: impl Fn(&K) -> bool, by_value: Option<StaleFilter<T>>) {
        *self.drops() += 1;
        self.flights.forget_if(&by_key, by_value.as_ref());
        self.held.remove_if(|key, value| by_key(key) || by_value.as_ref().is_some_and(|matches| matches(value)));
        for (key, _) in &self.missing {
            if by_key(&key) {
                self.missing.invalidate(&*key);
            }
        }
        self.counters.holds(T::KIND, || self.held.size());
        self.tell(|_| true);
    }

    /// Lets loads under way go on without anyone who asks from now on joining them.
    pub(super) fn leave_loads(&self, keys: &[K]) {
        self.flights.forget_if(|key| keys.contains(key), None);
    }

    /// How many entries and bytes are held.
    pub(super) fn size(&self) -> (u64, u64) {
        self.held.size()
    }

    fn judge(&self, value: T, times: &Times) -> Look<T> {
        let now = Instant::now();
        match times.verdict(now) {
            Verdict::Fresh => self.hit(value),
            Verdict::Due if self.health.may_ask(now) => {
                self.counters.hits.add();
                Look::Due(value)
            }
            Verdict::Due => self.hit(value),
            Verdict::Stale if !self.health.may_ask(now) => {
                self.counters.stale.add();
                Look::Hit(value)
            }
            Verdict::Stale if self.health.failed_lately(now) => {
                self.counters.stale.add();
                Look::Due(value)
            }
            Verdict::Stale | Verdict::Dead => Look::Miss,
        }
    }

    fn hit(&self, value: T) -> Look<T> {
        self.counters.hits.add();
        Look::Hit(value)
    }

    fn drops(&self) -> MutexGuard<'_, u64> {
        self.drops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_missing<Q>(&self, key: &Q) -> Look<T>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match self.missing.get(key).filter(|missing| Instant::now() < missing.until) {
            Some(missing) => {
                self.counters.negative.add();
                Look::Missing(missing.error.clone())
            }
            None => Look::Miss,
        }
    }

    /// What is held, if it may still be served although it can't be loaded anew.
    fn stale(&self, key: &K) -> Option<T> {
        self.peek(key).inspect(|_| self.counters.stale.add())
    }

    /// Keeps the outcome of a load.
    fn landing(self: &Arc<Self>) -> impl Fn(&K, &Result<T>) + Clone + Send + use<K, T> {
        let entries = self.clone();
        move |key, outcome| entries.land(key, outcome)
    }

    fn land(&self, key: &K, outcome: &Result<T>) {
        let now = Instant::now();
        match outcome {
            Ok(value) => {
                // What another process has brought is as old as it is, and no word of the provider to us.
                let loaded = value.seen().map(|seen| seen.loaded);
                if loaded.is_none() {
                    self.answered();
                }
                self.missing.invalidate(key);
                if value.is_whole() && self.policy.keeps() {
                    self.keep(key, value.clone(), self.policy.times(loaded.unwrap_or(now), jitter()), None);
                }
            }
            Err(error) if error.kind().is_transient() => {
                self.failed(error.kind(), now);
                if let Some(held) = self.held.get(key) {
                    self.keep(key, held.value, held.times, Some(error.kind()));
                }
            }
            Err(error) => self.refused(key, error, now),
        }
        self.tell(|followed| followed == key);
    }

    fn answered(&self) {
        if self.health.answered() {
            tracing::info!(provider = self.counters.provider(), "the provider answers again");
        }
    }

    fn failed(&self, kind: ErrorKind, now: Instant) {
        if self.health.failed(now, jitter()) {
            let provider = self.counters.provider();
            tracing::warn!(provider, kind = kind.as_str(), "the provider fails; whatever is held is served for now");
        }
    }

    fn tell(&self, concerned: impl Fn(&K) -> bool) {
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.iter().filter(|(key, _)| concerned(key)).for_each(|(_, follower)| {
            let _ = follower.send(());
        });
    }

    fn refused(&self, key: &K, error: &Error, now: Instant) {
        match error.kind() {
            ErrorKind::NotFound => {
                self.held.remove(key);
                if !self.policy.negative_ttl.is_zero() {
                    let until = after(now, self.policy.negative_ttl);
                    self.missing.insert(key.clone(), Arc::new(Missing { until, error: error.clone() }));
                }
                self.answered();
            }
            ErrorKind::AccessDenied => {
                self.held.remove(key);
                self.answered();
            }
            // Neither an outage nor a word on this secret: credentials, settings, a corrupt answer.
            _ => {}
        }
    }

    fn keep(&self, key: &K, value: T, times: Times, error: Option<ErrorKind>) {
        let seen = Seen { loaded: times.loaded, expires: times.expires, source: Source::Memory, error };
        let bytes = value.bytes() as u64;
        self.held.put(key, value.noted(seen), times, bytes);
        self.counters.holds(T::KIND, || self.held.size());
    }

    /// With the note that it was loaded just now.
    fn noted(&self, value: T, loaded: Instant) -> T {
        let expires = after(loaded, self.policy.ttl);
        match self.policy.keeps() {
            true => value.noted(Seen { loaded, expires, source: Source::Provider, error: None }),
            false => value,
        }
    }

    /// What is held, if it is fresh.
    fn fresh(&self, key: &K) -> Option<T> {
        let held = self.held.get(key)?;
        let fresh = matches!(held.times.verdict(Instant::now()), Verdict::Fresh | Verdict::Due);
        fresh.then_some(held.value)
    }
}

/// Longer lives than this make moka's clock overflow.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
