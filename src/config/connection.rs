//! What decides where a provider asks and as whom, and where each value came from.

use std::fmt;

#[cfg(any(feature = "__aws", feature = "vault"))]
use serde_json::Value;

#[cfg(any(feature = "__aws", feature = "vault"))]
use super::origin::join;
use super::{
    config::Config,
    effective::Setting,
    origin::{Origin, Origins},
    provider::ProviderSettings,
};

/// Where a provider asks, and as whom, with the origin of each value.
///
/// It is made by the code that connects: what it says is what a call would use. It holds no secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// The provider's name.
    pub provider: String,
    /// Its table as TOML writes it, such as `providers."vault.kv"`.
    pub table: String,
    /// The settings in force, in order of their keys: those of the config file, and in the same
    /// form those of the environment, of an AWS profile, and the defaults. `retry`, `timeout` and
    /// the cache's are not among them.
    pub settings: Vec<Setting>,
    /// Which credential the provider logs in with. `None` if there is none to log in with.
    pub credential: Option<CredentialSource>,
    /// What is dangerous about the connection, or set and not followed.
    pub warnings: Vec<String>,
    /// The keys that a setting in force has the last word on: one that is not among `settings` is
    /// not in force.
    decided: &'static [&'static str],
}

/// Which credential a provider logs in with, and where that was chosen.
///
/// `Display` writes the description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialSource {
    /// Such as `token from VAULT_TOKEN`, or `AWS profile prod`.
    pub description: String,
    /// Who chose it.
    pub origin: Origin,
}

/// The settings of one provider, with its name and the origin of each.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "__aws", feature = "vault")),
    allow(dead_code, reason = "only what is connected to a backend has origins to tell")
)]
pub(crate) struct ProviderTable {
    pub(crate) name: String,
    pub(crate) settings: ProviderSettings,
    origins: Origins,
}

/// A value in force, and where it came from.
#[cfg(feature = "vault")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl ProviderTable {
    pub(crate) fn new(name: impl Into<String>, settings: ProviderSettings, config: &Config) -> Self {
        Self { name: name.into(), settings, origins: config.origins.clone() }
    }

    #[cfg(any(feature = "__aws", feature = "vault"))]
    /// The key of a setting as TOML writes it, such as `providers."vault.kv".address`.
    pub(crate) fn key(&self, key: &str) -> String {
        // Steps further down, as in `auth.method`, are plain words.
        format!("{}.{key}", join("providers", &self.name))
    }

    #[cfg(any(feature = "__aws", feature = "vault"))]
    /// Who made a setting that is there.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(&self.key(key)).cloned().unwrap_or(Origin::Code)
    }

    #[cfg(feature = "vault")]
    /// A setting with its origin, if it is there.
    pub(crate) fn sourced<T: Clone>(&self, key: &str, setting: &Option<T>) -> Option<Sourced<T>> {
        setting.clone().map(|value| Sourced { value, origin: self.origin(key) })
    }

    #[cfg(any(feature = "__aws", feature = "vault"))]
    /// A setting in force under its key.
    pub(crate) fn setting(&self, key: &str, value: impl Into<Value>, origin: &Origin) -> Setting {
        Setting::new(self.key(key), value.into(), origin.clone())
    }
}

#[cfg(feature = "vault")]
impl<T> Sourced<T> {
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: map(self.value), origin: self.origin }
    }
}

impl Connection {
    #[cfg(any(feature = "__aws", feature = "vault"))]
    pub(crate) fn new(table: &ProviderTable, decided: &'static [&'static str]) -> Self {
        Self {
            provider: table.name.clone(),
            table: join("providers", &table.name),
            settings: Vec::new(),
            credential: None,
            warnings: Vec::new(),
            decided,
        }
    }

    /// Puts the settings in force in the place of those that the config file has for this provider.
    /// `settings` stay in order of their keys.
    pub fn overlay(&self, settings: &mut Vec<Setting>) {
        let decided: Vec<_> = self.decided.iter().map(|key| format!("{}.{key}", self.table)).collect();
        settings.retain(|it| {
            let is_replaced = self.settings.iter().any(|own| own.key() == it.key());
            !is_replaced && !decided.iter().any(|key| key == it.key())
        });
        settings.extend(self.settings.iter().cloned());
        settings.sort_by(|one, other| one.key().cmp(other.key()));
    }

    #[cfg(any(feature = "__aws", feature = "vault"))]
    /// Adds a setting in force.
    pub(crate) fn record(&mut self, setting: Setting) {
        let at = self.settings.partition_point(|it| it.key() < setting.key());
        if self.settings.get(at).is_none_or(|it| it.key() != setting.key()) {
            self.settings.insert(at, setting);
        }
    }
}

#[cfg(any(feature = "__aws", feature = "vault"))]
impl CredentialSource {
    /// Names of files and roles may hold anything: a line break would begin a line of its own.
    pub(crate) fn new(description: impl AsRef<str>, origin: Origin) -> Self {
        let description = description.as_ref().chars().map(|it| if it.is_control() { '\u{fffd}' } else { it });
        Self { description: description.collect(), origin }
    }
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}
