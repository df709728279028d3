//! The AWS credential chain: chooses the one source that credentials come from.
//!
//! A profile that the settings name is the identity, as with `aws --profile`: it wins over every
//! environment variable. Without one, the order is that of boto3 and the AWS CLI. The source is
//! chosen by what is set and by what the profile holds, before any call, so that it can be
//! explained. If it then fails, that is an error: the SDK's own chain would go on to the next
//! source, which is another identity.

use std::{env, fmt, time::Duration};

use aws_credential_types::provider::SharedCredentialsProvider;

use super::{
    access_key::{self, ACCESS_KEY},
    failure::{self, CONTAINER_PATH, CONTAINER_URL, MetadataReason},
    profile::{
        chain::ProfileChain,
        profiles::Profiles,
        selection::{ProfileChoice, SelectedProfile},
        sources::{ProfileSource, WebIdentity},
    },
    provider::{self, CallSettings},
    shared_files::{CONTAINER_TOKEN_FILE, check_token_cache, check_token_file, check_token_files},
    variables,
};
use crate::error::{Error, Result};

const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE_ARN: &str = "AWS_ROLE_ARN";
const SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";

/// One source of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AwsCredentialSource {
    /// Credentials set in code.
    Given,
    /// `AWS_ACCESS_KEY_ID` and the other variables of an access key.
    Variables,
    /// A profile of the shared config files.
    Profile(SelectedProfile, ProfileChain),
    /// The web identity token in the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names.
    WebIdentity(WebIdentity),
    /// The container's credentials, from the URL in this variable.
    Container(&'static str),
    /// The role of an EC2 instance.
    InstanceMetadata(MetadataReason),
}

impl AwsCredentialSource {
    /// Finds the source, for the profile of the settings if there is one.
    ///
    /// # Errors
    /// `Config` if the profile that the settings or a variable name does not exist or is invalid,
    /// if a shared file can't be read or is malformed, if a variable is not UTF-8, if an access key in the environment is incomplete, or if a
    /// variable names a credential file by a `~`, or a token file is not a regular file.
    pub(crate) async fn find(profile: Option<&str>) -> Result<Self> {
        let found = Self::choose(profile).await?;
        found.check_token_file()?;
        Ok(found)
    }

    /// Checks the file of a token that the source reads.
    fn check_token_file(&self) -> Result<()> {
        let of_container = || match env::var_os(CONTAINER_TOKEN_FILE) {
            Some(path) => check_token_file(path.as_ref(), CONTAINER_TOKEN_FILE),
            None => Ok(()),
        };
        let of_web_identity = |web: &WebIdentity| check_token_file(&web.token_file, &web.named_by);
        match self {
            Self::WebIdentity(web) => of_web_identity(web),
            Self::Container(_) => of_container(),
            Self::Profile(_, chain) => match &chain.source {
                ProfileSource::WebIdentity(web) => of_web_identity(web),
                ProfileSource::Container => of_container(),
                _ => Ok(()),
            },
            Self::Given | Self::Variables | Self::InstanceMetadata(_) => Ok(()),
        }
    }

    async fn choose(profile: Option<&str>) -> Result<Self> {
        check_token_files()?;
        SelectedProfile::check(profile)?;
        let selected = SelectedProfile::of(profile);
        let profiles = Profiles::load().await?;
        // An error even beside credentials of the environment, as in boto3.
        check_exists(&profiles, &selected)?;
        let in_environment = match profile {
            Some(_) => None,
            None => of_environment(&profiles, &selected)?,
        };
        if let Some(found) = in_environment {
            return Ok(found);
        }
        if let Some(chain) = ProfileChain::follow(&profiles, &selected.name)? {
            if matches!(chain.source, ProfileSource::Sso(_)) {
                check_token_cache()?;
            }
            return Ok(Self::Profile(selected, chain));
        }
        let container = [CONTAINER_PATH, CONTAINER_URL].into_iter().find(|name| variables::is_set(name));
        Ok(container.map(Self::Container).unwrap_or_else(|| Self::InstanceMetadata(reason(&profiles, selected))))
    }

    /// The provider of this source's credentials. `None` for credentials set in code.
    pub(crate) fn provider(&self, calls: &CallSettings<'_>) -> Option<SharedCredentialsProvider> {
        Some(match self {
            Self::Given => return None,
            Self::Variables => provider::of_environment(),
            Self::Profile(_, chain) => provider::of_chain(chain, calls),
            Self::WebIdentity(web) => provider::of_web_identity(web.clone(), calls),
            Self::Container(_) => provider::of_container(calls),
            Self::InstanceMetadata(reason) => provider::of_instance_metadata(calls, reason.clone()),
        })
    }

