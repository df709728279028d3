//! From the config file and the environment.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    config::Config,
    config_file::ConfigFile,
    error::Malformed,
    find::{self, Search, variable},
    origin::join,
    table::Table,
    variables::{self, env_vars},
};
use crate::{
    error::{Error, Result},
    secret::reference::check_provider,
};

/// The table of the config file that holds the profiles.
const PROFILES: &str = "profiles";

/// Finds and reads the config file, and lays one of its profiles over it.
///
/// A file that was merely found is obeyed only if the user [trusts](super::Trust) it.
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
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigLoader {
    source: Source,
    profile: ProfileChoice,
    allow_untrusted: bool,
}

#[derive(Clone, Debug)]
enum ProfileChoice {
    Environment,
    Named(String),
    Nothing,
}

#[derive(Clone, Debug)]
enum Source {
    Search(Search),
    Folder(PathBuf),
    Path(PathBuf),
    Read(ConfigFile),
    Nothing,
}

impl Default for ConfigLoader {
    fn default() -> Self {
        Self { source: Source::Search(Search::Here), profile: ProfileChoice::Environment, allow_untrusted: false }
    }
}

impl ConfigLoader {
    /// The file that [`S1CRETS_CONFIG`](env_vars::CONFIG) names, else one that is found in the current
    /// folder or in the user's config folder; the profile that [`S1CRETS_PROFILE`](env_vars::PROFILE)
    /// names. Both may be missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Searches the folders above the current one too, where no file is named: up to the folder with
    /// `.git`, the home folder, or the end of the file system. Default: the current folder alone.
    pub fn with_parent_folders(self) -> Self {
        Self { source: Source::Search(Search::Upwards), ..self }
    }

    /// Looks in this folder alone, where the file counts as found.
    pub fn with_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { source: Source::Folder(folder.into()), ..self }
    }

    /// Reads this file, which is thereby trusted.
    pub fn with_file(self, file: impl Into<PathBuf>) -> Self {
        Self { source: Source::Path(file.into()), ..self }
    }

    /// Takes a file that nobody trusts too. This is for showing and checking the settings of a file: a
    /// client that is built from them obeys it.
    pub fn with_danger_untrusted(self) -> Self {
        Self { allow_untrusted: true, ..self }
    }

    /// Uses no file, whatever is named or found: the environment and the defaults alone.
    pub fn without_file(self) -> Self {
        Self { source: Source::Nothing, ..self }
    }

    /// Lays this profile over the file.
    pub fn with_profile(self, name: impl Into<String>) -> Self {
        Self { profile: ProfileChoice::Named(name.into()), ..self }
    }

    /// Lays no profile over the file, whatever is named.
    pub fn without_profile(self) -> Self {
        Self { profile: ProfileChoice::Nothing, ..self }
    }

    /// The file that [`load`](Self::load) would read, whether it is trusted or not; `None` if none is
    /// named and none is found.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it can't be read, or if it was found and
    /// another user owns it or everybody can write to it.
    pub fn file(&self) -> Result<Option<ConfigFile>> {
        let search = match &self.source {
            Source::Nothing => return Ok(None),
            Source::Read(file) => return Ok(Some(file.clone())),
            Source::Folder(folder) => return find::find_in(folder),
            Source::Path(path) => return ConfigFile::named(path).map(Some),
            Source::Search(search) => *search,
        };
        match variable(env_vars::CONFIG) {
            Some(path) => ConfigFile::named(path).map(Some),
            None => find::find(search),
        }
    }

    /// Reads that file now. Later calls use what was read: what comes by a pipe can be read only once.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn read(self) -> Result<Self> {
        let source = self.file()?.map_or(Source::Nothing, Source::Read);
        Ok(Self { source, ..self })
    }

    /// The profiles of that file, in order of their names.
    ///
    /// # Errors
    /// As [`file`](Self::file), and if it is not TOML.
    pub fn profiles(&self) -> Result<Vec<String>> {
        self.file()?.map_or(Ok(Vec::new()), |file| profiles(&file))
    }

    /// The settings: the file, the profile over it, the [variables](env_vars) over both.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file can't be read or is not trusted, a
    /// setting is unknown or malformed, or there is no such profile.
    pub fn load(&self) -> Result<Config> {
        let file = match (self.file()?, self.allow_untrusted) {
            (Some(file), false) => Some(file.trusted()?),
            (file, _) => file,
        };
        let profile = match &self.profile {
            ProfileChoice::Named(name) => Some(name.clone()),
            ProfileChoice::Environment => variable(env_vars::PROFILE).map(|name| name.to_string_lossy().into_owned()),
            ProfileChoice::Nothing => None,
        };
        let mut config = read_layers(file.as_ref().map_or(Text::default(), Text::of), profile.as_deref(), &variable)?;
        (config.file, config.profile) = (file, profile);
        Ok(config)
    }
}

/// The text of a config file, and where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    /// As errors and origins name it.
    pub(super) path: Option<&'a Path>,
    /// Where relative paths in it start.
    pub(super) folder: Option<&'a Path>,
}

impl<'a> Text<'a> {
    fn of(file: &'a ConfigFile) -> Self {
        Self { text: file.text(), path: Some(file.path()), folder: file.absolute().parent() }
    }
}

impl Config {
    /// The config file, if there is one, and the [variables](env_vars) over it: [`ConfigLoader`] with nothing set.
    ///
    /// The file is the one that `S1CRETS_CONFIG` names, else `s1crets.toml` in the current folder or in the
    /// user's config folder. A file that was found has to be [trusted](super::Trust).
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
        settings(&ConfigFile::named(file)?, None)
    }

    /// The text of a config file. Its profiles are checked, and left aside.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it is not TOML, or a setting is unknown or malformed.
    pub fn parse(text: &str) -> Result<Self> {
        read_layers(Text { text, ..Text::default() }, None, &|_| None)
    }

    /// The file that these settings were read from.
    pub fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// The profile that was laid over the file.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// The profiles of a file, in order of their names.
pub(super) fn profiles(file: &ConfigFile) -> Result<Vec<String>> {
    let profiles = Table::parse(file.text(), Some(file.path()))?.take(PROFILES)?;
    Ok(profiles.keys().map(str::to_owned).collect())
}

/// The settings of a file alone.
pub(super) fn settings(file: &ConfigFile, profile: Option<&str>) -> Result<Config> {
    let config = read_layers(Text::of(file), profile, &|_| None)?;
    Ok(Config { file: Some(file.clone()), profile: profile.map(str::to_owned), ..config })
}

/// Lays the layers over each other, and reads the result. Of profiles that are not asked for, only the form is checked.
pub(super) fn read_layers(
    source: Text<'_>,
    profile: Option<&str>,
    var: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Config> {
    let file = source.path;
    let mut root = Table::parse(source.text, file)?;
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
    let mut config = Config { origins, credential_variables, ..to_config(root)? };
    config.resolve_paths(source.folder)?;
    Ok(config)
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
