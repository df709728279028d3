//! How a client makes a call: it finds the provider's stack, tries memory and disk, and asks the
//! provider.
//!
//! Every path that comes from a caller is checked here first, for hits as for calls: a path with
//! control characters gets the same error, whatever the cache holds.

use std::time::Instant;

use tokio::{runtime::Handle as Runtime, sync::watch};

use crate::{
    cache::{LoadEvents, StaleUse},
    client::{
        Client,
        stack::{Layers, Stack},
    },
    clock,
    error::{Error, Operation, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Listing, Updated},
    secret::{Reference, Secret, SecretValue, reference::check_path},
    watch::Watch,
};

/// Signals that a secret may have changed.
pub(super) struct ChangeSignals {
    /// Loads and drops of the cache; `None` for a provider without one.
    pub(super) load_events: Option<watch::Receiver<LoadEvents>>,
    /// The provider's own reports, where it has them.
    pub(super) watch: Option<Watch>,
    /// Whether reads never wait: they are lookups in memory that the provider keeps fresh.
    pub(super) is_local: bool,
    /// Whether other processes may change what the cache holds.
    pub(super) is_shared: bool,
}

impl Client {
    /// The answer, if it is known without a call: what most reads take, without a future to box.
    pub(crate) fn held(&self, provider: &str, path: &str, options: &GetOptions) -> Option<Result<Secret>> {
        if let Err(error) = check(path) {
            return Some(Err(error));
        }
        let stack = self.find(provider)?;
        match stack.layers() {
            Some(Layers::Cached(cached)) => cached.lookup(path, options),
            Some(Layers::Plain(_)) => None,
            None => self.without_provider(stack, provider, path, options),
        }
    }

    /// The answer for a provider that is not open, if it is known without opening it.
    fn without_provider(
        &self,
        stack: &Stack,
        provider: &str,
        path: &str,
        options: &GetOptions,
    ) -> Option<Result<Secret>> {
        match stack.is_offline() {
            true => Some(stack.get_offline(path, options)),
            false => self.on_disk(stack, provider, path, options).map(Ok),
        }
    }

    /// A secret from disk, for which the provider need not be open. It is opened in the background
    /// all the same: a process that lives on is better served from memory.
    fn on_disk(&self, stack: &Stack, provider: &str, path: &str, options: &GetOptions) -> Option<Secret> {
        let secret = stack.on_disk(path, options, StaleUse::InOutage)?;
        if stack.is_first_to_open()
            && let Some(runtime) = self.executor().handle()
        {
            let (client, provider) = (self.clone(), provider.to_owned());
            // Why it can't be opened is reported to the first call that needs it.
            runtime.spawn(async move { drop(client.open(&provider).await) });
        }
        Some(secret)
    }

    pub(crate) async fn load(&self, provider: &str, path: &str, options: &GetOptions) -> Result<Secret> {
        check(path)?;
        let stack = self.find(provider);
        if let Some(stack) = stack.filter(|stack| stack.is_offline()) {
            return stack.get_offline(path, options);
        }
        let layers = match self.open(provider).await {
            Ok(layers) => layers,
            Err(error) => return stale_instead_of(error, stack, |stack, stale| stack.on_disk(path, options, stale)),
        };
        options.check(layers.provider().capabilities())?;
        logged(Operation::Get, provider, path, layers.provider().get(path, options)).await
    }

