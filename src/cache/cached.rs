//! [`Cached`]: a provider with a cache in front.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::watch;

#[cfg(all(feature = "disk-cache", unix))]
use super::disk::{Disk, DiskCache};
use super::{
    batch::Priority,
    breaker::Breaker,
    entries::{Entries, LoadEvents, Lookup, OnFailure},
    key::{self, ListingKey},
    loader::{LoadReason, Loader},
    policy::CachePolicy,
    second_tier::SecondTier,
    stats::{CacheStats, Counters},
};
use crate::{
    capabilities::Capabilities,
    clock::Instant,
    error::{Error, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Identity, Listing, Provider, Updated},
    secret::{Secret, SecretValue},
    single_flight::Executor,
    watch::Watch,
};

/// A provider with a cache in front, and a provider itself.
///
/// - A fresh entry is served at once and without a call. Shortly before it expires, a read reloads it
///   in the background.
/// - A missing entry is loaded once, however many callers ask. The load goes on when callers go away,
///   the first one included, and its value is stored for the next.
/// - An expired entry is reloaded before it is served. If the provider is unavailable, too slow or
///   throttled, the old value is served within a bound, marked by its
///   [`freshness`](Secret::freshness). While the provider keeps failing, it is asked less and less
///   often, and stale values are served at once.
/// - That a secret does not exist is remembered for some seconds. Other errors are not, nor are
///   listings with failures. A secret that turns out to be gone or denied is dropped.
///
/// An [`update`](Provider::update) drops the secret under all its names and versions, and every
/// listing that covers it, before it returns; the outcome of a load that was under way is not stored.
/// [`path_exists`](Provider::path_exists) and [`version`](Provider::version) always ask the provider.
///
/// Loads of single secrets within a short window go out as one call, where the backend can read
/// several at once; one that comes alone does not wait. If the policy says so, an expired value is
/// fresh again, without being read, while the provider confirms its version.
///
/// [`CachePolicy`] sets each of these times. Values are wiped when the last handle is dropped; the
/// cache drops its own some time after their end, not at that instant.
pub struct Cached<P: ?Sized> {
    secrets: Arc<Entries<String, Secret>>,
    listings: Arc<Entries<ListingKey, Listing>>,
    counters: Arc<Counters>,
    loader: Arc<Loader<P>>,
    second_tier: Arc<SecondTier>,
    policy: CachePolicy,
}

/// A load as a task runs it: an answer for each key.
type Load<T> = BoxFuture<'static, Vec<Result<T>>>;

impl<P: Provider + ?Sized> Cached<P> {
    /// Puts a cache in front of `provider`.
    pub fn new(provider: Arc<P>, policy: CachePolicy) -> Self {
        Self::named(provider, policy, "provider")
    }

    /// Puts a cache in front of `provider`, with the name that logs and metrics use for it.
    pub fn named(provider: Arc<P>, policy: CachePolicy, name: &str) -> Self {
        Self::on_executor(provider, policy, name, Executor::Caller)
    }

    pub(crate) fn on_executor(provider: Arc<P>, policy: CachePolicy, name: &str, executor: Executor) -> Self {
        let (breaker, counters) = (Arc::new(Breaker::default()), Arc::new(Counters::new(name)));
        Self {
            secrets: Entries::new(policy, breaker.clone(), counters.clone(), executor),
            listings: Entries::new(policy, breaker.clone(), counters.clone(), executor),
            loader: Loader::new(provider, &policy, counters.clone(), breaker),
            counters,
            second_tier: Arc::default(),
            policy,
        }
    }

    /// Adds a disk cache as a second tier: values are stored there, too, and found there by other
    /// processes and after a restart.
    ///
    /// `scope` must tell this provider and its settings from all others whose secrets are stored in
    /// the same folder: it is part of what a record is bound to.
    #[cfg(all(feature = "disk-cache", unix))]
    #[must_use]
    pub fn with_disk_cache(self, disk: DiskCache, scope: &str) -> Self {
        let disk = Disk::new(disk, self.policy.entries);
        self.with_second_tier(Arc::new(SecondTier::on_disk(disk, scope.to_owned())))
    }

