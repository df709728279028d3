//! The cache policy, and the deadlines in an entry's life that follow from it. Pure decisions: the
//! time is a parameter.

use std::time::Duration;

use crate::clock::{Instant, LATENESS};

/// How much a cache keeps, and for how long.
///
/// An entry is *fresh* for [`ttl`](Self::ttl). From a fraction of that on
/// ([`refresh_ahead`](Self::refresh_ahead)) a read starts a reload in the background, and is answered
/// at once. After the TTL a read waits for a load. Only if that load fails for a transient reason
/// (`Unavailable`, `Timeout`, `Throttled`) is the old value served, marked as stale, for at most
/// [`max_stale`](Self::max_stale).
///
/// A value with a lifetime of its own ([`Metadata::lifetime`](crate::Metadata::lifetime)) lives for
/// the shorter of that and the TTL, and is never served past its end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CachePolicy {
    /// The most entries, of single secrets and of listings each. The least used are evicted first.
    /// 0 keeps nothing; concurrent reads of one name still share one load. Default: 1000, as in the
    /// Python s1crets.
    pub entries: u64,
    /// The most bytes, of single secrets and of listings each. Values and names count; the parsed
    /// form of JSON and the bookkeeping come on top. The entries loaded longest ago are evicted
    /// first. Default: no limit.
    pub max_bytes: Option<u64>,
    /// How long an entry is fresh, counted from its load; reads don't extend it. Zero keeps nothing.
    /// Default: 15 minutes, as in the Python s1crets.
    pub ttl: Duration,
    /// The fraction of the TTL, from 0 to 1, after which a read starts a reload in the background,
    /// so that nobody waits for one later. Each entry's moment lies at random between this and
    /// half-way from this to the end, so that many machines don't reload in step. 1 turns it off.
    /// Default: 0.8.
    pub refresh_ahead: f64,
    /// How long after its TTL a value may be served while the provider is unavailable, throttled or
    /// too slow. Zero turns it off. Default: 1 hour.
    pub max_stale: Duration,
    /// How long it is remembered that a secret does not exist. Zero turns it off. Default: 5 seconds.
    pub negative_ttl: Duration,
    /// The least time between two reloads of one secret that its users report as rejected, so that a
    /// wrong password does not become a request storm. Default: 10 seconds.
    pub reread_interval: Duration,
    /// How long loads of single secrets wait for each other, to go out in one call, where the backend
    /// reads several at once. A load that comes alone does not wait. Zero turns it off. Default:
    /// 5 milliseconds.
    pub batch_window: Duration,
    /// Whether an expired value is first checked by its version, where the provider has a cheap
    /// check: if the version is still current, the value is fresh again without being read. Where
    /// the permission for that check is missing, values are read as usual. Default: off.
    pub revalidate: bool,
}

/// The deadlines in an entry's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    pub(super) loaded: Instant,
    /// From here on it is reloaded in the background.
    pub(super) refresh: Instant,
    /// From here on it is stale.
    pub(super) expires: Instant,
    /// From here on it is not served at all.
    dead: Instant,
}

/// What may be done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Serve it.
    Fresh,
    /// Serve it, and reload it in the background.
    Due,
    /// Reload it; serve it only if that fails.
    Stale,
    /// Do not serve it.
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
    /// Sets the most entries, of single secrets and of listings each; 0 keeps nothing. Default: 1000.
    #[must_use]
    pub fn with_entries(self, entries: u64) -> Self {
        Self { entries, ..self }
    }

    /// Sets the most bytes, of single secrets and of listings each. Default: no limit.
    #[must_use]
    pub fn with_max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// Sets how long an entry is fresh; zero keeps nothing. Default: 15 minutes.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration) -> Self {
        Self { ttl, ..self }
    }

    /// Sets the fraction of the TTL, from 0 to 1, after which a read starts a reload in the background; 1
    /// turns it off. Default: 0.8.
    #[must_use]
    pub fn with_refresh_ahead(self, fraction: f64) -> Self {
        Self { refresh_ahead: fraction, ..self }
    }

    /// Sets how long stale values are served during an outage; zero turns it off. Default: 1 hour.
    #[must_use]
    pub fn with_max_stale(self, max_stale: Duration) -> Self {
        Self { max_stale, ..self }
    }

    /// Sets how long missing secrets are remembered; zero turns it off. Default: 5 seconds.
    #[must_use]
    pub fn with_negative_ttl(self, ttl: Duration) -> Self {
        Self { negative_ttl: ttl, ..self }
    }

    /// Sets the least time between two reloads of a rejected secret. Default: 10 seconds.
    #[must_use]
    pub fn with_reread_interval(self, interval: Duration) -> Self {
        Self { reread_interval: interval, ..self }
    }

    /// Sets how long loads wait for each other to form a batch; zero turns it off. Default: 5 ms.
    #[must_use]
    pub fn with_batch_window(self, window: Duration) -> Self {
        Self { batch_window: window, ..self }
    }

    /// Sets whether the version is checked before an expired value is read again. Default: off.
    #[must_use]
    pub fn with_revalidate(self, revalidate: bool) -> Self {
        Self { revalidate, ..self }
    }

    /// Whether anything is stored at all.
    pub(super) fn keeps(&self) -> bool {
        self.entries > 0 && !self.ttl.is_zero()
    }

    /// The deadlines of an entry that was loaded at `loaded` and whose own life, if it has one, ends
    /// at `end`. `jitter` is a random number from 0 to 1.
    pub(super) fn deadlines(&self, loaded: Instant, end: Option<Instant>, jitter: f64) -> Deadlines {
        let expires = end.map_or(loaded + self.ttl, |end| end.min(loaded + self.ttl));
        let dead = end.map_or(expires + self.max_stale, |end| end.min(expires + self.max_stale));
        let from = if self.refresh_ahead.is_finite() { self.refresh_ahead.clamp(0.0, 1.0) } else { 1.0 };
        let fraction = from + (1.0 - from) / 2.0 * jitter.clamp(0.0, 1.0);
        let life = expires.saturating_duration_since(loaded);
        // Rounding may take the product beyond the life, and beyond what a Duration can be.
        let refresh = Duration::try_from_secs_f64(life.as_secs_f64() * fraction).map_or(life, |part| part.min(life));
        Deadlines { loaded, refresh: loaded + refresh, expires, dead }
    }
}

