//! The calls of the provider, each counted by what came of it.

use std::{sync::Arc, time::Instant};

use super::stats::{Call, Counters};
use crate::{
    capabilities::Capabilities,
    error::Result,
    options::{GetOptions, ListOptions},
    provider::{Listing, Provider},
    secret::Secret,
};

/// A provider as the cache asks it.
pub(super) struct Calls<P: ?Sized> {
    provider: Arc<P>,
    counters: Arc<Counters>,
}

impl<P: Provider + ?Sized> Calls<P> {
    pub(super) fn new(provider: Arc<P>, counters: Arc<Counters>) -> Self {
        Self { provider, counters }
    }

    pub(super) fn provider(&self) -> &P {
        &self.provider
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    pub(super) async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let started = Instant::now();
        let answer = self.provider.get(path, options).await;
        self.counters.called(Call::Get, started);
        self.counters.answered(&answer);
        answer
    }

    pub(super) async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let started = Instant::now();
        let answers = self.provider.get_many(paths, options).await;
        self.counters.called(Call::GetMany, started);
        answers.iter().for_each(|answer| self.counters.answered(answer));
        answers
    }

    pub(super) async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let started = Instant::now();
        let answer = self.provider.get_by_path(path, options).await;
        self.counters.called(Call::GetByPath, started);
        self.counters.answered(&answer);
        answer
    }

    /// The version alone. What it means, the caller counts.
    pub(super) async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        let started = Instant::now();
        let answer = self.provider.version(path, options).await;
        self.counters.called(Call::Version, started);
        answer
    }
}