    pub(crate) fn with_second_tier(self, second_tier: Arc<SecondTier>) -> Self {
        // What may not be stored in memory may not be stored at all.
        let second_tier = if self.policy.keeps() { second_tier } else { Arc::default() };
        Self { second_tier, ..self }
    }

    /// The secret, if it is cached and may be served. It may be reloaded in the background.
    pub fn held(&self, path: &str, options: &GetOptions) -> Option<Secret> {
        self.lookup(path, options)?.ok()
    }

    /// Drops a name, and the listings that cover it. Empty levels of a path don't count: `/a//b` drops
    /// `a/b`, too, which may be the same secret.
    ///
    /// From now on this cache does not serve them. With a disk cache, in a Tokio runtime, their
    /// records are removed in the background: other processes may serve them until then, for some
    /// milliseconds. An [`update`](Provider::update) waits for that.
    pub fn invalidate(&self, path: &str) {
        // First the disk: a value that is no longer in memory must not be found there again.
        self.second_tier.drop_name(path);
        let name = path.to_owned();
        let by_name = move |secret: &Secret| secret.name().is_some_and(|other| key::may_be_same(other, &name));
        // That an ARN does not exist is remembered without the name that it ends with.
        let by_key = |key: &String| {
            let known = key::path_of(key);
            key::may_be_same(known, path) || key::is_arn_of(known, path)
        };
        self.secrets.drop_if(by_key, Some(Arc::new(by_name)));
        self.listings.drop_if(|key| key::may_cover(&key.path, path), None);
    }

    /// Drops whatever a path that may be an ARN names, as an ARN ends with the name of its secret.
    /// For an update whose answer, which would tell the name, never came.
    fn invalidate_named_in(&self, path: &str) {
        if path.contains(':') {
            key::names_in_arn(path).for_each(|name| self.invalidate(name));
        }
    }

    /// Drops everything, as [`invalidate`](Self::invalidate) drops a name.
    pub fn clear(&self) {
        self.second_tier.clear();
        self.drop_memory();
    }

    fn drop_memory(&self) {
        self.secrets.drop_if(|_| true, None);
        self.listings.drop_if(|_| true, None);
    }

    /// Loads a secret, whatever is cached, and stores the answer.
    ///
    /// # Errors
    /// As [`get`](Provider::get); a cached value is not served instead.
    pub async fn refresh(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let options = GetOptions { cached: false, ..options.clone() };
        self.get(path, &options).await
    }

    /// The replacement for a secret that its user, such as a database, rejected: the newer version that
    /// is cached, or one that is loaded now. `None` if there is no newer one yet.
    ///
    /// All callers that report the same version share one load, and there is at most one in a
    /// [`reread_interval`](CachePolicy::reread_interval).
    ///
    /// # Errors
    /// As [`get`](Provider::get).
    pub async fn rejected(&self, path: &str, options: &GetOptions, rejected: &Secret) -> Result<Option<Secret>> {
        check(path)?;
        let key = key::of_secret(path, options).into_owned();
        let newer = |secret: Secret| (!secret.is_same_version(rejected)).then_some(secret);
        self.second_tier.catch_up(|| self.drop_memory());
        self.secrets.restore(&key, || self.second_tier.restore(&key), || None);
        if let Some(newer) = self.secrets.peek(&key).and_then(newer) {
            return Ok(Some(newer));
        }
        if !self.secrets.may_reread(&key) {
            return Ok(self.secrets.join(&key).await?.and_then(newer));
        }
        let load = self.load_secrets(options, LoadReason::Refused);
        Ok(newer(one(self.secrets.load(&[key], load, OnFailure::Fail).await)?))
    }

    /// Reports when a load of a secret ends, and when anything is dropped.
    pub(crate) fn load_events(&self, path: &str) -> watch::Receiver<LoadEvents> {
        self.secrets.follow(key::of_secret(path, &GetOptions::default()).into_owned())
    }

    /// When a read of a secret starts its next reload: in the past, if one is due. `None` if the
    /// secret is not cached.
    pub(crate) fn next_refresh(&self, path: &str) -> Option<Instant> {
        self.secrets.next_refresh(&key::of_secret(path, &GetOptions::default()).into_owned())
    }

