//! [`Handle`]: a secret that is kept fresh in the background, for hot paths and for change
//! notifications.
//!
//! There are two ways to keep it fresh:
//!
//! - A local provider that reports changes (`file`) keeps its values in memory already. The handle
//!   has no task. A reader sees by one atomic load whether anything changed, and if so reads again,
//!   which never waits. A listener does the same when the provider wakes it.
//! - Otherwise a background task, the [`Follower`], reads whenever the value may have changed. It
//!   ends with the last clone of the handle, or with its runtime.
//!
//! Invariants:
//! - A reader finds the value and whether it is still kept fresh in one [`Snapshot`], so it never
//!   takes a value for current whose task has ended.
//! - The sender of `newest` lives exactly as long as values can come, so listeners end instead of
//!   waiting for ever.
//! - No lock is held while the client is called: it logs, and a subscriber of the log may read this
//!   very handle, or wait for a thread that does.

use std::{
    fmt,
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use arc_swap::{ArcSwap, Guard};
use futures::{
    FutureExt,
    future::{self, Either},
    stream::{self, Stream},
};
use tokio::{sync::watch, task::AbortHandle};

use self::follower::Follower;
use crate::{
    client::Client,
    clock::Instant,
    error::{Error, ErrorKind, Operation, Result},
    secret::{Reference, Secret},
    watch::Watch,
};

mod follower;
#[cfg(test)]
mod tests;

/// A secret, or a part of one, that is kept fresh while this or a clone of it lives.
///
/// A read is one atomic load: no lookup, no lock and no await, from any thread. With a provider
/// such as `file`, which keeps its values in memory and reports changes, it is one more. Threads
/// don't slow each other down. See [`Client::handle`].
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

/// The value of a [`Handle`] when it was read. Dereferences to the [`Secret`].
///
/// It is for use on the spot: it shares no reference count with other threads. While it is kept,
/// the value can't be wiped, and changes of the handle cost more. Clone the secret to keep it.
pub struct HandleRef(Guard<Arc<Snapshot>>);

/// The changes of a [`Handle`], for one listener.
#[derive(Clone)]
pub struct HandleChanges {
    newest: watch::Receiver<Secret>,
    /// For a handle without a task: the provider's reports, and who reads again then.
    watched: Option<(Watch, Weak<Inner>)>,
}

struct Inner {
    shared: Arc<Shared>,
    newest: watch::Receiver<Secret>,
    upkeep: Upkeep,
}

/// What keeps a handle fresh.
enum Upkeep {
    Task(AbortHandle),
    Readers(Watched),
}

/// A handle on a local provider that reports changes: its readers read again.
struct Watched {
    source: Source,
    publisher: Publisher,
    /// Held to publish what was read.
    publishing: Mutex<()>,
}

/// Where the value comes from.
struct Source {
    client: Client,
    reference: Reference,
}

/// What a handle shares with the publisher of its values.
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    error: Mutex<Option<Error>>,
}

/// A value, and how a reader sees whether it is still current.
struct Snapshot {
    secret: Secret,
    state: State,
    /// The value's own end, such as that of its lease.
    end: Option<Instant>,
}

enum State {
    /// A task replaces it in time.
    Followed,
    /// The task has ended with its runtime.
    Stopped,
    /// It is current until this has changed.
    Watched(Watch),
}

/// Hands values to the readers and listeners of a handle.
struct Publisher {
    shared: Arc<Shared>,
    newest: watch::Sender<Secret>,
}

