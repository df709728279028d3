//! The wrapper that answers from memory.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use tokio::{sync::watch, time::Instant};

#[cfg(all(feature = "disk-cache", unix))]
use super::disk::{Disk, DiskCache};
use super::{
    batch::Priority,
    breaker::Health,
    entries::{Entries, Kept, Look, OnFailure},
    key::{self, ListingKey},
    policy::CachePolicy,
    second_tier::{Behind, LoadReason},
    stats::{CacheStats, Counters},
    upstream::Upstream,
};
use crate::{
    capabilities::Capabilities,
    error::{Error, Result},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Identity, Listing, Provider, Updated, is_below},
    secret::{Secret, SecretValue, Source, freshness::Seen},
    watch::Watch,
};

/// A provider with a cache in memory in front, a provider itself.
///
/// - What it holds fresh, it answers at once and without a call. Shortly before the end of its time it is loaded anew in
///   the background.
/// - What it doesn't hold is loaded once, however many ask: the load goes on when callers go away, the first one
///   included, and is kept for the next.
/// - What it holds no longer fresh is loaded anew before it is answered. If the provider is unavailable, too slow or
///   throttled, the old answer is served, for a bounded time; its [`freshness`](Secret::freshness) says so. While a provider
///   keeps failing it is asked less and less often, and what is held is served at once.
/// - That there is no such secret is remembered for some seconds. Other errors are not, nor are listings with failures.
///   A secret that turns out to be gone or denied is dropped.
///
/// An [`update`](Provider::update) drops the secret under all its names and versions, and every listing
/// that covers it, before it returns; a load that was under way is then not kept.
/// [`path_exists`](Provider::path_exists) is never answered from memory.
///
/// Loads of single secrets that come within a short window go out as one call, where the backend can read several at once;
/// one that comes alone goes at once. If the policy says so, a value that is held is not read anew while the provider says
/// that its version is still the current one.
///
/// How long each of these is, [`CachePolicy`] says. Values are wiped when the last handle goes; the cache itself lets go
/// of them some time after their end, not at the instant.
pub struct Cached<P: ?Sized> {
    secrets: Arc<Entries<String, Secret>>,
    listings: Arc<Entries<ListingKey, Listing>>,
    counters: Arc<Counters>,
    upstream: Arc<Upstream<P>>,
    behind: Arc<Behind>,
    policy: CachePolicy,
}

impl<P: Provider + ?Sized> Cached<P> {
    /// A cache in front of `provider`.
    pub fn new(provider: Arc<P>, policy: CachePolicy) -> Self {
        Self::named(provider, policy, "provider")
    }

    /// The same, with the name by which logs and metrics call the provider.
    pub fn named(provider: Arc<P>, policy: CachePolicy, name: &str) -> Self {
        let (health, counters) = (Arc::new(Health::default()), Arc::new(Counters::new(name)));
        Self {
            secrets: Entries::new(policy, health.clone(), counters.clone()),
            listings: Entries::new(policy, health, counters.clone()),
            upstream: Upstream::new(provider, &policy, counters.clone()),
            counters,
            behind: Arc::default(),
            policy,
        }
    }

    /// The same with a disk behind the memory: what is loaded is kept there too, and found there by other processes and
    /// after a restart. `scope` must tell the provider with its settings from all others whose secrets are kept in the same
    /// folder: it is part of what a record is bound to.
    #[cfg(all(feature = "disk-cache", unix))]
    pub fn on_disk(self, disk: DiskCache, scope: &str) -> Self {
        let disk = Disk::new(disk, self.policy.entries);
        self.with_behind(Arc::new(Behind::new(disk, scope.to_owned())))
    }

    /// The same with something behind the memory.
    pub(crate) fn with_behind(self, behind: Arc<Behind>) -> Self {
        // What is not kept in memory is not kept at all.
        let behind = if self.policy.keeps() { behind } else { Arc::default() };
        Self { behind, ..self }
    }

    /// The secret, if it is held and may be answered from memory. It may be loaded anew behind this.
    pub fn held(&self, path: &str, options: &GetOptions) -> Option<Secret> {
        self.look(path, options)?.ok()
    }

    /// Drops what is held of a name, and the listings that cover it.
    pub fn invalidate(&self, path: &str) {
        // First the disk: what is no longer in memory must not be found there again.
        self.behind.drop_name(path);
        let name = path.to_owned();
        let by_name = move |secret: &Secret| secret.name() == Some(&name);
        self.secrets.drop_if(|key| key::path_of(key) == path, Some(Arc::new(by_name)));
        self.listings.drop_if(|key| covers(&key.path, path), None);
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.behind.clear();
        self.drop_memory();
    }

