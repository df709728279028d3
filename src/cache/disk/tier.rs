//! The disk behind the memory of one provider.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    clock,
    generation::Mark,
    lock::Turn,
    record::OnDisk,
    scope::{CurrentScope, ScopeSource},
    settings::DiskCache,
    store::{Answer, Store, TURN_PATIENCE, Tier},
};
use crate::{
    cache::{
        entries::Cacheable,
        key::Key,
        loader::LoadReason,
        policy::{CachePolicy, Verdict},
    },
    clock::Instant,
    error::{ErrorKind, Result},
    provider::is_below,
    secret::{Source, freshness::Provenance},
};

/// A disk cache that several providers share. It is opened when something is looked for in it.
#[derive(Debug)]
pub(crate) struct Disk {
    settings: DiskCache,
    /// Records at most.
    bound: u64,
    store: OnceLock<Option<Arc<Store>>>,
}

/// The part of a disk cache that belongs to one provider.
pub(in crate::cache) struct DiskTier {
    disk: Arc<Disk>,
    scope: Box<dyn ScopeSource>,
    store: OnceLock<Option<Arc<Store>>>,
    /// The mark up to which the memory has caught up with what other processes dropped.
    seen: AtomicU64,
    catching_up: Mutex<()>,
}

/// Of many keys that are loaded together, turns are taken for so many: who loads the same ones meets at the first.
const TURNS: usize = 16;

impl Disk {
    pub(crate) fn new(settings: DiskCache, bound: u64) -> Arc<Self> {
        Arc::new(Self { settings, bound, store: OnceLock::new() })
    }

    fn store(&self) -> Option<&Arc<Store>> {
        let open = || Store::open(&self.settings, self.bound).inspect_err(Store::tell_unusable).ok().map(Arc::new);
        self.store.get_or_init(open).as_ref()
    }
}

impl DiskTier {
    /// `scope` tells the provider and its settings from all others.
    pub(in crate::cache) fn new(disk: Arc<Disk>, scope: impl ScopeSource + 'static) -> Self {
        let (store, catching_up) = Default::default();
        Self { disk, scope: Box::new(scope), store, seen: AtomicU64::new(0), catching_up }
    }

    /// Runs `drop_all`, and then lets others go on, if something was dropped since the last time.
    pub(in crate::cache) fn catch_up(&self, drop_all: impl FnOnce()) {
        let Some(store) = self.store() else { return };
        let has_seen = |mark: &Mark| self.seen.load(Ordering::Acquire) == mark.0;
        if store.mark().is_none_or(|mark| has_seen(&mark)) {
            return;
        }
        let _one = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = store.mark().filter(|mark| !has_seen(mark)) {
            drop_all();
            self.seen.store(mark.0, Ordering::Release);
        }
    }

    /// What is kept under a key, and when it was loaded.
    ///
    /// Reads a small file here and now: that takes less than sending the work elsewhere.
    pub(in crate::cache) fn restore<T: Cacheable + OnDisk>(&self, key: &(impl Key + ?Sized)) -> Option<(T, Instant)> {
        self.tier()?.tier.read_at(&key.encoded())
    }

    /// What `keys` stand for: what other processes have brought meanwhile, and for all others what one call of `call`
    /// brings, which is kept for them.
    pub(in crate::cache) async fn load<K, T, F>(
        &self,
        keys: Vec<K>,
        why: LoadReason,
        policy: &CachePolicy,
        call: impl FnOnce(Vec<K>) -> F,
    ) -> Vec<Result<T>>
    where
        K: Key + Clone + Send + 'static,
        T: Cacheable + OnDisk,
        F: Future<Output = Vec<Result<T>>>,
    {
        let Some(bound) = self.tier() else { return call(keys).await };
        let tier = &bound.tier;
        let _turns = if why == LoadReason::Refused { Vec::new() } else { tier.turns::<K, T>(&keys).await };
        let found: Vec<_> = keys.iter().map(|key| tier.brought::<T>(key, why, policy)).collect();
        let missing: Vec<_> =
            keys.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(key, _)| key).collect();
        let mut answers = match missing.is_empty() {
            true => Vec::new().into_iter(),
            false => {
                let missing: Vec<K> = missing.into_iter().cloned().collect();
                let (asked, mark) = (clock::now(), tier.mark());
                let answers = call(missing.clone()).await;
                if bound.may_keep() {
                    tier.clone().put(missing, &answers, asked, mark, policy).await;
                }
                answers.into_iter()
            }
        };
        // A provider that gave too few answers is found out by whoever counts them.
        found.into_iter().map_while(|found| found.map(Ok).or_else(|| answers.next())).collect()
    }

    /// Drops all that is kept of a name, and the listings that cover it, whosever it is.
    pub(in crate::cache) fn drop_name(&self, name: &str) {
        self.drop_if(|label| match label.listing {
            true => label.path == name || is_below(name, label.path),
            false => label.path == name || label.name == Some(name),
        });
    }

    /// Drops everything.
    pub(in crate::cache) fn clear(&self) {
        self.drop_if(|_| true);
    }

    fn drop_if(&self, matches: impl Fn(super::store::Label<'_>) -> bool) {
        let Some(store) = self.store() else { return };
        if let Some([before, after]) = store.drop_if(matches) {
            // Our own memory is dropped by whoever called this, and no more of it than has to be.
            let _ = self.seen.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    fn store(&self) -> Option<&Arc<Store>> {
        let open = || {
            let store = self.disk.store()?.clone();
            // Memory is still empty: nothing that was dropped so far concerns it.
            self.seen.store(store.mark()?.0, Ordering::Release);
            Some(store)
        };
        self.store.get_or_init(open).as_ref()
    }

    /// The records of whom the provider asks now, and as whom.
    fn tier(&self) -> Option<BoundTier<'_>> {
        let store = self.store()?;
        let scope = self.scope.now()?;
        Some(BoundTier { tier: Tier::new(store.clone(), &scope.bytes), scope, source: &*self.scope })
    }
}

/// The records of one scope, and where a change of it would be seen.
struct BoundTier<'a> {
    tier: Tier,
    scope: CurrentScope,
    source: &'a dyn ScopeSource,
}

