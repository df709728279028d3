//! The wrapper that answers from memory.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use moka::sync::Cache;

use super::{
    key::{self, ListingKey},
    policy::CachePolicy,
};
use crate::{
    error::{Error, ErrorKind, Result},
    flight::Flights,
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Capabilities, Listing, Provider, Updated, is_below},
    secret::Secret,
    value::SecretValue,
};

/// The cache panics on a time of 1000 years, and nobody sees the difference.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A provider with a cache in memory in front, a provider itself.
///
/// What it holds, it answers at once and without a call, whatever happens behind it. What it doesn't hold
/// is loaded once, however many ask: the load goes on when callers go away, the first one included, and is
/// kept for the next. Only answers are kept: neither errors nor listings with failures.
///
/// An [`update`](Provider::update) drops the secret under all its names and versions, and every listing
/// that covers it, before it returns; a load that was under way is then not kept.
/// [`path_exists`](Provider::path_exists) is never answered from memory.
///
/// Expired and dropped values are wiped when the last handle goes, and the cache itself lets go of
/// them some time after they expired, not at the instant.
pub struct Cached<P: ?Sized> {
    secrets: Cache<String, Secret>,
    listings: Cache<ListingKey, Listing>,
    secret_loads: Arc<Flights<String, Secret>>,
    listing_loads: Arc<Flights<ListingKey, Listing>>,
    provider: Arc<P>,
}

impl<P: Provider + ?Sized> Cached<P> {
    /// A cache in front of `provider`.
    pub fn new(provider: Arc<P>, policy: CachePolicy) -> Self {
        let (entries, ttl) = (policy.entries, policy.ttl.min(LONGEST));
        Self {
            secrets: Cache::builder().max_capacity(entries).time_to_live(ttl).build(),
            listings: Cache::builder().max_capacity(entries).time_to_live(ttl).build(),
            secret_loads: Flights::new(),
            listing_loads: Flights::new(),
            provider,
        }
    }

    /// The secret, if it is held and may be answered from memory.
    pub fn held(&self, path: &str, options: &GetOptions) -> Option<Secret> {
        options.cached.then(|| self.secrets.get(&*key::of_secret(path, options)))?
    }

    /// Drops what is held of a name, and the listings that cover it.
    pub fn invalidate(&self, path: &str) {
        self.forget(|name, called| name == path || called == Some(path), |listing| covers(listing, path));
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.forget(|_, _| true, |_| true);
    }

    /// Drops the secrets that match by the path they were asked by and the backend's own name, and the listings
    /// that match by their path. First the loads: one that lands in between finds itself forgotten.
    fn forget(&self, secret: impl Fn(&str, Option<&str>) -> bool, listing: impl Fn(&str) -> bool) {
        self.secret_loads.forget_if(|key| secret(key::path_of(key), None));
        self.listing_loads.forget_if(|key| listing(&key.path));
        for (key, held) in &self.secrets {
            if secret(key::path_of(&key), held.name()) {
                self.secrets.invalidate(&*key);
            }
        }
        for (key, _) in &self.listings {
            if listing(&key.path) {
                self.listings.invalidate(&*key);
            }
        }
    }

    /// What `keys` stand for, by one call of the provider for those that nobody is loading yet. Whoever refused a
    /// cached answer is not given that of a load that began before either.
    async fn load(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let keys: Vec<_> = paths.iter().map(|path| key::of_secret(path, options).into_owned()).collect();
        if !options.cached {
            self.secret_loads.forget_if(|under_way| keys.contains(under_way));
        }
        let load = |keys: Vec<String>| {
            let (provider, options) = (self.provider.clone(), options.clone());
            async move {
                let paths: Vec<_> = keys.iter().map(|key| key::path_of(key).to_owned()).collect();
                match paths.as_slice() {
                    [path] => vec![provider.get(path, &options).await],
                    paths => provider.get_many(paths, &options).await,
                }
            }
        };
        let held = |key: &String| options.cached.then(|| self.secrets.get(key)).flatten();
        self.secret_loads.fly(&keys, held, load, keep(&self.secrets)).await
    }
}

#[async_trait]
impl<P: Provider + ?Sized> Provider for Cached<P> {
    fn capabilities(&self) -> Capabilities {
        self.provider.capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        match self.held(path, options) {
            Some(secret) => Ok(secret),
            None => one(self.load(&[path.to_owned()], options).await),
        }
    }

    /// Names that are held need no call; the others go out in one `get_many` of the provider.
    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut answers: HashMap<&String, Result<Secret>> = HashMap::new();
        answers.extend(paths.iter().filter_map(|path| Some((path, Ok(self.held(path, options)?)))));
        let missing: BTreeSet<_> = paths.iter().filter(|path| !answers.contains_key(path)).collect();
        let names: Vec<_> = missing.iter().map(|path| (*path).clone()).collect();
        if !names.is_empty() {
            answers.extend(missing.into_iter().zip(self.load(&names, options).await));
        }
        paths.iter().map(|path| answers.get(path).cloned().unwrap_or_else(|| Err(Error::unanswered()))).collect()
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let key = ListingKey::new(path, options);
        if !options.cached {
            self.listing_loads.forget_if(|under_way| *under_way == key);
        }
        let load = |_| {
            // Those who share the load may differ in what failures mean to them.
            let options = options.clone().with_fail_on_error(false);
            let (provider, path) = (self.provider.clone(), path.to_owned());
            async move { vec![provider.get_by_path(&path, &options).await] }
        };
        let held = |key: &ListingKey| options.cached.then(|| self.listings.get(key)).flatten();
        let listing = one(self.listing_loads.fly(&[key], held, load, keep(&self.listings)).await)?;
        if options.fail_on_error { listing.strict() } else { Ok(listing) }
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.provider.path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        // However it ends: a write that timed out may have been made.
        let _dropped = OnDrop(|| self.invalidate(path));
        let updated = self.provider.update(path, value, options).await?;
        if let Some(name) = updated.name.as_deref().filter(|name| *name != path) {
            self.invalidate(name);
        }
        Ok(updated)
    }
}

impl<P: Provider + ?Sized> fmt::Debug for Cached<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached")
            .field("provider", &self.provider)
            .field("entries", &self.secrets.entry_count())
            .finish_non_exhaustive()
    }
}

/// Whether a listing of `path` may hold `name`; the secret of that very name too, as some providers list it.
fn covers(path: &str, name: &str) -> bool {
    path == name || is_below(name, path)
}

/// Errors that tell that the held value is no longer the truth.
fn is_answer(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::AccessDenied)
}

/// What a load brings that may be kept.
trait Keep: Clone + Send + Sync + 'static {
    fn is_whole(&self) -> bool;
}

impl Keep for Secret {
    fn is_whole(&self) -> bool {
        true
    }
}

impl Keep for Listing {
    fn is_whole(&self) -> bool {
        self.failures().len() == 0
    }
}

/// Puts what a load brought into `cache`; an answer that says there is nothing empties the place.
fn keep<K, T>(cache: &Cache<K, T>) -> impl Fn(&K, &Result<T>) + Clone + Send + use<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Keep,
{
    let cache = cache.clone();
    move |key, outcome| match outcome {
        Ok(value) if value.is_whole() => cache.insert(key.clone(), value.clone()),
        Err(error) if is_answer(error.kind()) => cache.invalidate(key),
        _ => {}
    }
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
