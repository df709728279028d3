//! One load a key, however many ask.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt,
    channel::oneshot,
    future::{Shared, join_all},
};
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};

/// The loads under way.
///
/// A load is a task of its own on the runtime of whoever came first: callers that go away, the first one
/// included, change nothing for the others. One that panics fails its waiters with an error; one whose
/// runtime goes away is started again by a waiter on its own.
pub(crate) struct Flights<K, T>(Mutex<State<K, T>>);

struct State<K, T> {
    under_way: HashMap<K, Flight<T>>,
    next_id: u64,
}

struct Flight<T> {
    id: u64,
    landing: Landing<T>,
    /// Each says of an outcome that it is not to be kept.
    doubts: Vec<StaleFilter<T>>,
}

/// What tells whether a value is one that was dropped while a load was under way.
pub(crate) type StaleFilter<T> = Arc<dyn Fn(&T) -> bool + Send + Sync>;

type Landing<T> = Shared<oneshot::Receiver<Result<T>>>;

impl<K, T> Flights<K, T>
where
    K: Hash + Eq + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { under_way: HashMap::new(), next_id: 0 })))
    }

    /// What is `held` for each key, or the outcome of the load: of one under way, or of `load`, which is called once
    /// with all other keys. An outcome is handed to `land` before anyone sees it, unless its key was
    /// [forgotten](Self::forget_if) in the meantime. `joined` is called for every load that was under way.
    pub(crate) async fn fly<F>(
        self: &Arc<Self>,
        keys: &[K],
        held: impl Fn(&K) -> Option<T>,
        load: impl Fn(Vec<K>) -> F,
        land: impl Fn(&K, &Result<T>) + Clone + Send + 'static,
        joined: impl Fn(),
    ) -> Vec<Result<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        let mut landings = join_all(self.join(keys, &held, &joined, &load, land.clone()).0).await;
        for (key, landing) in keys.iter().zip(&mut landings) {
            // The runtime of that load was shut down. This caller is alive, so its own isn't.
            if landing.is_err()
                && let Some(again) = self.join(std::slice::from_ref(key), &held, &joined, &load, land.clone()).0.pop()
            {
                *landing = again.await;
            }
        }
        landings.into_iter().map(|landing| landing.unwrap_or_else(|_| Err(no_runtime()))).collect()
    }

    /// The outcome of the load under way for a key, if there is one and it comes to an end.
    pub(crate) async fn outcome(&self, key: &K) -> Option<Result<T>> {
        let landing = self.state().joinable(key);
        landing?.await.ok()
    }

    /// Begins a load that nobody waits for, unless there is one for that key. Says whether it did.
    pub(crate) fn start<F>(
        self: &Arc<Self>,
        key: &K,
        load: impl FnOnce(Vec<K>) -> F,
        land: impl Fn(&K, &Result<T>) + Send + 'static,
    ) -> bool
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        self.join(std::slice::from_ref(key), |_| None, || {}, load, land).1 > 0
    }

    /// Lets the loads of all keys that match go on for those who wait, but not be kept, nor be joined by
    /// anyone who asks from now on.
    ///
    /// What a load brings may be known by another name than its key. With a `doubt`, loads of other keys aren't joined any
    /// more either, and are kept only if what they bring passes it.
    pub(crate) fn forget_if(&self, matches: impl Fn(&K) -> bool, doubt: Option<&StaleFilter<T>>) {
        let mut state = self.state();
        state.under_way.retain(|key, _| !matches(key));
        for flight in state.under_way.values_mut() {
            flight.doubts.extend(doubt.cloned());
        }
    }

    /// The loads for all keys, and how many of them had to be started.
    fn join<F>(
        self: &Arc<Self>,
        keys: &[K],
        held: impl Fn(&K) -> Option<T>,
        joined: impl Fn(),
        load: impl FnOnce(Vec<K>) -> F,
        land: impl Fn(&K, &Result<T>) + Send + 'static,
    ) -> (Vec<Landing<T>>, usize)
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        let mut started = Vec::new();
        let mut state = self.state();
        let landings = keys.iter().map(|key| {
            // A load that landed since the caller looked is off the list; what it brought is held.
            if let Some(value) = held(key) {
                return landed(value);
            }
            if let Some(landing) = state.joinable(key) {
                joined();
                return landing;
            }
            let (landing, flight) = state.start(key, self);
            started.push(flight);
            landing
        });
        let landings = landings.collect();
        drop(state);
        let count = started.len();
        if count > 0
            && let Ok(runtime) = Handle::try_current()
        {
            let keys = started.iter().map(|flight| flight.key.clone()).collect();
            runtime.spawn(run(started, load(keys), land));
        }
        (landings, count)
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, T: Clone> State<K, T> {
    fn start(&mut self, key: &K, flights: &Arc<Flights<K, T>>) -> (Landing<T>, UnderWay<K, T>) {
        let (sender, receiver) = oneshot::channel();
        let landing = receiver.shared();
        let id = self.next_id;
        self.next_id += 1;
        self.under_way.insert(key.clone(), Flight { id, landing: landing.clone(), doubts: Vec::new() });
        (landing, UnderWay { flights: flights.clone(), key: key.clone(), id, sender: Some(sender) })
    }

    /// The load under way for a key, unless it may bring what was dropped since it began.
    fn joinable(&self, key: &K) -> Option<Landing<T>> {
        let flight = self.under_way.get(key).filter(|flight| flight.doubts.is_empty())?;
        Some(flight.landing.clone())
    }
}

