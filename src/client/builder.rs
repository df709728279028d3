//! Setting up a client in code.

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
        registry::{KINDS, Kind, Opening},
        stack::Stack,
    },
    config::{
        Config, Connection, ProviderSettings, ProviderTable, RoleSettings, Setting, defaults::DEFAULT_PROVIDER,
        did_you_mean, join,
    },
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
/// Every provider that this build has is there under its own name, with its defaults. What is set here goes
/// before the [`Config`], whichever is given first.
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
    #[cfg(all(feature = "disk-cache", unix))]
    disk: Option<DiskCache>,
    retry: Option<NonZeroU32>,
    timeout: Option<Duration>,
    region: Option<String>,
    role: Option<RoleSettings>,
    endpoint_url: Option<String>,
    file: Option<PathBuf>,
    one_shot: bool,
    executor: Executor,
}

impl ClientBuilder {
    /// The settings to start from, instead of none.
    pub fn with_config(self, config: Config) -> Self {
        Self { config, ..self }
    }

    /// A provider of yours, or one that is open already, under a name. It replaces one of the same name.
    pub fn with_provider(mut self, name: impl Into<String>, provider: impl Provider) -> Self {
        self.providers.insert(name.into(), Arc::new(provider));
        self
    }

    /// The cache of each provider.
    pub fn with_cache(self, policy: CachePolicy) -> Self {
        Self { cache: Some(policy), ..self }
    }

    /// A cache on disk behind the caches in memory. Providers that are given by
    /// [`with_provider`](Self::with_provider) are not kept there: nothing tells their settings apart; put a
    /// [`Cached::on_disk`](crate::Cached::on_disk) around them instead.
    ///
    /// A folder or key that can't be used is told by a warning, once; the client goes on without.
    #[cfg(all(feature = "disk-cache", unix))]
    pub fn cache_on_disk(self, disk: DiskCache) -> Self {
        Self { disk: Some(disk), ..self }
    }

    /// Attempts in total, for every provider that calls a backend.
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry: Some(attempts), ..self }
    }

    /// The time to connect, and again to wait for an answer, of one attempt.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// The region of every AWS provider.
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// The role that every AWS provider assumes, by its ARN.
    pub fn with_role_arn(self, arn: impl Into<String>) -> Self {
        Self { role: Some(RoleSettings { arn: arn.into(), ..RoleSettings::default() }), ..self }
    }

    /// The endpoint of every AWS service, STS included.
    pub fn with_endpoint_url(self, url: impl Into<String>) -> Self {
        Self { endpoint_url: Some(url.into()), ..self }
    }

    /// The path of the provider `file`: the fetcher's file, or a CSI directory.
    pub fn with_file(self, path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..self }
    }

    /// For a process that asks and ends, such as a command: no thread watches a file, and files are read by the thread that
    /// asks.
    pub fn with_one_shot(self, one_shot: bool) -> Self {
        Self { one_shot, ..self }
    }

    /// Sets where loads run. Default: on the runtime of the caller that starts them.
    #[cfg(feature = "blocking")]
    pub(crate) fn with_executor(self, executor: Executor) -> Self {
        Self { executor, ..self }
    }

    /// The client. No provider is opened yet.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if settings contradict each other or a provider's type is unknown;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if a configured provider, or the cache on disk, is not in this build.
    pub fn build(self) -> Result<Client> {
        let (config, one_shot) = (self.overruled(), self.one_shot);
        let policy = config.cache_policy();
        let behind = behind(&config)?;
        let mut stacks = HashMap::new();
        for kind in KINDS {
            let settings = with_general(*kind, &config, ProviderSettings { one_shot, ..ProviderSettings::default() });
            let table = ProviderTable::new(kind.name, settings, &config);
            let behind = behind(*kind, &table);
            let opening = kind.opening(table).unwrap_or_else(failing);
            stacks.insert(kind.name.to_owned(), Stack::new(opening, policy).with_second_tier(behind));
        }
        for (name, settings) in &config.providers {
            let opened = || {
                let kind = kind_of(name, settings)?;
                let settings = with_general(kind, &config, ProviderSettings { one_shot, ..settings.clone() });
                let table = ProviderTable::new(name, settings, &config);
                let behind = behind(kind, &table);
                let opening = kind.opening(table)?;
                Ok(Stack::new(opening, policy).with_second_tier(behind))
            };
            stacks.insert(name.clone(), opened().map_err(|error| in_table(&config, name, &error))?);
        }
        for (name, provider) in self.providers {
            check_provider(&name)?;
            let opening: Opening = Box::new(move || {
                let provider = provider.clone();
                Box::pin(async move { Ok(provider) })
            });
            stacks.insert(name, Stack::new(opening, policy));
        }
        Ok(Client::new(stacks, config.provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned()), self.executor))
    }

    /// The settings that the client would have, and who said each: those of the [`Config`] under what was set here, which
    /// comes from [`Origin::Code`](crate::config::Origin::Code).
    pub fn effective(&self) -> Vec<Setting> {
        self.overruled().effective()
    }

    /// Where each provider that calls a backend would ask, and as whom, by the provider's name: the
    /// settings, the environment and the AWS profile files together, as the client reads them. No
    /// backend is called, so a region that only instance metadata knows is not among them.
    ///
    /// A provider whose settings can't be read has its error instead.
    pub async fn connections(&self) -> BTreeMap<String, Result<Connection>> {
        let config = self.overruled();
        let built_in = KINDS.iter().map(|kind| kind.name).filter(|name| !config.providers.contains_key(*name));
        let mut connections = BTreeMap::new();
        for name in built_in.chain(config.providers.keys().map(String::as_str)) {
            let own = config.providers.get(name).cloned().unwrap_or_default();
            let explained = match kind_of(name, &own) {
                Ok(kind) => match kind.explain(ProviderTable::new(name, with_general(kind, &config, own), &config)) {
                    Some(explained) => explained.await,
                    None => continue,
                },
                Err(error) => Err(error),
            };
            connections.insert(name.to_owned(), explained.map_err(|error| in_table(&config, name, &error)));
        }
        connections
    }

    /// The config under what was set here.
    fn overruled(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(policy) = self.cache {
            config.cache = std::mem::take(&mut config.cache).filled(policy);
            config.overruled(&["cache"]);
        }
        #[cfg(all(feature = "disk-cache", unix))]
        if let Some(disk) = &self.disk {
            config.cache.put_on(disk);
            for key in ["disk", "path", "key_file", "key_variable", "key_credential"] {
                config.overruled(&["cache", key]);
            }
        }
        if let Some(attempts) = self.retry {
            config.retry = Some(attempts);
            config.overruled(&["retry"]);
            config.providers.values_mut().for_each(|own| own.retry = None);
        }
        if let Some(timeout) = self.timeout {
            config.timeout = Some(timeout);
            config.overruled(&["timeout"]);
            config.providers.values_mut().for_each(|own| own.timeout = None);
        }
        if let Some(path) = &self.file {
            config.providers.entry("file".into()).or_default().path = Some(home::expand(path));
            config.overruled(&["providers", "file", "path"]);
        }
        self.overrule_aws(&mut config);
        config
    }

    /// What was set here for every AWS provider.
    fn overrule_aws(&self, config: &mut Config) {
        let roles = self.role.clone().map(|role| vec![role]);
        if self.region.is_none() && roles.is_none() && self.endpoint_url.is_none() {
            return;
        }
        for kind in KINDS.iter().filter(|kind| kind.is_aws() && kind.is_built()) {
            config.providers.entry(kind.name.into()).or_default();
        }
        let named: Vec<_> = config.providers.keys().cloned().collect();
        for name in named {
            let Some(own) = config.providers.get_mut(&name) else { continue };
            if !Kind::find(own.kind.as_deref().unwrap_or(&name)).is_some_and(Kind::is_aws) {
                continue;
            }
            let mut overruled = Vec::new();
            overrule(&mut own.region, &self.region, "region", &mut overruled);
            overrule(&mut own.roles, &roles, "roles", &mut overruled);
            overrule(&mut own.endpoint_url, &self.endpoint_url, "endpoint_url", &mut overruled);
            if self.endpoint_url.is_some() {
                // It is that of every service: those of single services would go before it.
                (own.service_endpoint_url, own.sts_endpoint_url) = (None, None);
            }
            overruled.into_iter().for_each(|key| config.overruled(&["providers", &name, key]));
        }
    }
}

