//! From a provider's name and a path to a secret.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
    time::Instant,
};

use rapidhash::fast::RandomState;
use tokio::sync::watch;

#[cfg(feature = "vault")]
use crate::vault::{Vault, VaultConnections};
use crate::{
    cache::CacheStats,
    client::{
        ClientBuilder, GetRefs, Handle,
        registry::unknown,
        request::{Get, GetByPath, PathExists, Update},
        stack::{Layers, Stack},
    },
    config::Config,
    error::{Error, Operation, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Identity, Listing, Updated},
    secret::{Reference, Secret, SecretValue, reference::check_path},
};

/// Providers by name, each behind a cache of its own. Cheap to clone; clones share everything.
///
/// A provider is opened when it is first asked for, once, whoever asks; if that fails, the next
/// call tries again. Providers whose reads are look-ups in memory anyway (`file`) have no cache in front.
///
/// A client serves any number of tasks and threads. Its loads run on the Tokio runtime of whoever asked
/// first.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    stacks: HashMap<String, Stack, RandomState>,
    default_provider: String,
    #[cfg(feature = "vault")]
    connections: VaultConnections,
}

impl Client {
    /// A client to be set up in code. The environment is not read, but by the vendors' own SDKs.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client by [`Config::from_env`].
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the config file or a variable is malformed.
    pub fn from_env() -> Result<Self> {
        Self::builder().with_config(Config::from_env()?).build()
    }

    /// The process-wide client that the free functions use, by [`Config::from_env`] at the first call.
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

