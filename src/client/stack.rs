//! One provider with what stands in front of it.

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
};

/// A provider that is opened when it is first asked for, and its cache.
pub(crate) struct Stack {
    opening: Opening,
    policy: CachePolicy,
    second_tier: Arc<SecondTier>,
    layers: OnceCell<Layers>,
    /// Whether somebody opens the provider in the background.
    opens: AtomicBool,
}

/// An open provider. One whose reads are look-ups in memory anyway has no cache in front.
pub(crate) enum Layers {
    Plain(Arc<dyn Provider>),
    Cached(Cached<dyn Provider>),
}

impl Stack {
    pub(crate) fn new(opening: Opening, policy: CachePolicy) -> Self {
        let (second_tier, layers, opens) = Default::default();
        Self { opening, policy, second_tier, layers, opens }
    }

    /// The same with a disk behind the memory.
    pub(crate) fn with_second_tier(self, second_tier: SecondTier) -> Self {
        Self { second_tier: Arc::new(second_tier), ..self }
    }

    /// The provider, opened by the first who asks. If that fails, the next one tries again.
    pub(crate) async fn open(&self, name: &str) -> Result<&Layers> {
        let opened = self.layers.get_or_try_init(|| async {
            let opened = (self.opening)().await?;
            Ok(match opened.capabilities().local {
                true => Layers::Plain(opened),
                false => {
                    Layers::Cached(Cached::named(opened, self.policy, name).with_second_tier(self.second_tier.clone()))
                }
            })
        });
        opened.await
    }

    /// The provider, if it is open.
    pub(crate) fn layers(&self) -> Option<&Layers> {
        self.layers.get()
    }

    /// What is kept on disk, which takes no open provider.
    pub(crate) fn kept(&self, path: &str, options: &GetOptions) -> Option<Secret> {
        read_second_tier(&self.second_tier, &self.policy, path, options)
    }

    /// Whether nobody else has said so before: one opens it in the background, the others needn't.
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
