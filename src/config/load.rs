//! Loads a [`Config`] from the config file and the environment.
//!
//! A config is merged from three layers, each a table whose values know their origins: the file,
//! one of its profiles, and the `S1CRETS_…` variables. Only the merged table is deserialized, so
//! that no layer can bring a value that the checks have not seen. Invariants:
//!
//! - A file that was found is not obeyed before [`ConfigFile::trusted`] says so; it is parsed to be
//!   shown only where the caller asked for that in so many words.
//! - The file is read once. What was checked for trust is the text that is parsed.
//! - Each profile is checked whenever the file is read, so that a fault does not wait for the day
//!   on which the profile is chosen.
//! - The variables with credentials of all profiles are collected: a process that is started under
//!   one profile must not inherit those of another.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;

use super::{
    config::{Config, Root},
    config_file::ConfigFile,
    error::Malformed,
    find::{self, Search, variable},
    origin::Origin,
    table::Table,
    table_type::{self, Types},
    variables::{self, env_vars},
};
use crate::{
    error::{Error, Result},
    secret::provider_name::check_provider,
};

/// The tables of the config file whose keys are names.
const PROFILES: &str = "profiles";
const PROVIDERS: &str = "providers";
const CONNECTIONS: &str = "connections";

/// Finds and reads the config file, and merges one of its profiles into it.
///
/// A file that was found, not named, is obeyed only if the user [trusts](super::Trust) it.
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
    None,
}

#[derive(Clone, Debug)]
enum Source {
    Search(Search),
    Folder(PathBuf),
    Path(PathBuf),
    Read(ConfigFile),
    None,
}

impl Default for ConfigLoader {
    fn default() -> Self {
        Self { source: Source::Search(Search::Here), profile: ProfileChoice::Environment, allow_untrusted: false }
    }
}

impl ConfigLoader {
    /// A loader for the file that [`S1CRETS_CONFIG`](env_vars::CONFIG) names, else for one in the
    /// current folder or in the user's config folder, with the profile that
    /// [`S1CRETS_PROFILE`](env_vars::PROFILE) names. Both may be missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where no file is named, also searches the folders above the current one: up to the folder
    /// with `.git`, the home folder, or the end of the file system. Default: only the current
    /// folder.
    pub fn with_parent_folders(self) -> Self {
        Self { source: Source::Search(Search::Upwards), ..self }
    }

    /// Looks only in this folder, where the file counts as found.
    pub fn with_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { source: Source::Folder(folder.into()), ..self }
    }

    /// Reads this file, which is thereby trusted.
    pub fn with_file(self, file: impl Into<PathBuf>) -> Self {
        Self { source: Source::Path(file.into()), ..self }
    }

    /// Also loads a file that nobody trusts. Use this to show and check the settings of a file: a
    /// client that is built from them obeys it. Default: such a file is an error.
    pub fn with_danger_untrusted(self) -> Self {
        Self { allow_untrusted: true, ..self }
    }

    /// Uses no file, whatever is named or found: only the environment and the defaults.
    pub fn without_file(self) -> Self {
        Self { source: Source::None, ..self }
    }

    /// Merges this profile into the file, instead of the one that `S1CRETS_PROFILE` names.
    pub fn with_profile(self, name: impl Into<String>) -> Self {
        Self { profile: ProfileChoice::Named(name.into()), ..self }
    }

    /// Merges no profile into the file, whatever `S1CRETS_PROFILE` names.
    pub fn without_profile(self) -> Self {
        Self { profile: ProfileChoice::None, ..self }
    }

    /// The file that [`load`](Self::load) would read, whether it is trusted or not; `None` if none
    /// is named and none is found.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if it can't be read, or if it was found and
    /// another user owns it or it is world-writable.
    pub fn file(&self) -> Result<Option<ConfigFile>> {
        let search = match &self.source {
            Source::None => return Ok(None),
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

    /// Reads that file now, and uses its content in later calls. A pipe can be read only once.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn read(self) -> Result<Self> {
        let source = self.file()?.map_or(Source::None, Source::Read);
        Ok(Self { source, ..self })
    }

    /// The names of that file's profiles, in order.
    ///
    /// # Errors
    /// As [`file`](Self::file), and if it is not TOML.
    pub fn profiles(&self) -> Result<Vec<String>> {
        self.file()?.map_or(Ok(Vec::new()), |file| profiles(&file))
    }

    /// The settings: the file, merged with the profile, then with the [variables](env_vars).
    pub(crate) fn load_with(&self, types: &Types) -> Result<Config> {
        let file = match (self.file()?, self.allow_untrusted) {
            (Some(file), false) => Some(file.trusted()?),
            (file, _) => file,
        };
        let profile = match &self.profile {
            ProfileChoice::Named(name) => Some(name.clone()),
            ProfileChoice::Environment => variable(env_vars::PROFILE).map(|name| name.to_string_lossy().into_owned()),
            ProfileChoice::None => None,
        };
        let text = file.as_ref().map_or(Text::default(), Text::of);
        let mut config = read_layers(text, profile.as_deref(), &variable, types)?;
        (config.file, config.profile) = (file, profile);
        Ok(config)
    }
}

