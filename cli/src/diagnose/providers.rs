//! The providers, connections and variables that are in use, as the settings describe them.

use std::{collections::BTreeMap, env};

use s1crets::{
    ClientBuilder, Error,
    config::{Connection, Origin, Setting},
};

use crate::report::Failure;

/// The table of the connection that providers use if they name none.
const DEFAULT_CONNECTION: &str = "connections.vault";

/// A provider by the name that references have for it.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    /// The type of provider, such as `aws.sm`.
    pub(crate) kind: String,
    /// Its own settings, and the general ones that apply to it.
    pub(crate) settings: Vec<Setting>,
}

/// The connection of each provider, by provider name.
pub(crate) struct Connections(BTreeMap<String, Result<Connection, Error>>);

/// Resolves the connections that a client with these settings would use, without calling a backend.
pub(crate) fn connections(builder: &ClientBuilder) -> Result<Connections, Failure> {
    crate::commands::wait(async { Ok::<_, Error>(Connections(Box::pin(builder.connections()).await)) })
}

impl Connections {
    pub(crate) fn of(&self, provider: &str) -> Option<&Connection> {
        self.0.get(provider)?.as_ref().ok()
    }

    /// The connections with a setting from the config file, an option or the environment, and the
    /// default provider's.
    pub(crate) fn in_use(&self, settings: &[Setting], default: &str) -> Vec<(&str, &Result<Connection, Error>)> {
        let is_configured = |name: &str, connection: &Result<Connection, Error>| {
            let origins = connection.iter().flat_map(|it| {
                let credential = it.credential.iter().map(|credential| &credential.origin);
                it.settings.iter().map(Setting::origin).chain(credential)
            });
            name == default || is_set(settings, name) || origins.into_iter().any(|origin| *origin != Origin::Default)
        };
        let all = self.0.iter().map(|(name, connection)| (name.as_str(), connection));
        all.filter(|(name, connection)| is_configured(name, connection)).collect()
    }
}

/// Whether the config file has a setting for the provider.
fn is_set(settings: &[Setting], name: &str) -> bool {
    let [bare, quoted] = [format!("providers.{name}."), format!("providers.{name:?}.")];
    settings.iter().any(|setting| setting.key().starts_with(&bare) || setting.key().starts_with(&quoted))
}

/// The provider of this name. Its settings include those of the connection that it shares.
pub(crate) fn instance(settings: &[Setting], name: &str, connection: Option<&Connection>) -> Instance {
    let [bare, quoted] = [format!("providers.{name}."), format!("providers.{name:?}.")];
    let shared = connection.map(|connection| format!("{}.", connection.table));
    let is_shared = |key: &str| shared.as_deref().is_some_and(|table| key.starts_with(table));
    let is_own = |key: &str| key.starts_with(&bare) || key.starts_with(&quoted) || is_shared(key);
    let is_general = |key: &str| key == "retry" || key == "timeout" || key.starts_with("cache.");
    let own = settings.iter().filter(|setting| is_own(setting.key()));
    let is_type = |setting: &&Setting| [&bare, &quoted].iter().any(|table| setting.key() == format!("{table}type"));
    let kind = own.clone().find(is_type);
    let kind = kind.and_then(|setting| serde_json::from_str(&setting.json()).ok()).unwrap_or_else(|| name.to_owned());
    let general = settings.iter().filter(|setting| is_general(setting.key()) && !is_local(&kind));
    Instance { name: name.to_owned(), settings: own.chain(general).cloned().collect(), kind }
}

/// The providers that the settings name, and the default one.
pub(crate) fn instances(
    settings: &[Setting],
    default: &str,
    known: &[&str],
    connections: Option<&Connections>,
) -> Vec<Instance> {
    let names = known.iter().filter(|name| **name == default || is_set(settings, name));
    names.map(|name| instance(settings, name, connections.and_then(|all| all.of(name)))).collect()
}

/// The names of the vendor's own variables that are set, sorted. The environment changes nothing of a
/// named connection, so there are none for its providers.
pub(crate) fn set_variables(kind: &str, connection: Option<&Connection>) -> Vec<String> {
    let is_named = |table: &str| table.starts_with("connections.") && table != DEFAULT_CONNECTION;
    if connection.is_some_and(|connection| is_named(&connection.table)) {
        return Vec::new();
    }
    let is_set = |name: &&&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut names: Vec<_> =
        ClientBuilder::variables(kind).iter().filter(is_set).map(|name| (*name).to_owned()).collect();
    names.sort_unstable();
    names
}

fn is_local(kind: &str) -> bool {
    matches!(kind, "file" | "memory")
}