impl Handle {
    /// Reads the secret once, and begins to keep it fresh.
    pub(crate) async fn open(client: Client, reference: Reference) -> Result<Self> {
        let source = Source { client, reference };
        // Before the first read, so that no change after it is missed.
        let signals = source.client.change_signals(source.reference.provider(), source.reference.path()).await;
        let signals = signals.map_err(|error| source.explain(error))?;
        let secret = source.read().await?;
        let state = match &signals.watch {
            Some(watch) if signals.is_local => State::Watched(watch.clone()),
            _ => State::Followed,
        };
        let is_watched = matches!(state, State::Watched(_));
        let (publisher, shared, newest) = Publisher::new(secret, state);
        let upkeep = if is_watched {
            Upkeep::Readers(Watched { source, publisher, publishing: Mutex::default() })
        } else {
            let runtime = source.client.runtime().map_err(|error| source.explain(error))?;
            let follower = Follower::new(source, signals, publisher);
            Upkeep::Task(runtime.spawn(follower.follow()).abort_handle())
        };
        Ok(Self(Arc::new(Inner { shared, newest, upkeep })))
    }

    /// The current value, borrowed: clone it to keep it. [`Secret::freshness`] tells how old it is
    /// and whether the last refresh failed.
    ///
    /// While reloads fail, the value stays, however old it is: past the cache's
    /// [`max_stale`](crate::CachePolicy::max_stale) too. A value with an end of its own, such as a
    /// lease, is served until that end only.
    ///
    /// # Errors
    /// - `Unexpected` once the value is no longer kept fresh: the runtime that the handle was opened
    ///   on has stopped, or the provider reports no more changes.
    /// - The error of the last reload, or `Unavailable`, while the value is past its own end and not
    ///   replaced yet.
    pub fn get(&self) -> Result<HandleRef> {
        let snapshot = self.0.shared.snapshot.load();
        let has_changed = match &snapshot.state {
            State::Followed if snapshot.has_ended() => return Err(self.0.shared.ended()),
            State::Followed => return Ok(HandleRef(snapshot)),
            State::Stopped => return Err(stopped()),
            State::Watched(watch) => watch.has_changed().ok_or_else(stopped)?,
        };
        if !has_changed {
            return Ok(HandleRef(snapshot));
        }
        drop(snapshot);
        self.0.read_again();
        Ok(HandleRef(self.0.shared.snapshot.load()))
    }

    /// Why the last read of the value failed, if it did: the secret may be gone, or denied, by now.
    pub fn last_error(&self) -> Option<Error> {
        self.0.shared.error().clone()
    }

    /// Listens for changes of the value from now on.
    pub fn changes(&self) -> HandleChanges {
        let mut newest = self.0.newest.clone();
        newest.mark_unchanged();
        let watched = match &self.0.shared.snapshot.load().state {
            State::Watched(watch) => Some((watch.clone(), Arc::downgrade(&self.0))),
            State::Followed | State::Stopped => None,
        };
        HandleChanges { newest, watched }
    }

    /// Waits for the next change and returns the new value. To miss no change between two calls,
    /// keep [`changes`](Self::changes) instead.
    ///
    /// # Errors
    /// `Unexpected` once the value is no longer kept fresh, as for [`get`](Self::get).
    pub async fn changed(&self) -> Result<Secret> {
        self.changes().next().await.ok_or_else(stopped)
    }
}

impl HandleChanges {
    /// Waits for a value that differs from the last one returned, or from the one that was current
    /// when this listener was made. Of several changes meanwhile, only the latest is returned.
    ///
    /// `None` once no more changes can come: the handle and all its clones are dropped, or the value
    /// is no longer kept fresh. Waiting takes no runtime.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Secret> {
        loop {
            let Some((watch, handle)) = &mut self.watched else {
                self.newest.changed().await.ok()?;
                return Some(self.newest.borrow_and_update().clone());
            };
            // `None` if the provider has reported a change that is yet to be read.
            let published = {
                let (published, report) = (pin!(self.newest.changed()), pin!(watch.changed()));
                match future::select(published, report).await {
                    Either::Left((published, _)) => Some(published),
                    Either::Right((true, _)) => None,
                    Either::Right((false, _)) => return None,
                }
            };
            match published {
                Some(published) => {
                    published.ok()?;
                    return Some(self.newest.borrow_and_update().clone());
                }
                None => handle.upgrade()?.read_again(),
            }
        }
    }

    /// The changes as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Secret> + Send {
        stream::unfold(self, async |mut changes| changes.next().await.map(|secret| (secret, changes)))
    }
}

