//! [`RecordStore`]: reads, writes and drops the records of a folder, those of all providers.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use s1crets_fs::{
    Fingerprint, Folder,
    seal::{Name, Scope, Seal},
};
use tokio::{runtime::Handle, sync::Semaphore, time::Instant};

use super::{
    clock,
    drops::Drops,
    folder::{self, file_of},
    generation::{Generation, MemoryGeneration, Snapshot},
    header::{DropFilter, HEADER, Header, Unreadable},
    key,
    lock::{self, LoadLock},
    momentary,
    record::{self, OnDisk},
    settings::DiskCache,
    sweep,
    warnings::{Warning, Warnings},
};
use crate::error::{Error, Result};

/// The records of a folder.
pub(crate) struct RecordStore {
    folder: Folder,
    seal: Seal,
    generation: Generation,
    drops: Drops,
    last_reads: LastReads,
    /// The most records.
    limit: u64,
    written: AtomicU64,
    /// One for each file that is open while a load lock is held or waited for.
    descriptors: Semaphore,
    warnings: Warnings,
}

/// What was read from a record.
#[derive(Debug)]
pub(crate) struct Restored<T> {
    pub(crate) value: T,
    /// When it came from the provider, in milliseconds since 1970.
    pub(crate) loaded: u64,
}

/// An answer of the provider, to be stored.
pub(crate) struct Answer<'a, T> {
    /// The path that was asked for.
    pub(crate) path: &'a str,
    pub(crate) value: &'a T,
    /// For how long it may be of use.
    pub(crate) life: Duration,
    pub(crate) request: Request,
}

/// The state of the disk when an answer was requested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// In milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) generation: Snapshot,
    /// The record that was in place.
    pub(crate) replaces: Option<Fingerprint>,
}

/// The records that were read or written last, so that a load does not read one that is known to be
/// of no use to it.
#[derive(Default)]
struct LastReads(Mutex<HashMap<Name, LastRead>>);

/// Which file it was, and when its value was loaded; `None` if there was no value in it.
struct LastRead {
    file: Fingerprint,
    loaded: Option<u64>,
}

/// What the seal is for; a part of every derived key.
const PURPOSE: &str = "s1crets disk cache";
/// How long a writer waits for the folder's lock, which nobody holds for longer than a rename or a
/// drop takes.
const WRITE_PATIENCE: Duration = Duration::from_millis(200);
/// The most load locks at a time. Further loads go without, rather than use up the files that a
/// process may have open.
const DESCRIPTORS: usize = 256;
/// A process looks after the limit each time it has written this many records.
const SWEEP_EVERY: u64 = 100;
/// The most reads and writes that are remembered until the next load.
const LAST_READS: usize = 1024;

impl RecordStore {
    /// Opens the folder, and creates it and its key if there are none.
    ///
    /// # Errors
    /// `Config` if the folder or the key can't be used.
    pub(crate) fn open(settings: &DiskCache, limit: u64) -> Result<Self> {
        let folder = folder::create(&settings.folder()?)?;
        let seal = Seal::new(&key::find(settings.key(), &folder)?, PURPOSE);
        let generation = Generation::open(&folder).map_err(|error| {
            Error::config(format!("can't write into the disk cache's folder {}", folder.path().display()))
                .with_source(error)
        })?;
        let (drops, last_reads, written, warnings) = Default::default();
        let descriptors = Semaphore::new(DESCRIPTORS);
        Ok(Self { folder, seal, generation, drops, last_reads, limit, written, descriptors, warnings })
    }

    /// The folder, for what is no record.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The names of the records of these settings.
    pub(super) fn scope(&self, settings: impl AsRef<[u8]>) -> Scope {
        self.seal.scope(settings)
    }

