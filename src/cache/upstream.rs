//! The ways from the cache to its provider.

use std::sync::Arc;

use super::{
    batch::{Batches, Priority},
    calls::Calls,
    key,
    policy::CachePolicy,
    revalidate::Revalidation,
    stats::Counters,
};
use crate::{
    error::Result,
    options::{GetOptions, ListOptions},
    provider::{Listing, Provider},
    secret::Secret,
};

/// A provider, asked in as few and as cheap calls as it allows.
pub(super) struct Upstream<P: ?Sized> {
    calls: Arc<Calls<P>>,
    batches: Arc<Batches<P>>,
    /// If the policy wants it and the provider can do it.
    revalidation: Option<Revalidation>,
}

impl<P: Provider + ?Sized> Upstream<P> {
    pub(super) fn new(provider: Arc<P>, policy: &CachePolicy, counters: Arc<Counters>) -> Arc<Self> {
        let revalidates = policy.revalidate && provider.capabilities().version_probe;
        let calls = Arc::new(Calls::new(provider, counters));
        let batches = Batches::new(calls.clone(), policy.batch_window);
        Arc::new(Self { calls, batches, revalidation: revalidates.then(|| Revalidation::new(policy.entries)) })
    }

    pub(super) fn provider(&self) -> &P {
        self.calls.provider()
    }

    /// What is kept under a key: what is `held` of it, if that is still the version, or what the provider gives.
    pub(super) async fn get(
        &self,
        key: &str,
        options: &GetOptions,
        haste: Priority,
        held: impl FnOnce() -> Option<Secret>,
    ) -> Result<Secret> {
        let path = key::path_of(key);
        if let Some(revalidation) = &self.revalidation
            && let Some(held) = held()
            && revalidation.confirms(&self.calls, key, (path, options), &held).await?
        {
            return Ok(held.unseen());
        }
        self.batches.get(path, options, haste).await
    }

    pub(super) async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        self.calls.get_many(paths, options).await
    }

    pub(super) async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.calls.list(path, options).await
    }
}