impl Inner {
    /// Reads the value again if the provider has reported a change since the last read. Readers that
    /// see the same change each read it, which is a lookup in memory; the first of them publishes.
    fn read_again(&self) {
        let Upkeep::Readers(watched) = &self.upkeep else { return };
        loop {
            let snapshot = self.shared.snapshot.load_full();
            let State::Watched(watch) = &snapshot.state else { return };
            if watch.has_changed() != Some(true) {
                return;
            }
            // Seen before the read: a change during the read is found by the next reader.
            let mut watch = watch.clone();
            watch.mark_seen();
            let Some(read) = watched.source.read().now_or_never() else {
                // A local provider does not wait. If it does, the next reader tries again.
                return;
            };
            let _one = watched.publishing.lock().unwrap_or_else(PoisonError::into_inner);
            // Another reader was faster. What it read may be older than the change seen here.
            if !Arc::ptr_eq(&snapshot, &self.shared.snapshot.load()) {
                continue;
            }
            match read {
                Ok(secret) => watched.publisher.put(secret, State::Watched(watch)),
                Err(error) => {
                    watched.publisher.fail(error);
                    self.shared.store(snapshot.secret.clone(), State::Watched(watch));
                }
            }
            return;
        }
    }
}

impl Source {
    async fn read(&self) -> Result<Secret> {
        self.client.get_ref(&self.reference).await
    }

    fn explain(&self, error: Error) -> Error {
        error.with_context(Operation::Get, || self.reference.to_string())
    }
}

impl Publisher {
    fn new(secret: Secret, state: State) -> (Self, Arc<Shared>, watch::Receiver<Secret>) {
        let (newest, receiver) = watch::channel(secret.clone());
        let snapshot = ArcSwap::from_pointee(Snapshot::new(secret, state));
        let shared = Arc::new(Shared { snapshot, error: Mutex::default() });
        (Self { shared: shared.clone(), newest }, shared, receiver)
    }

    fn put(&self, secret: Secret, state: State) {
        *self.shared.error() = None;
        self.shared.store(secret.clone(), state);
        // A new version with the same value changes nothing for those who use it.
        self.newest.send_if_modified(|newest| {
            let differs = *newest != secret;
            *newest = secret;
            differs
        });
    }

    fn fail(&self, error: Error) {
        *self.shared.error() = Some(error);
    }
}

impl Snapshot {
    fn new(secret: Secret, state: State) -> Self {
        let end = secret.provenance().and_then(|provenance| provenance.end);
        Self { secret, state, end }
    }

    fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}

impl Shared {
    fn store(&self, secret: Secret, state: State) {
        self.snapshot.store(Arc::new(Snapshot::new(secret, state)));
    }

    /// Why there is no value: the last one has ended.
    fn ended(&self) -> Error {
        self.error().clone().unwrap_or_else(|| {
            Error::new(ErrorKind::Unavailable, "the value has ended, such as by its lease, and there is no new one yet")
        })
    }

    fn error(&self) -> MutexGuard<'_, Option<Error>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that is no longer kept fresh must not be served as if it were.
fn stopped() -> Error {
    Error::new(ErrorKind::Unexpected, "the handle is no longer kept fresh: its runtime or provider has stopped")
        .with_hint("open the handle on a runtime that lives as long as the handle")
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Upkeep::Task(task) = &self.upkeep {
            task.abort();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("current", &self.0.shared.snapshot.load().secret).finish_non_exhaustive()
    }
}

impl Deref for HandleRef {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.0.secret
    }
}

impl fmt::Debug for HandleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Secret::fmt(self, f)
    }
}

impl fmt::Debug for HandleChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleChanges")
    }
}