    /// The generation now. `None` if it can't be looked at: then the disk must not be used.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        match self.generation.snapshot(&self.folder) {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                self.warn_of(Warning::Generation, &error);
                None
            }
        }
    }

    /// Reads a record, unless a pending drop matches it.
    ///
    /// What was read is of no use if anything was dropped meanwhile: a drop that matched it may
    /// have ended before we looked at those that are pending.
    pub(super) fn read<T: OnDisk>(&self, name: Name) -> Option<Restored<T>> {
        let before = self.snapshot()?;
        self.read_and_note(name).filter(|_| self.snapshot() == Some(before))
    }

    fn read_and_note<T: OnDisk>(&self, name: Name) -> Option<Restored<T>> {
        let file = file_of(name);
        match folder::read(&self.folder, &file, record::LIMIT) {
            Ok((mut bytes, fingerprint)) => {
                let restored = self.unseal(name, &file, &mut bytes);
                let loaded = restored.as_ref().map(|restored| restored.loaded);
                self.last_reads.note(name, LastRead { file: fingerprint, loaded });
                restored
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.warn_of(Warning::Record, &error);
                None
            }
        }
    }

    /// Reads a record if it will do, by when its value was loaded, and says which file was there.
    /// One that was read or written last, and will not do, is not read again.
    pub(super) fn read_if<T: OnDisk>(
        &self,
        name: Name,
        will_do: impl Fn(u64) -> bool,
    ) -> (Option<Restored<T>>, Option<Fingerprint>) {
        let last = self.last_reads.take(name);
        let Some(file) = self.fingerprint(name) else { return (None, None) };
        if last.is_some_and(|last| last.file == file && !last.loaded.is_some_and(&will_do)) {
            return (None, Some(file));
        }
        (self.read(name).filter(|restored| will_do(restored.loaded)), Some(file))
    }

    /// The record that is in place; `None` also if that can't be told.
    pub(super) fn fingerprint(&self, name: Name) -> Option<Fingerprint> {
        self.folder.fingerprint(&file_of(name)).ok().flatten()
    }

    fn unseal<T: OnDisk>(&self, name: Name, file: &str, bytes: &mut [u8]) -> Option<Restored<T>> {
        let (header, content) = match record::open(&self.seal, name, bytes) {
            Ok(opened) => opened,
            // Left by an older version of this library.
            Err(Unreadable::OtherVersion(1)) => return None,
            Err(why) => {
                self.warnings.warn(Warning::Record, &why);
                return None;
            }
        };
        if self.drops.hides(file, &header) {
            return None;
        }
        if clock::is_in_future(header.loaded) {
            self.warnings.warn(Warning::Clock, &"the clock was set back");
            return None;
        }
        if header.removable_after <= clock::now() {
            // A process that replaces it at this moment has to load it again.
            let _ = self.folder.remove(file);
            return None;
        }
        let value = T::from_content(content);
        if value.is_none() {
            self.warnings.warn(Warning::Record, &Unreadable::Malformed);
        }
        Some(Restored { value: value?, loaded: header.loaded })
    }

    /// Stores an answer. Blocks for as long as writing a small file takes.
    pub(super) fn write<T: OnDisk>(&self, name: Name, answer: &Answer<'_, T>) {
        let (loaded, content) = (clock::now(), answer.value.content());
        let header = Header {
            removable_after: clock::after(loaded, answer.life),
            requested: answer.request.time,
            loaded,
            subject: content.subject(&self.seal, answer.path),
        };
        let written = match record::seal(&self.seal, name, header, &content) {
            Some(record) => self.place(name, &record, loaded, &answer.request),
            None => Err(io::Error::other("it is too large")),
        };
        match written {
            Ok(()) => self.sweep_at_times(),
            Err(error) => {
                // The record in place may be older than what memory holds.
                let _ = self.folder.remove(&file_of(name));
                self.warn_of(Warning::Write, &error);
            }
        }
    }

    /// Renames a record into place, unless anything was dropped since its answer was requested, or
    /// a later answer is there.
    ///
    /// Nothing is synced: a record that a power failure cuts short does not open, and is loaded
    /// again. A sync would cost milliseconds for each load.
    fn place(&self, name: Name, record: &[u8], loaded: u64, request: &Request) -> io::Result<()> {
        let unfinished = self.folder.temp_file(folder::UNFINISHED, record)?;
        let Some(lock) = lock::folder(&self.folder, WRITE_PATIENCE)? else { return Ok(()) };
        if self.generation.snapshot(&self.folder)? != request.generation || self.has_later_answer(name, request) {
            return Ok(());
        }
        match unfinished.replace(file_of(name)) {
            // A drop that could not wait for us has removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        if let Some(file) = self.fingerprint(name) {
            self.last_reads.note(name, LastRead { file, loaded: Some(loaded) });
        }
        let is_outdated = self.generation.snapshot(&self.folder)? != request.generation;
        drop(lock);
        // Only where a drop by version 1 of this library did not wait for us: it leaves unfinished
        // files.
        if is_outdated {
            self.forget(name);
        }
        Ok(())
    }

    /// Whether an answer to a later request is in place. One that was there when ours was requested
    /// is not, and need not be looked into.
    fn has_later_answer(&self, name: Name, request: &Request) -> bool {
        let there = self.fingerprint(name);
        if there.is_none() || there == request.replaces {
            return false;
        }
        let start = folder::read_start::<HEADER>(&self.folder, &file_of(name)).unwrap_or_default();
        let theirs = Header::parse(&start).map(|header| header.requested);
        theirs.is_ok_and(|theirs| theirs > request.time && !clock::is_in_future(theirs))
    }

    /// Removes a record that must not be served any more. Blocks.
    pub(super) fn forget(&self, name: Name) {
        let file = file_of(name);
        if self.folder.remove(&file).is_err() {
            self.drops.begin(DropFilter::File(file), None);
            self.run_drops();
        }
    }

    /// Waits for the lock on the load of a record, until `deadline` at most.
    pub(super) async fn load_lock(&self, name: Name, deadline: Instant) -> LoadLock<'_> {
        let Ok(descriptor) = self.descriptors.try_acquire() else { return LoadLock::NotLocked };
        let lock = async {
            let generation = self.generation.shared_name(&self.folder)?;
            lock::load(&self.folder, name, &generation, descriptor, deadline).await
        };
        lock.await.unwrap_or_else(|error| {
            self.warn_of(Warning::Lock, &error);
            LoadLock::NotLocked
        })
    }

    fn sweep_at_times(&self) {
        let has_written_many = self.written.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1;
        if !has_written_many && !sweep::is_due(&self.folder) {
            return;
        }
        if let Err(error) = sweep::sweep(&self.folder, self.limit, clock::now()) {
            self.warn_of(Warning::Write, &error);
        }
    }

    /// Logs a warning, or that the failure is momentary.
    pub(super) fn warn_of(&self, warning: Warning, error: &io::Error) {
        let warning = if momentary::is_momentary(error) { Warning::Momentary } else { warning };
        self.warnings.warn(warning, error);
    }
}

