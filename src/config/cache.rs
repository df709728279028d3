//! What the caches in memory are to do.

use std::time::Duration;

use serde::Deserialize;

use super::{
    settings::Config,
    values::{some_duration, some_fraction},
};
use crate::cache::CachePolicy;

/// The `[cache]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheSettings {
    /// Entries at most; 0 keeps nothing.
    pub entries: Option<u64>,
    /// How long an answer is fresh.
    #[serde(default, deserialize_with = "some_duration")]
    pub ttl: Option<Duration>,
    /// From which part of `ttl` on an answer that is read is loaded anew in the background; 1 turns it off.
    #[serde(default, deserialize_with = "some_fraction")]
    pub refresh_ahead: Option<f64>,
    /// How long an answer is served in an outage after its time; 0 turns it off.
    #[serde(default, deserialize_with = "some_duration")]
    pub max_stale: Option<Duration>,
    /// How long it is remembered that there is no such secret; 0 turns it off.
    #[serde(default, deserialize_with = "some_duration")]
    pub negative_ttl: Option<Duration>,
    /// The least time between two loads of a secret that is reported as rejected.
    #[serde(default, deserialize_with = "some_duration")]
    pub reread_interval: Option<Duration>,
}

impl Config {
    /// The cache's policy, defaults filled in.
    pub fn cache_policy(&self) -> CachePolicy {
        let default = CachePolicy::default();
        let CacheSettings { entries, ttl, refresh_ahead, max_stale, negative_ttl, reread_interval } = self.cache;
        CachePolicy {
            entries: entries.unwrap_or(default.entries),
            ttl: ttl.unwrap_or(default.ttl),
            refresh_ahead: refresh_ahead.unwrap_or(default.refresh_ahead),
            max_stale: max_stale.unwrap_or(default.max_stale),
            negative_ttl: negative_ttl.unwrap_or(default.negative_ttl),
            reread_interval: reread_interval.unwrap_or(default.reread_interval),
        }
    }
}
