//! A client of one AWS service with its credentials: made once, renewed when they are refused.

use std::{future::Future, num::NonZeroU32, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use aws_config::{
    BehaviorVersion, ConfigLoader, SdkConfig,
    imds::{self, region::ImdsRegionProvider},
    provider_config::ProviderConfig,
    sts::AssumeRoleProvider,
};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    result::SdkError,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::{
    error::metadata::ProvideErrorMetadata,
    retry::{ErrorKind as RetryKind, RetryConfig},
    timeout::TimeoutConfig,
};
use aws_types::origin::Origin;
use tokio::sync::Mutex;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

use super::{
    config::AwsConfig,
    credentials::Kept,
    error::{self, Patience},
    http, identity,
    resolve::{self, Resolved, ServiceName},
};
use crate::{
    config::{Connection, Section},
    error::{Error, ErrorKind, Result},
    options::Effort,
    provider::Identity,
};

/// How long instance metadata may take to tell the region: it is one hop away, or not there.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);

/// What differs between the services: the SDK makes a new set of types for each.
pub(crate) trait Service: Send + Sync + 'static {
    const NAME: ServiceName;
    type Client: Clone + Send + Sync;
    type Overrides;

    fn client(config: &SdkConfig, endpoint_url: Option<&str>) -> Self::Client;
    fn overrides(retry: Option<RetryConfig>, timeout: Option<TimeoutConfig>) -> Self::Overrides;
}

/// A service's client, shared by all callers, with one set of credentials at a time.
pub(crate) struct Session<S: Service> {
    settings: AwsConfig,
    live: ArcSwap<Live<S>>,
    renewal: Mutex<()>,
}

struct Live<S: Service> {
    client: S::Client,
    /// What a client of STS is made of, for those who ask who we are.
    sts: SdkConfig,
    credentials: Arc<Kept>,
}

impl<S: Service> Session<S> {
    /// Finds region and credentials. No call is made to the service.
    pub(crate) async fn open(settings: AwsConfig) -> Result<Self> {
        let live = ArcSwap::from_pointee(Live::<S>::open(&settings).await?);
        Ok(Self { settings, live, renewal: Mutex::new(()) })
    }

    /// Where a session with these settings would ask, and as whom. Nobody is called.
    pub(crate) async fn explain(settings: &AwsConfig, section: &Section) -> Result<Connection> {
        Box::pin(silently(resolve::explain(settings, section, S::NAME))).await
    }

    /// Makes one call. If AWS says that the credentials have expired, they are renewed, once for all
    /// callers, and the call is made once more: the SDK renews by the clock, and doesn't do this.
    pub(crate) async fn call<T, E, F, Fut>(&self, effort: Effort, operation: F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Fn(S::Client, S::Overrides) -> Fut,
        Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let live = self.live.load_full();
        let patience = self.patience(effort);
        let mut outcome = live.call(effort, &operation).await;
        let expired = match &outcome {
            Ok(answer) => answer.as_ref().is_err_and(error::is_expired),
            // STS said so, of those that the role is assumed by.
            Err(error) => error::code(error).is_some_and(error::is_expired_code),
        };
        if expired {
            outcome = self.renewed(&live).await?.call(effort, &operation).await;
        }
        outcome?.map_err(|error| error::from_sdk(error, patience))
    }

    /// Who AWS takes us for.
    pub(crate) async fn identity(&self) -> Result<Identity> {
        let live = self.live.load_full();
        live.credentials.current().await?;
        identity::ask(&live.sts, self.patience(Effort::default())).await
    }

    /// The session's state after `refused`: renewed here, or by whoever came first.
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

    fn patience(&self, effort: Effort) -> Patience {
        Patience {
            attempts: effort.retry.unwrap_or(self.settings.retry),
            timeout: effort.timeout.unwrap_or(self.settings.timeout),
        }
    }
}

impl<S: Service> std::fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<S: Service> Live<S> {
    async fn open(settings: &AwsConfig) -> Result<Self> {
        // The SDK's loading is a large future, which no caller should have to carry.
        let (config, credentials) = Box::pin(silently(load(settings))).await?;
        let endpoint = resolve::endpoint(&config, settings, S::NAME).map(|endpoint| endpoint.url);
        Ok(Self { client: S::client(&config, endpoint.as_deref()), sts: sts_config(&config, settings), credentials })
    }

    /// Makes one call, with credentials that are there before its first attempt begins.
    async fn call<T, Fut>(&self, effort: Effort, operation: impl Fn(S::Client, S::Overrides) -> Fut) -> Result<T>
    where
        Fut: Future<Output = T>,
    {
        self.credentials.current().await?;
        Ok(silently(operation(self.client.clone(), overrides::<S>(effort))).await)
    }
}

/// The SDK's trace level prints whole answers, in which AWS may quote a new value, and requests too if the environment
/// says so: its own log is turned off.
pub(super) fn silently<F: Future>(future: F) -> impl Future<Output = F::Output> {
    future.with_subscriber(NoSubscriber::default())
}

