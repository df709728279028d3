//! The time source for TTLs and token lifetimes: monotonic, and running while the machine is suspended.
//!
//! A laptop that sleeps for a night, or a virtual machine that is paused, must not serve an entry as
//! fresh afterwards. `std::time::Instant` stands still meanwhile on Linux, and the wall clock jumps
//! when it is set. `CLOCK_BOOTTIME` does neither. macOS' `CLOCK_MONOTONIC` and Windows' performance
//! counter run on during sleep, too.
//!
//! Tokio's timers do stand still during suspend, so a task that waits for a deadline uses
//! [`sleep_until`] or [`timeout_at`], which look at this clock now and then.
//!
//! In tests, and with the feature `test-util`, the clock is Tokio's, so that it follows
//! `tokio::time::pause` and `advance`.

use std::{
    ops::{Add, Sub},
    pin::pin,
    time::Duration,
};

/// A point in time. Any duration can be added: one beyond [`FAR`] counts as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Instant(Reading);

/// How far ahead the most distant deadline lies: beyond the life of any process.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How long a sleeping task goes without a look at the clock: it wakes at most this much late after
/// the machine was suspended.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Instant {
    /// The present.
    #[inline]
    pub(crate) fn now() -> Self {
        Self(Reading::now())
    }

    /// How long after `earlier` this is; zero if it is not.
    #[inline]
    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.since(earlier.0)
    }

    /// How long ago this was.
    #[cfg_attr(not(any(test, feature = "file", feature = "vault")), allow(dead_code, reason = "only those ask"))]
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    /// This minus a duration; `None` if the clock does not reach back that far.
    pub(crate) fn checked_sub(self, duration: Duration) -> Option<Self> {
        self.0.minus(duration).map(Self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.plus(duration.min(FAR)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// A cheap look at the clock, for reads that are far more frequent than its ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recent {
    /// The present, or up to [`LATENESS`] earlier.
    pub(crate) now: Instant,
    /// Changes with the kernel's tick: some 100 to 1,000 times a second.
    pub(crate) tick: u64,
}

/// How far [`Recent::now`] may lag behind the clock: the longest tick of a Linux kernel (100 Hz), doubled.
pub(crate) const LATENESS: Duration = Duration::from_millis(20);

impl Recent {
    /// On Linux, the coarse clock is read, which takes a quarter of the time, and the clock itself
    /// only if the coarse one has advanced since this thread read it last.
    #[inline]
    pub(crate) fn look() -> Self {
        let (now, tick) = Reading::recent();
        Self { now: Instant(now), tick }
    }
}

/// Waits until the clock has reached a deadline, at most [`LONGEST_SLEEP`] late after a suspend.
pub(crate) async fn sleep_until(deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}

/// The output of a future, unless the clock reaches a deadline first. A future that is ready at the
/// deadline counts as in time.
#[cfg_attr(not(feature = "vault"), allow(dead_code, reason = "only the token renewal needs it"))]
pub(crate) async fn timeout_at<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left.min(LONGEST_SLEEP), &mut future).await {
            Ok(output) => return Some(output),
            Err(_) if Instant::now() >= deadline => return None,
            Err(_) => {}
        }
    }
}

#[cfg(not(any(test, feature = "test-util")))]
use system::Uptime as Reading;

#[cfg(any(test, feature = "test-util"))]
use paused::TokioTime as Reading;

/// The clock of the operating system.
#[cfg_attr(all(feature = "test-util", not(test)), allow(dead_code, reason = "replaced by Tokio's clock"))]
mod system {
    use std::time::Duration;

    /// The time since the machine was started, suspended or not.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(super) struct Uptime(Duration);

    impl Uptime {
        #[cfg(unix)]
        #[inline]
        pub(super) fn now() -> Self {
            use rustix::time::{ClockId, clock_gettime};

            #[cfg(any(target_os = "linux", target_os = "android"))]
            const CLOCK: ClockId = ClockId::Boottime;
            // Runs on during sleep on macOS; on the BSDs the best there is.
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            const CLOCK: ClockId = ClockId::Monotonic;

            let now = clock_gettime(CLOCK);
            // Neither part is negative on a clock that starts at boot.
            Self(Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default()))
        }

        /// A reading that is at most a tick old, and a number that changes with each tick.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        #[inline]
        pub(super) fn recent() -> (Self, u64) {
            use std::cell::Cell;

            use rustix::time::{ClockId, clock_gettime};

            thread_local!(static LAST: Cell<Option<(Uptime, u64)>> = const { Cell::new(None) });

            let coarse = clock_gettime(ClockId::MonotonicCoarse);
            let tick =
                coarse.tv_sec.unsigned_abs().wrapping_mul(1_000_000_000).wrapping_add(coarse.tv_nsec.unsigned_abs());
            LAST.with(|last| match last.get() {
                Some((reading, seen)) if seen == tick => (reading, tick),
                _ => {
                    let reading = Self::now();
                    last.set(Some((reading, tick)));
                    (reading, tick)
                }
            })
        }

        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        pub(super) fn recent() -> (Self, u64) {
            let now = Self::now();
            (now, u64::try_from(now.0.as_millis()).unwrap_or_default())
        }

