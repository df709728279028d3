//! All of it together: records are read, published and dropped.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use s1crets_fs::{
    Folder,
    seal::{Name, Scope, Seal},
};
use tokio::sync::Semaphore;

use super::{
    clock, folder,
    generation::{Generation, Mark},
    key,
    lock::{self, Turn},
    record::{self, Body, Content, OnDisk},
    settings::DiskCache,
    sweep,
    warnings::{Trouble, Troubles},
};
use crate::error::{Error, Result};

/// The records of a folder, of all providers.
pub(crate) struct Store {
    folder: Folder,
    seal: Seal,
    generation: Generation,
    /// Records at most.
    bound: u64,
    written: AtomicU64,
    /// For the files that are open while loads take turns.
    handles: Semaphore,
    /// Set when something that had to go could not be removed: nothing is read from then on.
    off: AtomicBool,
    troubles: Troubles,
}

/// The records of one provider by its settings.
#[derive(Clone, Debug)]
pub(crate) struct Tier {
    store: Arc<Store>,
    scope: Scope,
}

/// What a record held.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    /// When it came from the provider, in milliseconds since 1970.
    pub(crate) loaded: u64,
}

/// An answer of the provider that is to be kept.
pub(crate) struct Answer<'a, T> {
    pub(crate) path: &'a str,
    pub(crate) value: &'a T,
    /// When it was asked for.
    pub(crate) asked: u64,
    /// For how long it may be of use.
    pub(crate) life: Duration,
    /// A look from before it was asked for.
    pub(crate) mark: Mark,
}

/// What a record is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    /// The path that was asked for.
    pub(crate) path: &'a str,
    /// The backend's own name for a secret.
    pub(crate) name: Option<&'a str>,
    /// Whether it is all below the path, rather than the secret of that name.
    pub(crate) listing: bool,
}

/// What the seal is for; part of every derived key.
const PURPOSE: &str = "s1crets disk cache";
/// How the names of records begin.
pub(super) const RECORD: &str = "r-";
/// How long a load of another process is waited for. As long as one attempt may take by default: whoever takes longer is
/// in trouble, and then it is better to ask than to wait.
pub(super) const TURN_PATIENCE: Duration = Duration::from_secs(5);
/// How long the folder's lock is waited for, which is never held for longer than a rename or a scan takes.
const PUBLISH_PATIENCE: Duration = Duration::from_millis(200);
const DROP_PATIENCE: Duration = Duration::from_secs(1);
/// So many turns are taken at once; those beyond load without, rather than use up the files that a process may open.
const HANDLES: usize = 256;
/// After so many records of one process, the bound is looked after.
const SWEEP_EVERY: u64 = 100;

impl Store {
    /// # Errors
    /// `Config` if the folder or the key can't be used.
    pub(crate) fn open(settings: &DiskCache, bound: u64) -> Result<Self> {
        let folder = folder::create(&settings.folder()?)?;
        let seal = Seal::new(&key::find(settings.key(), &folder)?, PURPOSE);
        let generation = Generation::open(&folder).map_err(|error| {
            Error::config(format!("can't write into the disk cache's folder {}", folder.path().display()))
                .with_source(error)
        })?;
        let (written, off, troubles) = Default::default();
        Ok(Self { folder, seal, generation, bound, written, handles: Semaphore::new(HANDLES), off, troubles })
    }

    /// A look whether anything was dropped; nothing if there is no telling, and nothing can be relied on.
    pub(crate) fn mark(&self) -> Option<Mark> {
        if self.off.load(Ordering::Relaxed) {
            return None;
        }
        match self.generation.mark(&self.folder) {
            Ok(mark) => Some(mark),
            Err(error) => {
                self.off.store(true, Ordering::Relaxed);
                self.troubled(Trouble::Removal, &error)
            }
        }
    }

    /// Drops every record that matches, and lets all processes know. What can't be read is dropped too: it might match.
    ///
    /// Returns the marks before and after, unless something else was dropped in between.
    pub(crate) fn drop_if(&self, matches: impl Fn(Label<'_>) -> bool) -> Option<[Mark; 2]> {
        if self.off.load(Ordering::Relaxed) {
            return None;
        }
        // A holder that doesn't let go was stopped half-way. It finds out that it came too late.
        let turn = lock::folder(&self.folder, DROP_PATIENCE);
        // First the records, then the word: whoever has heard it finds none of the old ones.
        let dropped = self.remove_if(matches).and_then(|()| self.generation.advance(&self.folder));
        drop(turn);
        dropped.unwrap_or_else(|error| {
            self.off.store(true, Ordering::Relaxed);
            self.troubled(Trouble::Removal, &error)
        })
    }

    /// Says that there is no cache on disk, and why.
    pub(crate) fn tell_unusable(error: &Error) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = error.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
        Troubles::default().tell(Trouble::Unusable, &format_args!("{error}{cause}{hint}"));
    }

