//! [`ClientBuilder`]: sets up a client in code.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use crate::{
    cache::{CachePolicy, SecondTier},
    client::{
        Client,
        instances::Instances,
        registry::{self, Instance, Opening, PROVIDER_TYPES, ProviderType},
        stack::Stack,
    },
    config::{Config, Connection, Origin, Setting, Table, Value, defaults::DEFAULT_PROVIDER, join},
    error::{Error, Result},
    fs::home,
    provider::Provider,
    secret::reference::check_provider,
    single_flight::Executor,
};
#[cfg(all(feature = "disk-cache", unix))]
use crate::{
    cache::{DiskCache, disk::Disk},
    client::disk_scope::Scope,
};

/// Sets up a [`Client`].
///
/// Every provider type of this build is available under its own name, with its defaults. What is
/// set here wins over the [`Config`], whichever is given first.
///
/// ```
/// use s1crets::{CachePolicy, Client, providers::memory::Memory};
/// use std::time::Duration;
///
/// let client = Client::builder()
///     .with_region("eu-west-1")
///     .with_timeout(Duration::from_secs(2))
///     .with_cache(CachePolicy::default().with_ttl(Duration::from_secs(60)))
///     .with_provider("app", Memory::new())
///     .build()?;
/// assert!(client.providers().contains(&"app"));
/// # Ok::<(), s1crets::Error>(())
/// ```
#[derive(Default)]
#[must_use]
pub struct ClientBuilder {
    config: Config,
    providers: BTreeMap<String, Arc<dyn Provider>>,
    cache: Option<CachePolicy>,
    max_stale: Option<Duration>,
    offline: Option<bool>,
    #[cfg(all(feature = "disk-cache", unix))]
    disk: Option<DiskCache>,
    retry: Option<NonZeroU32>,
    timeout: Option<Duration>,
    region: Option<String>,
    role_arn: Option<String>,
    endpoint_url: Option<String>,
    file: Option<PathBuf>,
    one_shot: bool,
    executor: Executor,
}

impl ClientBuilder {
    /// Sets the config to start from. Default: an empty one.
    pub fn with_config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// Adds a provider under a name: one of your own, or one that is set up in code. It replaces
    /// the provider of that name.
    pub fn with_provider(mut self, name: impl Into<String>, provider: impl Provider) -> Self {
        self.providers.insert(name.into(), Arc::new(provider));
        self
    }

    /// Sets the policy of each provider's cache. Default: [`CachePolicy::default`].
    pub fn with_cache(self, policy: CachePolicy) -> Self {
        Self { cache: Some(policy), ..self }
    }

    /// Sets how long after its TTL a value may be served while its provider can't be reached; zero
    /// turns that off. It wins over the policy of [`with_cache`](Self::with_cache). Default: 1
    /// hour.
    pub fn with_max_stale(self, max_stale: Duration) -> Self {
        Self { max_stale: Some(max_stale), ..self }
    }

    /// Sets whether only the cache on disk answers, and no backend is called. Expired values are
    /// served, marked as stale, for as long as in an outage.
    ///
    /// What the cache on disk does not hold is [`Unavailable`](crate::ErrorKind::Unavailable), and
    /// so is an update. Providers that call no backend, such as `file`, are not affected. Default:
    /// `false`.
    pub fn with_offline(self, offline: bool) -> Self {
        Self { offline: Some(offline), ..self }
    }

    /// Adds a cache on disk behind the caches in memory. Default: none.
    ///
    /// Providers that are given by [`with_provider`](Self::with_provider) are not cached there,
    /// because nothing tells their settings apart: wrap them in a
    /// [`Cached::with_disk_cache`](crate::Cached::with_disk_cache) instead. If the folder or the key can't be used,
    /// the client logs one warning and goes on without the disk.
    #[cfg(all(feature = "disk-cache", unix))]
    pub fn with_disk_cache(self, disk: DiskCache) -> Self {
        Self { disk: Some(disk), ..self }
    }

