//! Single flight: one load per key, however many callers ask for it.
//!
//! A load runs as a task of its own, and callers wait for its outcome. These hold:
//!
//! - At most one load per key is in `under_way`. A caller that finds one joins it.
//! - A caller that goes away, the first one included, changes nothing for the others. A load that
//!   panics fails its waiters with an error.
//! - An outcome is stored and the load taken off the list under one lock. Whoever asks finds either
//!   the load or what it brought, never neither.
//! - A load that was [detached](SingleFlight::detach) (by an update or an invalidation) still
//!   answers those who wait for it. It is not stored, and nobody joins it any more.
//! - A load whose runtime was shut down, or is no longer driven, is started again by a waiter on its
//!   own runtime.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Shared, join_all},
};
use tokio::{runtime::Handle, time::timeout};

use crate::error::{Error, ErrorKind, Result};

/// How long a caller waits for a load that somebody else started. A load ends by its own timeouts
/// long before, unless nobody drives its runtime any more: the current-thread runtime of a thread
/// that does something else, for instance.
const JOIN_TIMEOUT: Duration = Duration::from_secs(120);

/// The loads under way, by key.
pub(crate) struct SingleFlight<K, T> {
    state: Mutex<State<K, T>>,
    executor: Executor,
}

/// Where loads run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Executor {
    /// On the runtime of the caller that starts them.
    #[default]
    Caller,
    /// On a fixed runtime, whatever the caller runs on; `None` if it can't be had.
    #[cfg_attr(not(feature = "blocking"), allow(dead_code, reason = "only blocking clients have a runtime"))]
    Fixed(fn() -> Option<Handle>),
}

struct State<K, T> {
    under_way: HashMap<K, Load<T>>,
    next_id: u64,
}

struct Load<T> {
    id: u64,
    outcome: Outcome<T>,
    /// Each matches values that must not be stored: they were dropped while this load was under way.
    stale: Vec<StaleFilter<T>>,
}

/// Matches values that were dropped while a load was under way.
pub(crate) type StaleFilter<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

type Outcome<T> = Shared<oneshot::Receiver<Result<T>>>;