    fn remove_if(&self, matches: impl Fn(Label<'_>) -> bool) -> io::Result<()> {
        for file in self.folder.names()? {
            if let Some(name) = file.strip_prefix(RECORD).and_then(Name::from_hex)
                && self.label(&file, name, &matches).unwrap_or(true)
            {
                self.folder.remove(&file)?;
            }
        }
        Ok(())
    }

    /// What `tell` says of a record, if it can be read.
    fn label<T>(&self, file: &str, name: Name, tell: impl Fn(Label<'_>) -> T) -> Option<T> {
        let mut bytes = self.folder.read(file, record::LIMIT).ok()?;
        let body = record::open(&self.seal, name, &mut bytes).ok()?;
        let (backend, listing) = match &body.content {
            Content::Secret(entry) => (entry.name, false),
            Content::Listing(_) => (None, true),
        };
        Some(tell(Label { path: body.path, name: backend, listing }))
    }

    fn read<T: OnDisk>(&self, name: Name) -> Option<Found<T>> {
        if self.off.load(Ordering::Relaxed) {
            return None;
        }
        let file = file(name);
        let mut bytes = match self.folder.read(&file, record::LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.troubled(Trouble::Record, &error),
        };
        let (now, dies) = (clock::now(), record::dies(&bytes).unwrap_or_default());
        let body = match record::open(&self.seal, name, &mut bytes) {
            Ok(body) => body,
            Err(why) => return self.troubled(Trouble::Record, &why),
        };
        if body.loaded > now.saturating_add(clock::TOLERANCE) {
            return self.troubled(Trouble::Clock, &"the clock was set back");
        }
        if dies <= now {
            // Whoever replaced it in this moment has to load it again.
            let _ = self.folder.remove(&file);
            return None;
        }
        let loaded = body.loaded;
        match T::from_content(body.content) {
            Some(value) => Some(Found { value, loaded }),
            None => self.troubled(Trouble::Record, &"it holds something else"),
        }
    }

    fn publish<T: OnDisk>(&self, name: Name, answer: &Answer<'_, T>) {
        if self.off.load(Ordering::Relaxed) {
            return;
        }
        let loaded = clock::now();
        let Answer { path, value, asked, life, mark } = *answer;
        let body = Body { path, asked, loaded, content: value.content() };
        let Some(record) = record::seal(&self.seal, name, clock::after(loaded, life), &body) else {
            let _ = self.folder.remove(&file(name));
            return;
        };
        match self.place(name, &record, asked, mark) {
            Ok(()) => self.sweep_now_and_then(),
            Err(error) => {
                // What is there may be older than what is held in memory.
                let _ = self.folder.remove(&file(name));
                self.troubles.tell(Trouble::Write, &error);
            }
        }
    }

    /// Puts a record in place, unless anything was dropped since its answer was asked for, or a later answer is there.
    ///
    /// Nothing is synced: a record that a crash cuts short does not open, and is loaded again. A sync would cost
    /// milliseconds for each load.
    fn place(&self, name: Name, record: &[u8], asked: u64, mark: Mark) -> io::Result<()> {
        let unfinished = self.folder.temp_file(folder::UNFINISHED, record)?;
        let Some(_turn) = lock::folder(&self.folder, PUBLISH_PATIENCE)? else { return Ok(()) };
        if self.generation.mark(&self.folder)? != mark || self.asked(name).is_some_and(|theirs| theirs > asked) {
            return Ok(());
        }
        unfinished.replace(file(name))?;
        // Only if we were stopped since, for so long that a drop did not wait for us.
        if self.generation.mark(&self.folder)? != mark {
            self.folder.remove(&file(name))?;
        }
        Ok(())
    }

    /// When the answer that is in place was asked for.
    fn asked(&self, name: Name) -> Option<u64> {
        let mut bytes = self.folder.read(&file(name), record::LIMIT).ok()?;
        Some(record::open(&self.seal, name, &mut bytes).ok()?.asked)
    }

    fn sweep_now_and_then(&self) {
        let many = self.written.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1;
        let swept = match many || sweep::is_due(&self.folder) {
            true => sweep::sweep(&self.folder, self.bound, clock::now()),
            false => return,
        };
        if let Err(error) = swept {
            self.troubles.tell(Trouble::Write, &error);
        }
    }

    fn troubled<T>(&self, trouble: Trouble, why: &dyn fmt::Display) -> Option<T> {
        self.troubles.tell(trouble, why);
        None
    }
}

impl Tier {
    /// The records of one provider. `settings` is whatever tells it from others: it is part of every name.
    pub(crate) fn new(store: Arc<Store>, settings: impl AsRef<[u8]>) -> Self {
        let scope = store.seal.scope(settings);
        Self { store, scope }
    }

    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// As [`Store::mark`].
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.store.mark()
    }

    /// What is kept under a key.
    pub(crate) fn read<T: OnDisk>(&self, key: &[u8]) -> Option<Found<T>> {
        self.store.read(self.scope.name(T::KIND, key))
    }

    /// Keeps an answer under a key. Blocks for as long as writing a small file takes.
    pub(crate) fn keep<T: OnDisk>(&self, key: &[u8], answer: &Answer<'_, T>) {
        self.store.publish(self.scope.name(T::KIND, key), answer);
    }

    /// Drops what is kept under a key: the provider has said that there is nothing any more.
    pub(crate) fn forget<T: OnDisk>(&self, key: &[u8]) {
        if let Err(error) = self.store.folder.remove(&file(self.scope.name(T::KIND, key))) {
            self.store.off.store(true, Ordering::Relaxed);
            self.store.troubles.tell(Trouble::Removal, &error);
        }
    }

    /// Waits for the turn to load what a key stands for.
    pub(crate) async fn turn<T: OnDisk>(&self, key: &[u8], deadline: tokio::time::Instant) -> Turn<'_> {
        let Ok(handle) = self.store.handles.try_acquire() else { return Turn::Overdue };
        let (folder, name) = (&self.store.folder, self.scope.name(T::KIND, key));
        let turn = async {
            let generation = self.store.generation.shared(folder)?;
            lock::turn(folder, name, &generation, handle, deadline).await
        };
        turn.await.unwrap_or_else(|error| {
            self.store.troubles.tell(Trouble::Lock, &error);
            Turn::Overdue
        })
    }
}

fn file(name: Name) -> String {
    format!("{RECORD}{}", name.to_hex())
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}
