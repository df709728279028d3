//! [`DiskTier`]: the disk cache behind the memory of one provider.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use s1crets_fs::Fingerprint;

use super::{
    clock,
    generation::MemoryGeneration,
    header::DropFilter,
    lock::LoadLock,
    momentary,
    record::OnDisk,
    scope::{CurrentScope, ScopeSource},
    scoped::ScopedStore,
    settings::DiskCache,
    store::{Answer, RecordStore, Request},
    warnings::{Warning, Warnings},
};
use crate::{
    cache::{
        breaker::{self, CallOutcome, Outage},
        cacheable::Cacheable,
        key::Key,
        loader::LoadReason,
        policy::{CachePolicy, Verdict},
    },
    clock::Instant,
    error::{Error, ErrorKind, Result},
    secret::{Source, freshness::Provenance},
};

/// A disk cache that several providers share. It is opened at its first use.
#[derive(Debug)]
pub(crate) struct Disk {
    settings: DiskCache,
    /// The most records.
    limit: u64,
    /// `None` if it can't be used.
    store: OnceLock<Option<Arc<RecordStore>>>,
    /// What was to be dropped while the folder could not be opened for the moment. The lock is held
    /// while it is opened.
    early_drops: Mutex<Vec<(Dropped, Arc<MemoryGeneration>)>>,
    warnings: Warnings,
}

/// What is to be dropped.
#[derive(Clone, Debug)]
enum Dropped {
    Name(String),
    All,
}

/// The part of a disk cache that belongs to one provider.
pub(in crate::cache) struct DiskTier {
    disk: Arc<Disk>,
    scope: Box<dyn ScopeSource>,
    store: OnceLock<Arc<RecordStore>>,
    memory: Arc<MemoryGeneration>,
}

/// The records of the scope that the provider has now, and where a change of it would be seen.
struct CurrentStore<'a> {
    scoped: ScopedStore,
    scope: CurrentScope,
    source: &'a dyn ScopeSource,
}

/// How long the load of another process is waited for: as long as one attempt may take by default.
/// A load that takes longer is in trouble, and asking the provider is better than waiting.
const LOAD_PATIENCE: Duration = Duration::from_secs(5);
/// The most keys of one load that are locked. Processes that load the same keys meet at the first
/// one.
const LOCKED_KEYS: usize = 16;
/// So many early drops become one of everything.
const MOST_EARLY_DROPS: usize = 64;

impl Disk {
    pub(crate) fn new(settings: DiskCache, limit: u64) -> Arc<Self> {
        let (store, early_drops, warnings) = Default::default();
        Arc::new(Self { settings, limit, store, early_drops, warnings })
    }

    /// The store, opened by the first caller. A momentary failure to open it is tried again by the
    /// next one; any other failure is final.
    fn store(&self) -> Option<&Arc<RecordStore>> {
        if let Some(store) = self.store.get() {
            return store.as_ref();
        }
        let mut early_drops = self.early_drops.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = self.store.get() {
            return store.as_ref();
        }
        let store = match RecordStore::open(&self.settings, self.limit) {
            Ok(store) => Some(Arc::new(store)),
            Err(error) if momentary::is_momentary(&error) => {
                self.warnings.warn(Warning::Momentary, &error);
                return None;
            }
            Err(error) => {
                self.warn_unusable(&error);
                None
            }
        };
        // Before anybody reads.
        for (dropped, memory) in early_drops.drain(..) {
            store.iter().for_each(|store| dropped.drop_from(store, &memory));
        }
        self.store.get_or_init(|| store).as_ref()
    }

    fn drop_records(&self, dropped: Dropped, memory: &Arc<MemoryGeneration>) {
        if let Some(store) = self.store() {
            return dropped.drop_from(store, memory);
        }
        let mut early_drops = self.early_drops.lock().unwrap_or_else(PoisonError::into_inner);
        match self.store.get() {
            Some(store) => store.iter().for_each(|store| dropped.drop_from(store, memory)),
            None if early_drops.len() < MOST_EARLY_DROPS => early_drops.push((dropped, memory.clone())),
            None => *early_drops = vec![(Dropped::All, Arc::default())],
        }
    }

    fn warn_unusable(&self, error: &Error) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = error.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        self.warnings.warn(Warning::Unusable, &format_args!("{error}{cause}{hint}"));
    }
}

impl Dropped {
    fn drop_from(&self, store: &Arc<RecordStore>, memory: &Arc<MemoryGeneration>) {
        let filter = match self {
            Self::Name(name) => store.filter_of(name),
            Self::All => DropFilter::All,
        };
        store.drop_matching(filter, Some(memory.clone()));
    }
}