    /// An answer for each path, in order. Errors don't say yet which path they are about.
    pub(crate) async fn load_many(
        &self,
        provider: &str,
        paths: &[String],
        options: &GetOptions,
    ) -> Vec<Result<Secret>> {
        let unopened = self.find(provider).filter(|stack| stack.layers().is_none());
        let known = |path: &String| match (check(path), unopened) {
            (Err(error), _) => Some(Err(error)),
            (Ok(()), Some(stack)) => self.without_provider(stack, provider, path, options),
            (Ok(()), None) => None,
        };
        let known: Vec<_> = paths.iter().map(known).collect();
        let missing = paths.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(path, _)| path.clone());
        let missing: Vec<_> = missing.collect();
        let mut loaded = self.call_many(provider, &missing, options).await.into_iter();
        let mut next = || loaded.next().unwrap_or_else(|| Err(Error::unanswered()));
        known.into_iter().map(|known| known.unwrap_or_else(&mut next)).collect()
    }

    async fn call_many(&self, provider: &str, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        if paths.is_empty() {
            return Vec::new();
        }
        let started = Instant::now();
        let answers = match self.open(provider).await {
            Ok(layers) => layers.provider().get_many(paths, options).await,
            Err(error) => {
                let stack = self.find(provider);
                let answer = |path: &String| {
                    stale_instead_of(error.clone(), stack, |stack, stale| stack.on_disk(path, options, stale))
                };
                paths.iter().map(answer).collect()
            }
        };
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        tracing::debug!(provider, ?paths, failed, elapsed = ?started.elapsed(), "called for many");
        answers
    }

    pub(crate) async fn list(&self, provider: &str, path: &str, options: &ListOptions) -> Result<Listing> {
        if !path.is_empty() {
            check(path)?;
        }
        let stack = self.find(provider);
        if let Some(stack) = stack.filter(|stack| stack.is_offline()) {
            return stack.list_offline(path, options);
        }
        let layers = match self.open(provider).await {
            Ok(layers) => layers,
            Err(error) => {
                return stale_instead_of(error, stack, |stack, stale| stack.list_on_disk(path, options, stale));
            }
        };
        options.check(layers.provider().capabilities())?;
        logged(Operation::GetByPath, provider, path, layers.provider().get_by_path(path, options)).await
    }

    pub(crate) async fn exists(&self, provider: &str, path: &str) -> Result<bool> {
        check(path)?;
        if let Some(stack) = self.find(provider).filter(|stack| stack.is_offline()) {
            return stack.exists_offline(path);
        }
        let layers = self.open(provider).await?;
        logged(Operation::PathExists, provider, path, layers.provider().path_exists(path)).await
    }

    pub(crate) async fn write(
        &self,
        provider: &str,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        check(path)?;
        let layers = self.open(provider).await?;
        let can = layers.provider().capabilities();
        options.check(can)?;
        if value.is_binary() && !can.binary {
            return Err(Error::invalid_input("this provider keeps text, not bytes"));
        }
        if value.is_map() && !can.maps {
            return Err(Error::invalid_input("this provider keeps single values, not maps of named values"));
        }
        logged(Operation::Update, provider, path, layers.provider().update(path, value, options)).await
    }

    /// A newer version than the refused one, loaded if need be; `None` if there is none yet.
    pub(crate) async fn replacement(&self, provider: &str, path: &str, refused: &Secret) -> Result<Option<Secret>> {
        check(path)?;
        let options = GetOptions::default();
        match self.open(provider).await? {
            Layers::Cached(cached) => cached.rejected(path, &options, refused).await,
            Layers::Plain(provider) => {
                let secret = provider.get(path, &options).await?;
                Ok((!secret.is_same_version(refused)).then_some(secret))
            }
        }
    }

    /// What a handle can wait for.
    pub(super) async fn change_signals(&self, provider: &str, path: &str) -> Result<ChangeSignals> {
        check(path)?;
        let layers = self.open(provider).await?;
        let (load_events, is_local) = match layers {
            Layers::Cached(cached) => (Some(cached.load_events(path)), false),
            Layers::Plain(_) => (None, true),
        };
        let watch = match layers.provider().capabilities().watch {
            true => layers.provider().watch(path).await,
            false => Ok(None),
        };
        // The right to read a secret need not include the right to watch it.
        let watch = watch.unwrap_or_else(|error| {
            tracing::debug!(
                provider,
                path,
                error = error.kind().as_str(),
                "can't watch; changes are seen by their TTL"
            );
            None
        });
        let is_shared = self.find(provider).is_some_and(Stack::is_shared);
        Ok(ChangeSignals { load_events, watch, is_local, is_shared })
    }

    /// When a read of a cached secret starts its next reload; `None` if the secret is not cached.
    pub(super) fn next_refresh(&self, provider: &str, path: &str) -> Option<clock::Instant> {
        match self.find(provider)?.layers()? {
            Layers::Cached(cached) => cached.next_refresh(path),
            Layers::Plain(_) => None,
        }
    }

    /// Brings the cache up to a version that the provider has reported.
    pub(super) async fn catch_up_to(&self, provider: &str, path: &str, version: Option<&str>) -> Result<()> {
        match self.open(provider).await? {
            Layers::Cached(cached) => cached.catch_up_to(path, version).await,
            Layers::Plain(_) => Ok(()),
        }
    }

    /// The runtime for background work.
    pub(super) fn runtime(&self) -> Result<Runtime> {
        self.executor().handle().ok_or_else(|| {
            Error::unsupported("a background task takes a running Tokio runtime")
                .with_hint("call it from async code under Tokio, or use s1crets::blocking")
        })
    }
}

/// What `on_disk` finds, even if it has expired, if a provider could not be opened for a transient
/// reason; otherwise the error.
fn stale_instead_of<T>(
    error: Error,
    stack: Option<&Stack>,
    on_disk: impl FnOnce(&Stack, StaleUse) -> Option<T>,
) -> Result<T> {
    let stale = StaleUse::Always(Some(error.kind()));
    let stack = stack.filter(|_| error.kind().is_transient());
    stack.and_then(|stack| on_disk(stack, stale)).ok_or(error)
}

/// Refuses a path that no backend takes.
pub(super) fn check(path: &str) -> Result<()> {
    // Most paths are plain ASCII, which takes no look at each character.
    if !path.is_empty() && path.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    check_path(path)
}

/// Makes a call and logs it at the debug level: names, never values.
async fn logged<T>(
    operation: Operation,
    provider: &str,
    path: &str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let started = Instant::now();
    let outcome = call.await;
    let error = outcome.as_ref().err().map(|error| error.kind().as_str());
    tracing::debug!(%operation, provider, path, error, elapsed = ?started.elapsed(), "called");
    outcome
}

/// A provider and a path for an error, as a reference where they can be written as one.
pub(super) fn name(provider: &str, path: &str) -> String {
    match Reference::new(provider, path) {
        Ok(reference) => reference.to_string(),
        Err(_) => format!("{provider}://{}", path.escape_debug()),
    }
}

#[cfg(test)]
mod tests;
