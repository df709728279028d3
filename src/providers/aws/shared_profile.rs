//! The profile of the AWS shared config files that is in force.

use aws_config::profile::{self, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

use super::source::{Source, Sourced};
use crate::{
    aws_credentials::{shared_files::profile_files, source::AwsCredentialSource, variables},
    error::Result,
};

/// The keys of a profile whose credentials the SDK gets by calls of its own.
const SIGN_IN_KEYS: [&str; 5] = ["role_arn", "sso_session", "sso_start_url", "sso_account_id", "login_session"];

/// The profile in force: its name and its keys.
pub(super) struct SharedProfile {
    pub(super) name: String,
    /// `None` if the files can't be read. The source of the credentials reports that.
    profiles: Option<ProfileSet>,
}

impl SharedProfile {
    /// Loads the profile that the settings name, else the environment, else the one named
    /// `default`.
    ///
    /// # Errors
    /// `Config` if the name in the environment is not UTF-8.
    pub(super) async fn load(named: Option<&str>) -> Result<Self> {
        let name = match named {
            Some(name) => name.to_owned(),
            None => variables::profile()?.map_or_else(|| "default".to_owned(), |(name, _)| name),
        };
        let selected = Some(name.clone().into());
        let profiles = profile::load(&Fs::real(), &Env::real(), &profile_files(), selected).await.ok();
        Ok(Self { name, profiles })
    }

    /// The value of a key, if it is not blank.
    pub(super) fn get(&self, key: &str) -> Option<Sourced> {
        let value = self.profiles.as_ref()?.get_profile(&self.name)?.get(key)?;
        variables::cleaned(value).map(|value| Sourced::new(value, self.source()))
    }

    /// This profile as the source of a value.
    pub(super) fn source(&self) -> Source {
        Source::Profile(self.name.clone())
    }

    /// Whether the SDK makes calls of its own to get credentials from this source.
    pub(super) fn is_signed_in_by_the_sdk(&self, source: &AwsCredentialSource) -> bool {
        match source {
            AwsCredentialSource::WebIdentity => true,
            AwsCredentialSource::Profile(name, _) => {
                let profile = self.profiles.as_ref().and_then(|profiles| profiles.get_profile(name));
                profile.is_some_and(|profile| SIGN_IN_KEYS.iter().any(|key| profile.get(key).is_some()))
            }
            AwsCredentialSource::Given
            | AwsCredentialSource::Variables
            | AwsCredentialSource::Container(_)
            | AwsCredentialSource::InstanceMetadata => false,
        }
    }
}
