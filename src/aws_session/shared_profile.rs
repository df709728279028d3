//! The profile of the AWS shared config files that is in force.

use aws_config::profile::{self, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

use super::source::{Source, Sourced};
use crate::aws_credentials::{profile::selection::SelectedProfile, shared_files::profile_files, variables};

/// The profile in force: its name and its keys.
pub(super) struct SharedProfile {
    pub(super) selected: SelectedProfile,
    /// `None` if the files can't be read. The source of the credentials reports that.
    profiles: Option<ProfileSet>,
}

impl SharedProfile {
    /// Loads the profile that the settings name, else the environment, else the one named
    /// `default`.
    pub(super) async fn load(named: Option<&str>) -> Self {
        let selected = SelectedProfile::of(named);
        let name = Some(selected.sdk_name().into_owned().into());
        let profiles = profile::load(&Fs::real(), &Env::real(), &profile_files(), name).await.ok();
        Self { selected, profiles }
    }

    /// The value of a key, if it is not blank.
    pub(super) fn get(&self, key: &str) -> Option<Sourced> {
        let value = self.profiles.as_ref()?.get_profile(&self.selected.sdk_name())?.get(key)?;
        variables::cleaned(value).map(|value| Sourced::new(value, self.source()))
    }

    /// This profile as the source of a value.
    pub(super) fn source(&self) -> Source {
        Source::Profile(self.selected.name.clone())
    }
}
