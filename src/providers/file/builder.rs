//! Builder of a file provider: its settings, opening it, and the thread that watches the file.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use s1crets_fs::watch::{Look, PathWatcher};
use tokio::time::Instant;

use super::{
    provider::{FileProvider, blocking},
    reloader::{Reloader, When},
    source::Source,
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::Backoff,
};

/// Where the fetcher writes by default.
pub const DEFAULT_PATH: &str = "/var/local/secrets.json";

/// The first pause while waiting for the file.
const BACKOFF: Duration = Duration::from_millis(10);

/// A look per second costs next to nothing, and is soon enough where notifications fail.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The settings of a [`FileProvider`].
#[derive(Clone, Debug)]
pub struct FileBuilder {
    path: PathBuf,
    wait: Option<Duration>,
    backoff: Duration,
    poll_interval: Duration,
    watch: bool,
    /// Reads in the calling thread, not on the blocking pool.
    in_calling_thread: bool,
}

impl FileBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, wait: None, backoff: BACKOFF, poll_interval: POLL_INTERVAL, watch: true, in_calling_thread: false }
    }

    /// Sets how long [`open`](Self::open) waits for a file that is missing or can't be read. Zero:
    /// one attempt, which has to succeed. Default: it does not wait, and a file that is missing
    /// then is read once it exists.
    #[must_use]
    pub fn with_wait(self, wait: Duration) -> Self {
        Self { wait: Some(wait), ..self }
    }

    /// Sets the first pause between two attempts while waiting. Each further one is twice as long,
    /// up to the poll interval. Default, also for zero: 10 ms.
    #[must_use]
    pub fn with_backoff(self, backoff: Duration) -> Self {
        Self { backoff: if backoff.is_zero() { BACKOFF } else { backoff }, ..self }
    }

    /// Sets how often the state of the file is compared, besides notifications. Longer than zero.
    /// Default: 1 s.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Sets whether a thread watches the file. Without it the data is that of [`open`](Self::open),
    /// of the last [`reload`](FileProvider::reload) or of the provider's own updates, which is
    /// enough for a command that ends soon. Default: true.
    #[must_use]
    pub fn with_watch(self, watch: bool) -> Self {
        Self { watch, ..self }
    }

    /// Starts no thread at all, for a process that has nothing else to do while it reads.
    #[must_use]
    pub(crate) fn one_shot(self) -> Self {
        Self { watch: false, in_calling_thread: true, ..self }
    }

    /// Opens the provider: reads the file, and starts to watch it.
    ///
    /// Without [`with_wait`](Self::with_wait) a missing or corrupt file is no error here: reads
    /// fail, and try again, until it can be read. Waiting takes a Tokio runtime with time enabled;
    /// nothing else does.
    ///
    /// # Errors
    /// `Config` for a folder that is not a CSI mount, an empty path and an interval of zero;
    /// `Timeout` if the wait is over; `Unavailable` if the thread can't be started.
    pub async fn open(self) -> Result<FileProvider> {
        if self.poll_interval.is_zero() {
            return Err(Error::config("the poll interval of the file provider must be longer than zero"));
        }
        let (path, watches) = (self.path.clone(), self.watch);
        // Watching begins before reading, so that no change falls in between.
        let prepare = move || {
            let source = Source::detect(&path)?;
            let watcher = watches.then(|| PathWatcher::new(&source.watched()));
            let stop = watcher.as_ref().map(PathWatcher::stop_on_drop);
            Ok((Arc::new(Reloader::new(source, stop)), watcher))
        };
        let (reloader, watcher) = self.work(prepare).await?;
        self.first_load(&reloader).await?;
        if let Some(watcher) = watcher {
            spawn(watcher, Arc::downgrade(&reloader), self.poll_interval)?;
        }
        Ok(FileProvider::new(reloader))
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        if self.in_calling_thread { work() } else { blocking(work).await }
    }

    async fn first_load(&self, reloader: &Arc<Reloader>) -> Result<()> {
        let started = Instant::now();
        let backoff = Backoff::new(self.backoff, self.poll_interval.max(self.backoff));
        let mut failures = 0;
        loop {
            let attempt = reloader.clone();
            let Err(error) = self.work(move || attempt.refresh(When::Now)).await else { return Ok(()) };
            let Some(wait) = self.wait else { return Ok(()) };
            let left = wait.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(timed_out(reloader.source.path(), &error));
            }
            tracing::debug!(path = %reloader.source.path().display(), "the secrets file is not available yet, trying again");
            failures += 1;
            tokio::time::sleep(backoff.wait(failures).min(left)).await;
        }
    }
}

/// Starts the thread that watches the file. It keeps the provider alive only while it looks.
pub(super) fn spawn(watcher: PathWatcher, reloader: Weak<Reloader>, interval: Duration) -> Result<JoinHandle<()>> {
    let look = move |why| {
        let Some(reloader) = reloader.upgrade() else { return ControlFlow::Break(()) };
        // A failure is in the status and in the log.
        let _ = reloader.refresh(if why == Look::Notified { When::Now } else { When::Changed });
        ControlFlow::Continue(())
    };
    watcher.spawn("s1crets-file", interval, look).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "can't start the thread that watches the secrets file").with_source(error)
    })
}

fn timed_out(path: &Path, last: &Error) -> Error {
    let error =
        Error::new(ErrorKind::Timeout, format!("{}: timed out. last error was: {}", path.display(), last.message()));
    // The cause of the last error: its message is part of ours already.
    let cause = std::error::Error::source(last).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    match cause {
        Some(cause) => {
            let code = cause.raw_os_error().map(std::io::Error::from_raw_os_error);
            error.with_source(code.unwrap_or_else(|| cause.kind().into()))
        }
        None => error,
    }
}
