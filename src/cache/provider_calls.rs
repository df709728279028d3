//! The calls of the provider: each is counted, and reported to the circuit breaker.
//!
//! A call is reported once, however many names it was for: one failed batch is one failure. So are
//! calls that were under way together.

use std::sync::Arc;

use super::{
    breaker::{self, Breaker, CallOutcome},
    stats::{Call, Counters},
};
use crate::{
    capabilities::Capabilities,
    clock::Instant,
    error::Result,
    options::{GetOptions, ListOptions},
    provider::{Listing, Provider},
    secret::Secret,
};

/// The provider, with each call counted and its outcome reported to the circuit breaker.
pub(super) struct ProviderCalls<P: ?Sized> {
    provider: Arc<P>,
    counters: Arc<Counters>,
    breaker: Arc<Breaker>,
}

impl<P: Provider + ?Sized> ProviderCalls<P> {
    pub(super) fn new(provider: Arc<P>, counters: Arc<Counters>, breaker: Arc<Breaker>) -> Self {
        Self { provider, counters, breaker }
    }

    pub(super) fn provider(&self) -> &P {
        &self.provider
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.provider().capabilities()
    }

    pub(super) async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let started = Instant::now();
        let answer = self.provider().get(path, options).await;
        self.counters.called(Call::Get, started);
        self.record(started, std::slice::from_ref(&answer));
        answer
    }

    pub(super) async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let started = Instant::now();
        let answers = self.provider().get_many(paths, options).await;
        self.counters.called(Call::GetMany, started);
        self.record(started, &answers);
        answers
    }

    pub(super) async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let started = Instant::now();
        let answer = self.provider().get_by_path(path, options).await;
        self.counters.called(Call::GetByPath, started);
        self.record(started, std::slice::from_ref(&answer));
        answer
    }

    /// The version alone. The caller counts the answer: only it knows what the version means.
    pub(super) async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        let started = Instant::now();
        let answer = self.provider().version(path, options).await;
        self.counters.called(Call::Version, started);
        self.report(started, std::slice::from_ref(&answer));
        answer
    }

    fn record<T>(&self, begun: Instant, answers: &[Result<T>]) {
        answers.iter().for_each(|answer| self.counters.answered(answer));
        self.report(begun, answers);
    }

    /// Tells the circuit breaker how one call ended.
    fn report<T>(&self, begun: Instant, answers: &[Result<T>]) {
        let provider = self.counters.provider();
        match breaker::outcome_of(answers) {
            CallOutcome::Answered if self.breaker.succeeded() => {
                tracing::info!(provider, "the provider answers again");
            }
            CallOutcome::Failed(error) if self.breaker.failed(begun) => {
                let kind = error.kind().as_str();
                tracing::warn!(provider, kind, "the provider fails; cached values are served for now");
            }
            CallOutcome::Answered | CallOutcome::Failed(_) | CallOutcome::Other => {}
        }
    }
}
