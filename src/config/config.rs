//! [`Config`]: the settings of a client, as `s1crets.toml` has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    cache::CacheSettings,
    config_file::ConfigFile,
    origin::Origins,
    raw_table::RawTable,
    run::RunSettings,
    secrets::{self, SecretTarget},
    table_type::{self, Types},
    values::{span, timeout},
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
/// entries = 1000             # for single secrets, and again for listings; 0 turns it off
/// max_bytes = 10_000_000     # for single secrets, and again for listings; default: no limit
/// ttl = "15m"
/// refresh_ahead = 0.8        # from this fraction of the ttl on, a read refreshes in the background; 1 turns it off
/// max_stale = "1h"           # how long an expired value is served in an outage; 0 turns it off
/// negative_ttl = "5s"        # how long "not found" is cached; 0 turns it off
/// reread_interval = "10s"    # least time between two loads of a rejected secret
/// batch_window = "5ms"       # loads within it share one call, where the backend can batch; 0 turns it off
/// revalidate = false         # check the version before a value is read again
/// offline = false            # answer from the cache on disk only, and call no backend
/// disk = true                # an encrypted cache on disk; off by default
/// path = "/var/cache/app"    # its folder; default: s1crets in the user's cache folder
/// key_file = "/run/keys/app" # its key; default: one is generated and kept in the folder
///
/// [providers."aws.sm"]       # a built-in provider
/// region = "eu-west-1"
///
/// [providers.billing]        # another instance: billing://prod/db
/// type = "aws.sm"
/// region = "us-east-1"
/// roles = [{ arn = "arn:aws:iam::123456789012:role/reader", external_id = "x" }]
///
/// [providers.file]
/// path = "/var/local/secrets.json"
/// wait = "30s"
///
/// [connections.vault]        # the default connection of Vault providers: one login for all of them
/// address = "https://vault.internal:8200"
/// auth = { method = "approle", role_id = "my-role", file = "/run/secret-id" }
///
/// [connections.eu]           # one more; the environment changes nothing of it
/// type = "vault"
/// address = "https://eu.vault.internal:8200"
/// auth = { method = "kubernetes", role = "my-role" }
///
/// [providers.team]
/// type = "vault.kv"
/// connection = "eu"
///
/// [secrets]                  # environment variables of `s1crets run` and `s1crets export`
/// DB_PASSWORD = "aws.sm://prod/db#password"
/// DB_USER = "prod/db#username"   # of the default provider
///
/// [run]                      # variables in which `s1crets run` resolves references
/// resolve = ["APP_*"]
///
/// [profiles.dev]             # merged over all of the above by --config-profile dev or S1CRETS_PROFILE=dev
/// cache.ttl = "1m"
/// secrets.DB_PASSWORD = "file://app/db#password"
/// ```
///
/// A profile has the form of the whole file. Its `cache`, `run`, `secrets`, `providers`,
/// `connections` and the tables below the last two are merged into the file's key by key. Any other
/// value, `roles`, `auth` and `mounts` included, replaces the file's.
///
/// Relative paths start from the file's folder, and `~/` from the home folder.
///
/// Unknown keys are errors. The settings of the [`ClientBuilder`](crate::ClientBuilder) win over
/// the variables of s1crets, those over the file, and the file over the defaults. The vendors' own
/// variables win over the file where they say where the default Vault connection asks; the file's
/// `auth`, `profile` and `roles` win over their credentials.
/// [`ClientBuilder::connections`](crate::ClientBuilder::connections) tells what is in force.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The command's default provider. Default: `aws.sm`.
    pub provider: Option<String>,
    /// Attempts in total, of every provider that calls a backend. Default: 3.
    pub retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for a response, of one attempt. Default: 5 s.
    pub timeout: Option<Duration>,
    /// The caches in memory and on disk.
    pub cache: CacheSettings,
    /// The tables below `[providers]` by name.
    pub providers: BTreeMap<String, RawTable>,
    /// The tables below `[connections]` by name.
    pub connections: BTreeMap<String, RawTable>,
    /// References to secrets, by the names of the environment variables that get their values.
    ///
    /// A bare path of the file is that of the default provider here.
    pub secrets: BTreeMap<String, Reference>,
    /// Settings of `s1crets run`.
    pub run: RunSettings,
    /// The names among [`secrets`](Self::secrets) whose paths have no provider in the file.
    pub(super) bare_secrets: BTreeSet<String>,
    pub(super) file: Option<ConfigFile>,
    pub(super) profile: Option<String>,
    /// Of the settings outside of `providers` and `connections`, whose tables have their own.
    pub(super) origins: Origins,
    /// The variables that any layer names, including other profiles and overridden settings.
    pub(super) credential_variables: BTreeSet<String>,
}

/// The part of the file whose form does not depend on the types of providers.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    /// The command's default provider.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::ProviderName>"))]
    pub(super) provider: Option<String>,
    /// Attempts in total.
    pub(super) retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for a response, of one attempt.
    #[serde(default, serialize_with = "span::serialize", deserialize_with = "timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Timeout>"))]
    pub(super) timeout: Option<Duration>,
    /// The caches in memory and on disk.
    #[serde(default)]
    pub(super) cache: CacheSettings,
    /// References to secrets, by the names of the environment variables that get their values.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, super::schema::SecretReference>"))]
    pub(super) secrets: BTreeMap<String, SecretTarget>,
    /// Settings of `s1crets run`.
    #[serde(default)]
    pub(super) run: RunSettings,
}

impl From<Root> for Config {
    fn from(root: Root) -> Self {
        let Root { provider, retry, timeout, cache, secrets, run } = root;
        let (secrets, bare_secrets) = secrets::resolve(secrets, provider.as_deref());
        Self { provider, retry, timeout, cache, secrets, bare_secrets, run, ..Self::default() }
    }
}

impl Config {
    /// Sets the default provider, to which bare paths in `[secrets]` belong as well. Default: the
    /// `provider` of the file, else `aws.sm`.
    #[must_use]
    pub fn with_default_provider(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        for bare in &self.bare_secrets {
            if let Some(reference) = self.secrets.get_mut(bare) {
                *reference = reference.clone().with_provider(&name);
            }
        }
        self.provider = Some(name);
        self.set_by_code(&["provider"]);
        self
    }

    pub(super) fn root(&self) -> Root {
        let Self { provider, retry, timeout, cache, secrets, run, .. } = self.clone();
        let secrets = secrets.into_iter().map(|(name, reference)| (name, SecretTarget::Full(reference))).collect();
        Root { provider, retry, timeout, cache, secrets, run }
    }

    /// The variables with credentials that any layer has named, and those that code has named
    /// since.
    pub(crate) fn credential_variables_by(&self, types: &Types) -> BTreeSet<String> {
        let mut names = self.credential_variables.clone();
        names.extend(self.named_variables(types));
        names
    }

    /// The variables with credentials that these settings name.
    pub(super) fn named_variables(&self, types: &Types) -> BTreeSet<String> {
        let providers = self.providers.iter().map(|(name, raw)| (&*types.providers, name, raw));
        let connections = self.connections.iter().map(|(name, raw)| (&*types.connections, name, raw));
        let of_tables = providers.chain(connections);
        let of_tables = of_tables.flat_map(|(types, name, raw)| table_type::credential_variables(types, name, raw));
        of_tables.chain(self.cache.key_variable.clone()).collect()
    }
}