/// The text of a config file, and where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Text<'a> {
    pub(crate) text: &'a str,
    /// The path that errors and origins name.
    pub(crate) path: Option<&'a Path>,
    /// The folder from which relative paths start.
    pub(crate) folder: Option<&'a Path>,
}

impl<'a> Text<'a> {
    fn of(file: &'a ConfigFile) -> Self {
        Self { text: file.text(), path: Some(file.path()), folder: file.absolute().parent() }
    }
}

impl Config {
    /// The file that these settings were read from.
    pub fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// The profile that was merged into the file.
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }
}

/// The names of a file's profiles, in order.
pub(super) fn profiles(file: &ConfigFile) -> Result<Vec<String>> {
    let profiles = Table::parse(file.text(), Some(file.path()))?.take(PROFILES)?;
    Ok(profiles.keys().map(str::to_owned).collect())
}

impl ConfigFile {
    /// The settings of the file alone, without the environment.
    pub(crate) fn settings_with(&self, profile: Option<&str>, types: &Types) -> Result<Config> {
        let config = read_layers(Text::of(self), profile, &|_| None, types)?;
        Ok(Config { file: Some(self.clone()), profile: profile.map(str::to_owned), ..config })
    }
}

/// Merges the layers and reads the result. Every other profile is checked in the same way, as if it
/// had been chosen.
pub(crate) fn read_layers(
    source: Text<'_>,
    profile: Option<&str>,
    var: &dyn Fn(&str) -> Option<OsString>,
    types: &Types,
) -> Result<Config> {
    let file = source.path;
    let mut root = Table::parse(source.text, file)?;
    let mut profiles = root.take(PROFILES)?;
    let without_profile = to_config(root.clone(), types).map_err(|error| error.or_known(PROFILES))?;
    let mut credential_variables = without_profile.named_variables(types);
    let names: Vec<_> = profiles.keys().map(str::to_owned).collect();
    let mut chosen = None;
    for name in &names {
        let mut merged = root.clone();
        merged.overlay(profiles.take(name)?.of_profile(&Arc::from(name.as_str())));
        credential_variables.extend(to_config(merged.clone(), types)?.named_variables(types));
        if Some(name.as_str()) == profile {
            chosen = Some(merged);
        }
    }
    let mut merged = match (chosen, profile) {
        (Some(merged), _) => merged,
        (None, Some(profile)) => return Err(no_profile(profile, &names, file)),
        (None, None) => root,
    };
    variables::overlay(&mut merged, var)?;
    let mut config = Config { credential_variables, ..to_config(merged, types)? };
    config.resolve_paths(source.folder, types)?;
    Ok(config)
}

fn to_config(mut root: Table, types: &Types) -> Result<Config, Malformed> {
    let providers = root.take_tables(PROVIDERS)?;
    let connections = root.take_tables(CONNECTIONS)?;
    let origins = root.origins();
    let root = Root::deserialize(root).map_err(|error| error.or_known(PROVIDERS).or_known(CONNECTIONS))?;
    if let Some(name) = &root.provider {
        let origin = origins.get("provider").unwrap_or(&Origin::Code);
        check_provider(name).map_err(|error| Malformed::of(&error).at(origin))?;
    }
    for (section, what, tables, types) in [
        (PROVIDERS, "provider", &providers, &types.providers),
        (CONNECTIONS, "connection", &connections, &types.connections),
    ] {
        for (name, raw) in tables {
            // The names of both follow the same rule.
            if check_provider(name).is_err() {
                let rule = "those are lower-case letters, digits, '.', '-' and '_', a letter first";
                return Err(Malformed::new(format!("{name:?} is no {what}'s name: {rule}")).at(raw.origin()));
            }
            table_type::check(section, types, name, raw)?;
        }
    }
    Ok(Config { providers, connections, origins, ..Config::from(root) })
}

fn no_profile(profile: &str, names: &[String], file: Option<&Path>) -> Error {
    let error = Error::config(format!("there is no profile {profile:?} in the config"));
    match (file, names) {
        (None, _) => error.with_hint("there is no config file; --config or S1CRETS_CONFIG names one"),
        (Some(file), []) => error.with_hint(format!("write it into {} as [profiles.{profile}]", file.display())),
        (Some(file), names) => error.with_hint(format!("{} has {}", file.display(), names.join(", "))),
    }
}
