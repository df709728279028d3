//! Session with one AWS service: its client, region and credentials, opened again when AWS refuses them.
//!
//! # Expired credentials
//! Credentials are renewed by the clock ahead of their end (see `credentials_cache`). AWS may
//! refuse them earlier: they were revoked, or the clock is wrong. Then the session opens anew, which
//! asks every source once more, and the call is made once more. Of many callers that are refused
//! together one opens it; the others find the new session in place. A second refusal is returned
//! and remembered: the same credentials are asked for again every [`RETRY_REFUSED`], not at each
//! call.
//!
//! # Logs
//! At its trace level the SDK prints whole responses, so its own events are turned off
//! ([`without_sdk_logs`]) for every call.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig,
    imds::{self, region::ImdsRegionProvider},
    sts::AssumeRoleProvider,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{origin::Origin, region::Region};
use tokio::sync::Mutex;

use super::{
    arn::{ArnService, Place, check_service},
    clients::Clients,
    config::AwsConfig,
    credentials_cache::CredentialCache,
    error,
    failed_call::explained,
    http, identity,
    resolve::{self, Resolved, ServiceName},
    retries::{retry_config, timeout_config},
};
use crate::{
    aws_credentials::{CallSettings, metadata, shared_files, without_sdk_logs},
    config::{Connection, Section},
    error::{Error, ErrorKind, Result},
    provider::Identity,
    retry::RetryPolicy,
    secret::SecretValue,
};

/// The id of a call that is about no single secret: it is made in the session's own region.
pub(crate) const NO_ID: &str = "";

/// How often the sources are asked again while AWS goes on refusing what they give. A key that
/// somebody corrects in a file is used after this time at most.
const RETRY_REFUSED: Duration = Duration::from_secs(60);

/// What differs between the services: the SDK has a set of types for each.
pub(crate) trait Service: Send + Sync + 'static {
    const NAME: ServiceName;
    const ARN: &'static ArnService;
    type Client: Clone + Send + Sync;
    type Overrides;

    fn client(config: &SdkConfig) -> Self::Client;
    fn overrides(retry: Option<RetryConfig>, timeout: Option<TimeoutConfig>) -> Self::Overrides;
}

/// A session with one AWS service, shared by all callers.
pub(crate) struct Session<S: Service> {
    settings: AwsConfig,
    live: ArcSwap<Live<S>>,
    renewal: Mutex<()>,
    refused: ArcSwapOption<Refused>,
}

/// Credentials that AWS refused even after the sources were asked once more.
struct Refused {
    credentials: Option<Credentials>,
    at: Instant,
}

struct Live<S: Service> {
    clients: Clients<S>,
    /// Settings of an STS client, to ask for the identity.
    sts: SdkConfig,
    credentials: Arc<CredentialCache>,
}

impl<S: Service> Session<S> {
    /// Finds region and credentials. Makes no call to the service.
    pub(crate) async fn open(settings: AwsConfig) -> Result<Self> {
        let live = ArcSwap::from_pointee(Live::<S>::open(&settings).await?);
        Ok(Self { settings, live, renewal: Mutex::new(()), refused: ArcSwapOption::empty() })
    }

    /// Explains which endpoint and credentials a session with these settings would use. Makes no call.
    pub(crate) async fn explain(settings: &AwsConfig, section: &Section) -> Result<Connection> {
        Box::pin(without_sdk_logs(resolve::explain(settings, section, S::NAME))).await
    }

    /// Makes one call, and once more with new credentials if AWS says that they have expired. An id
    /// that is an ARN is asked in its own region.
    pub(crate) async fn call<T, E, F, Fut>(&self, id: &str, policy: RetryPolicy, operation: F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Fn(S::Client, S::Overrides) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.send(id, policy, None, operation).await
    }