impl Deadlines {
    /// Until when a clock that lags by up to [`LATENESS`] proves that it is fresh and not due. A
    /// reload may begin that much late, but nothing is served as fresh past its end.
    pub(super) fn surely_fresh_until(&self) -> Instant {
        self.refresh.min(self.expires.checked_sub(LATENESS).unwrap_or(self.loaded))
    }

    /// Whether it may be served as fresh, due or not.
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
        let deadlines = policy().deadlines(now, None, 0.0);
        for (seconds, verdict) in [
            (0, Verdict::Fresh),
            (79, Verdict::Fresh),
            (80, Verdict::Due),
            (99, Verdict::Due),
            (100, Verdict::Stale),
            (149, Verdict::Stale),
            (150, Verdict::Dead),
        ] {
            assert_eq!(deadlines.verdict(now + Duration::from_secs(seconds)), verdict, "after {seconds} s");
        }
    }

    #[test]
    fn each_part_can_be_turned_off() {
        let now = Instant::now();
        let never_due = policy().with_refresh_ahead(1.0).deadlines(now, None, 1.0);
        assert_eq!(never_due.verdict(now + Duration::from_secs(99)), Verdict::Fresh);
        let never_stale = policy().with_max_stale(Duration::ZERO).deadlines(now, None, 0.0);
        assert_eq!(never_stale.verdict(now + TTL), Verdict::Dead);
    }

    /// `with_ttl(Duration::MAX).with_refresh_ahead(1.0)` once overflowed, which panicked in the task of
    /// the load.
    #[test]
    fn the_longest_ttl_overflows_nothing() {
        let now = Instant::now();
        for fraction in [0.0, 0.8, 1.0, f64::NAN, f64::INFINITY, -1.0] {
            for jitter in [0.0, 1.0] {
                let policy = CachePolicy::default().with_ttl(Duration::MAX).with_refresh_ahead(fraction);
                let deadlines = policy.with_max_stale(Duration::MAX).deadlines(now, None, jitter);
                assert!(deadlines.is_fresh(now));
            }
        }
    }

    #[test]
    fn a_value_with_an_end_of_its_own_is_never_served_past_it() {
        let (now, seconds) = (Instant::now(), Duration::from_secs);
        let short = policy().deadlines(now, Some(now + seconds(10)), 0.0);
        assert_eq!(short.verdict(now + seconds(7)), Verdict::Fresh);
        assert_eq!(short.verdict(now + seconds(8)), Verdict::Due, "refreshed ahead of its own end");
        assert_eq!(short.verdict(now + seconds(10)), Verdict::Dead, "never stale past its end");
        let long = policy().deadlines(now, Some(now + seconds(120)), 0.0);
        assert_eq!(long.verdict(now + TTL), Verdict::Stale);
        assert_eq!(long.verdict(now + seconds(120)), Verdict::Dead);
        let over = policy().deadlines(now, Some(now), 0.0);
        assert_eq!(over.verdict(now), Verdict::Dead);
    }

    proptest! {
        #[test]
        fn odd_settings_keep_the_order(
            fraction in any::<f64>(),
            jitter in any::<f64>(),
            ttl in any::<u64>(),
            stale in any::<u64>(),
            end in proptest::option::of(any::<u64>()),
        ) {
            let policy = CachePolicy::default()
                .with_ttl(Duration::from_secs(ttl))
                .with_refresh_ahead(fraction)
                .with_max_stale(Duration::from_secs(stale));
            let now = Instant::now();
            let end = end.map(|seconds| now + Duration::from_secs(seconds));
            let Deadlines { loaded, refresh, expires, dead } = policy.deadlines(now, end, jitter);
            prop_assert!(loaded <= refresh && refresh <= expires && expires <= dead);
            prop_assert!(end.is_none_or(|end| dead <= end.max(loaded)));
        }
    }
}