        #[cfg(not(unix))]
        pub(super) fn now() -> Self {
            use std::{sync::OnceLock, time::Instant};

            static START: OnceLock<Instant> = OnceLock::new();
            // Some way in, so that deadlines can lie before the first look.
            Self(Duration::from_secs(1 << 32) + START.get_or_init(Instant::now).elapsed())
        }

        #[inline]
        pub(super) fn since(self, earlier: Self) -> Duration {
            self.0.saturating_sub(earlier.0)
        }

        #[inline]
        pub(super) fn plus(self, duration: Duration) -> Self {
            Self(self.0.saturating_add(duration))
        }

        pub(super) fn minus(self, duration: Duration) -> Option<Self> {
            self.0.checked_sub(duration).map(Self)
        }
    }
}

/// Tokio's clock, which tests pause.
#[cfg(any(test, feature = "test-util"))]
mod paused {
    use std::{sync::OnceLock, time::Duration};

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(super) struct TokioTime(tokio::time::Instant);

    impl TokioTime {
        pub(super) fn now() -> Self {
            Self(tokio::time::Instant::now())
        }

        /// Time that is paused does not pass between two readings, so each one is exact.
        pub(super) fn recent() -> (Self, u64) {
            static BASE: OnceLock<tokio::time::Instant> = OnceLock::new();
            let now = Self::now();
            let since = now.0.saturating_duration_since(*BASE.get_or_init(|| now.0));
            (now, u64::try_from(since.as_nanos()).unwrap_or_default())
        }

        pub(super) fn since(self, earlier: Self) -> Duration {
            self.0.saturating_duration_since(earlier.0)
        }

        pub(super) fn plus(self, duration: Duration) -> Self {
            Self(self.0 + duration)
        }

        pub(super) fn minus(self, duration: Duration) -> Option<Self> {
            self.0.checked_sub(duration).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{system::Uptime, *};

    #[test]
    fn the_system_clock_advances_and_never_goes_back() {
        let (outer, first) = (std::time::Instant::now(), Uptime::now());
        let (inner, mut last) = (std::time::Instant::now(), first);
        while inner.elapsed() < Duration::from_millis(20) {
            let now = Uptime::now();
            assert!(now >= last);
            last = now;
        }
        let (inner, spent, outer) = (inner.elapsed(), Uptime::now().since(first), outer.elapsed());
        // Not to the nanosecond: this clock and the other are read by different means.
        let slack = Duration::from_millis(5);
        assert!(spent + slack >= inner && spent <= outer + slack, "{inner:?} {spent:?} {outer:?}");
    }

    #[test]
    fn a_recent_reading_is_never_ahead_and_advances_with_the_ticks() {
        let (mut last, mut last_tick) = Uptime::recent();
        let (started, mut ticks) = (std::time::Instant::now(), 0);
        while ticks < 3 && started.elapsed() < Duration::from_secs(10) {
            let (reading, tick) = Uptime::recent();
            assert!(reading <= Uptime::now());
            match tick == last_tick {
                // macOS has no coarse clock, so each reading is exact there.
                true if cfg!(target_os = "linux") => assert_eq!(reading, last),
                true => {}
                false => {
                    assert!(reading >= last);
                    ticks += 1;
                }
            }
            (last, last_tick) = (reading, tick);
        }
        assert_eq!(ticks, 3);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_clock_counts_from_boot_with_suspends_included() {
        let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux has it");
        let seconds: f64 = uptime.split(' ').next().and_then(|text| text.parse().ok()).expect("a number");
        let ours = Uptime::now().since(Uptime::now().minus(Duration::from_secs_f64(seconds)).expect("since boot"));
        assert!(ours.as_secs_f64() + 60.0 > seconds);
        assert_eq!(Uptime::now().minus(Duration::from_secs_f64(seconds + 3600.0)), None, "the clock begins at boot");
    }

    #[test]
    fn a_deadline_that_no_clock_reaches_is_far_away_and_no_panic() {
        let (now, day) = (Instant::now(), Duration::from_secs(24 * 60 * 60));
        assert!(now + Duration::MAX > now + day);
        assert!(now + Duration::MAX + Duration::MAX >= now + Duration::MAX);
        let uptime = Uptime::now();
        assert!(uptime.plus(Duration::MAX).plus(Duration::MAX) > uptime.plus(day));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_at_its_deadline() {
        let begun = Instant::now();
        sleep_until(begun + Duration::from_secs(100)).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(100));
        sleep_until(begun).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(100), "a deadline that is over needs no wait");
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_prefers_an_output_that_is_ready_at_the_deadline() {
        let deadline = Instant::now() + Duration::from_secs(100);
        assert_eq!(timeout_at(deadline, std::future::pending::<()>()).await, None);
        assert_eq!(deadline.elapsed(), Duration::ZERO, "it waited until the deadline");
        assert_eq!(timeout_at(deadline, async { 1 }).await, Some(1));
    }
}