    fn drop_memory(&self) {
        self.secrets.drop_if(|_| true, None);
        self.listings.drop_if(|_| true, None);
    }

    /// Loads a secret anew, whatever is held, and keeps what comes.
    ///
    /// # Errors
    /// As [`get`](Provider::get); what is held is not served.
    pub async fn refresh(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let options = GetOptions { cached: false, ..options.clone() };
        one(self.load(&[path.to_owned()], &options).await)
    }

    /// What to use instead of a secret that whoever it is for, a database say, refused: the newer one that is held, or
    /// one that is loaded now. Nothing if there is none yet. All who report the same version share one load, and there
    /// is at most one in a [`reread_interval`](CachePolicy::reread_interval).
    ///
    /// # Errors
    /// As [`get`](Provider::get).
    pub async fn rejected(&self, path: &str, options: &GetOptions, refused: &Secret) -> Result<Option<Secret>> {
        let key = key::of_secret(path, options).into_owned();
        let newer = |secret: Secret| (!secret.is_same_version(refused)).then_some(secret);
        self.behind.catch_up(|| self.drop_memory());
        self.secrets.restore(&key, || self.behind.restore(&key));
        if let Some(newer) = self.secrets.peek(&key).and_then(newer) {
            return Ok(Some(newer));
        }
        let keys = [key];
        let answer = match self.secrets.may_reread(&keys[0]) {
            true => one(self.secrets.load(&keys, self.loader(options, LoadReason::Refused), OnFailure::Tell).await)
                .map(Some),
            false => self.secrets.join(&keys[0]).await,
        };
        answer.map(|secret| secret.and_then(newer))
    }

    /// Tells of every load of a secret that ends, and of drops.
    pub(crate) fn landings(&self, path: &str) -> watch::Receiver<()> {
        self.secrets.follow(key::of_secret(path, &GetOptions::default()).into_owned())
    }

    /// What this cache has done so far.
    pub fn stats(&self) -> CacheStats {
        self.counters.read([self.secrets.size(), self.listings.size()])
    }

    /// The answer from memory, if there is one: the secret, or that there is none.
    pub(crate) fn look(&self, path: &str, options: &GetOptions) -> Option<Result<Secret>> {
        if !options.cached {
            return None;
        }
        self.behind.catch_up(|| self.drop_memory());
        let key = key::of_secret(path, options);
        match self.look_further(&key) {
            Look::Hit(secret) => Some(Ok(secret)),
            Look::Due(secret) => {
                self.secrets.refresh(&key.into_owned(), self.loader(options, LoadReason::Due));
                Some(Ok(secret))
            }
            Look::Missing(error) => Some(Err(error)),
            Look::Miss => None,
        }
    }

    /// A look into the memory, and then at the disk.
    fn look_further(&self, key: &str) -> Look<Secret> {
        match self.secrets.look(key) {
            Look::Miss if self.behind.is_there() => self.secrets.restore(&key.to_owned(), || self.behind.restore(key)),
            look => look,
        }
    }

    /// What `paths` stand for, by one call of the provider for those that nobody is loading yet. Whoever refused a
    /// cached answer is not given that of a load that began before either.
    async fn load(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let keys: Vec<_> = paths.iter().map(|path| key::of_secret(path, options).into_owned()).collect();
        if !options.cached {
            self.secrets.leave_loads(&keys);
        }
        self.secrets
            .load(&keys, self.loader(options, LoadReason::of(options.cached)), OnFailure::of(options.cached))
            .await
    }

    fn loader(&self, options: &GetOptions, why: LoadReason) -> impl Fn(Vec<String>) -> Load<Secret> + use<P> {
        let (upstream, entries, options) = (self.upstream.clone(), self.secrets.clone(), options.clone());
        let (behind, policy) = (self.behind.clone(), self.policy);
        let haste = if why == LoadReason::Due { Priority::Background } else { Priority::Awaited };
        move |keys| {
            let (upstream, entries, options, behind) =
                (upstream.clone(), entries.clone(), options.clone(), behind.clone());
            let call = async move |keys: Vec<String>| match keys.as_slice() {
                [key] => {
                    let held = || options.cached.then(|| entries.peek(key)).flatten();
                    vec![upstream.get(key, &options, haste, held).await]
                }
                keys => {
                    let paths: Vec<_> = keys.iter().map(|key| key::path_of(key).to_owned()).collect();
                    upstream.get_many(&paths, &options).await
                }
            };
            Box::pin(async move { behind.load(keys, why, &policy, call).await })
        }
    }

