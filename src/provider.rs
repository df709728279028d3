//! The trait `Provider`, which every backend and every wrapper implements, and its result types.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;

use crate::{
    capabilities::Capabilities,
    error::{Error, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    secret::{Secret, SecretValue, freshness::Provenance},
    watch::Watch,
};

/// A secrets backend.
///
/// The conformance suite (feature `unstable-conformance`) tests an implementation of this contract:
///
/// - A path is a name whose levels are separated by `/`. It is passed to the backend unchanged.
/// - An error has the [`ErrorKind`](crate::ErrorKind) that fits. The [`Client`](crate::Client) adds
///   the provider and path to it. Its message and causes contain no value.
/// - Options that the provider would ignore are refused before the call, by its
///   [`capabilities`](Self::capabilities). The [`Client`](crate::Client) does that.
/// - A provider caches no values; [`Cached`](crate::Cached) does.
/// - Callers share a provider and call it at the same time. A future that is dropped before it is
///   ready leaves nothing half written.
///
/// An `Arc` of a provider is a provider too, so callers can share one as `Arc<dyn Provider>`. A
/// wrapper forwards every method, also those with a default:
/// `#[deny(clippy::missing_trait_methods)]` on its implementation checks that.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// What this provider can do. Every call returns the same.
    fn capabilities(&self) -> Capabilities;

    /// Reads the secret with exactly this name.
    ///
    /// # Errors
    /// `NotFound` if the name or the version does not exist, or is deleted.
    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret>;

    /// Reads the secrets with these names, in as few calls as the backend allows. There is one
    /// result for each path, in their order. If one fails, the others don't.
    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>>;

    /// Reads all secrets below `path`, by their full names. Levels end at `/`: `prod/database` is
    /// not below `prod/data`. The root is `/` or an empty path. If nothing is below the path, the
    /// listing is empty.
    ///
    /// # Errors
    /// The first failure, unless [`fail_on_error`](ListOptions::fail_on_error) is off.
    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing>;

    /// Reads the version of the secret that [`get`](Self::get) would return; `None` if the backend
    /// has no versions.
    ///
    /// By default the secret is read. A provider that can do without sets
    /// [`version_probe`](Capabilities::version_probe).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        Ok(self.get(path, options).await?.version().map(str::to_owned))
    }

    /// Checks whether `path` is the name of a secret, or a level above one. Values are read only if
    /// the backend has no other way.
    ///
    /// # Errors
    /// As [`get`](Self::get), except `NotFound`.
    async fn path_exists(&self, path: &str) -> Result<bool>;

    /// Gives an existing secret, or one key of it, a new value. Everything else about the secret
    /// stays as it is.
    ///
    /// With a keypath or [`if_version`](UpdateOptions::if_version), a change by another writer in
    /// the meantime is a `Conflict`. The page of each provider says how certainly it is noticed.
    ///
    /// # Errors
    /// `NotFound` if there is no such secret: an update never creates one. `KeyNotFound` if a step
    /// before the last one of the keypath leads nowhere. `Corrupt` for a key of a value that begins
    /// like a JSON object or array and is not JSON.
    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated>;

    /// Asks the backend for the identity that it sees; `None` for a provider without one, such as a
    /// file.
    ///
    /// # Errors
    /// `Unauthenticated` if the backend does not accept the credentials.
    async fn identity(&self) -> Result<Option<Identity>> {
        Ok(None)
    }

    /// Reports the versions of one secret as they change, and never its values. `None` if the
    /// provider can't ([`Capabilities::watch`]). A secret that does not exist yet can be watched.
    ///
    /// # Errors
    /// As [`get`](Self::get), except `NotFound`.
    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        let _ = path;
        Ok(None)
    }
}

/// Forwards every call to the shared provider.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> Provider for Arc<P> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        (**self).get(path, options).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        (**self).get_many(paths, options).await
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        (**self).get_by_path(path, options).await
    }

    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        (**self).version(path, options).await
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        (**self).path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        (**self).update(path, value, options).await
    }

    async fn identity(&self) -> Result<Option<Identity>> {
        (**self).identity().await
    }

    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        (**self).watch(path).await
    }
}

