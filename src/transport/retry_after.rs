//! The `Retry-After` header: how long a server asks to be left alone.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// How long a response asks to wait: seconds, or a date, as a gateway may send
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)). A date is counted from the
/// response's own `Date`, as the two clocks need not agree; `now` stands in for a missing one.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let sent = text(DATE).and_then(date).unwrap_or(now);
    Some(date(asked)?.duration_since(sent).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_every_form_of_date_are_read() {
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
}