impl DiskTier {
    /// `scope` tells the provider and its settings from all others.
    pub(in crate::cache) fn new(disk: Arc<Disk>, scope: impl ScopeSource + 'static) -> Self {
        let (store, memory) = Default::default();
        Self { disk, scope: Box::new(scope), store, memory }
    }

    /// Runs `empty_memory`, and then lets other readers continue, if another process dropped
    /// anything since the last call.
    pub(in crate::cache) fn catch_up(&self, empty_memory: impl FnOnce()) {
        if let Some(store) = self.store() {
            self.memory.catch_up(|| store.snapshot(), empty_memory);
        }
    }

    /// The value under a key, and when it was loaded.
    ///
    /// It reads a small file on the calling thread, which takes less than handing the work to
    /// another.
    pub(in crate::cache) fn restore<T: Cacheable + OnDisk>(&self, key: &(impl Key + ?Sized)) -> Option<(T, Instant)> {
        let restored = self.current()?.scoped.read::<T>(&key.encoded())?;
        Some((restored.value, instant_of(restored.loaded)?))
    }

    /// The outage of the provider that another process has met, while it lasts.
    pub(in crate::cache) fn outage(&self) -> Option<Outage> {
        self.current()?.scoped.outage()
    }

    /// The values of `keys`: those that other processes have stored meanwhile, and for all others
    /// the answers of one `call`, which are stored.
    pub(in crate::cache) async fn load<K, T, F>(
        &self,
        keys: Vec<K>,
        reason: LoadReason,
        policy: &CachePolicy,
        call: impl FnOnce(Vec<K>) -> F,
    ) -> Vec<Result<T>>
    where
        K: Key + Clone + Send + 'static,
        T: Cacheable + OnDisk,
        F: Future<Output = Vec<Result<T>>>,
    {
        let Some(current) = self.current() else { return call(keys).await };
        let scoped = &current.scoped;
        // Released once the answers are stored.
        let locks = if reason == LoadReason::Refused { Vec::new() } else { load_locks::<K, T>(scoped, &keys).await };
        let (mut found, mut missing, mut replaces) = (Vec::new(), Vec::new(), Vec::new());
        let mut all_are_stale = true;
        for key in keys {
            let Stored { value, file, is_stale } = stored_elsewhere::<T>(scoped, &key, reason, policy);
            if value.is_none() {
                missing.push(key);
                replaces.push(file);
                all_are_stale &= is_stale;
            }
            found.push(value);
        }
        let mut answers = Vec::new();
        // Whoever has waited for the failed load of another process does not repeat it.
        let has_waited = || locks.iter().any(|lock| !matches!(lock, LoadLock::Held(_)));
        if all_are_stale
            && has_waited()
            && let Some(outage) = scoped.outage()
        {
            answers = missing.iter().map(|_| Err(failed_elsewhere(outage.kind))).collect();
        } else if !missing.is_empty() {
            let (time, generation) = (clock::now(), scoped.snapshot());
            answers = call(missing.clone()).await;
            note_outcome(scoped, time, &answers);
            if let Some(generation) = generation.filter(|_| current.is_unchanged()) {
                let request = |replaces| Request { time, generation, replaces };
                let requests = missing.into_iter().zip(replaces.into_iter().map(request)).collect();
                store_answers(scoped.clone(), requests, answers.clone(), policy.ttl.saturating_add(policy.max_stale))
                    .await;
            }
        }
        // If the provider gave too few answers, so do we: the caller counts them.
        let mut answers = answers.into_iter();
        found.into_iter().map_while(|found| found.map(Ok).or_else(|| answers.next())).collect()
    }

    /// Drops all records of a name, and the listings that cover it, in all scopes.
    pub(in crate::cache) fn drop_name(&self, name: &str) {
        self.drop_records(Dropped::Name(name.to_owned()));
    }

    /// Drops everything.
    pub(in crate::cache) fn clear(&self) {
        self.drop_records(Dropped::All);
    }

    /// Waits until the drops that were begun have ended, in success or failure.
    pub(in crate::cache) async fn drops_ended(&self) {
        if let Some(store) = self.disk.store.get().and_then(Option::as_ref) {
            store.drops_ended().await;
        }
    }

    fn drop_records(&self, dropped: Dropped) {
        // Before the drop advances the generation.
        let _ = self.store();
        self.disk.drop_records(dropped, &self.memory);
    }

    fn store(&self) -> Option<&Arc<RecordStore>> {
        if let Some(store) = self.store.get() {
            return Some(store);
        }
        let Some(store) = self.disk.store() else {
            // Memory is filled from now on, and nobody says what others drop.
            self.memory.start(None);
            return None;
        };
        // Memory is still empty: what was dropped so far does not concern it.
        self.memory.start(store.snapshot());
        Some(self.store.get_or_init(|| store.clone()))
    }