/// The secrets below a path, sorted by full name. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Listing(Arc<Entries>);

#[derive(Clone, Debug, Default)]
struct Entries {
    secrets: BTreeMap<String, Secret>,
    failures: BTreeMap<String, Error>,
    /// What the cache that returned this recorded about it.
    provenance: Option<Provenance>,
}

/// The result of an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The backend's own name for the secret, which may differ from the path of the request.
    pub name: Option<String>,
    /// The version that the update created; `None` if the backend has no versions.
    pub version: Option<String>,
}

/// The identity that a backend sees: names, never a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name of the identity: an ARN, or the display name of a token.
    pub name: String,
    /// Further facts, by name, such as `policies`.
    pub details: Vec<(&'static str, String)>,
    /// How long the credential is still valid; `None` if it does not expire, or that is unknown.
    pub expires_in: Option<Duration>,
    /// The backend's clock when it responded, to the second; `None` if it is unknown.
    pub server_time: Option<SystemTime>,
}

impl Listing {
    /// A listing of the secrets that could be read, and of the errors of the others.
    pub fn new(secrets: BTreeMap<String, Secret>, failures: BTreeMap<String, Error>) -> Self {
        Self(Arc::new(Entries { secrets, failures, provenance: None }))
    }

    /// The secret with this full name; `None` if it is not listed or could not be read.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.secrets.get(name)
    }

    /// The full names and secrets that could be read, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Secret)> {
        self.0.secrets.iter().map(|(name, secret)| (name.as_str(), secret))
    }

    /// The full names of the secrets that could be read, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.secrets.keys().map(String::as_str)
    }

    /// The full names that are listed but could not be read, with their errors. Always empty with
    /// [`fail_on_error`](ListOptions::fail_on_error).
    pub fn failures(&self) -> impl ExactSizeIterator<Item = (&str, &Error)> {
        self.0.failures.iter().map(|(name, error)| (name.as_str(), error))
    }

    /// How many secrets could be read.
    pub fn len(&self) -> usize {
        self.0.secrets.len()
    }

    /// Whether no secret could be read.
    pub fn is_empty(&self) -> bool {
        self.0.secrets.is_empty()
    }

    /// Returns this listing if it has no failures.
    ///
    /// # Errors
    /// The first failure.
    pub fn strict(self) -> Result<Self> {
        let failure = self.failures().next().map(|(_, error)| error.clone());
        failure.map_or(Ok(self), Err)
    }

    pub(crate) fn provenance(&self) -> Option<Provenance> {
        self.0.provenance
    }

    /// Sets what a cache recorded, for the listing and for each secret.
    pub(crate) fn with_provenance(self, provenance: Provenance) -> Self {
        let mut entries = Arc::unwrap_or_clone(self.0);
        entries.provenance = Some(provenance);
        entries.secrets =
            entries.secrets.into_iter().map(|(name, secret)| (name, secret.with_provenance(provenance))).collect();
        Self(Arc::new(entries))
    }

    /// Collects one result for each name.
    ///
    /// # Errors
    /// The first failure, if `fail_on_error` is set.
    pub fn collect(results: impl IntoIterator<Item = (String, Result<Secret>)>, fail_on_error: bool) -> Result<Self> {
        let mut entries = Entries::default();
        for (name, result) in results {
            match result {
                Ok(secret) => drop(entries.secrets.insert(name, secret)),
                Err(error) if fail_on_error => return Err(error),
                Err(error) => drop(entries.failures.insert(name, error)),
            }
        }
        Ok(Self(Arc::new(entries)))
    }
}

impl Updated {
    /// The update of the secret that the backend calls `name`.
    pub fn new(name: impl Into<String>, version: Option<String>) -> Self {
        Self { name: Some(name.into()), version }
    }
}

/// Whether `name` is below `path`. Everything is below the root.
pub(crate) fn is_below(name: &str, path: &str) -> bool {
    below(name, path).is_some()
}

