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

/// Deserializes a timeout that may be left out: a duration above 0.
pub(crate) fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match span::deserialize(deserializer)? {
        Some(Duration::ZERO) => Err(de::Error::invalid_value(de::Unexpected::Other("0"), &"a time above 0")),
        timeout => Ok(timeout),
    }
}

/// A duration that may be left out, for `#[serde(default, with = "span")]`.
pub(crate) mod span {
    use std::{fmt, time::Duration};

    use serde::{
        Deserializer, Serializer,
        de::{self, Visitor},
    };

    use super::parse_duration;

    struct Span;

    pub(crate) fn serialize<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.collect_str(&humantime::format_duration(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        deserializer.deserialize_any(Span).map(Some)
    }

    impl Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of seconds, or a time span such as \"500ms\" or \"15m\"")
        }

        fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
            let seconds =
                u64::try_from(seconds).map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))?;
            Ok(Duration::from_secs(seconds))
        }

        fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
            Duration::try_from_secs_f64(seconds).map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_duration(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
}
