//! The second tier of a cache, behind memory: the disk cache, if it is built (feature `disk-cache`)
//! and used.
//!
//! Without one, every method does nothing, so that the rest of the cache needs no conditions.

#[cfg(all(feature = "disk-cache", unix))]
use std::sync::Arc;

#[cfg(all(feature = "disk-cache", unix))]
use super::disk::{Disk, DiskTier, ScopeSource};
use super::{breaker::Outage, cacheable::Cacheable, key::Key, loader::LoadReason, policy::CachePolicy};
use crate::{clock::Instant, error::Result};

/// What can be stored in a second tier.
#[cfg(all(feature = "disk-cache", unix))]
pub(super) use super::disk::OnDisk as Storable;

/// What can be stored in a second tier: without one, anything.
#[cfg(not(all(feature = "disk-cache", unix)))]
pub(super) trait Storable {}

#[cfg(not(all(feature = "disk-cache", unix)))]
impl<T> Storable for T {}

/// The values of one provider on disk, if there is a disk cache.
#[derive(Debug, Default)]
pub(crate) struct SecondTier {
    #[cfg(all(feature = "disk-cache", unix))]
    disk: Option<DiskTier>,
}

#[cfg_attr(
    not(all(feature = "disk-cache", unix)),
    allow(unused_variables, clippy::unused_self, reason = "nothing to do without a disk")
)]
impl SecondTier {
    /// The part of a disk cache that belongs to one provider with its settings, told apart by
    /// `scope`.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn on_disk(disk: Arc<Disk>, scope: impl ScopeSource + 'static) -> Self {
        Self { disk: Some(DiskTier::new(disk, scope)) }
    }

    /// Whether there is a second tier.
    pub(crate) fn exists(&self) -> bool {
        #[cfg(all(feature = "disk-cache", unix))]
        return self.disk.is_some();
        #[cfg(not(all(feature = "disk-cache", unix)))]
        false
    }

    /// Runs `drop_memory` if another process dropped anything since the last call.
    pub(super) fn catch_up(&self, drop_memory: impl FnOnce()) {
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            disk.catch_up(drop_memory);
        }
    }

    /// The value under a key, and when it was loaded.
    pub(super) fn restore<T: Cacheable + Storable>(&self, key: &(impl Key + ?Sized)) -> Option<(T, Instant)> {
        #[cfg(all(feature = "disk-cache", unix))]
        return self.disk.as_ref()?.restore(key);
        #[cfg(not(all(feature = "disk-cache", unix)))]
        None
    }

    /// The outage of the provider that another process has met, while it lasts.
    pub(super) fn outage(&self) -> Option<Outage> {
        #[cfg(all(feature = "disk-cache", unix))]
        return self.disk.as_ref()?.outage();
        #[cfg(not(all(feature = "disk-cache", unix)))]
        None
    }

    /// The values of `keys`: those that another process has loaded meanwhile, and the answers of
    /// one `call` for the others, which are stored.
    pub(super) async fn load<K, T, F>(
        &self,
        keys: Vec<K>,
        reason: LoadReason,
        policy: &CachePolicy,
        call: impl FnOnce(Vec<K>) -> F,
    ) -> Vec<Result<T>>
    where
        K: Key + Clone + Send + 'static,
        T: Cacheable + Storable,
        F: Future<Output = Vec<Result<T>>>,
    {
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            return disk.load(keys, reason, policy, call).await;
        }
        call(keys).await
    }

    /// Drops every value of a name, and the listings that cover it, in all scopes. From now on this
    /// process does not find them. They are removed, and other processes told, once
    /// [`drops_ended`](Self::drops_ended): in a Tokio runtime by a thread that may block, elsewhere
    /// by this one.
    pub(crate) fn drop_name(&self, name: &str) {
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            disk.drop_name(name);
        }
    }

    /// Drops everything, as [`drop_name`](Self::drop_name) does.
    pub(crate) fn clear(&self) {
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            disk.clear();
        }
    }

    /// Waits until the drops that were begun have ended. It does not say whether they succeeded:
    /// what could not be removed stays hidden from this process.
    pub(super) async fn drops_ended(&self) {
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            disk.drops_ended().await;
        }
    }
}