    fn current(&self) -> Option<CurrentStore<'_>> {
        let store = self.store()?;
        store.retry_failed_drops();
        let scope = self.scope.now()?;
        let scoped = ScopedStore::new(store.clone(), &scope.bytes);
        Some(CurrentStore { scoped, scope, source: &*self.scope })
    }
}

impl CurrentStore<'_> {
    /// Whether what was loaded since belongs to this scope, which is still that of the provider.
    fn is_unchanged(&self) -> bool {
        self.scope.settled && self.source.now().is_some_and(|now| now.bytes == self.scope.bytes)
    }
}

/// Waits for the locks on the load of some keys: in one order, so that no two processes wait for
/// each other.
async fn load_locks<'a, K: Key, T: OnDisk>(scoped: &'a ScopedStore, keys: &[K]) -> Vec<LoadLock<'a>> {
    let mut keys: Vec<_> = keys.iter().map(Key::encoded).collect();
    keys.sort_unstable();
    let deadline = tokio::time::Instant::now() + LOAD_PATIENCE;
    let mut locks = Vec::new();
    for key in keys.iter().take(LOCKED_KEYS) {
        locks.push(scoped.load_lock::<T>(key, deadline).await);
    }
    locks
}

/// What another process has stored under a key.
struct Stored<T> {
    /// The value, if it will do.
    value: Option<T>,
    /// Which file was there.
    file: Option<Fingerprint>,
    /// Whether its value has expired and may still be served in an outage.
    is_stale: bool,
}

/// What another process has stored under a key, if a load for this reason can use it.
fn stored_elsewhere<T: Cacheable + OnDisk>(
    scoped: &ScopedStore,
    key: &impl Key,
    reason: LoadReason,
    policy: &CachePolicy,
) -> Stored<T> {
    let key = key.encoded();
    if reason == LoadReason::Refused {
        return Stored { value: None, file: scoped.fingerprint::<T>(&key), is_stale: false };
    }
    let is_stale = Cell::new(false);
    let deadlines = |loaded| Some(policy.deadlines(instant_of(loaded)?, None, 0.0));
    let will_do = |loaded| {
        let verdict = deadlines(loaded).map(|deadlines| deadlines.verdict(Instant::now()));
        is_stale.set(verdict == Some(Verdict::Stale));
        match verdict {
            Some(Verdict::Fresh) => true,
            Some(Verdict::Due) => reason == LoadReason::Missing,
            Some(Verdict::Stale | Verdict::Dead) | None => false,
        }
    };
    let (restored, file) = scoped.read_if::<T>(&key, will_do);
    let value = restored.and_then(|restored| {
        let (loaded, expires) = (instant_of(restored.loaded)?, deadlines(restored.loaded)?.expires);
        Some(restored.value.with_provenance(Provenance {
            loaded,
            expires,
            end: None,
            source: Source::Disk,
            error: None,
        }))
    });
    Stored { value, file, is_stale: is_stale.get() }
}

/// The outcome of a load that is not made, because that of another process has just failed.
fn failed_elsewhere(kind: ErrorKind) -> Error {
    Error::new(kind, "the provider has just failed for another process")
}

/// Notes for other processes whether a call failed. An error that is neither an answer nor an
/// outage changes nothing.
///
/// It takes no lock, and less time than handing the work to another thread.
fn note_outcome<T>(scoped: &ScopedStore, begun: u64, answers: &[Result<T>]) {
    match breaker::outcome_of(answers) {
        CallOutcome::Answered => scoped.note_answer(),
        CallOutcome::Failed(error) => scoped.note_failure(begun, error.kind()),
        CallOutcome::Other => {}
    }
}

/// Stores what the provider has answered, on a thread that may block. If the runtime ends, nobody
/// needs it.
async fn store_answers<K: Key + Send + 'static, T: Cacheable + OnDisk>(
    scoped: ScopedStore,
    requests: Vec<(K, Request)>,
    answers: Vec<Result<T>>,
    life: Duration,
) {
    let store = move || {
        for ((key, request), answer) in requests.iter().zip(&answers) {
            match answer {
                // A value with a lifetime of its own is never stored on disk.
                Ok(value) if value.lifetime().is_some() => scoped.forget::<T>(&key.encoded()),
                Ok(value) if value.is_complete() => {
                    scoped.write(&key.encoded(), &Answer { path: key.path(), value, life, request: *request });
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied) => {
                    scoped.forget::<T>(&key.encoded());
                }
                _ => {}
            }
        }
    };
    let _ = tokio::task::spawn_blocking(store).await;
}

/// The time of a load, in milliseconds since 1970, by the clock of this process.
fn instant_of(loaded: u64) -> Option<Instant> {
    Instant::now().checked_sub(Duration::from_millis(clock::now().saturating_sub(loaded)))
}

impl fmt::Debug for DiskTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskTier").field("disk", &self.disk).finish_non_exhaustive()
    }
}
