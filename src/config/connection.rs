//! The explanation of a provider's connection: address, identity, and the origin of each setting.

use std::fmt;

#[cfg(any(feature = "__aws", feature = "vault"))]
use super::section::Section;
use super::{effective::Setting, origin::Origin};

/// The address and identity that a provider uses, with the origin of each value.
///
/// It is made by the code that connects, so it is what a call would use. It holds no secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// The provider's name.
    pub provider: String,
    /// The table that the connection is set up in as TOML writes it, such as
    /// `providers."vault.kv"`, or `connections.vault` if the provider uses that connection.
    pub table: String,
    /// The settings in force, in order of their keys: those of the config file, and in the same
    /// form those of the environment, of an AWS profile, and the defaults. The cache's are not among
    /// them, and `retry` and `timeout` only where a variable of the vendor sets them.
    pub settings: Vec<Setting>,
    /// Which credential the provider logs in with. `None` if there is none to log in with.
    pub credential: Option<CredentialSource>,
    /// What is dangerous about the connection, and settings that are ignored.
    pub warnings: Vec<String>,
    /// The keys that `settings` is complete for: one that is not there is not in force.
    decided: &'static [&'static str],
}

/// The credential that a provider logs in with, and where it was chosen.
///
/// `Display` writes the description.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialSource {
    /// Such as `token from VAULT_TOKEN`, or `AWS profile prod`.
    pub description: String,
    /// Where it was chosen.
    pub origin: Origin,
}

impl Connection {
    #[cfg(any(feature = "__aws", feature = "vault"))]
    pub(crate) fn new(section: &Section, decided: &'static [&'static str]) -> Self {
        Self {
            provider: section.name.clone(),
            table: section.key.clone(),
            settings: Vec::new(),
            credential: None,
            warnings: Vec::new(),
            decided,
        }
    }

    /// Replaces the settings that the config file has for this connection by those in force.
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