    /// Whether the SDK gets the credentials by calls of its own, at endpoints that it reads from the
    /// environment by itself.
    pub(crate) fn is_signed_in_by_the_sdk(&self) -> bool {
        match self {
            Self::Profile(_, chain) => matches!(chain.source, ProfileSource::Sso(_)),
            Self::Given | Self::Variables | Self::WebIdentity(_) | Self::Container(_) | Self::InstanceMetadata(_) => {
                false
            }
        }
    }

    /// Whether the credentials are those of a role for certain.
    pub(crate) fn is_role(&self) -> bool {
        match self {
            Self::Profile(_, chain) => chain.is_role(),
            Self::WebIdentity(_) => true,
            Self::Given | Self::Variables | Self::Container(_) | Self::InstanceMetadata(_) => false,
        }
    }

    /// The error if it gives no credentials within `limit`. `has_given` says whether it gave some
    /// before: then instance metadata is there for certain, and is slow.
    pub(crate) fn timed_out(&self, limit: Duration, has_given: bool) -> Error {
        let name = match self {
            Self::InstanceMetadata(reason) if !has_given => {
                return failure::nothing_found("instance metadata gave no answer in time", reason);
            }
            Self::InstanceMetadata(_) => provider::name_of(&ProfileSource::InstanceMetadata),
            Self::Profile(_, chain) => provider::name_of(&chain.source),
            Self::Container(_) => provider::name_of(&ProfileSource::Container),
            Self::Given | Self::Variables | Self::WebIdentity(_) => "the source of AWS credentials".to_owned(),
        };
        failure::timed_out(&name, limit)
    }

    /// The environment variable that chose it, if one did.
    pub(crate) fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Variables => Some(ACCESS_KEY),
            Self::Profile(SelectedProfile { choice: ProfileChoice::Variable(name), .. }, _) => Some(name),
            Self::WebIdentity(_) => Some(TOKEN_FILE),
            Self::Container(name) => Some(name),
            Self::Given | Self::Profile(..) | Self::InstanceMetadata(_) => None,
        }
    }
}

/// Checks that the profile exists, unless it was selected nowhere.
fn check_exists(profiles: &Profiles, SelectedProfile { name, choice }: &SelectedProfile) -> Result<()> {
    let by = match choice {
        ProfileChoice::Default => return Ok(()),
        ProfileChoice::Variable(variable) => variable,
        ProfileChoice::Settings => "`profile`",
    };
    profiles.get(name).map(|_| ()).ok_or_else(|| profiles.missing(name, by))
}

/// The credentials of variables, which go before those of a profile: an access key, and a web
/// identity unless the profile assumes a role with credentials of another.
fn of_environment(profiles: &Profiles, selected: &SelectedProfile) -> Result<Option<AwsCredentialSource>> {
    if access_key::is_in_environment()? {
        // An incomplete one is an error: the next source is another identity.
        access_key::from_environment()?;
        return Ok(Some(AwsCredentialSource::Variables));
    }
    let Some(token_file) = variables::text(TOKEN_FILE)? else { return Ok(None) };
    let assumes_role = |profile: &aws_config::profile::Profile| {
        profile.get("role_arn").is_some() && profile.get("web_identity_token_file").is_none()
    };
    if profiles.get(&selected.name).is_some_and(assumes_role) {
        return Ok(None);
    }
    let Some(role_arn) = variables::text(ROLE_ARN)? else {
        return Err(Error::config(format!("{TOKEN_FILE} is set, and {ROLE_ARN} is not"))
            .with_hint(format!("set {ROLE_ARN} to the role to assume with the token, or unset {TOKEN_FILE}")));
    };
    Ok(Some(AwsCredentialSource::WebIdentity(WebIdentity {
        token_file: token_file.into(),
        named_by: TOKEN_FILE.to_owned(),
        role_arn,
        session_name: variables::text(SESSION_NAME)?,
    })))
}

/// Why nothing but instance metadata is left.
fn reason(profiles: &Profiles, SelectedProfile { name, .. }: SelectedProfile) -> MetadataReason {
    match profiles.get(&name) {
        Some(_) => MetadataReason::EmptyProfile(name),
        None => MetadataReason::NothingElse,
    }
}

impl fmt::Display for AwsCredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("credentials set in code"),
            Self::Variables => f.write_str(ACCESS_KEY),
            Self::Profile(SelectedProfile { name, .. }, _) => write!(f, "AWS profile {name}"),
            Self::WebIdentity(_) => f.write_str("web identity"),
            Self::Container(_) => f.write_str("container credentials"),
            Self::InstanceMetadata(_) => f.write_str("instance metadata"),
        }
    }
}