    /// Sets the attempts in total of every provider that calls a backend. Default: 3.
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry: Some(attempts), ..self }
    }

    /// Sets the time to connect, and again to wait for a response, of one attempt. Default: 5 s.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets the region of every AWS provider. Default: that of the environment, the AWS profile or
    /// instance metadata.
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Sets the role that every AWS provider assumes, by its ARN. Default: none.
    pub fn with_role_arn(self, arn: impl Into<String>) -> Self {
        Self { role_arn: Some(arn.into()), ..self }
    }

    /// Sets the endpoint of every AWS service, STS included. Default: AWS's own.
    pub fn with_endpoint_url(self, url: impl Into<String>) -> Self {
        Self { endpoint_url: Some(url.into()), ..self }
    }

    /// Sets the path of the provider `file`: the fetcher's file, or a CSI mount. Default:
    /// `/var/local/secrets.json`.
    pub fn with_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// Sets whether the process is short-lived, such as a command: then no thread watches a file,
    /// and files are read by the calling thread. Default: `false`.
    pub fn with_one_shot(self, one_shot: bool) -> Self {
        Self { one_shot, ..self }
    }

    /// Sets where loads run. Default: on the runtime of the caller that starts them.
    #[cfg(feature = "blocking")]
    pub(crate) fn with_executor(self, executor: Executor) -> Self {
        Self { executor, ..self }
    }

    /// Builds the client. No provider is opened yet.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if settings contradict each other or a type is unknown;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if a configured provider, or the cache on disk,
    /// is not in this build.
    pub fn build(self) -> Result<Client> {
        let config = self.overridden();
        let instances = Instances::new(&config, self.one_shot);
        instances.check_connections()?;
        let policy = config.cache_policy();
        let offline = config.cache.offline == Some(true);
        let stack = |kind: ProviderType, opening, second_tier| {
            let stack = Stack::new(opening, policy).with_second_tier(second_tier);
            stack.with_offline(offline && kind.calls_backend())
        };
        let second_tier_of = second_tiers(&config)?;
        let mut stacks = HashMap::new();
        for kind in PROVIDER_TYPES.iter().filter(|kind| !config.providers.contains_key(kind.name)) {
            let instance = instances.of(kind.name);
            let second_tier = second_tier_of(*kind, &instance);
            let opening = kind.opening(instance).unwrap_or_else(failing);
            stacks.insert(kind.name.to_owned(), stack(*kind, opening, second_tier));
        }
        for (name, raw) in &config.providers {
            let opened = || {
                let kind = registry::find(raw.type_or(name))?;
                let instance = instances.of(name);
                let second_tier = second_tier_of(kind, &instance);
                Ok(stack(kind, kind.opening(instance)?, second_tier))
            };
            let stack = opened().map_err(|error| raw.in_table(&join("providers", name), &error))?;
            stacks.insert(name.clone(), stack);
        }
        for (name, provider) in self.providers {
            check_provider(&name)?;
            let calls_backend = !provider.capabilities().local;
            let opening: Opening = Box::new(move || {
                let provider = provider.clone();
                Box::pin(async move { Ok(provider) })
            });
            stacks.insert(name, Stack::new(opening, policy).with_offline(offline && calls_backend));
        }
        Ok(Client::new(
            stacks,
            config.provider.clone().unwrap_or_else(|| DEFAULT_PROVIDER.to_owned()),
            self.executor,
            #[cfg(feature = "vault")]
            instances.connections,
        ))
    }

    /// The settings that the client would have, each with its origin: those of the [`Config`], and
    /// over them what was set here, which comes from [`Origin::Code`](crate::config::Origin::Code).
    pub fn effective(&self) -> Vec<Setting> {
        self.overridden().effective()
    }

    /// Where each provider that calls a backend would connect, and as whom, by the provider's name.
    /// These are the settings, the environment and the AWS profile files together, as the client
    /// reads them. No backend is called, so a region that only instance metadata knows is missing.
    ///
    /// A provider whose settings are wrong has its error instead.
    pub async fn connections(&self) -> BTreeMap<String, Result<Connection>> {
        let config = self.overridden();
        let instances = Instances::new(&config, self.one_shot);
        let mut connections = BTreeMap::new();
        for name in instances.names() {
            let explained = match registry::find(instances.type_of(name)) {
                Ok(kind) => match kind.explain(instances.of(name)) {
                    Some(explained) => explained.await,
                    None => continue,
                },
                Err(error) => Err(error),
            };
            let raw = config.providers.get(name).cloned().unwrap_or_default();
            let explained = explained.map_err(|error| raw.in_table(&join("providers", name), &error));
            connections.insert(name.to_owned(), explained);
        }
        connections
    }

    /// The names of the vendor's environment variables that say where a provider of this type
    /// connects, and as whom: those that are read, whether set or not. Empty for a type that reads
    /// none, that is unknown or not in this build.
    pub fn variables(provider_type: &str) -> &'static [&'static str] {
        registry::find(provider_type).map_or(&[], ProviderType::variables)
    }

    /// The config with what was set here over it.
    fn overridden(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(policy) = self.cache {
            config.cache = std::mem::take(&mut config.cache).filled(policy);
            config.set_by_code(&["cache"]);
        }
        if let Some(max_stale) = self.max_stale {
            config.cache.max_stale = Some(max_stale);
            config.set_by_code(&["cache", "max_stale"]);
        }
        if let Some(offline) = self.offline {
            config.cache.offline = Some(offline);
            config.set_by_code(&["cache", "offline"]);
        }
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            config.cache.put_on(disk);
            for key in ["disk", "path", "key_file", "key_variable", "key_credential"] {
                config.set_by_code(&["cache", key]);
            }
        }
        // The setting of a single provider or connection would hide the general one.
        let mut remove = |key: &str| {
            let tables = config.providers.values_mut().chain(config.connections.values_mut());
            tables.for_each(|raw| raw.table.remove(&[key]));
        };
        self.retry.iter().for_each(|_| remove("retry"));
        self.timeout.iter().for_each(|_| remove("timeout"));
        if let Some(attempts) = self.retry {
            config.retry = Some(attempts);
            config.set_by_code(&["retry"]);
        }
        if let Some(timeout) = self.timeout {
            config.timeout = Some(timeout);
            config.set_by_code(&["timeout"]);
        }
        if let Some(path) = &self.file {
            let path = Value::Path(home::expand(path));
            config.providers.entry("file".into()).or_default().set("path", path);
        }
        self.override_aws(&mut config);
        config
    }

    /// Sets what was set here for every AWS provider.
    fn override_aws(&self, config: &mut Config) {
        if self.region.is_none() && self.role_arn.is_none() && self.endpoint_url.is_none() {
            return;
        }
        for kind in PROVIDER_TYPES.iter().filter(|kind| kind.is_aws() && kind.is_built()) {
            config.providers.entry(kind.name.into()).or_default();
        }
        for (name, raw) in &mut config.providers {
            if !registry::find(raw.type_or(name)).is_ok_and(ProviderType::is_aws) {
                continue;
            }
            if let Some(region) = &self.region {
                raw.set("region", region.as_str());
            }
            if let Some(arn) = &self.role_arn {
                let mut role = Table::default();
                role.set(&["arn"], arn.as_str().into(), Origin::Code);
                raw.set("roles", Value::Array(vec![Value::Table(role).of_code()]));
            }
            if let Some(url) = &self.endpoint_url {
                // It is the endpoint of every service: one of a single service would win over it.
                ["service_endpoint_url", "sts_endpoint_url"].iter().for_each(|key| raw.table.remove(&[key]));
                raw.set("endpoint_url", url.as_str());
            }
        }
    }
}

