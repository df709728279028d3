//! From the config file and the environment.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    error::Malformed,
    origin::join,
    settings::Config,
    tree::Table,
    variables::{self, env_vars},
};
use crate::{
    error::{Error, Result},
    reference::check_provider,
};

/// The name of the config file where none is named.
pub const FILE_NAME: &str = "s1crets.toml";

/// The table of the config file that holds the profiles.
const PROFILES: &str = "profiles";

/// Which config file to read, and which of its profiles to lay over it.
///
/// ```
/// use s1crets::config::ConfigLoader;
///
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("s1crets.toml");
/// # std::fs::write(&file, "retry = 5\n[profiles.prod]\nretry = 7\n")?;
/// let config = ConfigLoader::new().with_file(file).with_profile("prod").load()?;
/// assert_eq!(config.retry.map(u32::from), Some(7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigLoader {
    file: Option<PathBuf>,
    profile: Option<String>,
}

impl ConfigLoader {
    /// The file by the [places](default_places) and the profile by [`S1CRETS_PROFILE`](env_vars::PROFILE), if there are any.
    pub fn new() -> Self {
        Self::default()
    }

    /// This file.
    pub fn with_file(self, file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// This profile.
    pub fn with_profile(self, name: impl Into<String>) -> Self {
        Self { profile: Some(name.into()), ..self }
    }

    /// The file that [`load`](Self::load) reads; nothing if none is named and there is none in the
    /// [places](default_places).
    pub fn file(&self) -> Option<PathBuf> {
        let named = self.file.clone().or_else(|| variable(env_vars::CONFIG).map(PathBuf::from));
        named.or_else(|| default_places().into_iter().find(|place| place.is_file()))
    }

    /// The profiles of that file, in order of their names.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it can't be read, or is not TOML.
    pub fn profiles(&self) -> Result<Vec<String>> {
        let Some(file) = self.file() else { return Ok(Vec::new()) };
        let profiles = Table::parse(&read(&file)?, Some(&file))?.take(PROFILES)?;
        Ok(profiles.keys().map(str::to_owned).collect())
    }

    /// The settings: the file, the profile over it, the [variables](env_vars) over both.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file can't be read, a setting is unknown or malformed, or there
    /// is no such profile.
    pub fn load(&self) -> Result<Config> {
        let file = self.file();
        let profile = match &self.profile {
            Some(named) => Some(named.clone()),
            None => variable(env_vars::PROFILE).map(|name| name.to_string_lossy().into_owned()),
        };
        let text = file.as_deref().map_or(Ok(String::new()), read)?;
        let mut config = read_layers(&text, file.as_deref(), profile.as_deref(), &variable)?;
        (config.file, config.profile) = (file, profile);
        Ok(config)
    }
}

impl Config {
    /// The config file, if there is one, and the [variables](env_vars) over it: [`ConfigLoader`] with nothing set.
    ///
    /// The file is the one that `S1CRETS_CONFIG` names, else the first of the [places](default_places).
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_env() -> Result<Self> {
        ConfigLoader::new().load()
    }

    /// A config file, and the other variables over it.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_file_and_env(file: &Path) -> Result<Self> {
        ConfigLoader::new().with_file(file).load()
    }

    /// A config file alone, without a profile.
    ///
    /// # Errors
    /// As [`ConfigLoader::load`].
    pub fn from_file(file: &Path) -> Result<Self> {
        let config = read_layers(&read(file)?, Some(file), None, &|_| None)?;
        Ok(Self { file: Some(file.to_owned()), ..config })
    }

    /// The text of a config file. Its profiles are checked, and left aside.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is not TOML, or a setting is unknown or malformed.
    pub fn parse(text: &str) -> Result<Self> {
        read_layers(text, None, None, &|_| None)
    }

    /// The file that these settings were read from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The profile that was laid over the file.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// Where a config file is looked for if none is named: `s1crets.toml` in the current folder, then `s1crets/s1crets.toml` in
/// the user's config folder (`XDG_CONFIG_HOME`, or `~/.config`).
pub fn default_places() -> Vec<PathBuf> {
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let user = user.or_else(|| Some(env::home_dir()?.join(".config")));
    let mut places = vec![PathBuf::from(FILE_NAME)];
    places.extend(user.map(|folder| folder.join("s1crets").join(FILE_NAME)));
    places
}

/// Lays the layers over each other, and reads the result. Of profiles that are not asked for, only the form is checked.
pub(super) fn read_layers(
    text: &str,
    file: Option<&Path>,
    profile: Option<&str>,
    var: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Config> {
    let mut root = Table::parse(text, file)?;
    let mut profiles = root.take(PROFILES)?;
    let alone = to_config(root.clone()).map_err(|error| error.or_known(PROFILES))?;
    let mut credential_variables: BTreeSet<_> = alone.named_variables().map(str::to_owned).collect();
    let names: Vec<_> = profiles.keys().map(str::to_owned).collect();
    for name in &names {
        let table = profiles.take(name)?.of_profile(&Arc::from(name.as_str()));
        credential_variables.extend(to_config(table.clone())?.named_variables().map(str::to_owned));
        if Some(name.as_str()) == profile {
            root.overlay(table);
        }
    }
    if let Some(profile) = profile.filter(|profile| !names.iter().any(|name| name == profile)) {
        return Err(no_profile(profile, &names, file));
    }
    variables::overlay(&mut root, var)?;
    let origins = root.origins();
    Ok(Config { origins, credential_variables, ..to_config(root)? })
}

fn to_config(table: Table) -> Result<Config, Malformed> {
    let origins = table.origins();
    let config = Config::deserialize(table)?;
    let placed = |malformed: Malformed, key: &str| match origins.get(key) {
        Some(origin) => malformed.at(origin),
        None => malformed,
    };
    let timeouts = config.providers.iter().map(|(name, own)| (join(&join("providers", name), "timeout"), own.timeout));
    for (key, timeout) in timeouts.chain([("timeout".to_owned(), config.timeout)]) {
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(placed(Malformed::unfit("0", "a time above 0"), &key));
        }
    }
    let named = config.provider.iter().map(|name| ("provider".to_owned(), name));
    let tables = config.providers.keys().map(|name| (join("providers", name), name));
    for (key, name) in named.chain(tables) {
        check_provider(name).map_err(|error| placed(Malformed::new(error.message()), &key))?;
    }
    Ok(config)
}

fn no_profile(profile: &str, names: &[String], file: Option<&Path>) -> Error {
    let error = Error::config(format!("there is no profile {profile:?} in the config"));
    match (file, names) {
        (None, _) => error.with_hint("there is no config file; --config or S1CRETS_CONFIG names one"),
        (Some(file), []) => error.with_hint(format!("write it into {} as [profiles.{profile}]", file.display())),
        (Some(file), names) => error.with_hint(format!("{} has {}", file.display(), names.join(", "))),
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file)
        .map_err(|error: io::Error| Error::config(format!("can't read the config file {}: {error}", file.display())))
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}
