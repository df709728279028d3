//! The origin of a setting: a default, a line of a config file, a variable or code.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

/// Where the value of a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The default: nothing sets it.
    Default,
    /// A line of the config file.
    File(Place),
    /// A line of a profile in the config file, with the profile's name.
    Profile(Arc<str>, Place),
    /// An environment variable, by its name.
    Variable(&'static str),
    /// A profile of the AWS config files, by its name.
    AwsProfile(Arc<str>),
    /// Code; for the command, an option on the command line.
    Code,
}

/// A line of a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Option<Arc<Path>>,
    line: usize,
}

/// The origins of settings by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Place {
    pub(super) fn new(file: Option<Arc<Path>>, line: usize) -> Self {
        Self { file, line }
    }

    /// The file; `None` if the text did not come from a file.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

impl Origin {
    /// A stable token in lower case, for JSON.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(_) => "file",
            Self::Profile(..) => "profile",
            Self::Variable(_) => "variable",
            Self::AwsProfile(_) => "aws_profile",
            Self::Code => "code",
        }
    }

    /// The line, if the setting comes from a file.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::File(place) | Self::Profile(_, place) => Some(place),
            Self::Default | Self::Variable(_) | Self::AwsProfile(_) | Self::Code => None,
        }
    }

    /// The same line as part of a profile.
    pub(super) fn of_profile(self, profile: &Arc<str>) -> Self {
        match self {
            Self::File(place) => Self::Profile(profile.clone(), place),
            other => other,
        }
    }
}

impl Origins {
    pub(super) fn insert(&mut self, key: String, origin: Origin) {
        self.0.insert(key, origin);
    }

    pub(super) fn get(&self, key: &str) -> Option<&Origin> {
        self.0.get(key)
    }

    /// Removes the origin of a setting and of all below it.
    pub(super) fn forget(&mut self, key: &str) {
        self.0.retain(|known, _| known != key && !known.starts_with(&format!("{key}.")));
    }
}

/// Joins a key to its parent as TOML writes it, such as `providers."aws.sm"`: quoted where it has
/// to be.
pub(crate) fn join(parent: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if parent.is_empty() { key } else { format!("{parent}.{key}") }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(place) => place.fmt(f),
            Self::Profile(name, place) => write!(f, "{place} (profile {name})"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::AwsProfile(name) => write!(f, "AWS profile {name}"),
            Self::Code => f.write_str("set in code"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}:{}", file.display(), self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}
