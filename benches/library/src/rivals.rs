//! The clients to compare, and the server that they read from.

use std::{num::NonZeroUsize, time::Duration};

use aws_sdk_secretsmanager::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_secretsmanager_caching::SecretsManagerCachingClient;
use s1crets::{
    CachePolicy, Client,
    providers::aws::{AwsConfig, Credentials as Keys, ParameterStore, SecretsManager},
};
use s1crets_testbed::{AwsSeed, FaultProxy, Moto};
use tokio::runtime::Runtime;

const REGION: &str = "us-east-1";

/// A secret of about 200 bytes, a common size.
pub const VALUE: &str = r#"{"engine":"postgres","host":"db.internal.example.com","port":5432,"dbname":"billing","username":"billing_app","password":"correct-horse-battery-staple-0123456789","replicas":[{"name":"a"},{"name":"b"}]}"#;

/// A moto server behind a proxy that counts requests.
pub struct Aws {
    pub proxy: FaultProxy,
    pub seed: AwsSeed,
}

impl Aws {
    pub async fn start() -> Self {
        let moto = Moto::shared().endpoint();
        Self { proxy: FaultProxy::start(moto).await, seed: AwsSeed::new(moto, REGION) }
    }

    /// A client of s1crets for both stores, through the proxy.
    pub async fn client(&self, policy: CachePolicy) -> Client {
        self.client_at(self.proxy.endpoint(), policy).await
    }

    /// A client of s1crets without the proxy, which costs time.
    pub async fn direct_client(&self) -> Client {
        self.client_at(Moto::shared().endpoint(), CachePolicy::default()).await
    }

    async fn client_at(&self, endpoint: &str, policy: CachePolicy) -> Client {
        let config = AwsConfig::default().with_region(REGION).with_endpoint_url(endpoint);
        let config = config.with_credentials(Keys::new("test", "test", None, None, "bench"));
        Client::builder()
            .with_provider("aws.sm", SecretsManager::open(config.clone()).await.expect("settings"))
            .with_provider("aws.ps", ParameterStore::open(config).await.expect("settings"))
            .with_cache(policy)
            .build()
            .expect("a client")
    }

    /// A client of the AWS SDK.
    pub fn sdk(&self, endpoint: &str) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::from_conf(self.settings(endpoint).build())
    }

    /// AWS's caching client, set to serve expired values during an outage.
    pub async fn caching(&self, ttl: Duration) -> SecretsManagerCachingClient {
        let size = NonZeroUsize::new(10_000).expect("not zero");
        let settings = self.settings(self.proxy.endpoint());
        SecretsManagerCachingClient::from_builder(settings, size, ttl, true).await.expect("a client")
    }

    fn settings(&self, endpoint: &str) -> Builder {
        Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("test", "test", None, None, "bench"))
    }
}

/// A runtime with two threads, like the machine of `docs/performance.md`.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