/// The second tier behind a provider's cache in memory, by its type and settings.
#[cfg(all(feature = "disk-cache", unix))]
fn second_tiers(config: &Config) -> Result<impl Fn(ProviderType, &Instance) -> SecondTier + use<>> {
    let on = config.cache.disk == Some(true);
    let disk = on.then(|| Disk::new(config.disk_cache(), config.cache_policy().entries));
    Ok(move |kind: ProviderType, instance: &Instance| match (&disk, Scope::of(kind, instance)) {
        (Some(disk), Some(scope)) => SecondTier::on_disk(disk.clone(), scope),
        _ => SecondTier::default(),
    })
}

#[cfg(not(all(feature = "disk-cache", unix)))]
fn second_tiers(config: &Config) -> Result<impl Fn(ProviderType, &Instance) -> SecondTier + use<>> {
    match config.cache.disk {
        Some(true) => Err(Error::unsupported("this build has no cache on disk")
            .with_hint("build s1crets with the feature `disk-cache`, on Unix")),
        _ => Ok(|_, _: &_| SecondTier::default()),
    }
}

/// A built-in provider that can't be set up fails when it is used, not when the client is built.
fn failing(error: Error) -> Opening {
    Box::new(move || {
        let error = error.clone();
        Box::pin(async move { Err(error) })
    })
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
