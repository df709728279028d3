//! What a cache keeps, for how long, and what it does with what it holds: pure decisions.

use std::time::Duration;

use tokio::time::Instant;

/// How much a cache keeps, and for how long.
///
/// The life of an answer: it is *fresh* for `ttl`; from the fraction `refresh_ahead` of that on, a read has it loaded anew in
/// the background and is answered at once. When it is not fresh any more a read waits for a load. Only if that load
/// fails for a passing reason is the old answer served, marked as stale, for at most `max_stale`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CachePolicy {
    /// Entries at most, of single secrets and of listings each. The least used go first. 0 keeps
    /// nothing; callers that ask at the same time still share one load. Default: 1000, as in the
    /// Python s1crets.
    pub entries: u64,
    /// Bytes at most, of the values and names of single secrets and of listings each; the parsed form of JSON and the
    /// bookkeeping come on top. Those that were loaded longest ago go first. Default: no bound.
    pub max_bytes: Option<u64>,
    /// How long an answer is fresh, from when it was loaded; reads don't extend it. Zero keeps
    /// nothing. Default: 15 minutes, as in the Python s1crets.
    pub ttl: Duration,
    /// From which part of `ttl` on a read brings about a load in the background, so that nobody waits for one when
    /// `ttl` is over. Each entry's moment lies by chance between there and half-way to the end, so that many machines don't
    /// ask in step. 0 to 1; 1 turns it off. Default: 0.8.
    pub refresh_ahead: f64,
    /// How long an answer that is not fresh any more is served if it can't be loaded anew because the provider is
    /// unavailable, throttled or too slow. Zero turns it off. Default: 1 hour.
    pub max_stale: Duration,
    /// How long it is remembered that there is no such secret. Zero turns it off. Default: 5 seconds.
    pub negative_ttl: Duration,
    /// The least time between two loads of a secret that its users report as rejected, so that a wrong password does not
    /// become a storm. Default: 10 seconds.
    pub reread_interval: Duration,
    /// How long loads of single secrets wait for others, to go out with them in one call, where the backend can read
    /// several at once. A load that comes alone does not wait. Zero turns it off. Default: 5 milliseconds.
    pub batch_window: Duration,
    /// Whether the provider is asked for the version of a value first, where that is cheap and the value is held though not
    /// fresh any more: if it is still the current one, it is fresh again without being read. Where the right to that call
    /// is missing, values are read as ever. Default: off.
    pub revalidate: bool,
}

/// When what becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) loaded: Instant,
    refresh: Instant,
    pub(super) expires: Instant,
    dead: Instant,
}

/// What an entry is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be served.
    Fresh,
    /// To be served, and loaded anew in the background.
    Due,
    /// To be loaded anew; to be served if that can't be done.
    Stale,
    /// Nothing.
    Dead,
}

impl Default for CachePolicy {
    fn default() -> Self {
        Self {
            entries: 1000,
            max_bytes: None,
            ttl: Duration::from_secs(15 * 60),
            refresh_ahead: 0.8,
            max_stale: Duration::from_secs(60 * 60),
            negative_ttl: Duration::from_secs(5),
            reread_interval: Duration::from_secs(10),
            batch_window: Duration::from_millis(5),
            revalidate: false,
        }
    }
}

impl CachePolicy {
    /// The same with that many entries at most.
    #[must_use]
    pub fn with_entries(self, entries: u64) -> Self {
        Self { entries, ..self }
    }

    /// The same with that many bytes at most.
    #[must_use]
    pub fn with_max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// The same with answers fresh for that long.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// The same with loads in the background from that part of the time on; 1 turns them off.
    #[must_use]
    pub fn with_refresh_ahead(self, fraction: f64) -> Self {
        Self { refresh_ahead: fraction, ..self }
    }

    /// The same with stale answers in outages for that long; zero turns them off.
    #[must_use]
    pub fn with_max_stale(self, max_stale: Duration) -> Self {
        Self { max_stale, ..self }
    }

