//! [`Client`]: reads and writes secrets of any provider, with a cache in front of each.

#[cfg(feature = "vault")]
use std::time::Duration;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use rapidhash::fast::RandomState;

use crate::{
    cache::CacheStats,
    capabilities::Capabilities,
    client::{
        ClientBuilder, GetRefs, Handle,
        dispatch::{check, name},
        registry::unknown,
        request::{Get, GetByPath, PathExists, Update},
        stack::{Layers, Stack},
        target::{At, IntoReference},
    },
    config::Config,
    error::{Error, Operation, Result},
    provider::Identity,
    secret::{Secret, SecretValue, provider_name::similar},
    single_flight::Executor,
};
#[cfg(feature = "vault")]
use crate::{
    error::ErrorKind,
    vault::{Vault, VaultConnections},
};

/// Services are given about 10 seconds to end, and a command's caller waits.
#[cfg(feature = "vault")]
const LONGEST_SHUTDOWN: Duration = Duration::from_secs(5);

/// Providers by name, each with a cache of its own. Cheap to clone; clones share everything.
///
/// A provider is opened by the first call that needs it. If that fails, the next call tries again.
/// Providers whose reads are lookups in memory (`file`) have no cache in front.
///
/// A client serves any number of tasks and threads. A load runs on the Tokio runtime of the caller
/// that starts it; later callers join it, on whatever runtime they are.
///
/// Each call takes a provider and a path. [`at`](Self::at) has the same calls for a
/// [`Reference`](crate::Reference), such as `aws.sm://prod/db#password`.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    stacks: HashMap<String, Stack, RandomState>,
    default_provider: String,
    #[cfg(feature = "vault")]
    connections: VaultConnections,
    executor: Executor,
}

impl Client {
    /// Starts a client that is set up in code. Only the vendors' SDKs read the environment then.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Makes a client from `s1crets.toml` and the environment; see [`Config::from_env`].
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the config file or a variable is malformed.
    pub fn from_env() -> Result<Self> {
        Self::builder().with_config(Config::from_env()?).build()
    }

