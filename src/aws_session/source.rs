//! The source of a resolved value: a setting, a variable or the AWS profile.

use crate::config::{Origin, Section};

/// A value and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sourced {
    pub(super) value: String,
    pub(super) source: Source,
}

/// The source of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The setting of this key.
    Setting(&'static str),
    Variable(&'static str),
    /// The AWS profile of this name.
    Profile(String),
}

impl Sourced {
    pub(super) fn new(value: impl Into<String>, source: Source) -> Self {
        Self { value: value.into(), source }
    }
}

impl Source {
    /// The subject of a sentence about the value. `key` is its key in a profile.
    pub(super) fn subject(&self, key: &str) -> String {
        match self {
            Self::Setting(key) => format!("`{key}`"),
            Self::Variable(name) => (*name).to_owned(),
            Self::Profile(name) => format!("`{key}` of the AWS profile {name}"),
        }
    }

    pub(super) fn origin(&self, section: &Section) -> Origin {
        match self {
            Self::Setting(key) => section.origin(key),
            Self::Variable(name) => Origin::Variable(name),
            Self::Profile(name) => Origin::AwsProfile(name.as_str().into()),
        }
    }
}
