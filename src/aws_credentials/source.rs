//! The AWS credential chain: chooses the one source that credentials come from.
//!
//! A profile that the settings name is the identity, as with `aws --profile`: it wins over every
//! environment variable. Without one, the sources are those of the AWS SDK's default chain, in its
//! order. The source is chosen by what is set and by what the profile holds, before any call, so
//! that it can be explained. If it then fails, that is an error: the SDK's own chain would go on to
//! the next source, which is another identity.

use std::fmt;

use aws_config::{
    SdkConfig,
    ecs::EcsCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider,
    profile::{self, ProfileFileCredentialsProvider, ProfileSet},
    provider_config::ProviderConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::os_shim_internal::{Env, Fs};

use crate::{
    aws_credentials::{
        shared_files::{check_token_cache, check_token_files, profile_files},
        variables,
    },
    error::{Error, ErrorKind, Result},
};

/// The keys of a profile that set the source of its credentials.
const CREDENTIAL_KEYS: [&str; 9] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "web_identity_token_file",
];

const PROFILE: &str = "AWS_PROFILE";
const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const WEB_IDENTITY: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"];
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];

/// One source of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AwsCredentialSource {
    /// Credentials set in code.
    Given,
    /// `AWS_ACCESS_KEY_ID` and the other variables of an access key.
    Variables,
    /// A profile of the shared config files.
    Profile(String, ProfileChoice),
    /// The web identity token in the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names.
    WebIdentity,
    /// The container's credentials, from the URL in this variable.
    Container(&'static str),
    /// The role of an EC2 instance.
    InstanceMetadata,
}

/// Where a profile was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileChoice {
    Settings,
    Variable,
    /// Nowhere: it is the one named `default`.
    Default,
}

impl AwsCredentialSource {
    /// Finds the source, for the profile of the settings if there is one.
    ///
    /// # Errors
    /// `Unauthenticated` if the profile that the settings or `AWS_PROFILE` name does not exist;
    /// `Config` if a variable names a credential file by a `~`.
    pub(crate) async fn find(profile: Option<&str>) -> Result<Self> {
        check_token_files()?;
        if profile.is_none() && variables::has_access_key()? {
            return Ok(Self::Variables);
        }
        if let Some(of_profile) = Self::of_profile(profile).await? {
            return Ok(of_profile);
        }
        if profile.is_none() && WEB_IDENTITY.iter().all(|name| variables::is_set(name)) {
            return Ok(Self::WebIdentity);
        }
        let container = CONTAINER.into_iter().find(|name| variables::is_set(name));
        Ok(container.map_or(Self::InstanceMetadata, Self::Container))
    }

    /// The profile, if it sets the source of its credentials.
    async fn of_profile(named: Option<&str>) -> Result<Option<Self>> {
        let (name, choice) = match (named, variables::profile()?) {
            (Some(name), _) => (name.to_owned(), ProfileChoice::Settings),
            // Some environments always set it to `default`, even where there are no profiles.
            (None, Some((name, _))) if name != "default" => (name, ProfileChoice::Variable),
            (None, _) => ("default".to_owned(), ProfileChoice::Default),
        };
        let source = Self::Profile(name.clone(), choice);
        let Ok(profiles) = profile::load(&Fs::real(), &Env::real(), &profile_files(), None).await else {
            // The credentials provider reports files that can't be read.
            return Ok(Some(source));
        };
        if profiles.profiles().filter_map(|name| profiles.get_profile(name)).any(needs_token_cache) {
            check_token_cache()?;
        }
        match profiles.get_profile(&name) {
            Some(profile) => Ok(CREDENTIAL_KEYS.iter().any(|key| profile.get(key).is_some()).then_some(source)),
            None if choice == ProfileChoice::Default => Ok(None),
            None => Err(no_profile(&name, choice, &profiles)),
        }
    }

    /// The SDK's credentials provider for this source, with the region and the HTTP client of
    /// `config`. `None` for credentials set in code.
    pub(crate) async fn provider(&self, config: &SdkConfig) -> Option<SharedCredentialsProvider> {
        #[cfg(unix)]
        if let Self::Profile(name, _) = self
            && let Some(program) = crate::aws_credentials::credential_process::source(name, config).await
        {
            // The SDK would leave the program running after a timeout.
            return Some(program);
        }
        let config = provider_config(config);
        Some(match self {
            Self::Given => return None,
            Self::Variables => SharedCredentialsProvider::new(variables::VariableCredentials),
            Self::Profile(name, _) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_files(profile_files())
                    .profile_name(name)
                    .build(),
            ),
            Self::WebIdentity => SharedCredentialsProvider::new(
                WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
            ),
            Self::Container(_) => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build())
            }
            Self::InstanceMetadata => {
                SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(&config).build())
            }
        })
    }

    /// The environment variable that chose it, if one did.
    pub(crate) fn variable(&self) -> Option<&'static str> {
        match self {
            Self::Variables => Some(ACCESS_KEY),
            Self::Profile(_, ProfileChoice::Variable) => Some(PROFILE),
            Self::WebIdentity => Some(WEB_IDENTITY[0]),
            Self::Container(name) => Some(name),
            Self::Given | Self::Profile(..) | Self::InstanceMetadata => None,
        }
    }
}

/// The configuration that the SDK's own chain would give to its sources.
fn provider_config(config: &SdkConfig) -> ProviderConfig {
    let mut provider = ProviderConfig::without_region()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack())
        .with_behavior_version(config.behavior_version());
    if let Some(client) = config.http_client() {
        provider = provider.with_http_client(client);
    }
    if let Some(retry) = config.retry_config() {
        provider = provider.with_retry_config(retry.clone());
    }
    if let Some(timeout) = config.timeout_config() {
        provider = provider.with_timeout_config(timeout.clone());
    }
    provider
}

/// Whether a profile's credentials come from the token cache of `aws sso login` or `aws login`.
fn needs_token_cache(profile: &profile::Profile) -> bool {
    ["login_session", "sso_session", "sso_start_url"].iter().any(|key| profile.get(key).is_some())
}

fn no_profile(name: &str, choice: ProfileChoice, profiles: &ProfileSet) -> Error {
    let by = if choice == ProfileChoice::Variable { PROFILE } else { "`profile`" };
    let mut known: Vec<_> = profiles.profiles().collect();
    known.sort_unstable();
    let message = format!("there is no AWS profile {name:?}, which {by} names");
    let error = Error::new(ErrorKind::Unauthenticated, message);
    match known.as_slice() {
        [] => error.with_hint("AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, or ~/.aws, hold no profile"),
        known => error.with_hint(format!("there are {}", known.join(", "))),
    }
}

impl fmt::Display for AwsCredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("credentials set in code"),
            Self::Variables => f.write_str(ACCESS_KEY),
            Self::Profile(name, _) => write!(f, "AWS profile {name}"),
            Self::WebIdentity => f.write_str("web identity"),
            Self::Container(_) => f.write_str("container credentials"),
            Self::InstanceMetadata => f.write_str("instance metadata"),
        }
    }
}
