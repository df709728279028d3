//! File provider: reads by name, and the implementation of [`Provider`].

use std::{fmt, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use tokio::{runtime::Handle, task};

#[cfg(unix)]
use super::update;
use super::{
    builder::FileBuilder,
    change_stream::Changes,
    reloader::{FileStatus, Reloader, When},
    snapshot::Snapshot,
};
use crate::{
    capabilities::Capabilities,
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Listing, Provider, Updated, is_below, is_listed},
    secret::{Secret, SecretValue},
    watch::Watch,
};

/// The secrets of a fetcher's file or of a Vault CSI mount, in memory and kept fresh.
///
/// Cloning shares the data and the thread that watches the file; the thread ends with the last
/// clone.
#[derive(Clone)]
pub struct FileProvider {
    pub(super) reloader: Arc<Reloader>,
}

impl FileProvider {
    /// Settings for a `secrets.json`, or for the root of a CSI mount, to be
    /// [opened](FileBuilder::open). The fetcher's own default is
    /// [`DEFAULT_PATH`](super::DEFAULT_PATH).
    pub fn builder(path: impl Into<PathBuf>) -> FileBuilder {
        FileBuilder::new(path.into())
    }

    /// The secret of exactly this name: its JSON text, without insignificant whitespace.
    ///
    /// This looks the name up in memory. Only as long as nothing was ever loaded does it try to
    /// read the file, in the calling thread.
    ///
    /// # Errors
    /// `NotFound` if there is no such name; `Unavailable`, `AccessDenied` or `Corrupt` if nothing
    /// was ever loaded, or, in a CSI mount, if the file of this name can't be used.
    pub fn read(&self, name: &str) -> Result<Secret> {
        self.ready()?;
        self.look_up(name)
    }

    /// All names in order.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub fn names(&self) -> Result<Vec<String>> {
        Ok(self.snapshot()?.names().map(str::to_owned).collect())
    }

    /// All secrets as they are now. The snapshot does not change later.
    ///
    /// # Errors
    /// `Unavailable`, `AccessDenied` or `Corrupt` if nothing was ever loaded.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.ready()?;
        self.reloader.snapshot().ok_or_else(unloaded)
    }

    /// [`Snapshot::vault_url`] of the current data.
    ///
    /// # Errors
    /// Those of [`Snapshot::vault_url`] and of [`snapshot`](Self::snapshot).
    pub fn vault_url(&self) -> Result<String> {
        self.snapshot()?.vault_url()
    }

    /// [`Snapshot::vault_token`] of the current data.
    ///
    /// # Errors
    /// Those of [`Snapshot::vault_token`] and of [`snapshot`](Self::snapshot).
    pub fn vault_token(&self) -> Result<Secret> {
        self.snapshot()?.vault_token()
    }

    /// How fresh the data is, and why the file can't be read if it can't.
    pub fn status(&self) -> FileStatus {
        self.reloader.status()
    }

    /// Reads the file now, in the calling thread. Needed only if no thread watches it.
    ///
    /// # Errors
    /// `Unavailable`, `AccessDenied` or `Corrupt`; the data that was loaded before is still served.
    pub fn reload(&self) -> Result<()> {
        self.reloader.refresh(When::Now)
    }

    /// The changes of the file from now on. To start from the current data without missing a
    /// change, call this first and [`snapshot`](Self::snapshot) second. For one secret use
    /// [`watch`](Provider::watch).
    pub fn changes(&self) -> Changes {
        Changes::of(&self.reloader)
    }

    pub(super) fn new(reloader: Arc<Reloader>) -> Self {
        Self { reloader }
    }

    fn look_up(&self, name: &str) -> Result<Secret> {
        self.reloader.current().as_ref().ok_or_else(unloaded)?.get(name)
    }

    /// Makes one attempt to load if nothing was ever loaded.
    fn ready(&self) -> Result<()> {
        if self.reloader.current().is_some() { Ok(()) } else { self.reloader.refresh(When::Empty) }
    }

    /// As [`ready`](Self::ready), without blocking the runtime.
    async fn ready_async(&self) -> Result<()> {
        if self.reloader.current().is_some() {
            return Ok(());
        }
        let provider = self.clone();
        blocking(move || provider.ready()).await
    }
}

#[async_trait]
impl Provider for FileProvider {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            // Elsewhere a locked file can neither be read nor replaced.
            update: cfg!(unix) && !self.reloader.source.is_csi(),
            json_only: true,
            local: true,
            watch: true,
            batch: usize::MAX,
            ..Capabilities::default()
        }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        options.check(self.capabilities())?;
        self.ready_async().await?;
        self.look_up(path)
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let ready = async {
            options.check(self.capabilities())?;
            self.ready_async().await?;
            self.snapshot()
        };
        match ready.await {
            Ok(snapshot) => paths.iter().map(|path| snapshot.get(path)).collect(),
            Err(error) => vec![Err(error); paths.len()],
        }
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        options.check(self.capabilities())?;
        self.ready_async().await?;
        let snapshot = self.snapshot()?;
        let listed = snapshot.entries().iter().filter(|(name, _)| is_listed(name, path, options.recursive));
        Listing::collect(listed.map(|(name, entry)| (name.clone(), entry.clone())), options.fail_on_error)
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.ready_async().await?;
        let snapshot = self.snapshot()?;
        Ok(snapshot.entries().contains_key(path) || snapshot.names().any(|name| is_below(name, path)))
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        options.check(self.capabilities())?;
        #[cfg(not(unix))]
        return {
            let _ = (path, value);
            Err(Error::unsupported("the file provider can't update on this system"))
        };
        #[cfg(unix)]
        {
            let (reloader, name) = (self.reloader.clone(), path.to_owned());
            let (value, options) = (value.clone(), options.clone());
            blocking(move || {
                let written = update::update(reloader.source.path(), &name, &value, &options);
                // Shown to readers even where syncing the folder failed after the file was
                // replaced. A failure here is about another state of the file, and is in the
                // status.
                let _ = reloader.refresh(When::Now);
                written.map(|()| Updated::new(name, None))
            })
            .await
        }
    }

    /// The version is a counter of this provider, and means nothing to another one. A file that
    /// can't be read yet is no error: the secret appears once it can.
    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        let _ = self.ready_async().await;
        Ok(Some(self.reloader.watch(path)))
    }
}

impl fmt::Debug for FileProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileProvider")
            .field("source", &self.reloader.source)
            .field("status", &self.reloader.status())
            .finish_non_exhaustive()
    }
}

/// Runs work that waits for the disk on the blocking pool, and to its end even if the future is
/// dropped. Without a runtime it runs in the calling thread.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if Handle::try_current().is_err() {
        return work();
    }
    match task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::new(ErrorKind::Unavailable, "the runtime is shutting down")),
    }
}

/// Never seen: data stays once it is loaded, and every read first makes sure that some is.
fn unloaded() -> Error {
    Error::new(ErrorKind::Unexpected, "could not load secrets: nothing is loaded")
}
