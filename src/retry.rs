//! Retry policy of a call: how many attempts, the timeout of each, and the backoff between them.
//!
//! Every wait between two attempts in this library is a [`Backoff`], and every random spread comes
//! from [`jitter`].

use std::{num::NonZeroU32, time::Duration};

/// Attempts in total, as in the AWS SDKs'
/// [standard mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)
/// and in the Python s1crets.
pub(crate) const DEFAULT_ATTEMPTS: NonZeroU32 = NonZeroU32::new(3).expect("3 is not 0");

/// The timeout of one attempt, as in the Python s1crets.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Retry policy of a call: attempts, the timeout of each, and the backoff between them.
///
/// A part that is not set is taken from the next wider policy: a request's from its provider's, a
/// provider's from the defaults. So a request can set its timeout and leave the attempts alone.
///
/// | part | default | why |
/// | --- | --- | --- |
/// | attempts | 3 | the AWS SDKs' standard mode |
/// | timeout | 5 s | one attempt rarely takes longer than a second |
/// | backoff | 100 ms, doubled up to 5 s | a standby server takes over within a second |
///
/// The AWS providers back off from 50 ms up to 20 s instead, and from 1 s if AWS throttles a call.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use s1crets::RetryPolicy;
///
/// let client = RetryPolicy::default().with_attempts(NonZeroU32::MIN);
/// let request = RetryPolicy::default().with_timeout(Duration::from_secs(1)).or(client);
/// assert_eq!((request.attempts().get(), request.timeout()), (1, Duration::from_secs(1)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    attempts: Option<NonZeroU32>,
    timeout: Option<Duration>,
    backoff: Option<Backoff>,
}

impl RetryPolicy {
    /// Nothing set.
    pub(crate) const UNSET: Self = Self { attempts: None, timeout: None, backoff: None };

    /// Sets the number of attempts in total, the first one included. Default: 3.
    #[must_use]
    pub fn with_attempts(self, attempts: NonZeroU32) -> Self {
        Self { attempts: Some(attempts), ..self }
    }

    /// Sets how long one attempt may take to connect, and again to receive each part of the
    /// response. A whole attempt takes at most twice as long. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets the waits between attempts. Default: from 100 ms up to 5 s. For AWS, from 50 ms up to
    /// 20 s, and from 1 s for calls that AWS throttles.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff: Some(backoff), ..self }
    }

    /// The policy of a config file's `retry` and `timeout`.
    #[cfg(any(feature = "vault", feature = "__aws"))]
    pub(crate) fn from_settings(attempts: Option<NonZeroU32>, timeout: Option<Duration>) -> Self {
        Self { attempts, timeout, backoff: None }
    }

    /// This policy, with `wider` for the parts that it leaves open.
    #[must_use]
    pub fn or(self, wider: Self) -> Self {
        Self {
            attempts: self.attempts.or(wider.attempts),
            timeout: self.timeout.or(wider.timeout),
            backoff: self.backoff.or(wider.backoff),
        }
    }

    /// Attempts in total, the first one included.
    pub fn attempts(self) -> NonZeroU32 {
        self.attempts.unwrap_or(DEFAULT_ATTEMPTS)
    }

    /// How long one attempt may take to connect, and again to receive each part of the response.
    pub fn timeout(self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    /// The waits between attempts.
    pub fn backoff(self) -> Backoff {
        self.backoff.unwrap_or(Backoff::DEFAULT)
    }

    /// The longest time that one attempt takes. A response that drips in byte by byte would keep
    /// the read timeout from ever firing.
    #[cfg(any(feature = "vault", feature = "__aws"))]
    pub(crate) fn longest_attempt(self) -> Duration {
        self.timeout().saturating_mul(2)
    }

    /// The longest time that a call takes: all attempts, and the waits between them.
    #[cfg(feature = "vault")]
    pub(crate) fn longest_call(self) -> Duration {
        self.longest_attempt().saturating_add(self.backoff().longest).saturating_mul(self.attempts().get())
    }
}