    /// Loads a secret until the cache has the version that the provider has reported; `None` if it
    /// reported that the secret is gone. All callers share the loads.
    pub(crate) async fn catch_up_to(&self, path: &str, version: Option<&str>) -> Result<()> {
        let options = GetOptions { cached: false, ..GetOptions::default() };
        let key = key::of_secret(path, &options).into_owned();
        if version.is_some() && self.secrets.peek(&key).is_some_and(|secret| secret.version() == version) {
            return Ok(());
        }
        // A load that is joined may have begun before the change. The one after it has not.
        for _ in 0..2 {
            let load = self.load_secrets(&options, LoadReason::Refused);
            let secret = one(self.secrets.load(std::slice::from_ref(&key), load, OnFailure::Fail).await)?;
            if secret.version() == version {
                break;
            }
        }
        Ok(())
    }

    /// What this cache has done so far, and how much it holds.
    pub fn stats(&self) -> CacheStats {
        self.counters.read([self.secrets.size(), self.listings.size()])
    }

    /// The cached answer, if there is one: the secret, or that it does not exist.
    pub(crate) fn lookup(&self, path: &str, options: &GetOptions) -> Option<Result<Secret>> {
        if !options.cached || !key::is_valid(path) {
            return None;
        }
        self.second_tier.catch_up(|| self.drop_memory());
        let key = key::of_secret(path, options);
        let found = match self.secrets.lookup(&*key) {
            Lookup::Miss if self.second_tier.exists() => {
                let (key, disk) = (key.clone().into_owned(), &self.second_tier);
                self.secrets.restore(&key, || disk.restore(&key), || disk.outage())
            }
            found => found,
        };
        match found {
            Lookup::Hit(secret) => Some(Ok(secret)),
            Lookup::Due(secret) => {
                self.secrets.refresh(&key.into_owned(), self.load_secrets(options, LoadReason::Due));
                Some(Ok(secret))
            }
            Lookup::Missing(error) => Some(Err(error)),
            Lookup::Miss => None,
        }
    }

    /// Loads `paths`, by one call of the provider for those that no load is under way for. A caller that
    /// refuses cached answers is not given that of a load which began earlier either.
    async fn load(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let keys: Vec<_> = paths.iter().map(|path| key::of_secret(path, options).into_owned()).collect();
        if !options.cached {
            self.secrets.detach_loads(&keys);
        }
        let load = self.load_secrets(options, LoadReason::of(options.cached));
        self.secrets.load(&keys, load, OnFailure::of(options.cached)).await
    }

    fn load_secrets(&self, options: &GetOptions, reason: LoadReason) -> impl Fn(Vec<String>) -> Load<Secret> + use<P> {
        let (loader, entries, options) = (self.loader.clone(), self.secrets.clone(), options.clone());
        let (second_tier, policy) = (self.second_tier.clone(), self.policy);
        let priority = if reason == LoadReason::Due { Priority::Background } else { Priority::Awaited };
        move |keys| {
            let (loader, entries, options) = (loader.clone(), entries.clone(), options.clone());
            let second_tier = second_tier.clone();
            let call = async move |keys: Vec<String>| match keys.as_slice() {
                [key] => {
                    let cached = || options.cached.then(|| entries.peek(key)).flatten();
                    vec![loader.get(key, &options, priority, cached).await]
                }
                keys => {
                    let paths: Vec<_> = keys.iter().map(|key| key::path_of(key).to_owned()).collect();
                    loader.get_many(&paths, &options).await
                }
            };
            Box::pin(async move { second_tier.load(keys, reason, &policy, call).await })
        }
    }

    fn load_listing(
        &self,
        path: &str,
        options: &ListOptions,
        reason: LoadReason,
    ) -> impl Fn(Vec<ListingKey>) -> Load<Listing> + use<P> {
        let (loader, second_tier, policy) = (self.loader.clone(), self.second_tier.clone(), self.policy);
        // Callers that share the load may differ in `fail_on_error`: each applies its own.
        let (path, options) = (path.to_owned(), options.clone().with_fail_on_error(false));
        move |keys| {
            let (loader, second_tier) = (loader.clone(), second_tier.clone());
            let (path, options) = (path.clone(), options.clone());
            let call = async move |_| vec![loader.list(&path, &options).await];
            Box::pin(async move { second_tier.load(keys, reason, &policy, call).await })
        }
    }

