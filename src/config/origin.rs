//! Where a setting came from.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

/// Who said what a setting is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Nobody: it is the default.
    Default,
    /// The config file.
    File(Place),
    /// A profile of the config file.
    Profile(Arc<str>, Place),
    /// A variable, by its name.
    Variable(&'static str),
    /// A profile of the AWS config files, by its name.
    AwsProfile(Arc<str>),
    /// Code, which for the command means an option that was typed.
    Code,
}

/// A line of a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: Option<Arc<Path>>,
    line: usize,
}

/// By key, for the settings that somebody made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Origins(BTreeMap<String, Origin>);

impl Place {
    pub(super) fn new(file: Option<Arc<Path>>, line: usize) -> Self {
        Self { file, line }
    }

    /// The file; nothing if the text came from elsewhere.
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

    /// Where in a file, if it was one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::File(place) | Self::Profile(_, place) => Some(place),
            Self::Default | Self::Variable(_) | Self::AwsProfile(_) | Self::Code => None,
        }
    }

    /// The same, as a profile says it.
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

    pub(super) fn of_table(&self, key: &str) -> Option<&Origin> {
        let below = self.0.iter().filter(|(known, _)| known.starts_with(&format!("{key}.")));
        let of_profile = below.map(|(_, origin)| origin).find(|origin| matches!(origin, Origin::Profile(..)));
        of_profile.or_else(|| self.get(key))
    }

    /// What was said of a setting is not what holds any more.
    pub(super) fn forget(&mut self, key: &str) {
        self.0.retain(|known, _| known != key && !known.starts_with(&format!("{key}.")));
    }
}

/// A key below another as TOML writes it: quoted where it has to be.
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
