//! How often, how long, and how long in between.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    num::NonZeroU32,
    time::Duration,
};

/// The first wait, doubled with each attempt: a standby takes over within a second.
const FIRST: Duration = Duration::from_millis(100);

/// What a wait grows to at most.
const LONGEST: Duration = Duration::from_secs(5);

/// How patiently a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) attempts: NonZeroU32,
    pub(crate) timeout: Duration,
}

impl Patience {
    /// The bound of one attempt: an answer that drips in byte by byte would keep the read timeout from ever firing.
    pub(crate) fn attempt(self) -> Duration {
        self.timeout.saturating_mul(2)
    }

    /// The bound of all attempts with the waits in between.
    pub(crate) fn total(self) -> Duration {
        self.attempt().saturating_add(LONGEST).saturating_mul(self.attempts.get())
    }
}

/// The wait before attempt `failures` + 1: anything from half of it to the whole, so that callers that failed together
/// don't come back together.
pub(crate) fn backoff(failures: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST);
    whole.mul_f64(0.5 + jitter() / 2.0)
}

/// A number from 0 to 1. Each `RandomState` has keys of its own, which is random enough to spread callers.
pub(crate) fn jitter() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_differ() {
        for (failures, whole) in [(1, 100), (2, 200), (3, 400), (60, 5000)] {
            let whole = Duration::from_millis(whole);
            let waits: Vec<_> = (0..50).map(|_| backoff(failures)).collect();
            assert!(waits.iter().all(|wait| (whole / 2..=whole).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }
}
