//! The contract that every provider and every wrapper keeps.

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

/// Somebody who keeps secrets.
///
/// The conformance suite (feature `unstable-conformance`) holds every implementation to this:
///
/// - A path is a name, with `/` between its levels. It is passed to the backend as it is.
/// - An error says of which [`ErrorKind`](crate::ErrorKind) it is; which provider and path it was
///   about is added by the [`Client`](crate::Client). Neither its message nor its causes hold a value.
/// - Options that the provider would ignore are refused before the call, by its
///   [`capabilities`](Self::capabilities). The [`Client`](crate::Client) does that.
/// - A provider keeps no cache of values; [`Cached`](crate::Cached) does. It is shared by all callers,
///   and a future that is dropped half-way leaves nothing half written.
#[async_trait]
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// What this provider can do. The same at every call.
    fn capabilities(&self) -> Capabilities;

    /// The secret of exactly this name.
    ///
    /// # Errors
    /// `NotFound` if there is no such name or version, or it is deleted.
    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret>;

    /// The secrets of these names, in as few calls as the backend allows: one answer for each, in
    /// the order asked. A refused one does not fail the others.
    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>>;

    /// The secrets below `path`, by full name. Levels end at `/`: `prod/data` does not hold
    /// `prod/database`. `/` is the root, as is an empty path. A path without secrets gives an empty listing.
    ///
    /// # Errors
    /// The first failure, unless [`fail_on_error`](ListOptions::fail_on_error) is off.
    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing>;

    /// The version that [`get`](Self::get) would give with its secret; nothing where the backend has no versions.
    ///
    /// By default the secret is read. Where the backend can say it without, this does, and
    /// [`version_probe`](Capabilities::version_probe) is set.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        Ok(self.get(path, options).await?.version().map(str::to_owned))
    }

    /// Whether `path` is the exact name of a secret or a level above one. Values are not read
    /// where the backend allows to do without.
    async fn path_exists(&self, path: &str) -> Result<bool>;

    /// Gives an existing secret a new value, or one key of it. Everything else about the secret
    /// stays. With a keypath or [`if_version`](UpdateOptions::if_version), a secret that somebody
    /// else changed in the meantime is a `Conflict`; each provider's documentation says how firmly
    /// its backend lets that be promised.
    ///
    /// # Errors
    /// `NotFound` if there is no such secret: updates never create. `KeyNotFound` if the level above
    /// the keypath's last step is not there.
    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated>;

    /// Who the backend takes us for, asked anew; nothing where there is nobody to be, as with a file. A wrapper passes
    /// this on.
    ///
    /// # Errors
    /// `Unauthenticated` if the backend knows nobody by our credentials.
    async fn identity(&self) -> Result<Option<Identity>> {
        Ok(None)
    }

    /// Reports the versions of one secret as they change, never its values. `None` if the provider
    /// can't tell ([`Capabilities::watch`]). A secret that does not exist yet can be watched. A
    /// wrapper passes this on.
    ///
    /// # Errors
    /// As [`get`](Self::get), but for `NotFound`.
    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        let _ = path;
        Ok(None)
    }
}

/// The secrets below a path, by full name in order. Cloning shares them.
#[derive(Clone, Debug, Default)]
pub struct Listing(Arc<Entries>);

#[derive(Clone, Debug, Default)]
struct Entries {
    secrets: BTreeMap<String, Secret>,
    failures: BTreeMap<String, Error>,
    /// What the cache that gave this noted on it.
    provenance: Option<Provenance>,
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Updated {
    /// The backend's own name for the secret, which may be another than the one asked for.
    pub name: Option<String>,
    /// The version that the update made, where the backend has versions.
    pub version: Option<String>,
}

/// Who a provider takes us for: names, never a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name that the backend has for us: an ARN, or the display name of a token.
    pub name: String,
    /// What else it tells, by name, such as `policies`.
    pub details: Vec<(&'static str, String)>,
    /// When the credential ends; nothing if it does not, or nobody says.
    pub expires_in: Option<Duration>,
    /// The backend's clock when it answered, to the second, where it tells.
    pub server_time: Option<SystemTime>,
}

impl Listing {
    /// A listing of what could be read and what could not.
    pub fn new(secrets: BTreeMap<String, Secret>, failures: BTreeMap<String, Error>) -> Self {
        Self(Arc::new(Entries { secrets, failures, provenance: None }))
    }

    /// The secret of this full name, if it was there and readable.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.secrets.get(name)
    }

    /// The names and secrets in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Secret)> {
        self.0.secrets.iter().map(|(name, secret)| (name.as_str(), secret))
    }

    /// The full names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.secrets.keys().map(String::as_str)
    }

    /// The names that were there and could not be read, each with its reason. Always empty under
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

    /// The same, if nothing was unreadable.
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

    /// The same with a note on it and on every secret.
    pub(crate) fn with_provenance(self, provenance: Provenance) -> Self {
        let mut entries = Arc::unwrap_or_clone(self.0);
        entries.provenance = Some(provenance);
        entries.secrets =
            entries.secrets.into_iter().map(|(name, secret)| (name, secret.with_provenance(provenance))).collect();
        Self(Arc::new(entries))
    }

    /// From one result a name: the first failure fails it all if `fail_on_error`.
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
    /// An update of the secret that the backend calls `name`.
    pub fn new(name: impl Into<String>, version: Option<String>) -> Self {
        Self { name: Some(name.into()), version }
    }
}

/// Whether `name` lies below `path` in the hierarchy that `/` makes; below the root lies all.
pub(crate) fn is_below(name: &str, path: &str) -> bool {
    below(name, path).is_some()
}

/// Whether `name` lies below `path`, and on the first level if not `recursive`.
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
    /// An identity by its name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The same with the end of its credential.
    #[must_use]
    pub fn with_expires_in(self, expires_in: Option<Duration>) -> Self {
        Self { expires_in, ..self }
    }

    /// The same with the backend's clock.
    #[must_use]
    pub fn with_server_time(self, server_time: Option<SystemTime>) -> Self {
        Self { server_time, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