    pub(crate) fn new(
        stacks: HashMap<String, Stack>,
        default_provider: String,
        #[cfg(feature = "vault")] connections: VaultConnections,
    ) -> Self {
        Self(Arc::new(Inner {
            stacks: stacks.into_iter().collect(),
            default_provider,
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

    /// One secret, or with [`key`](Get::key) a part of it.
    pub fn get<'a>(&'a self, provider: &'a str, path: &'a str) -> Get<'a> {
        Get::new(Ok(self), provider, path)
    }

    /// What a [`Reference`] in text points to.
    pub fn get_ref(&self, reference: &str) -> Get<'_> {
        Get::of_reference(Ok(self), reference)
    }

    /// Every secret below a path.
    pub fn get_by_path<'a>(&'a self, provider: &'a str, path: &'a str) -> GetByPath<'a> {
        GetByPath::new(Ok(self), provider, path)
    }

    /// Whether a secret or a level of this name exists.
    pub fn path_exists<'a>(&'a self, provider: &'a str, path: &'a str) -> PathExists<'a> {
        PathExists::new(Ok(self), provider, path)
    }

    /// A new value for an existing secret, or with [`key`](Update::key) for a part of it.
    pub fn update<'a>(&'a self, provider: &'a str, path: &'a str, value: impl Into<SecretValue>) -> Update<'a> {
        Update::new(Ok(self), provider, path, value.into())
    }

    /// Many secrets of one provider, in as few calls as its backend allows: an answer for each, in order.
    pub async fn get_many(&self, provider: &str, paths: &[String]) -> Vec<Result<Secret>> {
        let answers = self.load_many(provider, paths, &GetOptions::default()).await;
        let told = |(path, answer): (&String, Result<Secret>)| {
            answer.map_err(|error| error.with_context(Operation::Get, || name(provider, path)))
        };
        paths.iter().zip(answers).map(told).collect()
    }

    /// What many [`Reference`]s in text point to, in as few calls as the backends allow: an answer for each, in order.
    ///
    /// The secrets of one provider are read together, by as few calls as its backend has for that, and the providers are
    /// asked at the same time. A secret that several references point into is read once. A reference that is malformed,
    /// missing or refused leaves the others answered.
    ///
    /// ```no_run
    /// # async fn example(client: s1crets::Client) -> Result<(), s1crets::Error> {
    /// let references = ["aws.sm://prod/db#user", "aws.sm://prod/db#password", "vault.kv://secret/smtp#password"];
    /// let secrets: Vec<_> = client.get_refs(references).await.into_iter().collect::<Result<_, _>>()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Of each answer: as [`get`](crate::get), with the reference it is about; `InvalidInput` for a malformed one.
    pub fn get_refs<I>(&self, references: I) -> GetRefs<'_>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        GetRefs::new(Ok(self), references)
    }

    /// Who a provider takes us for, asked anew; nothing where there is nobody to be, as with a file. It opens the provider.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the backend knows nobody by our credentials, and whatever
    /// keeps the provider from being opened or reached.
    pub async fn identity(&self, provider: &str) -> Result<Option<Identity>> {
        let identity = async { self.open(provider).await?.provider().identity().await };
        identity.await.map_err(|error: Error| error.with_context(Operation::Connect, || provider.to_owned()))
    }

    /// The names that [`get`](Self::get) knows, in order.
    pub fn providers(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.stacks.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The provider for those who name none: the config's, else `aws.sm`.
    pub fn default_provider(&self) -> &str {
        &self.0.default_provider
    }

    /// Drops what the caches hold of a secret, and of the listings that cover it.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such provider.
    pub fn invalidate(&self, provider: &str, path: &str) -> Result<()> {
        if let Some(Layers::Cached(cached)) = self.stack(provider)?.layers() {
            cached.invalidate(path);
        }
        Ok(())
    }

    /// Drops all that the caches hold.
    pub fn clear(&self) {
        for stack in self.0.stacks.values() {
            if let Some(Layers::Cached(cached)) = stack.layers() {
                cached.clear();
            }
        }
    }

    /// Loads a secret anew, whatever the cache holds, and keeps what comes.
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub async fn refresh(&self, provider: &str, path: &str) -> Result<Secret> {
        self.get(provider, path).cached(false).await
    }

    /// What to use instead of a secret, or a part of one, that whoever it is for refused, such as a database after a
    /// rotation: the whole secret in a newer version. Nothing if there is none yet.
    ///
    /// All who report the same version share one load; there is at most one in a
    /// [`reread_interval`](crate::CachePolicy::reread_interval), ten seconds by default, and none if the cache holds a newer version
    /// already.
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub async fn rejected(&self, provider: &str, path: &str, refused: &Secret) -> Result<Option<Secret>> {
        let options = GetOptions::default();
        let answer = async {
            check_path(path)?;
            match self.open(provider).await? {
                Layers::Cached(cached) => cached.rejected(path, &options, refused).await,
                Layers::Plain(provider) => {
                    let secret = provider.get(path, &options).await?;
                    Ok((!secret.is_same_version(refused)).then_some(secret))
                }
            }
        };
        answer.await.map_err(|error: Error| error.with_context(Operation::Get, || name(provider, path)))
    }

    /// A secret, or a part of one, that is kept fresh in the background for as long as the handle lives: for hot paths, and
    /// for those who make something anew when it changes.
    ///
    /// ```no_run
    /// # async fn example(client: s1crets::Client) -> Result<(), s1crets::Error> {
    /// let key = client.handle("aws.sm://prod/session#key").await?;
    /// sign(key.get().expose_bytes());
    /// let mut changes = key.changes();
    /// while let Some(secret) = changes.next().await {
    ///     sign(secret.expose_bytes());
    /// }
    /// # Ok(()) }
    /// # fn sign(_: &[u8]) {}
    /// ```
    ///
    /// # Errors
    /// As [`get`](crate::get), for the first read. Later failures leave the value; [`Handle::last_error`] has them.
    pub async fn handle(&self, reference: &str) -> Result<Handle> {
        let reference = reference
            .parse()
            .map_err(|error: Error| error.with_context(Operation::Get, || format!("{reference:?}")))?;
        Handle::open(self.clone(), reference).await
    }

    /// What the cache in front of a provider has done so far; nothing for a provider that has none, or was not asked
    /// yet.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such provider.
    pub fn stats(&self, provider: &str) -> Result<Option<CacheStats>> {
        match self.stack(provider)?.layers() {
            Some(Layers::Cached(cached)) => Ok(Some(cached.stats())),
            _ => Ok(None),
        }
    }

    /// The answer, if the cache has it: the way of most reads, without a future to box.
    pub(crate) fn held(&self, provider: &str, path: &str, options: &GetOptions) -> Option<Result<Secret>> {
        let stack = self.0.stacks.get(provider)?;
        match stack.layers() {
            Some(Layers::Cached(cached)) => cached.lookup(path, options),
            Some(Layers::Plain(_)) => None,
            None => {
                let kept = stack.kept(path, options)?;
                self.open_in_background(stack, provider);
                Some(Ok(kept))
            }
        }
    }

    /// What is kept on disk takes no provider, and so no start of one. Whoever lives for longer wants the memory in front.
    fn open_in_background(&self, stack: &Stack, provider: &str) {
        if !stack.is_first_to_open() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (client, provider) = (self.clone(), provider.to_owned());
            // Whoever needs the provider itself is told why it can't be opened.
            runtime.spawn(async move { drop(client.open(&provider).await) });
        }
    }

    pub(crate) async fn load(&self, provider: &str, path: &str, options: &GetOptions) -> Result<Secret> {
        check_path(path)?;
        let layers = self.open(provider).await?;
        options.check(layers.provider().capabilities())?;
        told(Operation::Get, provider, path, layers.provider().get(path, options)).await
    }

    /// An answer for each path, in order, not yet told what it is about.
    pub(crate) async fn load_many(
        &self,
        provider: &str,
        paths: &[String],
        options: &GetOptions,
    ) -> Vec<Result<Secret>> {
        let sound: Vec<_> = paths.iter().filter(|path| check_path(path).is_ok()).cloned().collect();
        let started = Instant::now();
        let answers = match self.open(provider).await {
            Ok(layers) => layers.provider().get_many(&sound, options).await,
            Err(error) => sound.iter().map(|_| Err(error.clone())).collect(),
        };
        let failed = answers.iter().filter(|answer| answer.is_err()).count();
        tracing::debug!(provider, ?paths, failed, elapsed = ?started.elapsed(), "called for many");
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_else(|| Err(Error::unanswered()));
        paths.iter().map(|path| check_path(path).and_then(|()| next())).collect()
    }

    pub(crate) async fn list(&self, provider: &str, path: &str, options: &ListOptions) -> Result<Listing> {
        if !path.is_empty() {
            check_path(path)?;
        }
        let layers = self.open(provider).await?;
        options.check(layers.provider().capabilities())?;
        told(Operation::GetByPath, provider, path, layers.provider().get_by_path(path, options)).await
    }

    pub(crate) async fn exists(&self, provider: &str, path: &str) -> Result<bool> {
        check_path(path)?;
        let layers = self.open(provider).await?;
        told(Operation::PathExists, provider, path, layers.provider().path_exists(path)).await
    }

    pub(crate) async fn write(
        &self,
        provider: &str,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        check_path(path)?;
        let layers = self.open(provider).await?;
        let can = layers.provider().capabilities();
        options.check(can)?;
        if value.is_binary() && !can.binary {
            return Err(Error::invalid_input("this provider keeps text, not bytes"));
        }
        told(Operation::Update, provider, path, layers.provider().update(path, value, options)).await
    }

    /// Whether other processes may change what the cache of a provider holds.
    pub(crate) fn is_shared(&self, provider: &str) -> bool {
        self.0.stacks.get(provider).is_some_and(Stack::is_shared)
    }

    /// Tells of loads of a secret; nothing for a provider without a cache.
    pub(crate) async fn landings(&self, provider: &str, path: &str) -> Result<Option<watch::Receiver<()>>> {
        match self.open(provider).await? {
            Layers::Cached(cached) => Ok(Some(cached.load_events(path))),
            Layers::Plain(_) => Ok(None),
        }
    }

    async fn open(&self, provider: &str) -> Result<&Layers> {
        self.stack(provider)?
            .open(provider)
            .await
            .map_err(|error: Error| error.with_context(Operation::Connect, || provider.to_owned()))
    }

    fn stack(&self, provider: &str) -> Result<&Stack> {
        self.0.stacks.get(provider).ok_or_else(|| unknown(provider, self.0.stacks.keys().map(String::as_str)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("providers", &self.providers()).finish_non_exhaustive()
    }
}

/// Makes a call that is no hit, and tells of it: names at the debug level, values never.
async fn told<T>(operation: Operation, provider: &str, path: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
    let started = Instant::now();
    let outcome = call.await;
    let error = outcome.as_ref().err().map(|error| error.kind().as_str());
    tracing::debug!(%operation, provider, path, error, elapsed = ?started.elapsed(), "called");
    outcome
}

/// What an error is about, as a reference where it can be written as one.
pub(crate) fn name(provider: &str, path: &str) -> String {
    match Reference::new(provider, path) {
        Ok(reference) => reference.to_string(),
        Err(_) => format!("{provider}://{}", path.escape_debug()),
    }
}