/// Whether `name` is below `path` and, unless `recursive`, on the first level.
pub(crate) fn is_listed(name: &str, path: &str, recursive: bool) -> bool {
    below(name, path).is_some_and(|rest| recursive || !rest.contains('/'))
}

fn below<'a>(name: &'a str, path: &str) -> Option<&'a str> {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Some(name.trim_start_matches('/'));
    }
    name.strip_prefix(path)?.strip_prefix('/').filter(|rest| !rest.is_empty())
}

impl Identity {
    /// An identity with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a fact. Default: none.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// Sets how long the credential is still valid. Default: `None`, for unknown or no end.
    #[must_use]
    pub fn with_expires_in(self, expires_in: Option<Duration>) -> Self {
        Self { expires_in, ..self }
    }

    /// Sets the backend's clock. Default: `None`, for unknown.
    #[must_use]
    pub fn with_server_time(self, server_time: Option<SystemTime>) -> Self {
        Self { server_time, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A provider whose methods fail with their own names.
    #[derive(Debug)]
    struct Named;

    fn named<T>(method: &'static str) -> Result<T> {
        Err(Error::unsupported(method))
    }

    #[async_trait]
    #[deny(clippy::missing_trait_methods)]
    impl Provider for Named {
        fn capabilities(&self) -> Capabilities {
            Capabilities::new().with_batch(7)
        }

        async fn get(&self, _: &str, _: &GetOptions) -> Result<Secret> {
            named("get")
        }

        async fn get_many(&self, _: &[String], _: &GetOptions) -> Vec<Result<Secret>> {
            vec![named("get_many")]
        }

        async fn get_by_path(&self, _: &str, _: &ListOptions) -> Result<Listing> {
            named("get_by_path")
        }

        async fn version(&self, _: &str, _: &GetOptions) -> Result<Option<String>> {
            named("version")
        }

        async fn path_exists(&self, _: &str) -> Result<bool> {
            named("path_exists")
        }

        async fn update(&self, _: &str, _: &SecretValue, _: &UpdateOptions) -> Result<Updated> {
            named("update")
        }

        async fn identity(&self) -> Result<Option<Identity>> {
            named("identity")
        }

        async fn watch(&self, _: &str) -> Result<Option<Watch>> {
            named("watch")
        }
    }

    async fn messages(provider: impl Provider) -> Vec<String> {
        let message = |error: Option<Error>| error.expect("a failure").message().to_owned();
        vec![
            message(provider.get("a", &GetOptions::new()).await.err()),
            message(provider.get_many(&[], &GetOptions::new()).await.remove(0).err()),
            message(provider.get_by_path("a", &ListOptions::new()).await.err()),
            message(provider.version("a", &GetOptions::new()).await.err()),
            message(provider.path_exists("a").await.err()),
            message(provider.update("a", &"x".into(), &UpdateOptions::new()).await.err()),
            message(provider.identity().await.err()),
            message(provider.watch("a").await.err()),
        ]
    }

    #[tokio::test]
    async fn a_shared_provider_forwards_every_method() {
        let shared: Arc<dyn Provider> = Arc::new(Named);
        assert_eq!(Provider::capabilities(&shared).batch, 7);
        assert_eq!(messages(shared).await, messages(Named).await);
        assert_eq!(messages(Arc::new(Arc::new(Named))).await, messages(Named).await);
    }

    #[test]
    fn a_level_ends_at_a_slash() {
        assert!(is_below("prod/data/x", "prod/data"));
        assert!(is_below("prod/data/x", "prod/data/"));
        assert!(!is_below("prod/database", "prod/data"));
        assert!(!is_below("prod/data", "prod/data"));
        assert!(is_below("/prod/x", "/") && is_below("prod/x", ""));
        assert!(is_listed("/a/b", "/a", false) && !is_listed("/a/b/c", "/a", false));
        assert!(is_listed("/a", "/", false) && !is_listed("/a/b", "/", false));
    }
}
