//! Settings of the provider `vault.kv` in `s1crets.toml`: those of the engine, and those of a
//! connection or the name of one.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::kv_mounts::KvMounts;
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::{Binding, Env};
use crate::{
    config::{Form, GeneralSettings, Malformed, Section, Table, keys_of},
    error::Result,
    vault::{self, ConnectionSettings, SharedVault, VaultConnections},
};

/// The keys of a table of type `vault.kv`: its own, and those of a connection.
pub(crate) const FORM: Form = Form {
    check,
    keys: || [keys_of::<KvSettings>(), keys_of::<ConnectionSettings>()].concat(),
    #[cfg(feature = "schema")]
    schema,
    ..vault::FORM
};

/// Key-value secrets of Vault or OpenBao.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
struct KvSettings {
    /// The name of a connection below `[connections]`, instead of the keys of a connection here.
    connection: Option<String>,
    /// The version of every KV mount, 1 or 2, whatever the server says.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2)))]
    kv_version: Option<u8>,
    /// The versions of single mounts by their paths. The server is not asked about these.
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, crate::config::Version>>"))]
    mounts: Option<BTreeMap<String, u8>>,
}

/// The checked settings of one provider.
#[derive(Clone, Debug)]
pub(crate) struct VaultKvSettings {
    pub(crate) connection: SharedVault,
    pub(crate) mounts: KvMounts,
}

impl VaultKvSettings {
    /// # Errors
    /// `Config` if a setting is unknown or malformed, or there is no such connection.
    pub(crate) fn read(section: &Section, connections: &VaultConnections, general: &GeneralSettings) -> Result<Self> {
        let (inline, own) = section.split(&keys_of::<ConnectionSettings>());
        let own: KvSettings = own.read()?;
        let mounts = KvMounts::from_settings(own.kv_version, own.mounts.unwrap_or_default())?;
        let connection = connections.of_provider(inline, own.connection.as_deref(), general)?;
        Ok(Self { connection, mounts })
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl VaultKvSettings {
    /// Binds entries on disk to the connection. The environment and the files that it names decide
    /// about it too.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>, env: &Env<'_>) -> Option<()> {
        self.connection.settings.bind(binding, &|name| env(name)?.into_string().ok())
    }
}

fn check(table: Table) -> Result<(), Malformed> {
    let keys = keys_of::<ConnectionSettings>();
    let (inline, own) = table.split(&keys);
    ConnectionSettings::deserialize(inline)?;
    let own = KvSettings::deserialize(own);
    own.map(drop).map_err(|error| keys.into_iter().fold(error, Malformed::or_known))
}

#[cfg(feature = "schema")]
fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    use schemars::JsonSchema;
    use serde_json::Value;

    let mut schema = KvSettings::json_schema(generator);
    let connection = ConnectionSettings::json_schema(generator);
    if let (Some(Value::Object(own)), Some(Value::Object(inline))) =
        (schema.get_mut("properties"), connection.get("properties"))
    {
        own.extend(inline.clone());
    }
    schema
}
