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
}

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
    /// [forgotten](Self::forget_if) in the meantime.
    pub(crate) async fn fly<F>(
        self: &Arc<Self>,
        keys: &[K],
        held: impl Fn(&K) -> Option<T>,
        load: impl Fn(Vec<K>) -> F,
        land: impl Fn(&K, &Result<T>) + Clone + Send + 'static,
    ) -> Vec<Result<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        let mut landings = join_all(self.join(keys, &held, &load, land.clone())).await;
        for (key, landing) in keys.iter().zip(&mut landings) {
            // The runtime of that load was shut down. This caller is alive, so its own isn't.
            if landing.is_err()
                && let Some(again) = self.join(std::slice::from_ref(key), &held, &load, land.clone()).pop()
            {
                *landing = again.await;
            }
        }
        landings.into_iter().map(|landing| landing.unwrap_or_else(|_| Err(no_runtime()))).collect()
    }

    /// Lets the loads of all keys that match go on for those who wait, but not be kept, nor be joined by
    /// anyone who asks from now on.
    pub(crate) fn forget_if(&self, matches: impl Fn(&K) -> bool) {
        self.state().under_way.retain(|key, _| !matches(key));
    }

    fn join<F>(
        self: &Arc<Self>,
        keys: &[K],
        held: impl Fn(&K) -> Option<T>,
        load: impl FnOnce(Vec<K>) -> F,
        land: impl Fn(&K, &Result<T>) + Send + 'static,
    ) -> Vec<Landing<T>>
    where
        F: Future<Output = Vec<Result<T>>> + Send + 'static,
    {
        let mut started = Vec::new();
        let mut state = self.state();
        let landings = keys.iter().map(|key| {
            if let Some(value) = held(key) {
                return landed(value);
            }
            if let Some(flight) = state.under_way.get(key) {
                return flight.landing.clone();
            }
            let (landing, flight) = state.start(key, self);
            started.push(flight);
            landing
        });
        let landings = landings.collect();
        drop(state);
        if !started.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            let keys = started.iter().map(|flight| flight.key.clone()).collect();
            runtime.spawn(run(started, load(keys), land));
        }
        landings
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
        self.under_way.insert(key.clone(), Flight { id, landing: landing.clone() });
        (landing, UnderWay { flights: flights.clone(), key: key.clone(), id, sender: Some(sender) })
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
        self.leave(|key| keep(key, &outcome));
        // Nobody may be waiting any more; what was loaded is kept all the same.
        let _ = sender.map(|sender| sender.send(outcome));
    }

    fn leave(&self, last: impl FnOnce(&K)) {
        let mut state = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.under_way.get(&self.key).is_some_and(|flight| flight.id == self.id) {
            last(&self.key);
            state.under_way.remove(&self.key);
        }
    }
}

impl<K: Hash + Eq, T> Drop for UnderWay<K, T> {
    fn drop(&mut self) {
        self.leave(|_| {});
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
