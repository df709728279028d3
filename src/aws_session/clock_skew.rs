//! Refusals of AWS because this machine's clock is wrong, and by how much it is.

use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};

pub(super) const HINT: &str = "set the clock of this machine (NTP): AWS refuses requests from 5 minutes on";

/// Codes that say that a signature is wrong, or only too old. A wrong key has some of them, too.
const SIGNATURE_CODES: [&str; 4] =
    ["InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "AuthFailure"];

/// The code that can mean nothing else.
const SKEW_CODE: &str = "RequestTimeTooSkewed";

/// The skew from which AWS [refuses
/// requests](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
const REFUSED_FROM: Duration = Duration::from_secs(5 * 60);

/// Less is due to the time that requests take.
const SMALL: Duration = Duration::from_secs(30);

/// The message for a refusal because of the clock; `None` for any other. `date` is the header of
/// the response.
pub(super) fn told(code: &str, message: &str, date: Option<&str>, now: SystemTime) -> Option<String> {
    let by_date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
    let by_date = by_date.and_then(|date| Skew::between(now, SystemTime::try_from(date).ok()?));
    let says_so = ["Signature expired", "Signature not yet current"].iter().any(|text| message.contains(text));
    let is_large = by_date.is_some_and(|skew| skew.by >= REFUSED_FROM);
    let is_skew = code == SKEW_CODE || (SIGNATURE_CODES.contains(&code) && (says_so || is_large));
    if !is_skew {
        return None;
    }
    let skew = by_date.filter(|skew| skew.by > SMALL).or_else(|| Skew::in_message(message));
    Some(match skew {
        Some(Skew { ahead, by }) => {
            let by = humantime::format_duration(rounded(by));
            let direction = if ahead { "ahead of" } else { "behind" };
            format!("this machine's clock is {by} {direction} AWS's, which refuses the request ({code})")
        }
        None => format!("this machine's clock is wrong: AWS refuses the request as of another time ({code})"),
    })
}

/// Whole minutes, or seconds if it is less than two minutes.
fn rounded(by: Duration) -> Duration {
    let seconds = by.as_secs();
    Duration::from_secs(if seconds < 120 { seconds } else { (seconds + 30) / 60 * 60 })
}

/// How far this machine's clock is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Skew {
    ahead: bool,
    by: Duration,
}

impl Skew {
    fn between(ours: SystemTime, theirs: SystemTime) -> Option<Self> {
        match ours.duration_since(theirs) {
            Ok(by) => Some(Self { ahead: true, by }),
            Err(error) => Some(Self { ahead: false, by: error.duration() }),
        }
    }

    /// By the times in a message such as `Signature expired: 20260101T000000Z is now earlier than
    /// 20260101T001500Z (20260101T002000Z - 5 min.)`: the first is ours, the last is the server's.
    fn in_message(message: &str) -> Option<Self> {
        let mut times = message.split(|character: char| !character.is_ascii_alphanumeric()).filter_map(time);
        let ours = times.next()?;
        Self::between(ours, times.next_back()?)
    }
}

/// A time such as `20260101T000000Z`.
fn time(text: &str) -> Option<SystemTime> {
    let is_time = text.len() == 16 && text.is_ascii() && text.as_bytes()[8] == b'T' && text.ends_with('Z');
    let at = |from: usize, to: usize| text.get(from..to);
    let (date, clock) = is_time
        .then_some(())
        .and_then(|()| Some(([at(0, 4)?, at(4, 6)?, at(6, 8)?], [at(9, 11)?, at(11, 13)?, at(13, 15)?])))?;
    let written = format!("{}T{}Z", date.join("-"), clock.join(":"));
    SystemTime::try_from(DateTime::from_str(&written, Format::DateTime).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Thu, 01 Jan 2026 12:00:00 GMT";
    const EXPIRED: &str =
        "Signature expired: 20260101T114000Z is now earlier than 20260101T115500Z (20260101T120000Z - 5 min.)";
    const EARLY: &str =
        "Signature not yet current: 20260101T123001Z is still later than 20260101T120500Z (20260101T120000Z + 5 min.)";

    fn at(text: &str) -> SystemTime {
        time(text).expect("a time")
    }

    #[test]
    fn a_wrong_clock_is_told_with_how_far_it_is_off() {
        let (right, late, early) = (at("20260101T120001Z"), at("20260101T114000Z"), at("20260101T123001Z"));
        for (code, message, date, now, expected) in [
            ("InvalidSignatureException", EXPIRED, Some(NOON), late, Some("20m behind AWS's")),
            ("SignatureDoesNotMatch", EXPIRED, None, right, Some("20m behind AWS's")),
            ("InvalidSignatureException", EARLY, None, right, Some("30m ahead of AWS's")),
            ("InvalidSignatureException", "Signature expired", Some(NOON), early, Some("30m ahead of AWS's")),
            ("RequestTimeTooSkewed", "", Some(NOON), late, Some("20m behind AWS's")),
            ("RequestTimeTooSkewed", "", None, late, Some("this machine's clock is wrong")),
            ("RequestExpired", "Request has expired.", Some(NOON), late, Some("20m behind AWS's")),
            ("RequestExpired", "Request has expired.", Some(NOON), right, None),
            (
                "InvalidSignatureException",
                "The request signature we calculated does not match",
                Some(NOON),
                right,
                None,
            ),
            ("AccessDeniedException", EXPIRED, Some(NOON), late, None),
            ("InvalidSignatureException", "Signature expired: 99999999T999999Z", None, right, Some("clock is wrong")),
        ] {
            let told = told(code, message, date, now);
            assert_eq!(told.is_some(), expected.is_some(), "{code} {message} {told:?}");
            let told = told.unwrap_or_default();
            assert!(told.contains(expected.unwrap_or_default()), "{told}");
        }
    }
}
