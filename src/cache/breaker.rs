//! The circuit breaker of a provider: after failed calls it is asked less and less often.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    retry::{Backoff, jitter},
};

/// How long a provider that failed is not asked. One that is back is noticed within the longest wait.
pub(super) const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Counts the failed calls of a provider in a row, and says when it may be asked again.
///
/// Only reads that have a cached value to serve heed the breaker. A read without one always asks the
/// provider: an attempt that may fail is better than none.
#[derive(Default)]
pub(super) struct Breaker(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    /// When the last one was counted.
    counted_at: Option<Instant>,
    retry_at: Option<Instant>,
}

/// What one call says about the provider.
pub(super) enum CallOutcome<'a> {
    /// It answered for some name, if only to say that there is no such secret.
    Answered,
    /// It failed for a transient reason.
    Failed(&'a Error),
    /// An error that is neither an answer nor an outage: credentials, configuration, a corrupt
    /// reply.
    Other,
}

/// What the answers of one call say about the provider.
pub(super) fn outcome_of<T>(answers: &[Result<T>]) -> CallOutcome<'_> {
    let is_answer = |answer: &Result<T>| match answer {
        Ok(_) => true,
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied),
    };
    if answers.iter().any(is_answer) {
        return CallOutcome::Answered;
    }
    let failure = answers.iter().filter_map(|answer| answer.as_ref().err()).find(|error| error.kind().is_transient());
    failure.map_or(CallOutcome::Other, CallOutcome::Failed)
}

/// An outage of the provider that another process has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(all(feature = "disk-cache", unix)), allow(dead_code, reason = "only a disk tells of one"))]
pub(super) struct Outage {
    /// How the last call failed.
    pub(super) kind: ErrorKind,
    /// After which time the provider may be asked again.
    pub(super) retry_in: Duration,
}

impl Breaker {
    /// Opens the breaker for as long as the one of another process is open.
    pub(super) fn adopt(&self, now: Instant, outage: Outage) {
        let mut failures = self.failures();
        let retry_at = now + outage.retry_in.min(BACKOFF.longest());
        failures.retry_at = Some(failures.retry_at.map_or(retry_at, |own| own.max(retry_at)));
    }

    /// Whether the provider may be asked.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        self.failures().retry_at.is_none_or(|retry_at| now >= retry_at)
    }

    /// When the provider may be asked again; `None` if it has not failed.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.failures().retry_at
    }

    /// Whether it failed so recently that the next attempt may well time out. Readers with a stale
    /// value to serve need not wait for that attempt.
    pub(super) fn failed_recently(&self, now: Instant) -> bool {
        self.failures().retry_at.is_some_and(|retry_at| now < retry_at + BACKOFF.longest())
    }

    /// Notes a call that was answered. Returns whether the call before it had failed.
    pub(super) fn succeeded(&self) -> bool {
        std::mem::take(&mut *self.failures()).in_a_row > 0
    }

    /// Notes a call, begun then, that failed for a transient reason. Returns whether the call before
    /// it had not. Calls that were under way together are one failure, however many they are.
    pub(super) fn failed(&self, begun: Instant) -> bool {
        self.failed_at(begun, Instant::now(), jitter())
    }

    /// `jitter` is a random number from 0 to 1.
    fn failed_at(&self, begun: Instant, now: Instant, jitter: f64) -> bool {
        let mut failures = self.failures();
        if failures.counted_at.is_some_and(|counted_at| begun < counted_at) {
            return false;
        }
        failures.counted_at = Some(now);
        failures.in_a_row = failures.in_a_row.saturating_add(1);
        failures.retry_at = Some(now + BACKOFF.spread(failures.in_a_row, jitter));
        failures.in_a_row == 1
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_closes_the_breaker() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let (first, longest) = (Duration::from_secs(1), BACKOFF.longest());
        assert!(breaker.may_ask(now));
        assert!(breaker.failed_at(now, now, 1.0));
        assert!(!breaker.may_ask(now) && breaker.may_ask(now + first));
        assert!(breaker.failed_recently(now + longest));
        assert!(!breaker.failed_recently(now + first + longest));
        assert!(breaker.succeeded() && !breaker.succeeded() && !breaker.failed_recently(now));
        assert!(breaker.may_ask(now));
    }

    #[test]
    fn an_outage_that_another_process_met_opens_the_breaker_for_the_longest_wait_at_most() {
        let (breaker, now, longest) = (Breaker::default(), Instant::now(), BACKOFF.longest());
        let outage = |retry_in| Outage { kind: ErrorKind::Timeout, retry_in };
        breaker.adopt(now, outage(Duration::from_secs(2)));
        assert!(!breaker.may_ask(now) && breaker.may_ask(now + Duration::from_secs(2)));
        breaker.adopt(now, outage(Duration::from_secs(1)));
        assert!(!breaker.may_ask(now + Duration::from_secs(1)), "the later end counts");
        breaker.adopt(now, outage(Duration::MAX));
        assert!(breaker.may_ask(now + longest));
        assert!(!breaker.succeeded() && breaker.may_ask(now), "an answer closes it");
    }

    /// Forty reads that met one blip once kept the provider from being asked for half a minute.
    #[test]
    fn calls_that_were_under_way_together_are_one_failure() {
        let (breaker, begun) = (Breaker::default(), Instant::now());
        let ended = begun + Duration::from_secs(5);
        for number in 0..40 {
            breaker.failed_at(begun, ended + Duration::from_millis(100) * number, 1.0);
        }
        assert!(!breaker.may_ask(ended));
        assert!(breaker.may_ask(ended + Duration::from_secs(1)));
        let next = ended + Duration::from_secs(1);
        breaker.failed_at(next, next, 1.0);
        assert!(!breaker.may_ask(next + Duration::from_secs(1)), "a call made since is a failure of its own");
    }
}