    /// Makes one call that sends a new value. No error repeats the value.
    pub(crate) async fn write<T, E, F, Fut>(
        &self,
        id: &str,
        policy: RetryPolicy,
        value: &SecretValue,
        operation: F,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Fn(S::Client, S::Overrides) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.send(id, policy, Some(value), operation).await.map_err(error::of_write)
    }

    async fn send<T, E, F, Fut>(
        &self,
        id: &str,
        policy: RetryPolicy,
        value: Option<&SecretValue>,
        operation: F,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Fn(S::Client, S::Overrides) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        check_service(id, S::ARN)?;
        let mut live = self.live.load_full();
        let mut outcome = live.call(id, overrides::<S>(policy, &self.settings), &operation).await;
        if is_expired(&outcome) && !self.is_known_as_refused(&live) {
            live = self.renewed(&live).await?;
            outcome = live.call(id, overrides::<S>(policy, &self.settings), &operation).await;
            if is_expired(&outcome) {
                let credentials = live.credentials.first_of_chain();
                self.refused.store(Some(Arc::new(Refused { credentials, at: Instant::now() })));
            }
        }
        outcome?.map_err(|error| {
            let values = value.into_iter().filter_map(|value| value.expose_bytes().ok());
            let echo = values.fold(live.credentials.echo(), |echo, value| echo.with(value));
            live.with_place(id, error::from_sdk(error, policy.or(self.settings.retry_policy), &echo))
        })
    }

    /// The attempts of a call with this policy, in total.
    #[cfg(feature = "aws-ps")]
    pub(crate) fn attempts(&self, policy: RetryPolicy) -> std::num::NonZeroU32 {
        policy.or(self.settings.retry_policy).attempts()
    }

    /// The region of names, and of ARNs that have none.
    pub(crate) fn home_region(&self) -> String {
        self.live.load().clients.home_region().to_owned()
    }

    /// Adds to "not found" where AWS looked for this id.
    pub(crate) fn with_place(&self, id: &str, error: Error) -> Error {
        self.live.load().with_place(id, error)
    }

    /// The identity that AWS sees.
    pub(crate) async fn identity(&self) -> Result<Identity> {
        let live = self.live.load_full();
        live.credentials.current().await?;
        identity::ask(&live.sts, self.settings.retry_policy, &live.credentials.echo()).await
    }

    /// Whether AWS refused these credentials a moment ago, and the sources gave them once more.
    fn is_known_as_refused(&self, live: &Live<S>) -> bool {
        let refused = self.refused.load();
        refused.as_ref().is_some_and(|refused| {
            refused.at.elapsed() < RETRY_REFUSED && refused.credentials == live.credentials.first_of_chain()
        })
    }

    /// A session newer than `refused`: opened here, or by another caller that was refused.
    async fn renewed(&self, refused: &Arc<Live<S>>) -> Result<Arc<Live<S>>> {
        let _one_at_a_time = self.renewal.lock().await;
        let live = self.live.load_full();
        if !Arc::ptr_eq(&live, refused) {
            return Ok(live);
        }
        tracing::info!("the AWS credentials were refused as expired; taking new ones");
        let fresh = Arc::new(Live::open(&self.settings).await?);
        self.live.store(fresh.clone());
        Ok(fresh)
    }
}

impl<S: Service> std::fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S: Service> Live<S> {
    async fn open(settings: &AwsConfig) -> Result<Self> {
        // The SDK's loading is a large future.
        let (config, resolved, credentials) = Box::pin(without_sdk_logs(load(settings))).await?;
        let clients = Clients::new(service_config(&config, settings, &resolved, S::NAME)?);
        Ok(Self { clients, sts: service_config(&config, settings, &resolved, resolve::STS)?, credentials })
    }

    /// Makes one call. Its credentials are loaded before the first attempt begins.
    async fn call<T, Fut>(
        &self,
        id: &str,
        overrides: S::Overrides,
        operation: impl Fn(S::Client, S::Overrides) -> Fut,
    ) -> Result<T>
    where
        Fut: Future<Output = T>,
    {
        self.credentials.current().await?;
        let client = self.clients.of(Place::of(id).map(|place| place.region));
        Ok(without_sdk_logs(operation(client, overrides)).await)
    }

