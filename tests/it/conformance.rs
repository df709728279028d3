//! The contract of `Provider`, held by every provider, bare and behind the cache.

use std::sync::Arc;

use async_trait::async_trait;
use s1crets::{
    CachePolicy, Cached, Provider, SecretValue,
    conformance::{Fixture, run},
    providers::memory::Memory,
};
use s1crets_testbed::{AwsSeed, unique};

use crate::support::{Aws, shared};

/// Plants in a provider's store by another way than the provider's own.
type Plant = Box<dyn Fn(&str, &SecretValue) + Send + Sync>;

struct Planted {
    provider: Arc<dyn Provider>,
    root: String,
    plant: Plant,
}

#[async_trait]
impl Fixture for Planted {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn root(&self) -> String {
        self.root.clone()
    }

    async fn plant(&self, name: &str, value: &SecretValue) {
        (self.plant)(name, value);
    }
}

fn in_memory(memory: &Memory, provider: Arc<dyn Provider>) -> Planted {
    let memory = memory.clone();
    let plant: Plant = Box::new(move |name, value| memory.set(name, value.clone()));
    Planted { provider, root: "conformance".into(), plant }
}

fn parameters(seed: &AwsSeed, provider: Arc<dyn Provider>) -> Planted {
    let seed = seed.clone();
    let plant: Plant = Box::new(move |name, value| {
        seed.put_parameter(name, value.expose_text().expect("parameters are text"), "SecureString");
    });
    Planted { provider, root: unique("/conformance/"), plant }
}

fn secrets(seed: &AwsSeed, provider: Arc<dyn Provider>) -> Planted {
    let seed = seed.clone();
    let plant: Plant = Box::new(move |name, value| match value.expose_text() {
        Some(text) => drop(seed.create_secret(name, text)),
        None => drop(seed.create_secret_binary(name, value.expose_bytes())),
    });
    Planted { provider, root: unique("conformance/"), plant }
}

fn cached(provider: impl Provider) -> Arc<dyn Provider> {
    Arc::new(Cached::new(Arc::new(provider), CachePolicy::default()))
}

#[tokio::test]
async fn memory_bare() {
    let memory = Memory::new();
    run(&in_memory(&memory, shared(memory.clone()))).await;
}

#[tokio::test]
async fn memory_cached() {
    let memory = Memory::new();
    run(&in_memory(&memory, cached(memory.clone()))).await;
}

#[tokio::test]
async fn parameter_store_bare() {
    let aws = Aws::start().await;
    run(&parameters(&aws.seed, shared(aws.parameter_store().await))).await;
}

#[tokio::test]
async fn parameter_store_cached() {
    let aws = Aws::start().await;
    run(&parameters(&aws.seed, cached(aws.parameter_store().await))).await;
}

#[tokio::test]
async fn secrets_manager_bare() {
    let aws = Aws::start().await;
    run(&secrets(&aws.seed, shared(aws.secrets_manager().await))).await;
}

#[tokio::test]
async fn secrets_manager_cached() {
    let aws = Aws::start().await;
    run(&secrets(&aws.seed, cached(aws.secrets_manager().await))).await;
}
