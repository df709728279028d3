//! The `[cache]` table: settings of the caches in memory and on disk.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    config::Config,
    values::{parse_up_to, some_fraction, span},
};
use crate::cache::CachePolicy;

/// The most seconds of a setting as a number without a unit.
const HOUR: u32 = 60 * 60;
const WEEK: u32 = 7 * 24 * HOUR;
const MONTH: u32 = 31 * 24 * HOUR;

/// The `[cache]` table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheSettings {
    /// The most entries; 0 turns the cache off.
    pub entries: Option<u64>,
    /// The most bytes. Default: no limit.
    pub max_bytes: Option<u64>,
    /// How long a value is fresh.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "span::up_to::<WEEK, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span<WEEK>>"))]
    pub ttl: Option<Duration>,
    /// The fraction of `ttl` after which a read refreshes the value in the background; 1 turns it
    /// off.
    #[serde(default, deserialize_with = "some_fraction")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))]
    pub refresh_ahead: Option<f64>,
    /// How long an expired value is served in an outage; 0 turns it off.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "span::up_to::<MONTH, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span<MONTH>>"))]
    pub max_stale: Option<Duration>,
    /// How long "not found" is cached; 0 turns it off.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "span::up_to::<HOUR, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span<HOUR>>"))]
    pub negative_ttl: Option<Duration>,
    /// The least time between two loads of a secret that was reported as rejected.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "span::up_to::<HOUR, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span<HOUR>>"))]
    pub reread_interval: Option<Duration>,
    /// How long a load waits for others to share one call with; 0 turns it off.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "span::up_to::<1, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span<1>>"))]
    pub batch_window: Option<Duration>,
    /// Whether to check the version before a value is read again.
    pub revalidate: Option<bool>,
    /// Whether only the cache on disk answers, and no backend is called. Default: no.
    pub offline: Option<bool>,
    /// Whether there is also a cache on disk. Default: no.
    pub disk: Option<bool>,
    /// The folder of the cache on disk.
    pub path: Option<PathBuf>,
    /// The file that holds its key. Default: a key is generated and kept in the folder.
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds its key. It wins over `key_file`.
    pub key_variable: Option<String>,
    /// The file of a service manager's credential that holds its key. Both others win over it.
    /// Default: the systemd credential `s1crets-cache-key`, if there is one.
    pub key_credential: Option<PathBuf>,
}

/// Parses `max_stale` as the config has it: a duration, and no bare number of seconds above 31 days.
/// `None` if it is anything else.
pub fn parse_max_stale(text: &str) -> Option<Duration> {
    parse_up_to(MONTH, text)
}

impl Config {
    /// The cache's policy, defaults filled in.
    pub fn cache_policy(&self) -> CachePolicy {
        let default = CachePolicy::default();
        let set = &self.cache;
        CachePolicy {
            entries: set.entries.unwrap_or(default.entries),
            max_bytes: set.max_bytes.or(default.max_bytes),
            ttl: set.ttl.unwrap_or(default.ttl),
            refresh_ahead: set.refresh_ahead.unwrap_or(default.refresh_ahead),
            max_stale: set.max_stale.unwrap_or(default.max_stale),
            negative_ttl: set.negative_ttl.unwrap_or(default.negative_ttl),
            reread_interval: set.reread_interval.unwrap_or(default.reread_interval),
            batch_window: set.batch_window.unwrap_or(default.batch_window),
            revalidate: set.revalidate.unwrap_or(default.revalidate),
        }
    }

    /// The settings of the cache on disk, whether it is turned on or not.
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
    /// Turns the cache on disk on with these settings.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn put_on(&mut self, disk: &crate::cache::DiskCache) {
        use crate::cache::DiskKey;

        self.disk = Some(true);
        self.path = disk.path().map(Into::into);
        (self.key_file, self.key_variable, self.key_credential) = match disk.key().clone() {
            DiskKey::Kept => (None, None, None),
            DiskKey::File(file) => (Some(file), None, None),
            DiskKey::Variable(name) => (None, Some(name), None),
            DiskKey::Credential(file) => (None, None, Some(file)),
        };
    }

    /// The same settings with those of a policy, and with the defaults.
    pub(crate) fn filled(self, policy: CachePolicy) -> Self {
        Self {
            entries: Some(policy.entries),
            max_bytes: policy.max_bytes,
            ttl: Some(policy.ttl),
            refresh_ahead: Some(policy.refresh_ahead),
            max_stale: Some(policy.max_stale),
            negative_ttl: Some(policy.negative_ttl),
            reread_interval: Some(policy.reread_interval),
            batch_window: Some(policy.batch_window),
            revalidate: Some(policy.revalidate),
            offline: self.offline.or(Some(false)),
            disk: self.disk.or(Some(false)),
            ..self
        }
    }
}
