//! Reloader: the data that is served, and when the file is read again.
//!
//! - Readers touch `current` only: no lock, no I/O.
//! - Whoever loads holds `attempt` from before the file is looked at until the result is published,
//!   so that an older state never overtakes a newer one.
//! - A load that fails changes nothing but the status: what was read before is still served.
//! - What the locks guard is replaced in one step, so a panic leaves nothing half done.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use s1crets_fs::watch::StopOnDrop;
use tokio::sync::watch;

use super::{
    secret_watches::SecretWatches,
    snapshot::{Contents, Loaded, Snapshot},
    source::{Source, SourceState},
};
use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    watch::Watch,
};

/// How fresh the served data is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileStatus {
    /// When the data that is served was read; `None` if nothing was read yet.
    pub loaded_at: Option<SystemTime>,
    /// When the file that the data came from was last modified before that.
    pub modified: Option<SystemTime>,
    /// How long ago the served data was last seen to be what the file holds. While all is well this
    /// stays below the poll interval, unless nothing watches the file.
    pub age: Option<Duration>,
    /// Why the last attempt to read the file failed, if it did.
    pub last_error: Option<Error>,
}

/// When a call of [`Reloader::refresh`] reads the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// If its state differs from the one at the last attempt.
    Changed,
    /// If nothing is loaded yet.
    Empty,
    /// Always.
    Now,
}

/// What all clones of a provider share.
pub(super) struct Reloader {
    pub(super) source: Source,
    current: ArcSwapOption<Loaded>,
    attempt: Mutex<Attempt>,
    progress: Mutex<Progress>,
    pub(super) newest: watch::Sender<Option<Snapshot>>,
    watches: SecretWatches,
    /// Ends the thread that watches the file, if there is one: it holds no share of this while it
    /// waits.
    _watcher: Option<StopOnDrop>,
}

/// What the last attempt to load saw.
#[derive(Default)]
struct Attempt {
    state: Option<SourceState>,
    /// Whether `state` is that of the served data.
    served: bool,
    /// Whether an equal state does not prove that another attempt would read the same.
    unsure: bool,
}

#[derive(Default)]
struct Progress {
    loaded_at: Option<SystemTime>,
    confirmed: Option<Instant>,
    last_error: Option<Error>,
}

/// What there is to log after an attempt.
enum News {
    LoadedAgain,
    Failed { error: Error, is_first: bool, kept: bool },
}

impl Reloader {
    pub(super) fn new(source: Source, watcher: Option<StopOnDrop>) -> Self {
        Self {
            source,
            current: ArcSwapOption::empty(),
            attempt: Mutex::new(Attempt { unsure: true, ..Attempt::default() }),
            progress: Mutex::default(),
            newest: watch::Sender::new(None),
            watches: SecretWatches::default(),
            _watcher: watcher,
        }
    }

    /// The data that is served. Neither locks nor waits.
    pub(super) fn current(&self) -> Guard<Option<Arc<Loaded>>> {
        self.current.load()
    }

    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.current.load_full().map(Snapshot::new)
    }

    /// Reads the source. What is served stays if that fails.
    pub(super) fn refresh(&self, when: When) -> Result<()> {
        let (outcome, news) = self.attempt(&mut lock(&self.attempt), when);
        // Logged after all locks are released: a subscriber of the log may read a secret or ask for the
        // status, or wait for a thread that does.
        if let Some(news) = news {
            news.log(&self.source);
        }
        outcome
    }

    /// A watch of one secret, which may not exist yet.
    pub(super) fn watch(&self, name: &str) -> Watch {
        self.watches.add(name, || self.current().as_ref()?.version(name))
    }

    /// How many watches are kept.
    #[cfg(test)]
    pub(super) fn watch_count(&self) -> usize {
        self.watches.count()
    }

    pub(super) fn status(&self) -> FileStatus {
        let modified = self.current().as_ref().and_then(|loaded| loaded.modified);
        let progress = lock(&self.progress);
        FileStatus {
            loaded_at: progress.loaded_at,
            modified,
            age: progress.confirmed.map(|confirmed| confirmed.elapsed()),
            last_error: progress.last_error.clone(),
        }
    }

    fn attempt(&self, last: &mut Attempt, when: When) -> (Result<()>, Option<News>) {
        if when == When::Empty && self.current().is_some() {
            return (Ok(()), None);
        }
        let started = Instant::now();
        let state = self.source.state().ok();
        if when == When::Changed && !last.unsure && state == last.state {
            if last.served {
                lock(&self.progress).confirmed = Some(started);
            }
            return (lock(&self.progress).last_error.clone().map_or(Ok(()), Err), None);
        }
        let recent = |state: &SourceState| state.fingerprint.is_recent(SystemTime::now());
        match self.source.load(self.current().as_deref()) {
            Ok((contents, state)) => {
                *last = Attempt { served: true, unsure: recent(&state), state: Some(state) };
                (Ok(()), self.publish(contents, last.state.as_ref(), started))
            }
            Err(error) => {
                // Corrupt contents stay corrupt until they change; any other failure may pass by
                // itself.
                let unsure = error.kind() != ErrorKind::Corrupt || state.as_ref().is_none_or(recent);
                *last = Attempt { served: false, unsure, state };
                let news = self.keep(error.clone());
                (Err(error), Some(news))
            }
        }
    }

    fn publish(&self, contents: Contents, state: Option<&SourceState>, started: Instant) -> Option<News> {
        let current = self.current();
        let differs = current.as_ref().is_none_or(|loaded| !loaded.contents.is_same(&contents));
        let generation = current.as_ref().map_or(0, |loaded| loaded.generation) + u64::from(differs);
        let modified = state.and_then(|state| state.fingerprint.modified());
        let loaded = Arc::new(Loaded::new(contents, modified, generation, current.as_deref()));
        self.current.store(Some(loaded.clone()));
        if differs {
            self.watches.report(&loaded);
            self.newest.send_replace(Some(Snapshot::new(loaded)));
        }
        let new = Progress { loaded_at: Some(SystemTime::now()), confirmed: Some(started), last_error: None };
        let had_failed = std::mem::replace(&mut *lock(&self.progress), new).last_error.is_some();
        had_failed.then_some(News::LoadedAgain)
    }

    /// Keeps serving the data there is.
    fn keep(&self, error: Error) -> News {
        let mut progress = lock(&self.progress);
        let is_first = progress.last_error.replace(error.clone()).is_none();
        News::Failed { error, is_first, kept: progress.loaded_at.is_some() }
    }
}

impl News {
    /// Warns of the first failure in a row only.
    fn log(&self, source: &Source) {
        match self {
            Self::LoadedAgain => tracing::info!(path = %source.path().display(), "secrets are loaded again"),
            Self::Failed { error, is_first, kept } => {
                let cause = std::error::Error::source(error).map(tracing::field::display);
                if *is_first {
                    tracing::warn!(cause, kept, "{error}");
                } else {
                    tracing::debug!(cause, "{error}");
                }
            }
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
