//! The data that is served, and how it is brought up to date.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;

use super::{
    changes::Callbacks,
    snapshot::{Contents, Loaded, Snapshot},
    source::{Mark, Source},
    watch::Wake,
};
use crate::error::{Error, ErrorKind, Result};

/// How fresh the served data is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FileStatus {
    /// When the data that is served was read; nothing if none was yet.
    pub loaded_at: Option<SystemTime>,
    /// When the file that the data came from was last modified before that.
    pub modified: Option<SystemTime>,
    /// How long ago the served data was last seen to be what the file holds. While all is well this
    /// stays below the poll interval, unless nothing watches the file.
    pub age: Option<Duration>,
    /// Why the last look at the file brought nothing, if it did so.
    pub last_error: Option<Error>,
}

/// When it is that the source is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// If it is in another state than at the last attempt.
    Changed,
    /// If nothing is loaded yet.
    Empty,
    /// In any case.
    Now,
}

/// What all clones of a provider share.
///
/// Readers touch `current` only. Whoever loads holds `attempt`, from before the file is looked at
/// until the result is published, so that an older state never overtakes a newer one.
pub(super) struct Store {
    pub(super) source: Source,
    current: ArcSwapOption<Loaded>,
    attempt: Mutex<Attempt>,
    progress: Mutex<Progress>,
    pub(super) newest: watch::Sender<Option<Snapshot>>,
    pub(super) callbacks: Arc<Callbacks>,
    /// To the watcher thread, if there is one.
    watcher: Option<Sender<Wake>>,
}

/// What the last attempt to load saw.
#[derive(Default)]
struct Attempt {
    mark: Option<Mark>,
    /// Whether `mark` is the state of the served data.
    served: bool,
    /// Whether an equal mark does not prove that another attempt would bring the same.
    unsure: bool,
}

#[derive(Default)]
struct Progress {
    loaded_at: Option<SystemTime>,
    confirmed: Option<Instant>,
    last_error: Option<Error>,
}

impl Store {
    pub(super) fn new(source: Source, watcher: Option<Sender<Wake>>) -> Self {
        Self {
            source,
            current: ArcSwapOption::empty(),
            attempt: Mutex::new(Attempt { unsure: true, ..Attempt::default() }),
            progress: Mutex::default(),
            newest: watch::Sender::new(None),
            callbacks: Arc::default(),
            watcher,
        }
    }

    /// The data that is served. Neither locks nor waits.
    pub(super) fn current(&self) -> Guard<Option<Arc<Loaded>>> {
        self.current.load()
    }

    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        self.current.load_full().map(Snapshot::new)
    }

    /// Loads the source. What is served stays if that fails.
    pub(super) fn refresh(&self, when: When) -> Result<()> {
        let before = self.current().as_ref().map(|loaded| loaded.generation);
        let result = self.attempt(&mut lock(&self.attempt), when);
        if self.current().as_ref().map(|loaded| loaded.generation) != before {
            self.announce();
        }
        result
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

    /// Calls back whoever has not seen the current data yet.
    pub(super) fn call_back(&self) {
        self.callbacks.deliver(&|| self.snapshot());
    }

    fn attempt(&self, last: &mut Attempt, when: When) -> Result<()> {
        if when == When::Empty && self.current().is_some() {
            return Ok(());
        }
        let started = Instant::now();
        let mark = self.source.probe().ok();
        if when == When::Changed && !last.unsure && mark == last.mark {
            if last.served {
                lock(&self.progress).confirmed = Some(started);
            }
            return lock(&self.progress).last_error.clone().map_or(Ok(()), Err);
        }
        let fresh = |mark: &Mark| mark.stamp.is_fresh(SystemTime::now());
        match self.source.load(self.current().as_deref()) {
            Ok((contents, mark)) => {
                *last = Attempt { served: true, unsure: fresh(&mark), mark: Some(mark) };
                self.publish(contents, last.mark.as_ref(), started);
                Ok(())
            }
            Err(error) => {
                // What is wrong with the content passes with a change; anything else may by itself.
                let unsure = error.kind() != ErrorKind::Corrupt || mark.as_ref().is_none_or(fresh);
                *last = Attempt { served: false, unsure, mark };
                self.keep(error.clone());
                Err(error)
            }
        }
    }

    fn publish(&self, contents: Contents, mark: Option<&Mark>, started: Instant) {
        let current = self.current();
        let differs = current.as_ref().is_none_or(|loaded| !loaded.contents.is_same(&contents));
        let generation = current.as_ref().map_or(0, |loaded| loaded.generation) + u64::from(differs);
        let modified = mark.and_then(|mark| mark.stamp.modified());
        let loaded = Arc::new(Loaded { contents, modified, generation });
        self.current.store(Some(loaded.clone()));
        if differs {
            self.newest.send_replace(Some(Snapshot::new(loaded)));
        }
        let new = Progress { loaded_at: Some(SystemTime::now()), confirmed: Some(started), last_error: None };
        if std::mem::replace(&mut *lock(&self.progress), new).last_error.is_some() {
            tracing::info!(path = %self.source.path().display(), "secrets are loaded again");
        }
    }

    /// Keeps serving the data there is. Warns once, not at every attempt.
    fn keep(&self, error: Error) {
        let (loaded_before, first_failure) = {
            let mut progress = lock(&self.progress);
            let first_failure = progress.last_error.replace(error.clone()).is_none();
            (progress.loaded_at.is_some(), first_failure)
        };
        // Logged after the lock is released: a subscriber may itself ask for the status, or wait for
        // a thread that does.
        let cause = std::error::Error::source(&error).map(tracing::field::display);
        if first_failure {
            tracing::warn!(cause, kept = loaded_before, "{error}");
        } else {
            tracing::debug!(cause, "{error}");
        }
    }

    /// Has the watcher thread call back, or does it here where there is none.
    fn announce(&self) {
        match &self.watcher {
            // Without a thread at the other end the provider is being opened: nobody listens yet.
            Some(watcher) => drop(watcher.send(Wake::CallBack)),
            None => self.call_back(),
        }
    }
}

/// The watcher thread holds no share of the store while it waits; this ends its wait.
impl Drop for Store {
    fn drop(&mut self) {
        if let Some(watcher) = &self.watcher {
            let _ = watcher.send(Wake::Stop);
        }
    }
}

/// What these locks guard is replaced in one step, so that a panic leaves nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
