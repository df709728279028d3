//! The thread that notices changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{
        Weak,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};

use super::{
    fingerprint::{self, Identity},
    source::Source,
    store::{Store, When},
    watch_path::Trail,
};
use crate::error::{Error, ErrorKind, Result};

/// After a load the thread rests for as long as the load took, lest a file that changes all the time
/// cost a whole core; but no longer than this, of the 100 ms within which a change is to be seen.
const MAX_REST: Duration = Duration::from_millis(20);

/// Longer intervals are as good as none, and must not overflow the clock.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the path is followed anew because it changed while watches were set up.
const MAX_ROUNDS: usize = 10;

/// Why the thread should look up.
pub(super) enum Wake {
    /// Something happened in a watched folder.
    Event(Event),
    /// Notifications were lost, or failed.
    Lost,
    /// There is data that callbacks have not seen.
    CallBack,
    /// The store is gone.
    Stop,
}

/// Starts the thread. It ends when the store is dropped, which it does not keep alive.
pub(super) fn spawn(
    store: Weak<Store>,
    watches: Watches,
    wakes: Receiver<Wake>,
    poll_interval: Duration,
) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name("s1crets-file".into());
    let run = move || Thread { store, watches, wakes, poll_interval, next_look: Instant::now() }.run();
    thread.spawn(run).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "can't start the thread that watches the secrets file").with_source(error)
    })
}

struct Thread {
    store: Weak<Store>,
    watches: Watches,
    wakes: Receiver<Wake>,
    poll_interval: Duration,
    next_look: Instant,
}

/// What there is to do after a wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Nothing,
    CallBack,
    /// Compare the state of the file.
    Look,
    /// Read it anyway.
    Load,
    Stop,
}

impl Thread {
    fn run(mut self) {
        loop {
            let task = self.wait();
            // Dropped at the end of every round: waiting keeps nothing alive.
            let Some(store) = self.store.upgrade().filter(|_| task != Task::Stop) else { return };
            let started = Instant::now();
            if task >= Task::Look {
                // The watches first, so that nothing that happens after the look is missed. What
                // fails is in the status and in the log.
                self.watches.renew(&store.source);
                let _ = store.refresh(if task == Task::Load { When::Now } else { When::Changed });
            }
            let rest = started.elapsed().min(MAX_REST);
            store.call_back();
            drop(store);
            if task == Task::Load {
                thread::sleep(rest);
            }
        }
    }

    /// Waits for something to do, and takes all at once that has piled up.
    fn wait(&mut self) -> Task {
        let left = self.next_look.saturating_duration_since(Instant::now());
        let mut task = match self.wakes.recv_timeout(left) {
            Ok(wake) => self.task(wake),
            Err(RecvTimeoutError::Timeout) => Task::Look,
            Err(RecvTimeoutError::Disconnected) => Task::Stop,
        };
        while let Ok(wake) = self.wakes.try_recv() {
            task = task.max(self.task(wake));
        }
        if task >= Task::Look {
            self.next_look = Instant::now() + self.poll_interval.min(MAX_INTERVAL);
        }
        task
    }

    fn task(&mut self, wake: Wake) -> Task {
        match wake {
            Wake::Event(event) if self.watches.concerns(&event) => Task::Load,
            Wake::Event(_) => Task::Nothing,
            Wake::Lost => Task::Load,
            Wake::CallBack => Task::CallBack,
            Wake::Stop => Task::Stop,
        }
    }
}

/// The notifications that are asked for.
pub(super) struct Watches {
    watcher: Option<RecommendedWatcher>,
    /// Each watched folder, and which one it was when that was asked for.
    folders: BTreeMap<PathBuf, Option<Identity>>,
    /// What counts in those folders; nothing: everything.
    names: Option<BTreeSet<OsString>>,
}

impl Watches {
    /// Asks for notifications about `source`. Where the system has none to give a warning is logged,
    /// and looking at intervals has to do.
    pub(super) fn new(source: &Source, wakes: Sender<Wake>) -> Self {
        let handler = move |event: notify::Result<Event>| {
            let wake = match event {
                Ok(event) if event.need_rescan() => Wake::Lost,
                Ok(event) if is_read(&event.kind) => return,
                Ok(event) => Wake::Event(event),
                Err(_) => Wake::Lost,
            };
            // Nobody is there to receive it only when all is about to end.
            let _ = wakes.send(wake);
        };
        let watcher = RecommendedWatcher::new(handler, Config::default())
            .inspect_err(|error| unnotified(source.path(), error))
            .ok();
        let mut watches = Self { watcher, folders: BTreeMap::new(), names: Some(BTreeSet::new()) };
        watches.renew(source);
        watches
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { watcher: None, folders: BTreeMap::new(), names: None }
    }

    /// Follows the source's path anew, which may lead through other folders by now. Until it leads
    /// through watched ones only: what is put in place before its folder is watched is not told.
    fn renew(&mut self, source: &Source) {
        for _ in 0..MAX_ROUNDS {
            let Trail { folders, names, .. } = Trail::to(&source.watched());
            let folders = folders.into_iter().map(identified).collect();
            self.names = (!source.is_csi()).then_some(names);
            if self.watcher.is_none() || folders == self.folders {
                return;
            }
            self.watch(folders);
        }
    }

    /// Watches these folders and no others.
    fn watch(&mut self, folders: BTreeMap<PathBuf, Option<Identity>>) {
        let Some(watcher) = &mut self.watcher else { return };
        for (folder, _) in self.folders.iter().filter(|(folder, id)| folders.get(*folder) != Some(id)) {
            // It fails where the folder is gone, and the watch with it.
            let _ = watcher.unwatch(folder);
        }
        for (folder, _) in folders.iter().filter(|(folder, id)| self.folders.get(*folder) != Some(id)) {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                unnotified(folder, &error);
            }
        }
        self.folders = folders;
    }

    /// Whether an event may be about the source.
    fn concerns(&mut self, event: &Event) -> bool {
        let mut concerned = false;
        for path in &event.paths {
            // The watch of a folder that is removed or renamed goes with it; another folder may
            // take its place under the same name, or even with the same inode.
            if is_gone(&event.kind) && self.folders.contains_key(path) {
                self.folders.insert(path.clone(), None);
                concerned = true;
            }
            let name = path.file_name();
            concerned |= self.names.as_ref().is_none_or(|names| name.is_some_and(|name| names.contains(name)));
        }
        concerned
    }
}

fn identified(folder: PathBuf) -> (PathBuf, Option<Identity>) {
    let identity = fs::metadata(&folder).ok().map(|metadata| fingerprint::identity(&metadata));
    (folder, identity)
}

/// Opening and reading a file is told too, our own reading included.
fn is_read(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

fn is_gone(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)))
}

fn unnotified(path: &Path, error: &notify::Error) {
    tracing::warn!(path = %path.display(), %error, "no notifications of changes, looking at intervals instead");
}