impl Executor {
    /// The runtime for a new load, if there is one.
    pub(crate) fn handle(self) -> Option<Handle> {
        match self {
            Self::Caller => Handle::try_current().ok(),
            Self::Fixed(handle) => handle(),
        }
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Hash + Eq + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(executor: Executor) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { under_way: HashMap::new(), next_id: 0 }), executor })
    }

    /// The value of each key: what `stored` has, or the outcome of its load, joined or started.
    ///
    /// `load` is called once with all keys that need a load. `store` sees each outcome before any
    /// caller does, under the lock of the list of loads, unless its load was
    /// [detached](Self::detach). What it returns is called once the lock is released. `on_join` is
    /// called for every load that was joined, without the lock.
    pub(crate) async fn load<F, A>(
        self: &Arc<Self>,
        keys: &[K],
        stored: impl Fn(&K) -> Option<T>,
        load: impl Fn(Vec<K>) -> F,
        store: impl Fn(&K, &Result<T>) -> A + Clone + Send + 'static,
        on_join: impl Fn(),
    ) -> Vec<Result<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
        A: FnOnce() + 'static,
    {
        let waits = self.join_or_start(keys, &stored, &on_join, &load, store.clone());
        let ids: Vec<_> = waits.iter().map(Wait::id).collect();
        let mut outcomes = join_all(waits.into_iter().map(Wait::end)).await;
        for ((key, id), outcome) in keys.iter().zip(ids).zip(&mut outcomes) {
            if outcome.is_none() {
                // That load will never end. This caller is alive, so its own runtime is, too.
                self.abandon(key, id);
                let again =
                    self.join_or_start(std::slice::from_ref(key), &stored, &on_join, &load, store.clone()).pop();
                *outcome = match again {
                    Some(again) => again.end().await,
                    None => None,
                };
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(self.no_outcome()))).collect()
    }

    /// The outcome of the load under way for a key, if there is one and it ends.
    pub(crate) async fn join(&self, key: &K) -> Option<Result<T>> {
        let (id, outcome) = self.state().joinable(key)?;
        Wait::Joined(id, outcome).end().await
    }

    /// Starts a load in the background, unless one is under way for that key or there is no runtime
    /// for it. Returns whether it did.
    pub(crate) fn start<F, A>(
        self: &Arc<Self>,
        key: &K,
        load: impl FnOnce(Vec<K>) -> F,
        store: impl Fn(&K, &Result<T>) -> A + Send + 'static,
    ) -> bool
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
        A: FnOnce() + 'static,
    {
        if self.executor.handle().is_none() {
            return false;
        }
        let waits = self.join_or_start(std::slice::from_ref(key), |_| None, || {}, load, store);
        matches!(waits.as_slice(), [Wait::Started(..)])
    }

    /// Detaches the loads of all keys that match: those who wait still get the outcome, but it is not
    /// stored, and no further caller joins.
    ///
    /// A load may bring a secret that has another name than its key (an ARN). With a `stale` filter,
    /// the remaining loads are not joined any more either, and are stored only if what they bring
    /// does not match it.
    pub(crate) fn detach(&self, matches: impl Fn(&K) -> bool, stale: Option<&StaleFilter<T>>) {
        let mut state = self.state();
        state.under_way.retain(|key, _| !matches(key));
        for load in state.under_way.values_mut() {
            load.stale.extend(stale.cloned());
        }
    }

    /// Takes a load off the list that does not end. One that was started instead stays.
    fn abandon(&self, key: &K, id: Option<u64>) {
        let mut state = self.state();
        if state.under_way.get(key).is_some_and(|load| Some(load.id) == id) {
            state.under_way.remove(key);
        }
    }

    fn join_or_start<F, A>(
        self: &Arc<Self>,
        keys: &[K],
        stored: impl Fn(&K) -> Option<T>,
        on_join: impl Fn(),
        load: impl FnOnce(Vec<K>) -> F,
        store: impl Fn(&K, &Result<T>) -> A + Send + 'static,
    ) -> Vec<Wait<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
        A: FnOnce() + 'static,
    {
        let (mut started, mut joined) = (Vec::new(), 0);
        let mut state = self.state();
        let waits = keys.iter().map(|key| {
            // A load that ended since the caller looked is off the list; what it brought is stored.
            if let Some(value) = stored(key) {
                return Wait::Stored(value);
            }
            if let Some((id, outcome)) = state.joinable(key) {
                joined += 1;
                return Wait::Joined(id, outcome);
            }
            let (outcome, load) = state.start(key, self);
            let id = load.id;
            started.push(load);
            Wait::Started(id, outcome)
        });
        let waits = waits.collect();
        drop(state);
        (0..joined).for_each(|_| on_join());
        // Without a runtime the loads are dropped here, off the list, and their waiters are told so.
        if !started.is_empty()
            && let Some(runtime) = self.executor.handle()
        {
            let keys = started.iter().map(|load| load.key.clone()).collect();
            runtime.spawn(run(started, load(keys), store));
        }
        waits
    }

    /// Why a load has no outcome, twice in a row.
    fn no_outcome(&self) -> Error {
        match self.executor.handle() {
            Some(_) => Error::new(ErrorKind::Unexpected, "the load of a secret was aborted"),
            None => Error::unsupported("loading a secret takes a running Tokio runtime")
                .with_hint("call it from async code under Tokio, or use s1crets::blocking"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a caller waits for.
enum Wait<T> {
    /// Nothing: the value is here.
    Stored(T),
    /// A load that this caller started.
    Started(u64, Outcome<T>),
    /// A load that somebody else started, maybe on another runtime.
    Joined(u64, Outcome<T>),
}

impl<T: Clone> Wait<T> {
    fn id(&self) -> Option<u64> {
        match self {
            Self::Stored(_) => None,
            Self::Started(id, _) | Self::Joined(id, _) => Some(*id),
        }
    }

    /// The outcome; `None` for a load that ends without one, or does not end.
    async fn end(self) -> Option<Result<T>> {
        match self {
            Self::Stored(value) => Some(Ok(value)),
            Self::Started(_, outcome) => outcome.await.ok(),
            // Without a runtime there is no timer, and nobody to start the load again.
            Self::Joined(_, outcome) if Handle::try_current().is_err() => outcome.await.ok(),
            Self::Joined(_, outcome) => timeout(JOIN_TIMEOUT, outcome).await.ok()?.ok(),
        }
    }
}

impl<K: Hash + Eq + Clone, T: Clone> State<K, T> {
    fn start(&mut self, key: &K, single_flight: &Arc<SingleFlight<K, T>>) -> (Outcome<T>, UnderWay<K, T>) {
        let (sender, receiver) = oneshot::channel();
        let outcome = receiver.shared();
        let id = self.next_id;
        self.next_id += 1;
        self.under_way.insert(key.clone(), Load { id, outcome: outcome.clone(), stale: Vec::new() });
        (outcome, UnderWay { single_flight: single_flight.clone(), key: key.clone(), id, sender: Some(sender) })
    }

    /// The load under way for a key, unless it may bring a value that was dropped since it began.
    fn joinable(&self, key: &K) -> Option<(u64, Outcome<T>)> {
        let load = self.under_way.get(key).filter(|load| load.stale.is_empty())?;
        Some((load.id, load.outcome.clone()))
    }
}

impl<T> Load<T> {
    fn may_store(&self, outcome: &Result<T>) -> bool {
        match outcome {
            Ok(value) => !self.stale.iter().any(|matches| matches(value)),
            // An error does not say which secret it is about.
            Err(_) => self.stale.is_empty(),
        }
    }
}

async fn run<K, T, A>(
    started: Vec<UnderWay<K, T>>,
    load: impl Future<Output = Vec<Result<T>>>,
    store: impl Fn(&K, &Result<T>) -> A,
) where
    K: Hash + Eq,
    A: FnOnce(),
{
    let outcomes = AssertUnwindSafe(load).catch_unwind().await;
    let mut outcomes = outcomes.map(Vec::into_iter);
    for load in started {
        let outcome = match &mut outcomes {
            Ok(outcomes) => outcomes.next().unwrap_or_else(|| Err(bug("the provider gave no answer for this name"))),
            Err(_) => Err(bug("the provider panicked")),
        };
        load.complete(outcome, &store);
    }
}

fn bug(message: &'static str) -> Error {
    Error::new(ErrorKind::Unexpected, message)
}

/// A load on the list. However it ends, it leaves the list.
struct UnderWay<K: Hash + Eq, T> {
    single_flight: Arc<SingleFlight<K, T>>,
    key: K,
    id: u64,
    sender: Option<oneshot::Sender<Result<T>>>,
}

impl<K: Hash + Eq, T> UnderWay<K, T> {
    /// Stores the outcome, unless the load was detached, and takes the load off the list, in one
    /// step. Then hands the outcome to those who wait, and calls what `store` returned.
    fn complete<A: FnOnce()>(mut self, outcome: Result<T>, store: impl Fn(&K, &Result<T>) -> A) {
        let (sender, mut after) = (self.sender.take(), None);
        self.leave(|key, load| {
            if load.may_store(&outcome) {
                after = Some(store(key, &outcome));
            }
        });
        // Nobody may be waiting any more; what was loaded is stored all the same.
        let _ = sender.map(|sender| sender.send(outcome));
        if let Some(after) = after {
            after();
        }
    }

    fn leave(&self, before: impl FnOnce(&K, &Load<T>)) {
        let mut state = self.single_flight.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = state.under_way.get(&self.key).filter(|load| load.id == self.id) {
            before(&self.key, load);
            state.under_way.remove(&self.key);
        }
    }
}

impl<K: Hash + Eq, T> Drop for UnderWay<K, T> {
    fn drop(&mut self) {
        self.leave(|_, _| {});
    }
}
