//! What the caches in memory and on disk are to do.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    settings::Config,
    values::{some_fraction, span},
};
use crate::cache::CachePolicy;

/// The `[cache]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheSettings {
    /// Entries at most; 0 keeps nothing.
    pub entries: Option<u64>,
    /// How long an answer is fresh.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub ttl: Option<Duration>,
    /// From which part of `ttl` on an answer that is read is loaded anew in the background; 1 turns it off.
    #[serde(default, deserialize_with = "some_fraction")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub refresh_ahead: Option<f64>,
    /// How long an answer is served in an outage after its time; 0 turns it off.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub max_stale: Option<Duration>,
    /// How long it is remembered that there is no such secret; 0 turns it off.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub negative_ttl: Option<Duration>,
    /// The least time between two loads of a secret that is reported as rejected.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub reread_interval: Option<Duration>,
    /// Whether there is a cache on disk too. Default: no.
    pub disk: Option<bool>,
    /// The folder of the cache on disk.
    pub path: Option<PathBuf>,
    /// The file that holds its key. Default: a key is made, and kept in the folder.
    pub key_file: Option<PathBuf>,
    /// The variable that holds its key. Goes before `key_file`.
    pub key_variable: Option<String>,
    /// The credential of a service manager that is its key, where neither of the others is named. By default that of systemd
    /// whose name is `s1crets-cache-key`, if there is one.
    pub key_credential: Option<PathBuf>,
}

impl Config {
    /// The cache's policy, defaults filled in.
    pub fn cache_policy(&self) -> CachePolicy {
        let default = CachePolicy::default();
        let CacheSettings { entries, ttl, refresh_ahead, max_stale, negative_ttl, reread_interval, .. } = self.cache;
        CachePolicy {
            entries: entries.unwrap_or(default.entries),
            ttl: ttl.unwrap_or(default.ttl),
            refresh_ahead: refresh_ahead.unwrap_or(default.refresh_ahead),
            max_stale: max_stale.unwrap_or(default.max_stale),
            negative_ttl: negative_ttl.unwrap_or(default.negative_ttl),
            reread_interval: reread_interval.unwrap_or(default.reread_interval),
        }
    }

    /// The cache on disk as it is set up, be it turned on or not.
    #[cfg(all(feature = "disk-cache", unix))]
    pub fn disk_cache(&self) -> crate::cache::DiskCache {
        use crate::cache::{DiskCache, DiskKey};

        let CacheSettings { path, key_file, key_variable, key_credential, .. } = self.cache.clone();
        let key = key_variable.map(DiskKey::Variable).or(key_file.map(DiskKey::File));
        let disk = DiskCache::default().with_key(key.or(key_credential.map(DiskKey::Credential)).unwrap_or_default());
        path.into_iter().fold(disk, DiskCache::with_path)
    }
}

impl CacheSettings {
    /// The same with what the policy says, and with what holds where nothing is set.
    pub(crate) fn filled(self, policy: CachePolicy) -> Self {
        let CachePolicy { entries, ttl, refresh_ahead, max_stale, negative_ttl, reread_interval } = policy;
        Self {
            entries: Some(entries),
            ttl: Some(ttl),
            refresh_ahead: Some(refresh_ahead),
            max_stale: Some(max_stale),
            negative_ttl: Some(negative_ttl),
            reread_interval: Some(reread_interval),
            disk: self.disk.or(Some(false)),
            ..self
        }
    }
}
