//! The entry points that load a config.
//!
//! A config is checked against the types of its tables, and the registry of types is part of the
//! client. So these methods of [`Config`] and the types around it are here, not in `config/`.

use std::{collections::BTreeSet, path::Path};

use super::registry::types;
#[cfg(feature = "schema")]
use crate::config::schema_of;
use crate::{
    config::{Config, ConfigFile, ConfigLoader, Text, read_layers},
    error::Result,
};

impl Config {
    /// Loads the config file, if there is one, and merges the [variables](crate::config::env_vars)
    /// over it: [`ConfigLoader`] with nothing set.
    ///
    /// The file is the one that `S1CRETS_CONFIG` names, else `s1crets.toml` in the current folder
    /// or in the user's config folder. A file that was found has to be
    /// [trusted](crate::config::Trust).
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_env() -> Result<Self> {
        ConfigLoader::new().load()
    }

    /// Loads a config file, and merges the other variables over it.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_file_and_env(file: &Path) -> Result<Self> {
        ConfigLoader::new().with_file(file).load()
    }

    /// Loads a config file without a profile and without the environment.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_file(file: &Path) -> Result<Self> {
        ConfigFile::named(file)?.settings_with(None, &types())
    }

    /// Parses the text of a config file. Its profiles are checked, and none is merged.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is not TOML, or a setting is unknown or
    /// malformed.
    pub fn parse(text: &str) -> Result<Self> {
        read_layers(Text { text, ..Text::default() }, None, &|_| None, &types())
    }

    #[cfg(test)]
    pub(crate) fn read_layers(
        source: Text<'_>,
        profile: Option<&str>,
        var: &dyn Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Result<Self> {
        read_layers(source, profile, var, &types())
    }

    /// The names of the environment variables that hold a credential or the cache's key: those that
    /// the config file names, in any of its profiles, and those that code has named since.
    pub fn credential_variables(&self) -> BTreeSet<String> {
        self.credential_variables_by(&types())
    }

    /// The [JSON Schema](https://json-schema.org/draft/2020-12) of `s1crets.toml` in this build,
    /// for editors and checkers: JSON, with a newline at the end.
    #[cfg(feature = "schema")]
    pub fn schema() -> String {
        schema_of(&types())
    }
}

impl ConfigLoader {
    /// Loads the settings: the file, merged with the profile, then with the
    /// [variables](crate::config::env_vars).
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file can't be read or is not trusted, a
    /// setting is unknown or malformed, or there is no such profile.
    pub fn load(&self) -> Result<Config> {
        self.load_with(&types())
    }
}

impl ConfigFile {
    /// The settings of the file alone, without the environment, merged with one of its profiles if
    /// one is given. Trust is not checked: a client that is built from them obeys the file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if a setting is unknown or malformed, or there
    /// is no such profile.
    pub fn danger_settings(&self, profile: Option<&str>) -> Result<Config> {
        self.settings_with(profile, &types())
    }
}
