//! Loads from the provider: a version check if that is enough, batching if several load at once.
//!
//! [`Batcher`] and [`Revalidation`] make the calls, by [`ProviderCalls`].

use std::sync::Arc;

use super::{
    batch::{Batcher, Priority},
    breaker::Breaker,
    key,
    policy::CachePolicy,
    provider_calls::ProviderCalls,
    revalidate::Revalidation,
    stats::Counters,
};
use crate::{
    error::Result,
    options::{GetOptions, ListOptions},
    provider::{Listing, Provider},
    secret::Secret,
};

/// Loads what the cache lacks, in as few and as cheap calls as the provider allows.
pub(super) struct Loader<P: ?Sized> {
    calls: Arc<ProviderCalls<P>>,
    batcher: Arc<Batcher<P>>,
    /// If the policy asks for it and the provider has cheap version checks.
    revalidation: Option<Revalidation>,
}

/// Why a value is loaded. It decides which values of other processes will do instead of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadReason {
    /// No value is cached: any that is still fresh will do.
    Missing,
    /// The cached value is about to expire: only a newer one will do.
    Due,
    /// The caller wants the provider's own answer: none will do.
    Refused,
}

impl LoadReason {
    /// The reason of a read that memory can't answer. `cached` is the read's option.
    pub(super) fn of(cached: bool) -> Self {
        if cached { Self::Missing } else { Self::Refused }
    }
}

impl<P: Provider + ?Sized> Loader<P> {
    pub(super) fn new(
        provider: Arc<P>,
        policy: &CachePolicy,
        counters: Arc<Counters>,
        breaker: Arc<Breaker>,
    ) -> Arc<Self> {
        let revalidates = policy.revalidate && provider.capabilities().version_probe;
        let calls = Arc::new(ProviderCalls::new(provider, counters, breaker));
        let batcher = Batcher::new(calls.clone(), policy.batch_window);
        Arc::new(Self { calls, batcher, revalidation: revalidates.then(|| Revalidation::new(policy.entries)) })
    }

    pub(super) fn provider(&self) -> &P {
        self.calls.provider()
    }

    /// One secret: the `cached` value, if the provider confirms its version, or else what it gives.
    pub(super) async fn get(
        &self,
        key: &str,
        options: &GetOptions,
        priority: Priority,
        cached: impl FnOnce() -> Option<Secret>,
    ) -> Result<Secret> {
        let path = key::path_of(key);
        // That the version is current says nothing about when a lease ends.
        if let Some(revalidation) = &self.revalidation
            && let Some(cached) = cached().filter(|cached| cached.metadata().lifetime().is_none())
            && revalidation.confirms(&self.calls, key, (path, options), &cached).await?
        {
            return Ok(cached.without_provenance());
        }
        self.batcher.get(path, options, priority).await
    }

    pub(super) async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        self.calls.get_many(paths, options).await
    }

    pub(super) async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.calls.list(path, options).await
    }
}