    fn list_loader(
        &self,
        path: &str,
        options: &ListOptions,
        why: LoadReason,
    ) -> impl Fn(Vec<ListingKey>) -> Load<Listing> + use<P> {
        let (upstream, behind, policy) = (self.upstream.clone(), self.behind.clone(), self.policy);
        // Those who share the load may differ in what failures mean to them.
        let (path, options) = (path.to_owned(), options.clone().with_fail_on_error(false));
        move |keys| {
            let (upstream, behind, path, options) = (upstream.clone(), behind.clone(), path.clone(), options.clone());
            let call = async move |_| vec![upstream.list(&path, &options).await];
            Box::pin(async move { behind.load(keys, why, &policy, call).await })
        }
    }

    fn look_at_listing(&self, key: &ListingKey) -> Look<Listing> {
        self.behind.catch_up(|| self.drop_memory());
        match self.listings.look(key) {
            Look::Miss if self.behind.is_there() => self.listings.restore(key, || self.behind.restore(key)),
            look => look,
        }
    }

    async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let key = ListingKey::new(path, options);
        if options.cached {
            match self.look_at_listing(&key) {
                Look::Hit(listing) => return Ok(listing),
                Look::Due(listing) => {
                    self.listings.refresh(&key, self.list_loader(path, options, LoadReason::Due));
                    return Ok(listing);
                }
                Look::Missing(error) => return Err(error),
                Look::Miss => {}
            }
        } else {
            self.listings.leave_loads(std::slice::from_ref(&key));
        }
        let loader = self.list_loader(path, options, LoadReason::of(options.cached));
        one(self.listings.load(&[key], loader, OnFailure::of(options.cached)).await)
    }
}

/// A secret that is kept on disk and still good, for whoever has no memory to look into yet.
pub(crate) fn kept(behind: &Behind, policy: &CachePolicy, path: &str, options: &GetOptions) -> Option<Secret> {
    if !behind.is_there() || !options.cached || !policy.keeps() {
        return None;
    }
    let (secret, loaded) = behind.restore::<Secret>(&*key::of_secret(path, options))?;
    let times = policy.times(loaded, 0.0);
    let seen = Seen { loaded, expires: times.expires, source: Source::Disk, error: None };
    times.is_fresh(Instant::now()).then(|| secret.with_seen(seen))
}

/// A call of the provider that a load makes.
type Load<T> = futures::future::BoxFuture<'static, Vec<Result<T>>>;

#[async_trait]
impl<P: Provider + ?Sized> Provider for Cached<P> {
    fn capabilities(&self) -> Capabilities {
        self.upstream.provider().capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        match self.look(path, options) {
            Some(answer) => answer,
            None => one(self.load(&[path.to_owned()], options).await),
        }
    }

    /// Names that are held need no call; the others go out in one `get_many` of the provider.
    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut answers: HashMap<&String, Result<Secret>> = HashMap::new();
        answers.extend(paths.iter().filter_map(|path| Some((path, self.look(path, options)?))));
        let missing: BTreeSet<_> = paths.iter().filter(|path| !answers.contains_key(path)).collect();
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
        self.upstream.provider().identity().await
    }

    async fn watch(&self, path: &str) -> Result<Option<Watch>> {
        self.upstream.provider().watch(path).await
    }

    /// Never answered from memory.
    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        self.upstream.provider().version(path, options).await
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.upstream.provider().path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        // However it ends: a write that timed out may have been made.
        let _dropped = OnDrop(|| self.invalidate(path));
        let updated = self.upstream.provider().update(path, value, options).await?;
        if let Some(name) = updated.name.as_deref().filter(|name| *name != path) {
            self.invalidate(name);
        }
        Ok(updated)
    }
}

impl<P: Provider + ?Sized> fmt::Debug for Cached<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("provider", &self.upstream.provider())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Kept for Secret {
    const KIND: &'static str = "secret";

    fn is_whole(&self) -> bool {
        true
    }

    fn seen(&self) -> Option<Seen> {
        self.seen()
    }

    fn bytes(&self) -> usize {
        self.size()
    }

    fn noted(self, seen: Seen) -> Self {
        self.with_seen(seen)
    }
}

impl Kept for Listing {
    const KIND: &'static str = "listing";

    fn is_whole(&self) -> bool {
        self.failures().len() == 0
    }

    fn seen(&self) -> Option<Seen> {
        self.seen()
    }

    fn bytes(&self) -> usize {
        self.iter().map(|(name, secret)| name.len() + secret.bytes()).sum()
    }

    fn noted(self, seen: Seen) -> Self {
        self.with_seen(seen)
    }
}

/// Whether a listing of `path` may hold `name`; the secret of that very name too, as some providers list it.
fn covers(path: &str, name: &str) -> bool {
    path == name || is_below(name, path)
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