fn overrule<T: Clone>(own: &mut Option<T>, set: &Option<T>, key: &'static str, overruled: &mut Vec<&'static str>) {
    if set.is_some() {
        own.clone_from(set);
        overruled.push(key);
    }
}

/// What stands behind the memory of a provider, by its type and settings.
#[cfg(all(feature = "disk-cache", unix))]
fn behind(config: &Config) -> Result<impl Fn(Kind, &ProviderTable) -> SecondTier + use<>> {
    let on = config.cache.disk == Some(true);
    let disk = on.then(|| Disk::new(config.disk_cache(), config.cache_policy().entries));
    Ok(move |kind: Kind, table: &ProviderTable| match (&disk, Scope::of(kind, table)) {
        (Some(disk), Some(scope)) => SecondTier::on_disk(disk.clone(), scope),
        _ => SecondTier::default(),
    })
}

#[cfg(not(all(feature = "disk-cache", unix)))]
fn behind(config: &Config) -> Result<impl Fn(Kind, &ProviderTable) -> SecondTier + use<>> {
    match config.cache.disk {
        Some(true) => Err(Error::unsupported("this build has no cache on disk")
            .with_hint("build s1crets with the feature `disk-cache`, on Unix")),
        _ => Ok(|_, _: &_| SecondTier::default()),
    }
}

fn kind_of(name: &str, settings: &ProviderSettings) -> Result<Kind> {
    let kind_name = settings.kind.as_deref().unwrap_or(name);
    Kind::find(kind_name).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        let error =
            Error::config(format!("there is no provider of type {kind_name:?}; there are {}", known.join(", ")));
        match did_you_mean(kind_name, &known) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}

/// A provider's own settings with the general ones that apply to its type.
fn with_general(kind: Kind, config: &Config, own: ProviderSettings) -> ProviderSettings {
    if !kind.calls() {
        return own;
    }
    ProviderSettings { retry: own.retry.or(config.retry), timeout: own.timeout.or(config.timeout), ..own }
}

/// A provider that this build lacks says so when it is asked for, not before.
fn failing(error: Error) -> Opening {
    Box::new(move || {
        let error = error.clone();
        Box::pin(async move { Err(error) })
    })
}

fn in_table(config: &Config, name: &str, error: &Error) -> Error {
    // A table that is not in the file was made by code, or by an option: its key tells which.
    let told = match config.origin_of_table(&["providers", name]) {
        Some(origin) => format!("in [{}], {origin}: {}", join("providers", name), error.message()),
        None => error.message().to_owned(),
    };
    let told = Error::new(error.kind(), told);
    match error.hint() {
        Some(hint) => told.with_hint(hint.to_owned()),
        None => told,
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
