//! Credentials providers for each source: the SDK's, with failures in words of ours.

use std::{
    error::Error as StdError,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use aws_config::{
    SdkConfig,
    ecs::EcsCredentialsProvider,
    imds::{self, credentials::ImdsCredentialsProvider},
    provider_config::ProviderConfig,
    sso::SsoCredentialsProvider,
    sts::AssumeRoleProvider,
};
use aws_credential_types::{
    Credentials,
    attributes::AccountId,
    credential_fn::provide_credentials_fn,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_types::region::Region;

use super::{
    access_key::FromEnvironment,
    failure::{self, Explain, MetadataReason},
    profile::{
        chain::ProfileChain,
        sources::{ProfileRole, ProfileSource, Program, Sso, WebIdentity},
    },
};
use crate::{
    error::{Error, Result},
    fs::plain_file,
};

/// The session of a web identity whose profile names none. CloudTrail shows it.
const SESSION_NAME: &str = "s1crets";

/// What the providers make calls with.
pub(crate) struct CallSettings<'a> {
    /// Region, HTTP client and endpoints.
    pub(crate) config: &'a SdkConfig,
    pub(crate) explain: Explain,
    /// The client of instance metadata, or what is wrong with its settings.
    pub(crate) metadata: Result<imds::client::Builder>,
}

/// Provides the credentials of a profile: those of its source, or of the last of its roles.
pub(super) fn of_chain(chain: &ProfileChain, calls: &CallSettings<'_>) -> SharedCredentialsProvider {
    let source = of_profile_source(&chain.source, calls);
    match chain.roles.as_slice() {
        [] => source,
        roles => SharedCredentialsProvider::new(Roles { source, roles: roles.to_vec(), config: calls.config.clone() }),
    }
}

fn of_profile_source(source: &ProfileSource, calls: &CallSettings<'_>) -> SharedCredentialsProvider {
    match source {
        ProfileSource::Key(credentials) => SharedCredentialsProvider::new(credentials.clone()),
        ProfileSource::Program(program) => of_program(program.clone()),
        ProfileSource::Sso(sso) => of_sso(sso.clone(), calls),
        ProfileSource::WebIdentity(web) => of_web_identity(web.clone(), calls),
        ProfileSource::Environment => SharedCredentialsProvider::new(FromEnvironment),
        ProfileSource::Container => of_container(calls),
        ProfileSource::InstanceMetadata => of_instance_metadata(calls, MetadataReason::Named),
    }
}

#[cfg(unix)]
fn of_program(program: Program) -> SharedCredentialsProvider {
    // The SDK would leave the program running after a timeout.
    SharedCredentialsProvider::new(super::credential_process::ProgramProvider::new(program))
}

#[cfg(not(unix))]
fn of_program(program: Program) -> SharedCredentialsProvider {
    use aws_config::credential_process::CredentialProcessProvider;
    let profile = program.profile;
    worded(CredentialProcessProvider::new(program.command), own, move |_| {
        let what = format!("the credential_process of AWS profile {profile:?} gave no credentials");
        Error::new(crate::error::ErrorKind::Unauthenticated, what).with_hint("run the command by itself")
    })
}

fn of_sso(sso: Sso, calls: &CallSettings<'_>) -> SharedCredentialsProvider {
    let mut builder = SsoCredentialsProvider::builder()
        .configure(&provider_config(calls.config))
        .account_id(&sso.account_id)
        .role_name(&sso.role_name)
        .start_url(&sso.start_url)
        .region(Region::new(sso.region.clone()));
    builder.set_session_name(sso.session.clone());
    worded(builder.build(), calls.explain, move |error| failure::of_sso(&sso, error))
}

pub(super) fn of_web_identity(web: WebIdentity, calls: &CallSettings<'_>) -> SharedCredentialsProvider {
    let provider = WebIdentityRole { web: web.clone(), client: aws_sdk_sts::Client::new(calls.config) };
    worded(provider, calls.explain, move |error| failure::of_web_identity(&web, error))
}

pub(super) fn of_environment() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(FromEnvironment)
}

pub(super) fn of_container(calls: &CallSettings<'_>) -> SharedCredentialsProvider {
    let provider = EcsCredentialsProvider::builder().configure(&provider_config(calls.config)).build();
    worded(provider, calls.explain, failure::of_container)
}

pub(super) fn of_instance_metadata(calls: &CallSettings<'_>, reason: MetadataReason) -> SharedCredentialsProvider {
    let client = match &calls.metadata {
        Ok(builder) => builder.clone().build(),
        Err(error) => {
            let error = error.clone();
            let failing = move || std::future::ready(Err(CredentialsError::provider_error(error.clone())));
            return SharedCredentialsProvider::new(provide_credentials_fn(failing));
        }
    };
    let builder = ImdsCredentialsProvider::builder().configure(&provider_config(calls.config)).imds_client(client);
    // Where nothing else is configured, a proxy in the way says little: this may be no EC2 machine.
    let provider = worded_after(builder.build(), own, move |error, has_given| {
        failure::of_instance_metadata(error, if has_given { &MetadataReason::HasGiven } else { &reason })
    });
    SharedCredentialsProvider::new(provider)
}

