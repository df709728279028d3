//! The contract of [`Provider`] as a test suite for its implementations.
//!
//! This module is unstable: any release may add and change cases. The test of a provider implements
//! [`Fixture`] and calls [`run`]. The suite picks its cases by the provider's
//! [`Capabilities`], and reads secrets that the fixture creates. So read-only providers are tested
//! too.

mod maps;
mod reads;
mod updates;
mod versions;

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    capabilities::Capabilities,
    error::{ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Provider, Updated},
    secret::{Secret, SecretValue},
};

/// A provider under test, and a way to create secrets without it.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The provider under test.
    fn provider(&self) -> Arc<dyn Provider>;

    /// A path that only this run uses: there is no secret with this name or below it.
    fn root(&self) -> String;

    /// Creates a secret in another way than through the provider. Each name is new. The value is
    /// bytes or a map only if the provider has the capability.
    async fn plant(&self, name: &str, value: &SecretValue);

    /// Whether the backend parses JSON values and writes them anew, so that the order of keys and
    /// the form of numbers may change. Default: `false`, which means it stores their text.
    fn normalizes_json(&self) -> bool {
        false
    }
}

/// Runs every case that the provider has the capabilities for.
///
/// # Panics
/// If the provider violates the contract.
pub async fn run(fixture: &dyn Fixture) {
    let suite = Suite { provider: fixture.provider(), fixture, root: fixture.root() };
    suite.missing_secrets_are_not_found().await;
    suite.values_are_exact().await;
    suite.binary_values_are_exact().await;
    suite.maps_are_exact().await;
    suite.unusual_names_work().await;
    suite.get_many_has_one_result_for_each_name().await;
    suite.listings_go_by_whole_levels().await;
    suite.long_listings_are_complete().await;
    suite.names_and_levels_exist().await;
    suite.old_versions_can_be_read().await;
    suite.version_matches_get().await;
    suite.unsupported_options_are_refused();
    suite.updates_change_one_value().await;
    suite.updates_never_create().await;
    suite.updates_of_a_key_keep_the_rest().await;
    suite.updates_of_a_map_keep_the_rest().await;
    suite.updates_of_another_version_conflict().await;
    suite.every_watch_reports_changes().await;
    suite.errors_and_debug_contain_no_value().await;
    suite.maps_are_redacted().await;
}

struct Suite<'a> {
    provider: Arc<dyn Provider>,
    fixture: &'a dyn Fixture,
    root: String,
}

impl Suite<'_> {
    fn can(&self) -> Capabilities {
        self.provider.capabilities()
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.root)
    }

    async fn plant(&self, rest: &str, value: impl Into<SecretValue>) -> String {
        let name = self.name(rest);
        self.fixture.plant(&name, &value.into()).await;
        name
    }

    async fn get(&self, name: &str) -> Result<Secret> {
        self.provider.get(name, &GetOptions::default()).await
    }

    /// Reads past caches, which may be slow to see a change by another writer.
    async fn fresh(&self, name: &str) -> Secret {
        let options = GetOptions { cached: false, ..GetOptions::default() };
        self.provider.get(name, &options).await.expect("an existing secret")
    }

    async fn list(&self, path: &str, options: ListOptions) -> Vec<String> {
        let listing = self.provider.get_by_path(path, &options).await.expect("a listing");
        listing.names().map(str::to_owned).collect()
    }

    /// The client makes the check; this tests that it agrees with the capabilities.
    fn unsupported_options_are_refused(&self) {
        let can = self.can();
        for (version, known) in [
            (Version::Number(1), can.version_numbers),
            (Version::Label("x".into()), can.version_labels),
            (Version::Id("x".into()), can.version_ids),
            (Version::Stage("x".into()), can.version_stages),
        ] {
            let checked = GetOptions::default().with_version(version).check(can);
            assert_eq!(checked.err().map(|error| error.kind()), (!known).then_some(ErrorKind::Unsupported));
        }
        assert_eq!(UpdateOptions::default().check(can).is_ok(), can.update);
        assert!(can.batch >= 1, "a provider reads at least one name a call");
    }

    async fn update(&self, name: &str, value: impl Into<SecretValue>, options: UpdateOptions) -> Result<Updated> {
        self.provider.update(name, &value.into(), &options).await
    }
}