impl BoundTier<'_> {
    /// Whether what was loaded since is of this scope: it is still that of before.
    fn may_keep(&self) -> bool {
        self.scope.settled && self.source.now().is_some_and(|now| now.bytes == self.scope.bytes)
    }
}

impl Tier {
    fn read_at<T: Cacheable + OnDisk>(&self, key: &[u8]) -> Option<(T, Instant)> {
        let found = self.read::<T>(key)?;
        let age = Duration::from_millis(clock::now().saturating_sub(found.loaded));
        Some((found.value, Instant::now().checked_sub(age)?))
    }

    /// What another process has brought, if it will do.
    fn brought<T: Cacheable + OnDisk>(&self, key: &impl Key, why: LoadReason, policy: &CachePolicy) -> Option<T> {
        if why == LoadReason::Refused {
            return None;
        }
        let (value, loaded) = self.read_at::<T>(&key.encoded())?;
        let deadlines = policy.deadlines(loaded, None, 0.0);
        let will_do = match deadlines.verdict(Instant::now()) {
            Verdict::Fresh => true,
            Verdict::Due => why == LoadReason::Missing,
            Verdict::Stale | Verdict::Dead => false,
        };
        will_do.then(|| {
            value.with_provenance(Provenance {
                loaded,
                expires: deadlines.expires,
                end: None,
                source: Source::Disk,
                error: None,
            })
        })
    }

    /// Waits for the turns to load some keys: in order, so that no two processes wait for each other.
    async fn turns<K: Key, T: OnDisk>(&self, keys: &[K]) -> Vec<Turn<'_>> {
        let mut keys: Vec<_> = keys.iter().map(Key::encoded).collect();
        keys.sort_unstable();
        let deadline = tokio::time::Instant::now() + TURN_PATIENCE;
        let mut turns = Vec::new();
        for key in keys.iter().take(TURNS) {
            turns.push(self.turn::<T>(key, deadline).await);
        }
        turns
    }

    /// Keeps what the provider has answered.
    async fn put<K: Key + Send + 'static, T: Cacheable + OnDisk>(
        self,
        keys: Vec<K>,
        answers: &[Result<T>],
        asked: u64,
        mark: Option<Mark>,
        policy: &CachePolicy,
    ) {
        let Some(mark) = mark else { return };
        let (answers, life) = (answers.to_vec(), policy.ttl.saturating_add(policy.max_stale));
        let put = move || {
            for (key, answer) in keys.iter().zip(&answers) {
                match answer {
                    // A value with a life of its own never gets to the disk, nor outlives itself there.
                    Ok(value) if value.lifetime().is_some() => self.forget::<T>(&key.encoded()),
                    Ok(value) if value.is_complete() => {
                        self.keep(&key.encoded(), &Answer { path: key.path(), value, asked, life, mark });
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied) => {
                        self.forget::<T>(&key.encoded());
                    }
                    _ => {}
                }
            }
        };
        // Files are written on threads that may block. If the runtime ends, nobody needs them.
        let _ = tokio::task::spawn_blocking(put).await;
    }
}

impl fmt::Debug for DiskTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskTier").field("disk", &self.disk).finish_non_exhaustive()
    }
}