    fn with_place(&self, id: &str, error: Error) -> Error {
        if error.kind() != ErrorKind::NotFound || error.hint().is_some() {
            return error;
        }
        if error::is_missing_version(&error) {
            return error.with_hint("it exists, and has no such version: leave the version out for the current one");
        }
        let hint = match Place::of(id) {
            Some(Place { region, account }) => format!("it was looked for in region {region} of account {account}"),
            None => {
                let account = self.credentials.account().map(|it| format!(" of account {it}")).unwrap_or_default();
                let region = self.clients.home_region();
                format!("it was looked for in region {region}{account}; elsewhere: set AWS_REGION, or ask by ARN")
            }
        };
        error.with_hint(hint)
    }
}

/// Whether AWS refused credentials as expired or unknown.
fn is_expired<T, E: ProvideErrorMetadata>(outcome: &Result<Result<T, SdkError<E, HttpResponse>>>) -> bool {
    match outcome {
        Ok(answer) => answer.as_ref().is_err_and(error::is_expired),
        // STS says so of the credentials that a role is assumed with.
        Err(error) => error::code(error).is_some_and(error::is_expired_code),
    }
}

/// The overrides of a request's retry policy. Without one, the client's own settings apply.
fn overrides<S: Service>(policy: RetryPolicy, settings: &AwsConfig) -> S::Overrides {
    if policy == RetryPolicy::default() {
        return S::overrides(None, None);
    }
    let policy = policy.or(settings.retry_policy);
    S::overrides(Some(retry_config(policy)), Some(timeout_config(policy)))
}

/// The credentials that a session with these settings would have, for a request that is not sent by it.
/// `region` is that of STS where neither the environment nor the profile names one.
#[cfg(feature = "vault")]
pub(crate) async fn credentials(settings: &AwsConfig, region: &str) -> Result<Credentials> {
    let found = async {
        let resolved = Resolved::of(settings).await?;
        let http = http::client(resolved.trust.clone());
        let region = resolved.region().unwrap_or_else(|| Region::new(region.to_owned()));
        let (_, _, credentials) = load_in(region, settings, resolved, http).await?;
        Ok::<_, Error>(credentials)
    };
    let credentials = Box::pin(without_sdk_logs(found)).await?;
    credentials.current().await
}

async fn load(settings: &AwsConfig) -> Result<(SdkConfig, Resolved, Arc<CredentialCache>)> {
    // Found before the SDK loads the rest: it would look for the region again, and for longer.
    let resolved = Resolved::of(settings).await?;
    let http = http::client(resolved.trust.clone());
    let region = match resolved.region() {
        Some(region) => Some(region),
        None => match metadata::hasty_client(metadata_client(&resolved, &http)?) {
            Some(client) => ImdsRegionProvider::builder().imds_client(client).build().region().await,
            None => None,
        },
    };
    let Some(region) = region else {
        return Err(Error::config(
            "no AWS region: none in the settings, the environment, the profile or instance metadata",
        )
        .with_hint("set AWS_REGION, or `region` in s1crets.toml, or --region"));
    };
    load_in(region, settings, resolved, http).await
}

/// The client of instance metadata, as the variables and the profile have it.
fn metadata_client(resolved: &Resolved, http: &SharedHttpClient) -> Result<imds::client::Builder> {
    metadata::builder(Some(http.clone()), |key| resolved.profile.get(key).map(|it| it.value))
}

