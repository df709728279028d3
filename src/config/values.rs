//! How values are written.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A time span as the settings have it: a number of seconds, or such as `500ms`, `15m` or `5 seconds`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// A part, from 0 to 1.
pub(super) fn some_fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let fraction = f64::deserialize(deserializer)?;
    match (0.0..=1.0).contains(&fraction) {
        true => Ok(Some(fraction)),
        false => Err(de::Error::invalid_value(de::Unexpected::Float(fraction), &"a number from 0 to 1")),
    }
}

/// A time span that may be left out, for `#[serde(default, with = "span")]`.
pub(super) mod span {
    use std::{fmt, time::Duration};

    use serde::{
        Deserializer, Serializer,
        de::{self, Visitor},
    };

    use super::parse_duration;

    struct Span;

    pub(in super::super) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => serializer.collect_str(&humantime::format_duration(*span)),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
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