/// Exponential backoff: how long to wait after each failure in a row.
///
/// The first wait is doubled with each further failure, up to the longest one. Each wait lasts
/// between half of that and all of it, at random, so that callers that failed together don't come
/// back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Between attempts of a call: a standby server takes over within a second.
    pub(crate) const DEFAULT: Self = Self::new(Duration::from_millis(100), Duration::from_secs(5));

    /// Between attempts of a call to AWS, whose standard retry mode from 2026 on has the same pauses.
    #[cfg(feature = "__aws")]
    pub(crate) const AWS: Self = Self::new(Duration::from_millis(50), Duration::from_secs(20));

    /// The same after a call that AWS throttled: it counts calls by the second.
    #[cfg(feature = "__aws")]
    pub(crate) const AWS_THROTTLED: Self = Self::new(Duration::from_secs(1), Duration::from_secs(20));

    /// Between two looks at a file that another process holds locked, for a few milliseconds.
    #[cfg(any(feature = "file", all(feature = "disk-cache", unix)))]
    pub(crate) const LOCKED_FILE: Self = Self::new(Duration::from_millis(1), Duration::from_millis(20));

    /// A backoff by its first and its longest wait. Zero for both: no wait at all.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The wait after this many failures in a row, with jitter.
    pub fn wait(self, failures: u32) -> Duration {
        self.spread(failures, jitter())
    }

    /// The same for a random number from 0 to 1.
    pub(crate) fn spread(self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        half.saturating_add(half.mul_f64(jitter.clamp(0.0, 1.0))).min(whole)
    }

    pub(crate) fn first(self) -> Duration {
        self.first
    }

    pub(crate) fn longest(self) -> Duration {
        self.longest
    }
}

/// A random number from 0 to 1, to spread what would otherwise happen at the same moment
/// everywhere.
pub(crate) fn jitter() -> f64 {
    fastrand::f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_one() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let whole: Vec<_> = (1..=7).map(|failures| backoff.spread(failures, 1.0).as_secs()).collect();
        assert_eq!(whole, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff.spread(u32::MAX, 0.0), Duration::from_secs(15));
    }

    #[test]
    fn waits_differ_and_lie_between_half_and_the_whole() {
        for (failures, whole) in [(1, 100), (2, 200), (3, 400), (60, 5000)] {
            let whole = Duration::from_millis(whole);
            let waits: Vec<_> = (0..50).map(|_| Backoff::DEFAULT.wait(failures)).collect();
            assert!(waits.iter().all(|wait| (whole / 2..=whole).contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }

    #[test]
    fn extreme_backoffs_neither_panic_nor_exceed_the_longest_wait() {
        let endless = Backoff::new(Duration::MAX, Duration::MAX);
        assert!(endless.spread(u32::MAX, 1.0) >= Duration::MAX / 2);
        assert!(endless.spread(0, 2.0) >= Duration::MAX / 2);
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).wait(3), Duration::ZERO);
        let backwards = Backoff::new(Duration::from_secs(9), Duration::from_secs(1));
        assert!(backwards.wait(1) <= Duration::from_secs(1));
    }

    #[test]
    fn a_narrower_policy_keeps_the_parts_that_it_leaves_open() {
        let wider = RetryPolicy::default().with_attempts(NonZeroU32::MIN).with_timeout(Duration::from_secs(9));
        let narrower = RetryPolicy::default().with_timeout(Duration::from_secs(1)).or(wider);
        assert_eq!((narrower.attempts(), narrower.timeout()), (NonZeroU32::MIN, Duration::from_secs(1)));
        assert_eq!(RetryPolicy::default().attempts(), DEFAULT_ATTEMPTS);
        assert_eq!(RetryPolicy::default().timeout(), DEFAULT_TIMEOUT);
    }
}