async fn load_in(
    region: Region,
    settings: &AwsConfig,
    resolved: Resolved,
    http: SharedHttpClient,
) -> Result<(SdkConfig, Resolved, Arc<CredentialCache>)> {
    let metadata = metadata_client(&resolved, &http);
    let config = loader(settings, &resolved).http_client(http).region(region).load().await;
    let given = settings.credentials.clone().map(SharedCredentialsProvider::new);
    // A profile's roles are assumed at the same STS as those of the settings.
    let sts = service_config(&config, settings, &resolved, resolve::STS)?;
    let source =
        given.or_else(|| resolved.credentials.provider(&CallSettings { config: &sts, explain: explained, metadata }));
    let Some(source) = source else {
        return Err(Error::new(ErrorKind::Unexpected, "the AWS SDK has no source of credentials"));
    };
    let first = CredentialCache::first(source, &resolved.credentials, settings.retry_policy);
    let last = assume(&sts, settings, first).await;
    let builder = config.into_builder().credentials_provider(last.shared());
    // The SDK would cache them a second time, by its own rules.
    Ok((builder.identity_cache(IdentityCache::no_cache()).build(), resolved, last))
}

/// Loads everything but the credentials, whose source is chosen here.
pub(super) fn loader(settings: &AwsConfig, resolved: &Resolved) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retry_config(settings.retry_policy))
        .timeout_config(timeout_config(settings.retry_policy))
        .no_credentials()
        .profile_files(shared_files::profile_files())
        // The SDK does not know AWS_DEFAULT_PROFILE.
        .profile_name(resolved.sdk_profile());
    if let Some(fips) = resolved.fips {
        loader = loader.use_fips(fips);
    }
    if let Some(dual_stack) = resolved.dual_stack {
        loader = loader.use_dual_stack(dual_stack);
    }
    loader
}

/// The credentials of the last role. Each role is assumed with the one before.
async fn assume(sts: &SdkConfig, settings: &AwsConfig, first: Arc<CredentialCache>) -> Arc<CredentialCache> {
    let mut credentials = first;
    for role in &settings.roles {
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .session_name(&role.session_name)
            .session_length(role.duration)
            .configure(sts);
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        let assumed = builder.build_from_provider(credentials.shared()).await;
        credentials = CredentialCache::by(credentials, assumed);
    }
    credentials
}

/// The settings of the clients of one service, with its endpoint.
fn service_config(
    config: &SdkConfig,
    settings: &AwsConfig,
    resolved: &Resolved,
    service: ServiceName,
) -> Result<SdkConfig> {
    let endpoint = resolved.endpoint(config, settings, service)?;
    let mut builder = config.to_builder();
    // Otherwise the client looks for an endpoint by itself, in variables that may be empty.
    builder.insert_origin("endpoint_url", Origin::shared_config());
    builder.set_endpoint_url(endpoint.map(|endpoint| endpoint.value));
    Ok(builder.build())
}

/// `impl Service` for one SDK crate: the types have the same shape under different names.
macro_rules! service {
    ($name:ident, $sdk:ident, $id:literal, $endpoint:literal, $arn:ident) => {
        #[derive(Debug)]
        pub(crate) struct $name;

        impl crate::aws_session::session::Service for $name {
            const NAME: crate::aws_session::resolve::ServiceName =
                crate::aws_session::resolve::ServiceName { id: $id, variable: $endpoint };
            const ARN: &'static crate::aws_session::arn::ArnService = &crate::aws_session::arn::$arn;
            type Client = $sdk::Client;
            type Overrides = $sdk::config::Builder;

            fn client(config: &aws_types::SdkConfig) -> Self::Client {
                let builder = $sdk::config::Builder::from(config)
                    .retry_classifier(crate::aws_session::retries::RetryTooManyRequests);
                $sdk::Client::from_conf(builder.build())
            }

            fn overrides(
                retry: Option<aws_smithy_types::retry::RetryConfig>,
                timeout: Option<aws_smithy_types::timeout::TimeoutConfig>,
            ) -> Self::Overrides {
                let mut overrides = $sdk::config::Builder::default();
                overrides.set_retry_config(retry).set_timeout_config(timeout);
                overrides
            }
        }
    };
}
pub(crate) use service;
