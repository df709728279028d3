//! The profile of the AWS shared config files that is in force.

use super::source::{Source, Sourced};
use crate::{
    aws_credentials::{
        profile::{profiles::Profiles, selection::SelectedProfile},
        variables,
    },
    error::Result,
};

/// The profile in force: its name and its keys.
pub(super) struct SharedProfile {
    pub(super) selected: SelectedProfile,
    profiles: Profiles,
}

impl SharedProfile {
    /// Loads the profile that the settings name, else the environment, else the one named
    /// `default`. It may not exist.
    ///
    /// # Errors
    /// `Config` if a file can't be read or is malformed, or the variable is not UTF-8.
    pub(super) async fn load(named: Option<&str>) -> Result<Self> {
        SelectedProfile::check(named)?;
        Ok(Self { selected: SelectedProfile::of(named), profiles: Profiles::load().await? })
    }

    /// The value of a key, if it is not blank.
    pub(super) fn get(&self, key: &str) -> Option<Sourced> {
        let value = self.profiles.get(&self.selected.name)?.get(key)?;
        variables::cleaned(value).map(|value| Sourced::new(value, self.source()))
    }

    /// # Errors
    /// `Config` if it names a section of services that does not exist.
    pub(super) fn check_services(&self) -> Result<()> {
        self.profiles.check_services(&self.selected.name)
    }

    /// This profile as the source of a value.
    pub(super) fn source(&self) -> Source {
        Source::Profile(self.selected.name.clone())
    }
}
