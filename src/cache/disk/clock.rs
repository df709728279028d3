//! Wall clock in milliseconds, the only clock that processes share.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far in the future a record may be before a warning, in milliseconds: clocks are corrected by
/// little all the time.
pub(super) const TOLERANCE: u64 = 5_000;

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    let since = wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a time is later than now, by more than clocks differ.
pub(super) fn is_in_future(millis: u64) -> bool {
    millis > now().saturating_add(TOLERANCE)
}

/// The time that lies `span` after `millis`, or the latest one.
pub(super) fn after(millis: u64, span: Duration) -> u64 {
    millis.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(not(test))]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// Follows Tokio's clock, so that a test that advances one advances both.
#[cfg(test)]
fn wall() -> SystemTime {
    use std::sync::OnceLock;
    use tokio::time::Instant;

    static START: OnceLock<(SystemTime, Instant)> = OnceLock::new();
    let (wall, instant) = START.get_or_init(|| (SystemTime::now(), Instant::now()));
    let passed = Instant::now().saturating_duration_since(*instant);
    *wall + passed + Duration::from_millis(AHEAD.get())
}

#[cfg(test)]
thread_local! {
    /// How far ahead a test has set this thread's clock, in milliseconds.
    pub(super) static AHEAD: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