/// The name of a source in the error of one that is too slow.
pub(super) fn name_of(source: &ProfileSource) -> String {
    match source {
        ProfileSource::Key(_) | ProfileSource::Environment => "the access key".to_owned(),
        ProfileSource::Program(Program { profile, .. }) => {
            format!("the credential_process of AWS profile {profile:?}")
        }
        ProfileSource::Sso(Sso { profile, .. }) => format!("the SSO portal of AWS profile {profile:?}"),
        ProfileSource::WebIdentity(_) => "STS".to_owned(),
        ProfileSource::Container => "the container credentials endpoint".to_owned(),
        ProfileSource::InstanceMetadata => "instance metadata".to_owned(),
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

/// An error of ours in a chain of causes.
fn own(error: &(dyn StdError + 'static)) -> Option<Error> {
    failure::find::<Error>(error).cloned()
}

fn worded(
    provider: impl ProvideCredentials + 'static,
    explain: Explain,
    words: impl Fn(&CredentialsError) -> Error + Send + Sync + 'static,
) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(worded_after(provider, explain, move |error, _| words(error)))
}

/// As [`worded`], with words that depend on whether the provider has given credentials before.
fn worded_after(
    provider: impl ProvideCredentials + 'static,
    explain: Explain,
    words: impl Fn(&CredentialsError, bool) -> Error + Send + Sync + 'static,
) -> Worded {
    Worded {
        provider: SharedCredentialsProvider::new(provider),
        explain,
        words: Box::new(words),
        has_given: AtomicBool::new(false),
    }
}

/// The error of ours for one of the SDK's, and whether there were credentials before.
type Words = dyn Fn(&CredentialsError, bool) -> Error + Send + Sync;

/// A provider whose errors are ours, but for those of STS.
struct Worded {
    provider: SharedCredentialsProvider,
    explain: Explain,
    words: Box<Words>,
    has_given: AtomicBool,
}

impl ProvideCredentials for Worded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let given = self.provider.provide_credentials().await;
            let has_given = self.has_given.fetch_or(given.is_ok(), Ordering::Relaxed);
            given.map_err(|error| match failure::is_of_sts(&error) {
                true => error,
                false => {
                    let told = (self.explain)(&error).unwrap_or_else(|| (self.words)(&error, has_given));
                    CredentialsError::provider_error(told)
                }
            })
        })
    }
}

/// A source, and the roles that are assumed with its credentials.
struct Roles {
    source: SharedCredentialsProvider,
    roles: Vec<ProfileRole>,
    config: SdkConfig,
}

impl Roles {
    async fn credentials(&self) -> std::result::Result<Credentials, CredentialsError> {
        let mut credentials = self.source.provide_credentials().await?;
        for role in &self.roles {
            let mut builder = AssumeRoleProvider::builder(&role.arn).configure(&self.config);
            if let Some(name) = &role.session_name {
                builder = builder.session_name(name);
            }
            if let Some(id) = &role.external_id {
                builder = builder.external_id(id);
            }
            if let Some(duration) = role.duration {
                builder = builder.session_length(duration);
            }
            credentials = builder.build_from_provider(credentials).await.provide_credentials().await?;
        }
        Ok(credentials)
    }
}

impl ProvideCredentials for Roles {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Assumes a role with the token in a file.
///
/// The SDK's own provider asks STS at the address that the environment names, whatever the settings
/// and the profile say.
#[derive(Debug)]
struct WebIdentityRole {
    web: WebIdentity,
    client: aws_sdk_sts::Client,
}

impl WebIdentityRole {
    async fn credentials(&self) -> std::result::Result<Credentials, CredentialsError> {
        // Read each time: Kubernetes replaces it.
        let token = plain_file::read_text(&self.web.token_file).map_err(CredentialsError::provider_error)?;
        let call = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&self.web.role_arn)
            .role_session_name(self.web.session_name.as_deref().unwrap_or(SESSION_NAME))
            .web_identity_token(token.trim());
        let answer = call.send().await.map_err(CredentialsError::provider_error)?;
        let account = answer.assumed_role_user().and_then(|user| user.arn().split(':').nth(4)).map(str::to_owned);
        let key = answer.credentials.ok_or_else(|| CredentialsError::unhandled("STS gave no credentials"))?;
        let end = SystemTime::try_from(key.expiration).map_err(CredentialsError::unhandled)?;
        let mut credentials = Credentials::builder()
            .access_key_id(key.access_key_id)
            .secret_access_key(key.secret_access_key)
            .session_token(key.session_token)
            .expiry(end)
            .provider_name("WebIdentityToken");
        credentials.set_account_id(account.map(AccountId::from));
        Ok(credentials.build())
    }
}

impl ProvideCredentials for WebIdentityRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl fmt::Debug for Worded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worded").finish_non_exhaustive()
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roles").field("roles", &self.roles).finish_non_exhaustive()
    }
}
