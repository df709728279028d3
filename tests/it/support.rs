//! Providers on moto through a fault proxy, and small assertions.

use std::{
    fmt::Debug,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use s1crets::{
    CachePolicy, Client, Error, ErrorKind, Provider, Reference, Result, Secret,
    providers::aws::{AwsConfig, Credentials, ParameterStore, SecretsManager},
};
use s1crets_testbed::{AwsSeed, Fault, FaultProxy, Moto, Request};

/// The region of tests that don't care for one. Those that make calls fail by the dozen take another:
/// the SDK's budget for retries is shared by all clients of a region.
pub(crate) const REGION: &str = "us-east-1";

/// moto's default account.
pub(crate) const ACCOUNT: &str = "123456789012";

/// One test's way to moto.
pub(crate) struct Aws {
    pub(crate) proxy: FaultProxy,
    pub(crate) seed: AwsSeed,
    region: String,
}

impl Aws {
    pub(crate) async fn start() -> Self {
        Self::start_in(REGION).await
    }

    /// In a region whose stores, and whose budget for retries, are the test's own.
    pub(crate) async fn start_in(region: &str) -> Self {
        let moto = Moto::shared().endpoint();
        Self { proxy: FaultProxy::start(moto).await, seed: AwsSeed::new(moto, region), region: region.to_owned() }
    }

    /// Settings that leave nothing to the environment.
    pub(crate) fn config(&self) -> AwsConfig {
        AwsConfig::default()
            .with_region(&self.region)
            .with_endpoint_url(self.proxy.endpoint())
            .with_credentials(credentials())
    }

    pub(crate) async fn parameter_store(&self) -> ParameterStore {
        ParameterStore::open(self.config()).await.unwrap()
    }

    pub(crate) async fn secrets_manager(&self) -> SecretsManager {
        SecretsManager::open(self.config()).await.unwrap()
    }

    /// A client with both stores under their names.
    pub(crate) async fn client(&self) -> Client {
        self.client_by(self.config()).await
    }

    pub(crate) async fn client_by(&self, config: AwsConfig) -> Client {
        self.client_with(config, CachePolicy::default()).await
    }

    /// One that makes a call for each name that is read, whatever else is read at that moment.
    pub(crate) async fn ungathered(&self, config: AwsConfig) -> Client {
        self.client_with(config, CachePolicy::default().with_batch_window(Duration::ZERO)).await
    }

    async fn client_with(&self, config: AwsConfig, policy: CachePolicy) -> Client {
        Client::builder()
            .with_cache(policy)
            .with_provider("aws.ps", ParameterStore::open(config.clone()).await.unwrap())
            .with_provider("aws.sm", SecretsManager::open(config).await.unwrap())
            .build()
            .unwrap()
    }

    /// Makes a secret of this text in the store of that name.
    pub(crate) fn plant(&self, store: &str, name: &str, text: &str) {
        match store {
            "aws.ps" => drop(self.seed.put_parameter(name, text, "SecureString")),
            _ => drop(self.seed.create_secret(name, text)),
        }
    }

    /// Gives it another text.
    pub(crate) fn plant_again(&self, store: &str, name: &str, text: &str) {
        match store {
            "aws.ps" => drop(self.seed.put_parameter(name, text, "SecureString")),
            _ => drop(self.seed.put_secret(name, text)),
        }
    }

    /// Lets something happen right before the first call of an operation gets to moto.
    pub(crate) fn on_first<T>(&self, operation: &'static str, act: impl FnOnce() -> T + Send + 'static) {
        let act = Mutex::new(Some(act));
        let meet = move |request: &Request| {
            if request.operation() == operation
                && let Some(act) = act.lock().unwrap().take()
            {
                act();
            }
            false
        };
        self.proxy.fault_if(meet, Fault::Pass).always();
    }
}

/// Any pair of keys: moto's access control is off.
pub(crate) fn credentials() -> Credentials {
    Credentials::new("test", "test", None, None, "tests")
}

/// Both stores, with the operation that reads one secret and a prefix for names.
pub(crate) const STORES: [(&str, &str, &str); 2] =
    [("aws.ps", "GetParameter", "/it/"), ("aws.sm", "GetSecretValue", "it/")];

pub(crate) fn attempts(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// The error of a call that should have failed, with its kind.
#[track_caller]
pub(crate) fn fails<T: Debug>(result: Result<T>, kind: ErrorKind) -> Error {
    let error = result.expect_err("it should have failed");
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

/// The text of a secret that should be there.
#[track_caller]
pub(crate) fn text(result: Result<Secret>) -> String {
    result.unwrap().expose_str().unwrap().to_owned()
}

/// Several secrets of one provider, read together.
pub(crate) async fn get_together(client: &Client, provider: &str, paths: &[String]) -> Vec<Result<Secret>> {
    let references: Vec<_> = paths.iter().map(|path| Reference::new(provider, path).unwrap()).collect();
    client.get_refs(&references).await
}

/// The credentials and the region that a request was signed for.
pub(crate) fn signed_by(request: &Request) -> (String, String) {
    let header = request.header("authorization").unwrap();
    let scope = header.split_once("Credential=").unwrap().1.split(',').next().unwrap();
    let parts: Vec<_> = scope.split('/').collect();
    (parts[0].to_owned(), parts[2].to_owned())
}

/// What a test may take at most; one that hangs says so instead.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    let bounded = tokio::time::timeout(Duration::from_secs(30), future);
    bounded.await.expect("the test hangs")
}

pub(crate) fn shared(provider: impl Provider) -> Arc<dyn Provider> {
    Arc::new(provider)
}