    /// The process-wide client of the free functions, made by [`from_env`](Self::from_env) at the
    /// first call.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env); the next call tries again.
    pub fn global() -> Result<&'static Self> {
        static GLOBAL: OnceLock<Client> = OnceLock::new();
        if let Some(client) = GLOBAL.get() {
            return Ok(client);
        }
        let client = Self::from_env()?;
        Ok(GLOBAL.get_or_init(|| client))
    }

    /// `executor` is where loads run.
    pub(crate) fn new(
        stacks: HashMap<String, Stack>,
        default_provider: String,
        executor: Executor,
        #[cfg(feature = "vault")] connections: VaultConnections,
    ) -> Self {
        Self(Arc::new(Inner {
            stacks: stacks.into_iter().collect(),
            default_provider,
            executor,
            #[cfg(feature = "vault")]
            connections,
        }))
    }

    /// The Vault connection of `[connections.NAME]`, or the default one: that of
    /// `[connections.vault]`, else of the table `[providers."vault.kv"]`, else of the environment.
    ///
    /// Providers that use the connection share it, and with it one login and one token.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if there is no such connection, or a file that it names
    /// can't be read; [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if there is nothing to
    /// log in with.
    #[cfg(feature = "vault")]
    pub fn vault(&self, connection: Option<&str>) -> Result<Vault> {
        self.0.connections.get(connection)?.open()
    }

    /// Reads one secret, or with [`key`](Get::key) a part of it. See [`get`](crate::get).
    pub fn get<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        Get::new(Ok(self), provider, path)
    }

    /// Reads what a reference points to. See [`get_ref`](crate::get_ref).
    pub fn get_ref<'a>(&'a self, reference: impl IntoReference<'a>) -> Get<'a> {
        self.at(reference).get()
    }

    /// The calls on what a reference points to: [`get`](At::get), [`update`](At::update) and the
    /// others.
    ///
    /// ```no_run
    /// # async fn example(client: s1crets::Client, new: String) -> Result<(), s1crets::Error> {
    /// let password = client.at("aws.sm://prod/db#password");
    /// if password.clone().path_exists().await? {
    ///     password.update(new).await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn at<'a>(&'a self, reference: impl IntoReference<'a>) -> At<'a> {
        At::new(Ok(self), reference)
    }

    /// Reads every secret below a path. See [`get_by_path`](crate::get_by_path).
    pub fn get_by_path<'a>(&'a self, provider: &'a str, path: &'a str) -> GetByPath<'a> {
        GetByPath::new(Ok(self), provider, path)
    }

    /// Checks whether a secret, or a level above one, has this name. See
    /// [`path_exists`](crate::path_exists).
    pub fn path_exists<'a>(&'a self, provider: &'a str, path: &'a str) -> PathExists<'a> {
        PathExists::new(Ok(self), provider, path)
    }

    /// Writes a new value of an existing secret, or with [`key`](Update::key) of a part of it. See
    /// [`update`](crate::update).
    pub fn update<'a>(&'a self, provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
        Update::new(Ok(self), provider, path, value.into())
    }

    /// Reads what many references point to: one answer for each, in order.
    ///
    /// The secrets of one provider are read together, in as few calls as its backend allows, and
    /// all providers at the same time. A secret that several references point into is read once. A
    /// reference that is malformed, missing or denied does not fail the others.
    ///
    /// ```no_run
    /// # async fn example(client: s1crets::Client) -> Result<(), s1crets::Error> {
    /// let references = ["aws.sm://prod/db#user", "aws.sm://prod/db#password", "vault.kv://secret/smtp#password"];
    /// let secrets: Vec<_> = client.get_refs(references).await.into_iter().collect::<Result<_, _>>()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Each answer: as [`get`](crate::get), with its reference; `InvalidInput` for a malformed one.
    pub fn get_refs<'a, I>(&'a self, references: I) -> GetRefs<'a>
    where
        I: IntoIterator,
        I::Item: IntoReference<'a>,
    {
        GetRefs::new(Ok(self), references)
    }

    /// Asks a provider which identity it sees; `None` for providers without one, such as `file`.
    /// Opens the provider.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the backend doesn't accept the
    /// credentials; otherwise as [`get`](crate::get).
    pub async fn identity(&self, provider: &str) -> Result<Option<Identity>> {
        let identity = async { self.open(provider).await?.provider().identity().await };
        identity.await.map_err(|error: Error| error.with_context(Operation::Connect, || provider.to_owned()))
    }

    /// What a provider can do. Opens the provider.
    ///
    /// # Errors
    /// As [`get`](crate::get), for an unknown provider or wrong settings.
    pub async fn capabilities(&self, provider: &str) -> Result<Capabilities> {
        Ok(self.open(provider).await?.provider().capabilities())
    }

    /// The names of the providers, in order.
    pub fn providers(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.stacks.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The provider for callers that name none: that of the config, or `aws.sm`.
    pub fn default_provider(&self) -> &str {
        &self.0.default_provider
    }

    /// The providers of this client that a misspelt name may mean, in alphabetical order, for a "did
    /// you mean" in a program of its own: `vault.kv` for `vault`, `aws.sm` for `AWS-SM`. Empty if the
    /// name is like none of them. A name that is right gives itself.
    ///
    /// What is similar may change between releases. The hints of this library's errors use it, too.
    pub fn similar_providers(&self, name: &str) -> Vec<&str> {
        similar(name, self.0.stacks.keys().map(String::as_str))
    }

    /// Drops what memory and disk hold of a secret, and of the listings that cover it. A provider
    /// that is not open yet stays closed.
    ///
    /// Nothing old is served from then on. Other processes that share a disk cache may serve it for
    /// some milliseconds more, if this is called in a Tokio runtime, which it does not block.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such provider, or the path
    /// is malformed.
    pub fn invalidate(&self, provider: &str, path: &str) -> Result<()> {
        check(path)?;
        self.stack(provider)?.invalidate(path);
        Ok(())
    }

    /// Drops all that the caches hold, in memory and on disk, as [`invalidate`](Self::invalidate)
    /// drops a secret.
    pub fn clear(&self) {
        self.0.stacks.values().for_each(Stack::clear);
    }

    /// Loads a secret, whatever the cache holds, and caches it: [`get`](Self::get) with
    /// [`cached(false)`](Get::cached).
    ///
    /// # Errors
    /// As [`get`](crate::get); a cached value is not served instead.
    pub fn refresh<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        self.get(provider, path).cached(false)
    }

    /// Gets the replacement for a secret that its user has rejected: the whole secret in a newer
    /// version, or `None` if there is none yet.
    ///
    /// The user is a database, for instance, whose password was rotated. `refused` is the rejected
    /// secret or a part of it. All callers that report the same version share one load. There is at
    /// most one load in a [`reread_interval`](crate::CachePolicy::reread_interval), 10 seconds by
    /// default, and none if a newer version is cached already.
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub async fn rejected(&self, provider: &str, path: &str, refused: &Secret) -> Result<Option<Secret>> {
        let newer = self.replacement(provider, path, refused).await;
        newer.map_err(|error| error.with_context(Operation::Get, || name(provider, path)))
    }

    /// Opens a handle: a secret, or a part of one, that is kept fresh for as long as the handle
    /// lives. For hot paths, and for what has to be rebuilt when a secret changes.
    ///
    /// ```no_run
    /// # async fn example(client: s1crets::Client) -> Result<(), s1crets::Error> {
    /// let key = client.handle("aws.sm://prod/session#key").await?;
    /// sign(key.get()?.expose_bytes()?);
    /// let mut changes = key.changes();
    /// while let Some(secret) = changes.next().await {
    ///     sign(secret.expose_bytes()?);
    /// }
    /// # Ok(()) }
    /// # fn sign(_: &[u8]) {}
    /// ```
    ///
    /// # Errors
    /// As [`get`](crate::get), for the first read. [`Handle::last_error`] has later failures; the
    /// value stays meanwhile.
    pub async fn handle<'a>(&self, reference: impl IntoReference<'a>) -> Result<Handle> {
        let reference = reference.parse().map_err(|malformed| malformed.into_error(Operation::Get))?;
        Handle::open(self.clone(), reference.into_owned()).await
    }

    /// Shuts down the Vault connections that the config set up and that are open, for all clones of
    /// this client. Tokens of logins are revoked where `revoke_at_shutdown` says so; to drop the
    /// client revokes none. Later calls of their providers fail as
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    ///
    /// It takes 5 seconds at most. A connection that was opened in code is for that code to
    /// [shut down](crate::vault::Vault::shutdown).
    ///
    /// # Errors
    /// Those of [`Vault::shutdown`](crate::vault::Vault::shutdown), and
    /// [`Timeout`](crate::ErrorKind::Timeout) after 5 seconds. A token that was not revoked lives
    /// to its end, or until another call revokes it.
    #[cfg(feature = "vault")]
    pub async fn shutdown(&self) -> Result<()> {
        let shutdown = tokio::time::timeout(LONGEST_SHUTDOWN, self.0.connections.shutdown()).await;
        shutdown.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "the connections to Vault could not be shut down in 5 seconds"))
        })
    }

    /// What the cache in front of a provider has done so far; `None` for a provider that has none
    /// or is not open yet.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such provider.
    pub fn stats(&self, provider: &str) -> Result<Option<CacheStats>> {
        match self.stack(provider)?.layers() {
            Some(Layers::Cached(cached)) => Ok(Some(cached.stats())),
            _ => Ok(None),
        }
    }

    pub(super) fn executor(&self) -> Executor {
        self.0.executor
    }

    pub(super) fn find(&self, provider: &str) -> Option<&Stack> {
        self.0.stacks.get(provider)
    }

    /// The layers of a provider, opened if they are not.
    pub(super) async fn open(&self, provider: &str) -> Result<&Layers> {
        self.stack(provider)?
            .open(provider, self.0.executor)
            .await
            .map_err(|error: Error| error.with_context(Operation::Connect, || provider.to_owned()))
    }

    fn stack(&self, provider: &str) -> Result<&Stack> {
        self.find(provider).ok_or_else(|| unknown(provider, self.0.stacks.keys().map(String::as_str)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("providers", &self.providers()).finish_non_exhaustive()
    }
}