    fn lookup_listing(&self, key: &ListingKey) -> Lookup<Listing> {
        self.second_tier.catch_up(|| self.drop_memory());
        match self.listings.lookup(key) {
            Lookup::Miss if self.second_tier.exists() => {
                self.listings.restore(key, || self.second_tier.restore(key), || self.second_tier.outage())
            }
            found => found,
        }
    }

    async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        check(path)?;
        let key = ListingKey::new(path, options);
        if options.cached {
            match self.lookup_listing(&key) {
                Lookup::Hit(listing) => return Ok(listing),
                Lookup::Due(listing) => {
                    self.listings.refresh(&key, self.load_listing(path, options, LoadReason::Due));
                    return Ok(listing);
                }
                Lookup::Missing(error) => return Err(error),
                Lookup::Miss => {}
            }
        } else {
            self.listings.detach_loads(std::slice::from_ref(&key));
        }
        let load = self.load_listing(path, options, LoadReason::of(options.cached));
        one(self.listings.load(&[key], load, OnFailure::of(options.cached)).await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> Provider for Cached<P> {
    fn capabilities(&self) -> Capabilities {
        self.loader.provider().capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        check(path)?;
        match self.lookup(path, options) {
            Some(answer) => answer,
            None => one(self.load(&[path.to_owned()], options).await),
        }
    }

    /// Cached names need no call; the others go out in one `get_many` of the provider.
    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut answers: HashMap<&String, Result<Secret>> = HashMap::new();
        let mut missing = BTreeSet::new();
        for path in paths {
            match check(path).map_or_else(|error| Some(Err(error)), |()| self.lookup(path, options)) {
                Some(answer) => drop(answers.insert(path, answer)),
                None => drop(missing.insert(path)),
            }
        }
        let names: Vec<_> = missing.iter().map(|path| (*path).clone()).collect();
        if !names.is_empty() {
            answers.extend(missing.into_iter().zip(self.load(&names, options).await));
        }
        paths.iter().map(|path| answers.get(path).cloned().unwrap_or_else(|| Err(Error::unanswered()))).collect()
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let listing = self.list(path, options).await?;
        if options.fail_on_error { listing.strict() } else { Ok(listing) }
    }

    async fn identity(&self) -> Result<Option<Identity>> {
        self.loader.provider().identity().await
    }

    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        self.loader.provider().watch(path).await
    }

    /// Always asks the provider.
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        self.loader.provider().version(path, options).await
    }

    /// Always asks the provider.
    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.loader.provider().path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let known = self.secrets.peek(&key::of_secret(path, &GetOptions::default()).into_owned());
        let known = known.as_ref().and_then(Secret::name).filter(|name| *name != path).map(str::to_owned);
        let answered = AtomicBool::new(false);
        let answer = {
            // Dropped however it ends, even if this future is dropped: a write that timed out may
            // have been made.
            let _invalidate = OnDrop(|| {
                self.invalidate(path);
                known.iter().for_each(|name| self.invalidate(name));
                if !answered.load(Ordering::Relaxed) {
                    self.invalidate_named_in(path);
                }
            });
            let answer = self.loader.provider().update(path, value, options).await;
            answered.store(answer.is_ok(), Ordering::Relaxed);
            answer
        };
        let name = answer.as_ref().ok().and_then(|updated| updated.name.as_deref());
        if let Some(name) = name.filter(|name| *name != path) {
            self.invalidate(name);
        }
        self.second_tier.drops_ended().await;
        answer
    }
}

impl<P: Provider + ?Sized> fmt::Debug for Cached<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("provider", &self.loader.provider())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Refuses a path that could be taken for the key of another entry.
fn check(path: &str) -> Result<()> {
    if key::is_valid(path) { Ok(()) } else { Err(Error::invalid_input("the path contains a NUL character")) }
}

fn one<T>(mut answers: Vec<Result<T>>) -> Result<T> {
    answers.pop().unwrap_or_else(|| Err(Error::unanswered()))
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
