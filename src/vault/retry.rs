//! How often, how long, and how long in between.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

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

/// How long an answer asks to be waited: seconds, as Vault sends them, or a date, as a gateway may
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)). A date is counted from the answer's own, as the
/// two clocks need not agree; `now` stands in for one that is missing.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let sent = text(DATE).and_then(date).unwrap_or(now);
    Some(date(asked)?.duration_since(sent).unwrap_or_default())
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
    fn a_wait_is_read_in_every_form_that_it_is_asked_in() {
        let now = httpdate::parse_http_date("Sun, 22 Nov 2026 12:00:30 GMT").expect("a date");
        let read = |asked: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, asked.parse().expect("a header"));
            if let Some(date) = date {
                headers.insert(DATE, date.parse().expect("a header"));
            }
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("3", None), Some(3));
        assert_eq!(read(" 18446744073709551615 ", None), Some(u64::MAX));
        assert_eq!(read("Sun, 22 Nov 2026 12:00:35 GMT", None), Some(5));
        assert_eq!(read("Sunday, 22-Nov-26 12:00:35 GMT", None), Some(5));
        assert_eq!(read("Sun Nov 22 12:00:35 2026", None), Some(5));
        assert_eq!(read("Sun, 22 Nov 2026 12:00:00 GMT", None), Some(0), "it is over");
        let fast = Some("Sun, 22 Nov 2026 12:59:58 GMT");
        assert_eq!(read("Sun, 22 Nov 2026 13:00:00 GMT", fast), Some(2), "by the server's own clock");
        assert_eq!(read("Sun, 22 Nov 2026 12:00:35 GMT", Some("garbage")), Some(5));
        for garbage in ["", "-1", "1.5", "soon", "18446744073709551616"] {
            assert_eq!(read(garbage, None), None, "{garbage}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

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
