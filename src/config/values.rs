//! How values of the config are written: durations, fractions and paths.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

/// Parses a duration as the config has it: a number of seconds, or text such as `500ms`, `15m` or
/// `5 seconds`. `None` if it is neither, negative or too large.
pub fn parse_duration(text: &str) -> Option<Duration> {
    match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// Deserializes a fraction from 0 to 1.
pub(super) fn some_fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let fraction = f64::deserialize(deserializer)?;
    match (0.0..=1.0).contains(&fraction) {
        true => Ok(Some(fraction)),
        false => Err(de::Error::invalid_value(de::Unexpected::Float(fraction), &"a number from 0 to 1")),
    }
}

/// Deserializes a path that may be left out, for `#[serde(default, deserialize_with = "path")]`.
///
/// A path that was resolved comes as bytes, because it need not be UTF-8.
#[cfg_attr(not(any(feature = "file", feature = "vault")), allow(dead_code, reason = "no provider has a path"))]
pub(crate) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    struct PathVisitor;

    impl Visitor<'_> for PathVisitor {
        type Value = PathBuf;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<PathBuf, E> {
            Ok(text.into())
        }

        fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<PathBuf, E> {
            #[cfg(unix)]
            return Ok(std::os::unix::ffi::OsStringExt::from_vec(bytes)).map(|path: std::ffi::OsString| path.into());
            #[cfg(not(unix))]
            return String::from_utf8(bytes).map(Into::into).map_err(|_| E::custom("the path is not Unicode"));
        }
    }

    deserializer.deserialize_any(PathVisitor).map(Some)
}

/// Deserializes a timeout that may be left out: a duration above 0. A number above 300 is refused.
pub(crate) fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match span::up_to::<LONGEST_BARE_TIMEOUT, D>(deserializer)? {
        Some(Duration::ZERO) => Err(de::Error::invalid_value(de::Unexpected::Other("0"), &"a time above 0")),
        timeout => Ok(timeout),
    }
}

/// The most seconds of a timeout as a number without a unit. Whoever writes more means milliseconds.
pub(super) const LONGEST_BARE_TIMEOUT: u32 = 300;

/// Parses a timeout as the config has it: a duration above 0, and no bare number above 300. `None`
/// if it is anything else.
pub fn parse_timeout(text: &str) -> Option<Duration> {
    parse_up_to(LONGEST_BARE_TIMEOUT, text).filter(|timeout| !timeout.is_zero())
}

/// Parses a duration, if a number without a unit is at most `most` seconds.
pub(super) fn parse_up_to(most: u32, text: &str) -> Option<Duration> {
    let is_plausible = text.trim().parse().map_or(true, |seconds: f64| seconds <= f64::from(most));
    parse_duration(text).filter(|_| is_plausible)
}

/// A duration that may be left out.
///
/// A number without a unit is seconds. Each setting has a most plausible number: whoever writes more
/// means milliseconds, as other tools have them.
pub(crate) mod span {
    use std::{fmt, time::Duration};

    use serde::{
        Deserializer, Serializer,
        de::{self, Unexpected, Visitor},
    };

    use super::parse_duration;

    struct Span {
        /// The largest number without a unit, in seconds.
        most: u32,
    }

    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.collect_str(&humantime::format_duration(*span)),
            None => serializer.serialize_none(),
        }
    }

    /// Deserializes a duration, if a number without a unit is at most `MOST` seconds.
    pub(crate) fn up_to<'de, const MOST: u32, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_any(Span { most: MOST }).map(Some)
    }

    impl Span {
        fn bare<E: de::Error>(&self, duration: Option<Duration>, found: Unexpected<'_>) -> Result<Duration, E> {
            let is_plausible = |duration: &Duration| *duration <= Duration::from_secs(self.most.into());
            duration.filter(is_plausible).ok_or_else(|| E::invalid_value(found, self))
        }
    }

    impl Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a number of seconds up to {}, or a time span such as \"500ms\" or \"10m\"", self.most)
        }

        fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
            let duration = u64::try_from(seconds).ok().map(Duration::from_secs);
            self.bare(duration, Unexpected::Signed(seconds))
        }

        fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
            self.bare(Duration::try_from_secs_f64(seconds).ok(), Unexpected::Float(seconds))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            let duration = parse_duration(text);
            match text.trim().parse::<f64>() {
                Ok(_) => self.bare(duration, Unexpected::Str(text)),
                Err(_) => duration.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self)),
            }
        }
    }
}
