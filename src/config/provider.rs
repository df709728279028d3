//! The settings of one provider.

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{values::span, vault::VaultAuthSettings};

/// One of the `[providers.NAME]` tables. Which keys apply depends on the provider's type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProviderSettings {
    /// Which provider this is an instance of; by default the one of its name.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Attempts in total.
    pub retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for an answer, of one attempt.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub timeout: Option<Duration>,
    /// AWS: the region.
    pub region: Option<String>,
    /// AWS: the profile of the shared config files. Its credentials go before those of the
    /// environment.
    pub profile: Option<String>,
    /// AWS: the endpoint of all services.
    pub endpoint_url: Option<String>,
    /// AWS: the endpoint of the store alone.
    pub service_endpoint_url: Option<String>,
    /// AWS: the endpoint of STS alone.
    pub sts_endpoint_url: Option<String>,
    /// AWS: roles to assume, each by the one before.
    pub roles: Option<Vec<RoleSettings>>,
    /// File: the fetcher's file, or the CSI directory.
    pub path: Option<PathBuf>,
    /// File: how long to wait for it at the start.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub wait: Option<Duration>,
    /// File: the first wait between two looks at the start, doubled each time.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub backoff: Option<Duration>,
    /// Vault: the server's address.
    pub address: Option<String>,
    /// Vault: the namespace.
    pub namespace: Option<String>,
    /// Vault: a file of certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Vault: a folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Vault: the client's certificate.
    pub client_cert: Option<PathBuf>,
    /// Vault: its key.
    pub client_key: Option<PathBuf>,
    /// Vault: the name that the server's certificate must have.
    pub server_name: Option<String>,
    /// Vault: takes any certificate from the `address` beside it, so that whoever is in between can
    /// read every secret.
    pub danger_skip_verify: Option<bool>,
    /// Vault: the proxy for every call, without a password.
    pub proxy: Option<String>,
    /// Vault: how to log in.
    pub auth: Option<VaultAuthSettings>,
    /// Vault: whether the token of a login is revoked when the connection is shut down.
    pub revoke_at_shutdown: Option<bool>,
    /// Vault: the version of every KV mount, 1 or 2, whatever the server says.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2)))]
    pub kv_version: Option<u8>,
    /// Vault: the versions of single mounts, by their paths: the server is not asked about these.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, super::schema::Version>>"))]
    pub mounts: Option<BTreeMap<String, u8>>,
    /// File: whether the process asks and ends. No setting of the file: the builder's.
    #[serde(skip)]
    pub(crate) one_shot: bool,
}

/// One of the roles of an AWS provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RoleSettings {
    /// The role's ARN.
    pub arn: String,
    /// The name of the session.
    pub session_name: Option<String>,
    /// How long the credentials live.
    #[serde(default, with = "span")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::Span>"))]
    pub duration: Option<Duration>,
    /// What the trust policy demands.
    pub external_id: Option<String>,
}
