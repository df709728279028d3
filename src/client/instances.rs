//! [`Instances`]: the providers of a config, each with its section and what all of them share.

use crate::{
    client::registry::{self, Instance, PROVIDER_TYPES},
    config::{Config, GeneralSettings, Section, join},
    error::Result,
};

/// The providers of a config as the registry takes them.
pub(super) struct Instances<'a> {
    config: &'a Config,
    general: GeneralSettings,
    #[cfg(feature = "vault")]
    pub(super) connections: crate::vault::VaultConnections,
}

impl<'a> Instances<'a> {
    pub(super) fn new(config: &'a Config, one_shot: bool) -> Self {
        let general = GeneralSettings { retry: config.retry, timeout: config.timeout, one_shot };
        Self {
            config,
            general,
            #[cfg(feature = "vault")]
            connections: crate::vault::VaultConnections::new(config, &general),
        }
    }

    /// The names of all providers: those of the config, and the built-in ones.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let providers = &self.config.providers;
        let built_in = PROVIDER_TYPES.iter().map(|kind| kind.name).filter(|name| !providers.contains_key(*name));
        built_in.chain(providers.keys().map(String::as_str))
    }

    pub(super) fn type_of(&self, name: &'a str) -> &'a str {
        self.config.providers.get(name).map_or(name, |raw| raw.type_or(name))
    }

    pub(super) fn of(&self, name: &str) -> Instance {
        Instance {
            section: Section::new("providers", name, self.config.providers.get(name).cloned().unwrap_or_default()),
            general: self.general,
            #[cfg(feature = "vault")]
            connections: self.connections.clone(),
        }
    }

    /// Checks the tables of `[connections]`, also those that no provider uses.
    pub(super) fn check_connections(&self) -> Result<()> {
        for (name, raw) in &self.config.connections {
            registry::check_connection_type(raw.type_or(name))
                .map_err(|error| raw.in_table(&join("connections", name), &error))?;
        }
        #[cfg(feature = "vault")]
        self.connections.check()?;
        Ok(())
    }
}
