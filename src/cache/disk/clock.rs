//! The time that processes share: the wall's, in milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Clocks may be set back a little by whoever keeps them right; more than this is told.
pub(super) const TOLERANCE: u64 = 5_000;

/// Milliseconds since 1970.
pub(super) fn now() -> u64 {
    millis(wall())
}

pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// So much later, and never before.
pub(super) fn after(millis: u64, span: Duration) -> u64 {
    millis.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(not(test))]
fn wall() -> SystemTime {
    SystemTime::now()
}

/// Goes with Tokio's clock, so that a test that advances one advances both.
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
    /// How far ahead somebody has set this thread's clock, in milliseconds.
    pub(super) static AHEAD: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}
