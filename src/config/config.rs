//! The whole of the settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    cache::CacheSettings,
    config_file::ConfigFile,
    origin::{Origin, Origins, join},
    provider::ProviderSettings,
    run::RunSettings,
    values::span,
};
use crate::secret::Reference;

/// Settings for a [`Client`](crate::Client), as `s1crets.toml` has them.
///
/// ```toml
/// provider = "aws.sm"        # the command's default
/// retry = 3                  # attempts in total
/// timeout = "5s"             # of one attempt; a bare number is seconds
///
/// [cache]
/// entries = 1000             # of single secrets and of listings each; 0 keeps nothing
/// max_bytes = 10_000_000     # of single secrets and of listings each; by default there is no bound
/// ttl = "15m"
/// refresh_ahead = 0.8        # from this part of the ttl on, reads load it anew in the background; 1 turns it off
/// max_stale = "1h"           # served in an outage for that long after its time; 0 turns it off
/// negative_ttl = "5s"        # "not found" is remembered that long; 0 turns it off
/// reread_interval = "10s"    # between two loads of a secret that is reported as rejected
/// batch_window = "5ms"       # loads within it go out in one call, where the backend can do that; 0 turns it off
/// revalidate = false         # whether a value is not read anew while its version is the same
/// disk = true                # a cache on disk too, sealed; off by default
/// path = "/var/cache/app"    # its folder; by default s1crets in the user's cache folder
/// key_file = "/run/keys/app" # its key; by default one is made and kept in the folder
///
/// [providers."aws.sm"]       # settings of a provider under its own name
/// region = "eu-west-1"
///
/// [providers.billing]        # one more instance: billing://prod/db
/// type = "aws.sm"
/// region = "us-east-1"
/// roles = [{ arn = "arn:aws:iam::123456789012:role/reader", external_id = "x" }]
///
/// [providers.file]
/// path = "/var/local/secrets.json"
/// wait = "30s"
///
/// [providers."vault.kv"]
/// address = "https://vault.internal:8200"
/// auth = { method = "approle", role_id = "my-role", file = "/run/secret-id" }
///
/// [secrets]                  # what `s1crets run` and `s1crets export` give to whom they serve
/// DB_PASSWORD = "aws.sm://prod/db#password"
///
/// [run]                      # variables that `s1crets run` resolves if they hold a reference
/// resolve = ["APP_*"]
///
/// [profiles.dev]             # laid over all of the above by `--config-profile dev` or S1CRETS_PROFILE=dev
/// cache.ttl = "1m"
/// secrets.DB_PASSWORD = "file://app/db#password"
/// ```
///
/// A profile has the form of the whole file. Its `cache`, `run`, `secrets`, `providers` and single providers are laid
/// over the file's key by key; any other value, `roles`, `auth` and `mounts` included, takes the place of the file's.
///
/// Relative paths start from the file's folder, and `~/` from the home folder.
///
/// Unknown keys are errors. Later settings go first: those of the
/// [`ClientBuilder`](crate::ClientBuilder), then the variables of s1crets, then the file, then the
/// defaults. For the vendors' own variables it depends on the setting: those that say where the
/// default Vault connection asks go before the file; the file's `auth`, `profile` and `roles` go
/// before their credentials. [`ClientBuilder::connections`](crate::ClientBuilder::connections)
/// tells what is in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The command's default provider.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::ProviderName>"))]
    pub provider: Option<String>,
    /// Attempts in total.
    pub retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for an answer, of one attempt.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub timeout: Option<Duration>,
    /// The caches in memory and on disk.
    #[serde(default)]
    pub cache: CacheSettings,
    /// Providers by name.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<super::schema::ProviderName, ProviderSettings>"))]
    pub providers: BTreeMap<String, ProviderSettings>,
    /// Secrets by the names that they have in an environment.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, super::schema::Referred>"))]
    pub secrets: BTreeMap<String, Reference>,
    /// What `s1crets run` does.
    #[serde(default)]
    pub run: RunSettings,
    #[serde(skip)]
    pub(super) file: Option<ConfigFile>,
    #[serde(skip)]
    pub(super) profile: Option<String>,
    #[serde(skip)]
    pub(super) origins: Origins,
    /// What all layers name, those of other profiles and those that are overruled too.
    #[serde(skip)]
    pub(super) credential_variables: BTreeSet<String>,
}

impl Config {
    /// The environment variables that the config file names as holders of a credential or of the cache's key, for any of its
    /// profiles, and those that code has named since.
    pub fn credential_variables(&self) -> impl Iterator<Item = &str> {
        self.credential_variables.iter().map(String::as_str).chain(self.named_variables())
    }

    /// Those that these settings name.
    pub(super) fn named_variables(&self) -> impl Iterator<Item = &str> {
        let logins = self.providers.values().filter_map(|settings| settings.auth.as_ref()?.env.as_deref());
        logins.chain(self.cache.key_variable.as_deref())
    }

    /// Who said what stands in a table: the profile, if one did.
    pub(crate) fn origin_of_table(&self, keys: &[&str]) -> Option<&Origin> {
        self.origins.of_table(&keys.iter().fold(String::new(), |parent, key| join(&parent, key)))
    }
}
