//! Drops: the removal of records that an update, an invalidation or a clear has made outdated.
//!
//! A drop is *pending* from [`Drops::begin`] until its records are gone and the generation is
//! advanced. Until then, [`Drops::hides`] keeps this process from reading what it matches. One that
//! fails stays pending. A *run* does all drops that are pending when it begins, so that those which
//! are begun while another one runs need one run together.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use s1crets_fs::Folder;
use tokio::sync::watch;

use super::{
    folder::{self, UNFINISHED},
    generation::{Generation, MemoryGeneration},
    header::{DropFilter, HEADER, Header},
    lock, momentary,
};

/// How long a drop waits for the folder's lock, which no working process holds for longer than a
/// rename or a drop takes, and how long it tries again after momentary failures.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How long a failed drop is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// So many drops that failed become one of everything.
const MOST_PENDING: usize = 64;

/// The drops of this process that are not finished.
#[derive(Debug)]
pub(super) struct Drops {
    pending: Mutex<Pending>,
    /// Whether there is any, for reads to look at without the lock.
    has_pending: AtomicBool,
    /// Held by the run that removes records.
    running: Mutex<()>,
    /// The number of the last drop that ended, in success or failure.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Pending {
    /// The number of the last drop that was begun.
    last: u64,
    drops: Vec<PendingDrop>,
    /// Whether a run that has not begun yet will do all of them.
    is_run_queued: bool,
    /// When a run failed last, unless another one was queued since.
    failed_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct PendingDrop {
    number: u64,
    filter: Arc<DropFilter>,
    /// The memory that has dropped the same already.
    memory: Option<Arc<MemoryGeneration>>,
}

impl Default for Drops {
    fn default() -> Self {
        let (pending, has_pending, running) = Default::default();
        Self { pending, has_pending, running, ended: watch::Sender::new(0) }
    }
}

impl Drops {
    /// Hides what matches from now on. A [`run`](Self::run) has to follow.
    pub(super) fn begin(&self, filter: DropFilter, memory: Option<Arc<MemoryGeneration>>) {
        let mut pending = self.pending();
        pending.last += 1;
        let number = pending.last;
        let drop = match pending.drops.len() < MOST_PENDING {
            true => PendingDrop { number, filter: filter.into(), memory },
            false => {
                pending.drops.clear();
                PendingDrop { number, filter: DropFilter::All.into(), memory: None }
            }
        };
        pending.drops.push(drop);
        self.has_pending.store(true, Ordering::Release);
    }

    /// Whether a pending drop matches a record.
    pub(super) fn hides(&self, file: &str, header: &Header) -> bool {
        self.has_pending.load(Ordering::Acquire)
            && self.pending().drops.iter().any(|drop| drop.filter.matches(file, Some(header)))
    }

    /// Whether the caller has to start a [`run`](Self::run): no other one is queued.
    pub(super) fn queue_run(&self) -> bool {
        !std::mem::replace(&mut self.pending().is_run_queued, true)
    }

    /// Whether the caller has to start a [`run`](Self::run) because the last one failed, some time
    /// ago.
    pub(super) fn queue_retry(&self) -> bool {
        if !self.has_pending.load(Ordering::Acquire) {
            return false;
        }
        let failed = self.pending().failed_at.take_if(|failed_at| failed_at.elapsed() >= RETRY_AFTER);
        failed.is_some() && self.queue_run()
    }

    /// Does all drops that are pending. Blocks for as long as other runs, [`PATIENCE`] and the
    /// removal of records take.
    ///
    /// # Errors
    /// If a record can't be removed, or the generation can't be advanced. The drops stay pending.
    pub(super) fn run(&self, folder: &Folder, generation: &Generation) -> io::Result<()> {
        let _one = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = self.take_batch();
        let Some(last) = batch.last().map(|drop| drop.number) else { return Ok(()) };
        let filters: Vec<_> = batch.iter().map(|drop| &*drop.filter).collect();
        let outcome = momentary::retry(PATIENCE, || {
            drop_records(folder, generation, &filters, || advance(&batch, folder, generation)).map(drop)
        });
        self.end(last, outcome.is_ok());
        outcome
    }

    fn take_batch(&self) -> Vec<PendingDrop> {
        let mut pending = self.pending();
        pending.is_run_queued = false;
        pending.drops.clone()
    }

    /// Waits until every drop that was begun has ended, in success or failure.
    pub(super) async fn ended(&self) {
        let last = self.pending().last;
        // The sender lives as long as we do.
        let _ = self.ended.subscribe().wait_for(|ended| *ended >= last).await;
    }

    fn end(&self, last: u64, is_done: bool) {
        let mut pending = self.pending();
        match is_done {
            true => pending.drops.retain(|drop| drop.number > last),
            false => pending.failed_at = Some(Instant::now()),
        }
        self.has_pending.store(!pending.drops.is_empty(), Ordering::Release);
        drop(pending);
        self.ended.send_modify(|ended| *ended = last.max(*ended));
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Advances the generation. The memory whose drops these are need not be emptied; if they come from
/// several memories, none of them has dropped what the others have.
fn advance(batch: &[PendingDrop], folder: &Folder, generation: &Generation) -> io::Result<()> {
    let memory = batch[0].memory.as_ref();
    let is_only = |memory: &&Arc<MemoryGeneration>| {
        batch.iter().all(|drop| drop.memory.as_ref().is_some_and(|other| Arc::ptr_eq(memory, other)))
    };
    match memory.filter(is_only) {
        Some(memory) => memory.advance(|| generation.advance(folder)),
        None => generation.advance(folder).map(drop),
    }
}

/// Removes the records that a filter matches, and then runs `advance`: a process that sees the new
/// generation finds none of them. Returns how many there were.
///
/// If the lock can't be had, its holder was stopped, perhaps between its look at the generation and
/// the rename of its record. Then the generation is advanced first, so that nobody begins to store
/// an old answer. The unfinished files are removed, so that a stopped writer has nothing to rename.
pub(super) fn drop_records(
    folder: &Folder,
    generation: &Generation,
    filters: &[&DropFilter],
    advance: impl FnOnce() -> io::Result<()>,
) -> io::Result<u64> {
    let lock = match lock::folder(folder, PATIENCE) {
        Err(error) if momentary::is_momentary(&error) => return Err(error),
        lock => lock.ok().flatten(),
    };
    if lock.is_none() {
        generation.advance(folder)?;
        for name in folder.names()?.iter().filter(|name| name.starts_with(UNFINISHED)) {
            folder.remove(name)?;
        }
    }
    let mut removed = 0;
    for file in folder::records(folder)? {
        if matches(folder, &file, filters)? {
            removed += u64::from(folder::remove_record(folder, &file)?);
        }
    }
    advance()?;
    Ok(removed)
}

fn matches(folder: &Folder, file: &str, filters: &[&DropFilter]) -> io::Result<bool> {
    if filters.iter().any(|filter| filter.matches_file(file)) {
        return Ok(true);
    }
    let header = match folder::read_start::<HEADER>(folder, file) {
        Ok(start) => Header::parse(&start).ok(),
        Err(error) if momentary::is_momentary(&error) => return Err(error),
        // It might be about anything.
        Err(_) => None,
    };
    Ok(filters.iter().any(|filter| filter.matches(file, header.as_ref())))
}