fn overrides<S: Service>(effort: Effort) -> S::Overrides {
    S::overrides(effort.retry.map(retry_config), effort.timeout.map(timeout_config))
}

async fn load(settings: &AwsConfig) -> Result<(SdkConfig, Arc<Kept>)> {
    // Found before the rest is loaded, which would look for it once more, and for longer.
    let (http, resolved) = (http::client(), Resolved::of(settings).await?);
    let region = match resolved.region() {
        Some(region) => Some(region),
        None => ImdsRegionProvider::builder().imds_client(metadata_client(http.clone())).build().region().await,
    };
    let Some(region) = region else {
        return Err(Error::config(
            "no AWS region: none in the settings, the environment, the profile or instance metadata",
        )
        .with_hint("set AWS_REGION, or `region` in s1crets.toml, or --region"));
    };
    let config = loader(settings).http_client(http).region(region).load().await;
    let given = settings.credentials.clone().map(SharedCredentialsProvider::new);
    let source = match given {
        Some(given) => Some(given),
        None => resolved.credentials.provider(&config).await,
    };
    let Some(source) = source else {
        return Err(Error::new(ErrorKind::Unexpected, "the AWS SDK has no source of credentials"));
    };
    let first = Kept::first(source, Patience { attempts: settings.retry, timeout: settings.timeout });
    let last = assume(&config, settings, first).await;
    let builder = config.into_builder().credentials_provider(last.shared());
    // The SDK would keep them a second time, and by its own rules.
    Ok((builder.identity_cache(IdentityCache::no_cache()).build(), last))
}

/// Loads all but the credentials, whose source is chosen by us.
pub(super) fn loader(settings: &AwsConfig) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retry_config(settings.retry))
        .timeout_config(timeout_config(settings.timeout))
        .no_credentials()
        .profile_files(crate::aws_credentials::shared_files::profile_files());
    match &settings.profile {
        Some(profile) => loader.profile_name(profile),
        None => loader,
    }
}

fn metadata_client(http: SharedHttpClient) -> imds::Client {
    imds::Client::builder()
        .configure(&ProviderConfig::default().with_http_client(http))
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .operation_timeout(METADATA_TIMEOUT)
        .build()
}

/// The credentials of the last of the roles, each assumed by the one before.
async fn assume(config: &SdkConfig, settings: &AwsConfig, first: Arc<Kept>) -> Arc<Kept> {
    let sts = sts_config(config, settings);
    let mut credentials = first;
    for role in &settings.roles {
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .session_name(&role.session_name)
            .session_length(role.duration)
            .configure(&sts);
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        let assumed = builder.build_from_provider(credentials.shared()).await;
        credentials = Kept::by(credentials, assumed);
    }
    credentials
}

fn sts_config(config: &SdkConfig, settings: &AwsConfig) -> SdkConfig {
    let mut builder = config.clone().into_builder();
    if let Some(endpoint) = resolve::endpoint(config, settings, resolve::STS) {
        // Else the client would look for it once more, and take AWS_ENDPOINT_URL_STS for it.
        builder.insert_origin("endpoint_url", Origin::shared_config());
        builder.set_endpoint_url(Some(endpoint.url));
    }
    builder.build()
}

fn retry_config(attempts: NonZeroU32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(attempts.get())
}

fn timeout_config(timeout: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(timeout)
        .read_timeout(timeout)
        // An answer that drips in byte by byte would keep the read timeout from ever firing.
        .operation_attempt_timeout(timeout.saturating_mul(2))
        .build()
}

/// A bare HTTP 429, as load balancers send it: the SDK knows throttling by AWS's codes only.
#[derive(Debug)]
pub(crate) struct RetryTooManyRequests;

impl ClassifyRetry for RetryTooManyRequests {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response().map(|response| response.status().as_u16()) {
            Some(429) => RetryAction::retryable_error(RetryKind::ThrottlingError),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "HTTP 429"
    }
}

/// `impl Service` for one SDK crate: the types have the same shape under different names.
macro_rules! service {
    ($name:ident, $sdk:ident, $id:literal, $endpoint:literal) => {
        #[derive(Debug)]
        pub(crate) struct $name;

        impl crate::providers::aws::session::Service for $name {
            const NAME: crate::providers::aws::resolve::ServiceName =
                crate::providers::aws::resolve::ServiceName { id: $id, variable: $endpoint };
            type Client = $sdk::Client;
            type Overrides = $sdk::config::Builder;

            fn client(config: &aws_types::SdkConfig, endpoint_url: Option<&str>) -> Self::Client {
                let builder = $sdk::config::Builder::from(config)
                    .retry_classifier(crate::providers::aws::session::RetryTooManyRequests);
                $sdk::Client::from_conf(match endpoint_url {
                    Some(url) => builder.endpoint_url(url).build(),
                    None => builder.build(),
                })
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