/// Drops.
impl RecordStore {
    /// A filter for what is about a name.
    pub(super) fn filter_of(&self, name: &str) -> DropFilter {
        DropFilter::name(&self.seal, name)
    }

    /// Drops the records that match. This process does not read them from now on; they are removed,
    /// and other processes told, by a thread that may block. Without a runtime, that is this one.
    ///
    /// `memory` is that of a caller which drops the same from its own.
    pub(super) fn drop_matching(self: &Arc<Self>, filter: DropFilter, memory: Option<Arc<MemoryGeneration>>) {
        self.drops.begin(filter, memory);
        match Handle::try_current() {
            Ok(runtime) if self.drops.queue_run() => self.start_run(&runtime),
            Ok(_) => {}
            Err(_) => self.run_drops(),
        }
    }

    /// Waits until the drops that were begun have ended, in success or failure.
    pub(super) async fn drops_ended(&self) {
        self.drops.ended().await;
    }

    /// Tries drops again that failed, some time later.
    pub(super) fn retry_failed_drops(self: &Arc<Self>) {
        if self.drops.queue_retry() {
            match Handle::try_current() {
                Ok(runtime) => self.start_run(&runtime),
                Err(_) => self.run_drops(),
            }
        }
    }

    fn start_run(self: &Arc<Self>, runtime: &Handle) {
        let run = QueuedRun(self.clone());
        runtime.spawn_blocking(move || drop(run));
    }

    fn run_drops(&self) {
        if let Err(error) = self.drops.run(&self.folder, &self.generation) {
            self.warnings.warn(Warning::Removal, &error);
        }
    }
}

/// A run of drops. It happens when this is dropped, so that it also happens if the runtime ends
/// before a thread has taken it.
struct QueuedRun(Arc<RecordStore>);

impl Drop for QueuedRun {
    fn drop(&mut self) {
        self.0.run_drops();
    }
}

impl LastReads {
    fn note(&self, name: Name, read: LastRead) {
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Reads that no load follows stay behind.
        if reads.len() >= LAST_READS {
            reads.clear();
        }
        reads.insert(name, read);
    }

    fn take(&self, name: Name) -> Option<LastRead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name)
    }
}

impl fmt::Debug for RecordStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordStore").field("folder", &self.folder.path()).finish_non_exhaustive()
    }
}
