//! One provider of a client with the layers in front of it: opened on demand, memory, disk.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::OnceCell;

use crate::{
    cache::{CachePolicy, Cached, SecondTier, read_second_tier},
    client::registry::Opening,
    error::Result,
    options::GetOptions,
    provider::Provider,
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
}

/// An open provider. One whose reads are lookups in memory has no cache in front.
pub(crate) enum Layers {
    Plain(Arc<dyn Provider>),
    Cached(Cached<dyn Provider>),
}

impl Stack {
    pub(crate) fn new(opening: Opening, policy: CachePolicy) -> Self {
        let (second_tier, layers, opens) = Default::default();
        Self { opening, policy, second_tier, layers, opens }
    }

    /// Adds a second tier behind memory.
    pub(crate) fn with_second_tier(self, second_tier: SecondTier) -> Self {
        Self { second_tier: Arc::new(second_tier), ..self }
    }

    /// The provider, opened by the first caller. If that fails, the next call tries again. Loads of
    /// its cache run on `executor`.
    pub(crate) async fn open(&self, name: &str, executor: Executor) -> Result<&Layers> {
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

    /// A fresh secret on disk; the provider need not be open.
    pub(crate) fn on_disk(&self, path: &str, options: &GetOptions) -> Option<Secret> {
        read_second_tier(&self.second_tier, &self.policy, path, options)
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

impl Layers {
    pub(crate) fn provider(&self) -> &dyn Provider {
        match self {
            Self::Plain(provider) => &**provider,
            Self::Cached(cached) => cached,
        }
    }
}