    /// The same with missing secrets remembered for that long; zero turns it off.
    #[must_use]
    pub fn with_negative_ttl(self, ttl: Duration) -> Self {
        Self { negative_ttl: ttl, ..self }
    }

    /// The same with rejected secrets loaded again at most that often.
    #[must_use]
    pub fn with_reread_interval(self, interval: Duration) -> Self {
        Self { reread_interval: interval, ..self }
    }

    /// The same with loads gathered for that long; zero turns it off.
    #[must_use]
    pub fn with_batch_window(self, window: Duration) -> Self {
        Self { batch_window: window, ..self }
    }

    /// The same with or without a look at the version before a value is read anew.
    #[must_use]
    pub fn with_revalidate(self, revalidate: bool) -> Self {
        Self { revalidate, ..self }
    }

    /// Whether anything is kept at all.
    pub(super) fn keeps(&self) -> bool {
        self.entries > 0 && !self.ttl.is_zero()
    }

    /// The times of an entry that was loaded `now`. `chance` is a random number from 0 to 1.
    pub(super) fn times(&self, now: Instant, chance: f64) -> Times {
        let from = if self.refresh_ahead.is_finite() { self.refresh_ahead.clamp(0.0, 1.0) } else { 1.0 };
        let fraction = from + (1.0 - from) / 2.0 * chance.clamp(0.0, 1.0);
        let expires = after(now, self.ttl);
        Times {
            loaded: now,
            refresh: after(now, self.ttl.mul_f64(fraction)),
            expires,
            dead: after(expires, self.max_stale),
        }
    }
}

impl Times {
    /// Whether it is to be served as fresh, be it due or not.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        matches!(self.verdict(now), Verdict::Fresh | Verdict::Due)
    }

    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        // The most frequent first.
        match now {
            now if now < self.refresh => Verdict::Fresh,
            now if now < self.expires => Verdict::Due,
            now if now < self.dead => Verdict::Stale,
            _ => Verdict::Dead,
        }
    }
}

/// Far away rather than an overflow.
pub(super) fn after(instant: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    instant + duration.min(FAR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(100);

    fn policy() -> CachePolicy {
        CachePolicy::default().with_ttl(TTL).with_max_stale(Duration::from_secs(50))
    }

    #[test]
    fn an_entry_is_fresh_then_due_then_stale_then_dead() {
        let now = Instant::now();
        let times = policy().times(now, 0.0);
        for (seconds, verdict) in [
            (0, Verdict::Fresh),
            (79, Verdict::Fresh),
            (80, Verdict::Due),
            (99, Verdict::Due),
            (100, Verdict::Stale),
            (149, Verdict::Stale),
            (150, Verdict::Dead),
        ] {
            assert_eq!(times.verdict(now + Duration::from_secs(seconds)), verdict, "after {seconds} s");
        }
    }

    #[test]
    fn each_part_can_be_turned_off() {
        let now = Instant::now();
        let never_due = policy().with_refresh_ahead(1.0).times(now, 1.0);
        assert_eq!(never_due.verdict(now + Duration::from_secs(99)), Verdict::Fresh);
        let never_stale = policy().with_max_stale(Duration::ZERO).times(now, 0.0);
        assert_eq!(never_stale.verdict(now + TTL), Verdict::Dead);
    }

    proptest! {
        #[test]
        fn odd_settings_keep_the_order(fraction in any::<f64>(), chance in any::<f64>(), ttl in any::<u64>(), stale in any::<u64>()) {
            let policy = CachePolicy::default()
                .with_ttl(Duration::from_secs(ttl))
                .with_refresh_ahead(fraction)
                .with_max_stale(Duration::from_secs(stale));
            if ttl < u64::from(u32::MAX) {
                let Times { loaded, refresh, expires, dead } = policy.times(Instant::now(), chance);
                prop_assert!(loaded <= refresh && refresh <= expires && expires <= dead);
            }
        }
    }
}
