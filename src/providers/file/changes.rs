//! Telling others of changes: a stream, and callbacks.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, TryLockError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::stream::{self, Stream};
use tokio::sync::watch;

use super::{
    snapshot::Snapshot,
    store::{Store, lock},
};

/// The snapshots that follow, for one listener.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<Option<Snapshot>>);

impl Changes {
    pub(super) fn of(store: &Store) -> Self {
        let mut newest = store.newest.subscribe();
        newest.mark_unchanged();
        Self(newest)
    }

    /// Waits for a snapshot whose content differs from what was current when this was made, or from
    /// the last one given. Of several in between only the latest is given. `None` once the provider,
    /// with all its clones, is gone.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Snapshot> {
        loop {
            self.0.changed().await.ok()?;
            if let Some(snapshot) = self.0.borrow_and_update().clone() {
                return Some(snapshot);
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Snapshot> + Send {
        stream::unfold(self, async |mut changes| changes.next().await.map(|snapshot| (snapshot, changes)))
    }
}

/// Keeps a callback registered; dropping it takes the callback out. A call that is under way then
/// runs to its end.
#[must_use = "the callback is taken out when this is dropped"]
pub struct Subscription {
    subscriber: Arc<Subscriber>,
    callbacks: Weak<Callbacks>,
}

/// All registered callbacks.
#[derive(Default)]
pub(super) struct Callbacks(Mutex<Vec<Arc<Subscriber>>>);

struct Subscriber {
    callback: Box<dyn Fn(&Snapshot) + Send + Sync>,
    cancelled: AtomicBool,
    /// The generation that was seen last; held while the callback runs.
    seen: Mutex<u64>,
}

impl Callbacks {
    /// Registers a callback and calls it with the data that there is.
    pub(super) fn add(store: &Store, callback: Box<dyn Fn(&Snapshot) + Send + Sync>) -> Subscription {
        let subscriber = Arc::new(Subscriber { callback, cancelled: AtomicBool::new(false), seen: Mutex::new(0) });
        lock(&store.callbacks.0).push(subscriber.clone());
        subscriber.deliver(&|| store.snapshot());
        Subscription { subscriber, callbacks: Arc::downgrade(&store.callbacks) }
    }

    /// Calls every callback that has not seen the current data.
    pub(super) fn deliver(&self, current: &dyn Fn() -> Option<Snapshot>) {
        // A copy, so that a callback may add and remove callbacks.
        let subscribers = lock(&self.0).clone();
        subscribers.iter().for_each(|subscriber| subscriber.deliver(current));
    }
}

impl Subscriber {
    /// Calls back until the current data has been seen. Whoever finds the callback running leaves
    /// the rest to the one who runs it; so a callback that brings about a change itself does not wait
    /// for itself.
    fn deliver(&self, current: &dyn Fn() -> Option<Snapshot>) {
        let newer = |seen: u64| {
            let snapshot = current().filter(|snapshot| snapshot.generation() > seen);
            snapshot.filter(|_| !self.cancelled.load(Ordering::Acquire))
        };
        while let Some(mut seen) = try_lock(&self.seen) {
            while let Some(snapshot) = newer(*seen) {
                *seen = snapshot.generation();
                self.call(&snapshot);
            }
            let last = *seen;
            drop(seen);
            // Once more, now that nobody can have found it running after this look.
            if newer(last).is_none() {
                return;
            }
        }
    }

    fn call(&self, snapshot: &Snapshot) {
        if catch_unwind(AssertUnwindSafe(|| (self.callback)(snapshot))).is_err() {
            tracing::error!("a callback for changed secrets panicked");
        }
    }
}

fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.subscriber.cancelled.store(true, Ordering::Release);
        if let Some(callbacks) = self.callbacks.upgrade() {
            lock(&callbacks.0).retain(|other| !Arc::ptr_eq(other, &self.subscriber));
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
