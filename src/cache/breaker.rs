//! Whether it makes sense to ask a provider now.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::retry::Backoff;

/// How long a provider that failed is not asked. One that is back is noticed within the longest wait.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// The failures of a provider in a row, and until when what is held is served without asking it.
///
/// Only reads that have something to serve heed it. One that doesn't asks in any case: for it, an attempt that may
/// fail is better than none.
#[derive(Default)]
pub(super) struct Health(Mutex<Failures>);

#[derive(Default)]
struct Failures {
    in_a_row: u32,
    until: Option<Instant>,
}

impl Health {
    /// Whether it may be asked.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        self.state().until.is_none_or(|until| now >= until)
    }

    /// Whether it failed lately, so that the next attempt may well fail too, after some time: not one to let a reader wait
    /// for who can be served something.
    pub(super) fn failed_lately(&self, now: Instant) -> bool {
        self.state().until.is_some_and(|until| now < until + BACKOFF.longest())
    }

    /// It gave an answer, if only that there is nothing. Says whether it had failed before.
    pub(super) fn answered(&self) -> bool {
        std::mem::take(&mut *self.state()).in_a_row > 0
    }

    /// It failed for a passing reason. `chance` is a random number from 0 to 1. Says whether it had answered before.
    pub(super) fn failed(&self, now: Instant, chance: f64) -> bool {
        let mut state = self.state();
        state.in_a_row = state.in_a_row.saturating_add(1);
        state.until = Some(now + BACKOFF.spread(state.in_a_row, chance));
        state.in_a_row == 1
    }

    fn state(&self) -> MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_the_pause() {
        let (health, now) = (Health::default(), Instant::now());
        let (first, longest) = (Duration::from_secs(1), BACKOFF.longest());
        assert!(health.may_ask(now));
        assert!(health.failed(now, 1.0));
        assert!(!health.may_ask(now) && health.may_ask(now + first));
        assert!(health.failed_lately(now + longest) && !health.failed_lately(now + first + longest));
        assert!(health.answered() && !health.answered() && !health.failed_lately(now));
        assert!(health.may_ask(now));
    }
}