impl<T> Flight<T> {
    fn may_keep(&self, outcome: &Result<T>) -> bool {
        match outcome {
            Ok(value) => !self.doubts.iter().any(|doubt| doubt(value)),
            // It can't be told of what.
            Err(_) => self.doubts.is_empty(),
        }
    }
}

async fn run<K, T>(
    started: Vec<UnderWay<K, T>>,
    load: impl Future<Output = Vec<Result<T>>>,
    land: impl Fn(&K, &Result<T>),
) where
    K: Hash + Eq,
{
    let outcomes = AssertUnwindSafe(load).catch_unwind().await;
    let mut outcomes = outcomes.map(Vec::into_iter);
    for flight in started {
        let outcome = match &mut outcomes {
            Ok(outcomes) => outcomes.next().unwrap_or_else(|| Err(bug("the provider gave no answer for this name"))),
            Err(_) => Err(bug("the provider panicked")),
        };
        flight.land(outcome, &land);
    }
}

/// A load on the list, which it leaves however it ends.
struct UnderWay<K: Hash + Eq, T> {
    flights: Arc<Flights<K, T>>,
    key: K,
    id: u64,
    sender: Option<oneshot::Sender<Result<T>>>,
}

impl<K: Hash + Eq, T> UnderWay<K, T> {
    /// Hands the outcome to those who wait, and to `keep` if the load was not forgotten: in one step with
    /// leaving the list, so that whoever asks finds either the load or what it brought.
    fn land(mut self, outcome: Result<T>, keep: impl Fn(&K, &Result<T>)) {
        let sender = self.sender.take();
        self.leave(|key, flight| {
            if flight.may_keep(&outcome) {
                keep(key, &outcome);
            }
        });
        // Nobody may be waiting any more; what was loaded is kept all the same.
        let _ = sender.map(|sender| sender.send(outcome));
    }

    fn leave(&self, last: impl FnOnce(&K, &Flight<T>)) {
        let mut state = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = state.under_way.get(&self.key).filter(|flight| flight.id == self.id) {
            last(&self.key, flight);
            state.under_way.remove(&self.key);
        }
    }
}

impl<K: Hash + Eq, T> Drop for UnderWay<K, T> {
    fn drop(&mut self) {
        self.leave(|_, _| {});
    }
}

/// A load that has nothing to do.
fn landed<T: Clone>(value: T) -> Landing<T> {
    let (sender, receiver) = oneshot::channel();
    // The receiver is right here.
    let _ = sender.send(Ok(value));
    receiver.shared()
}

fn bug(message: &'static str) -> Error {
    Error::new(ErrorKind::Unexpected, message)
}

fn no_runtime() -> Error {
    Error::unsupported("loading a secret takes a running Tokio runtime")
        .with_hint("call it from async code under Tokio, or use s1crets::blocking")
}
