//! Durations as `vault` and `bao` read them: a number of seconds, or text of Go such as `1m30s`.

use std::time::Duration;

/// The units of [Go](https://pkg.go.dev/time#ParseDuration) in seconds, and the day that Vault adds.
const UNITS: [(&str, f64); 8] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];

/// Reads a duration. `None` if it is none, or negative.
pub(super) fn parse(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(end);
        let end = after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        (total, rest) = (total.checked_add(part)?, after);
    }
    (text != "+" && !text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("60", 60_000),
            ("90s", 90_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("+1s", 1000),
            ("1h0m0.25s", 3_600_250),
            ("300ms", 300),
            ("1500us", 1),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse(text).map(|it| it.as_millis()), Some(millis), "{text}");
        }
        for text in
            ["", "+", "-1s", "-1", "1.5", "1 s", "s", "1m 30s", "1x", "1s1", "soon", "1..5s", "18446744073709551616"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
