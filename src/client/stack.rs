//! One provider of a client with the layers in front of it: opened on demand, memory, disk.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::OnceCell;

use crate::{
    cache::{CachePolicy, Cached, SecondTier, StaleUse, list_second_tier, read_second_tier},
    client::registry::Opening,
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions},
    provider::{Listing, Provider},
    secret::Secret,
    single_flight::Executor,
};

/// A provider that is opened by the first call that needs it, with its cache.
///
/// The disk tier works without the provider: values are read from it, and dropped, before the
/// provider is open.
pub(crate) struct Stack {
    opening: Opening,
    policy: CachePolicy,
    second_tier: Arc<SecondTier>,
    layers: OnceCell<Layers>,
    /// Whether somebody opens the provider in the background.
    opens: AtomicBool,
    /// Whether only the disk answers: the provider is never opened.
    offline: bool,
}

/// An open provider. One whose reads are lookups in memory has no cache in front.
pub(crate) enum Layers {
    Plain(Arc<dyn Provider>),
    Cached(Cached<dyn Provider>),
}

impl Stack {
    pub(crate) fn new(opening: Opening, policy: CachePolicy) -> Self {
        let (second_tier, layers, opens, offline) = Default::default();
        Self { opening, policy, second_tier, layers, opens, offline }
    }

    /// Adds a second tier behind memory.
    pub(crate) fn with_second_tier(self, second_tier: SecondTier) -> Self {
        Self { second_tier: Arc::new(second_tier), ..self }
    }

    /// Sets whether only the disk answers. Default: `false`.
    pub(crate) fn with_offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// The provider, opened by the first caller. If that fails, the next call tries again. Loads of
    /// its cache run on `executor`.
    ///
    /// # Errors
    /// `Unavailable` for a stack that is offline; otherwise those of the provider.
    pub(crate) async fn open(&self, name: &str, executor: Executor) -> Result<&Layers> {
        if self.offline {
            return Err(offline("the client is offline, so the provider is not called"));
        }
        let opened = self.layers.get_or_try_init(|| async {
            let provider = (self.opening)().await?;
            if provider.capabilities().local {
                return Ok(Layers::Plain(provider));
            }
            let cached = Cached::on_executor(provider, self.policy, name, executor);
            Ok(Layers::Cached(cached.with_second_tier(self.second_tier.clone())))
        });
        opened.await
    }

    /// The provider, if it is open.
    pub(crate) fn layers(&self) -> Option<&Layers> {
        self.layers.get()
    }

    /// A secret on disk, for which the provider need not be open.
    pub(crate) fn on_disk(&self, path: &str, options: &GetOptions, stale: StaleUse) -> Option<Secret> {
        read_second_tier(&self.second_tier, &self.policy, path, options, stale)
    }

    /// A listing on disk, for which the provider need not be open.
    pub(crate) fn list_on_disk(&self, path: &str, options: &ListOptions, stale: StaleUse) -> Option<Listing> {
        list_second_tier(&self.second_tier, &self.policy, path, options, stale)
    }

    /// Whether only the disk answers.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// A secret of a stack that is offline.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn get_offline(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        self.on_disk(path, options, OFFLINE).ok_or_else(|| self.not_on_disk("this secret", options.cached))
    }

    /// A listing of a stack that is offline.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn list_offline(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let listing = self.list_on_disk(path, options, OFFLINE);
        listing.ok_or_else(|| self.not_on_disk("this listing", options.cached))
    }

    /// Whether the disk knows that a path exists: as a secret, or as a listing that is not empty. The
    /// answer is never `false`: what the disk does not hold may exist all the same.
    ///
    /// # Errors
    /// The disk does not know.
    pub(crate) fn exists_offline(&self, path: &str) -> Result<bool> {
        let has_listed = || self.list_on_disk(path, &ListOptions::default(), OFFLINE).is_some_and(|it| !it.is_empty());
        match self.on_disk(path, &GetOptions::default(), OFFLINE).is_some() || has_listed() {
            true => Ok(true),
            false => Err(self.not_on_disk("this path", true)),
        }
    }

    fn not_on_disk(&self, what: &str, cached: bool) -> Error {
        if !self.second_tier.exists() {
            let message = "the client is offline, and this provider has no cache on disk to answer from";
            return Error::config(message).with_hint(
                "turn the cache on disk on while online: `disk = true` in [cache], or S1CRETS_CACHE_DISK=true",
            );
        }
        match cached {
            true => offline(format!("the client is offline, and the cache on disk does not hold {what}")),
            false => offline("the client is offline, and the request refuses cached answers"),
        }
    }

    /// Drops what memory and disk hold of a name, and the listings that cover it.
    pub(crate) fn invalidate(&self, path: &str) {
        match self.layers() {
            Some(Layers::Cached(cached)) => cached.invalidate(path),
            Some(Layers::Plain(_)) => {}
            None => self.second_tier.drop_name(path),
        }
    }

    /// Drops all that memory and disk hold.
    pub(crate) fn clear(&self) {
        match self.layers() {
            Some(Layers::Cached(cached)) => cached.clear(),
            Some(Layers::Plain(_)) => {}
            None => self.second_tier.clear(),
        }
    }

    /// Whether the caller is the first to open the provider in the background.
    pub(crate) fn is_first_to_open(&self) -> bool {
        !self.opens.swap(true, Ordering::Relaxed)
    }

    /// Whether other processes may change what its cache holds.
    pub(crate) fn is_shared(&self) -> bool {
        self.second_tier.exists()
    }
}

/// Offline, an expired value is served within its bound.
const OFFLINE: StaleUse = StaleUse::Always(None);

fn offline(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Unavailable, message)
        .with_retryable(false)
        .with_hint("to call the provider, leave out --offline, S1CRETS_CACHE_OFFLINE and `offline` in [cache]")
}

impl Layers {
    pub(crate) fn provider(&self) -> &dyn Provider {
        match self {
            Self::Plain(provider) => &**provider,
            Self::Cached(cached) => cached,
        }
    }
}
