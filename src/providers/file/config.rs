//! How a file provider is set up and opened.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    provider::{FileProvider, blocking},
    source::Source,
    store::{Store, When},
    watch::{self, Watches},
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::Backoff,
};

/// Where the fetcher writes unless told otherwise.
pub const DEFAULT_PATH: &str = "/var/local/secrets.json";

/// The first pause while waiting for the file.
const BACKOFF: Duration = Duration::from_millis(10);

/// Once a second is nothing for the machine, and soon enough where notifications fail.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The settings of a [`FileProvider`].
#[derive(Clone, Debug)]
pub struct FileBuilder {
    path: PathBuf,
    wait: Option<Duration>,
    backoff: Duration,
    poll_interval: Duration,
    watch: bool,
    /// Reads in the thread that asks, not where it holds up nobody.
    here: bool,
}

impl FileBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, wait: None, backoff: BACKOFF, poll_interval: POLL_INTERVAL, watch: true, here: false }
    }

    /// How long [`open`](Self::open) waits for a file that is missing or can't be read. Default: not at
    /// all, and what is missing at open is read when it is there. Zero: one attempt, which has to succeed.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait: Some(wait), ..self }
    }

    /// The first pause between two attempts while waiting; each further one is twice as long, up to the poll interval.
    /// Default, and what zero stands for: 10 ms.
    #[must_use]
    pub fn backoff(self, backoff: Duration) -> Self {
        Self { backoff: if backoff.is_zero() { BACKOFF } else { backoff }, ..self }
    }

    /// How often the state of the file is compared, whatever notifications say. Default: 1 s.
    #[must_use]
    pub fn poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Whether a thread watches the file. Default: yes. Without it the data is that of
    /// [`open`](Self::open), of the last [`reload`](FileProvider::reload) and of own updates; for commands
    /// that end soon.
    #[must_use]
    pub fn watch(self, watch: bool) -> Self {
        Self { watch, ..self }
    }

    /// Starts no thread at all, for a process that has nothing else to do meanwhile.
    #[must_use]
    pub(crate) fn one_shot(self) -> Self {
        Self { watch: false, here: true, ..self }
    }

    /// Opens the provider: reads the file, and begins to watch it.
    ///
    /// A file that is missing or corrupt is no error here unless [`wait`](Self::wait) is set: reads
    /// then fail, and try again, until it can be read. Has to be called within a Tokio runtime with
    /// time enabled if `wait` is set.
    ///
    /// # Errors
    /// `Config` for a directory that is no CSI mount, an empty path and an interval of zero; `Timeout`
    /// if the wait is over; `Unavailable` if the thread can't be started.
    pub async fn open(self) -> Result<FileProvider> {
        if self.poll_interval.is_zero() {
            return Err(Error::config("the poll interval of the file provider must be longer than zero"));
        }
        let (sender, wakes) = mpsc::channel();
        let (path, watcher) = (self.path.clone(), self.watch.then_some(sender));
        // Watching begins before reading, so that no change falls in between.
        let prepare = move || {
            let source = Source::detect(&path)?;
            let watches = watcher.clone().map(|watcher| Watches::new(&source, watcher));
            Ok((Arc::new(Store::new(source, watcher)), watches))
        };
        let (store, watches) = self.work(prepare).await?;
        self.first_load(&store).await?;
        if let Some(watches) = watches {
            watch::spawn(Arc::downgrade(&store), watches, wakes, self.poll_interval)?;
        }
        Ok(FileProvider::new(store))
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        if self.here { work() } else { blocking(work).await }
    }

    async fn first_load(&self, store: &Arc<Store>) -> Result<()> {
        let started = Instant::now();
        let backoff = Backoff::new(self.backoff, self.poll_interval.max(self.backoff));
        let mut failures = 0;
        loop {
            let attempt = store.clone();
            let Err(error) = self.work(move || attempt.refresh(When::Now)).await else { return Ok(()) };
            let Some(wait) = self.wait else { return Ok(()) };
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(timed_out(store.source.path(), &error));
            }
            tracing::debug!(path = %store.source.path().display(), "file not yet available, sleeping");
            failures += 1;
            tokio::time::sleep(backoff.wait(failures).min(left)).await;
        }
    }
}

fn timed_out(path: &Path, last: &Error) -> Error {
    let error =
        Error::new(ErrorKind::Timeout, format!("{}: timed out. last error was: {}", path.display(), last.message()));
    // The cause of the last error, not that error itself, whose message is already told.
    let cause = std::error::Error::source(last).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match cause {
        Some(cause) => {
            let code = cause.raw_os_error().map(std::io::Error::from_raw_os_error);
            error.with_source(code.unwrap_or_else(|| cause.kind().into()))
        }
        None => error,
    }
}
