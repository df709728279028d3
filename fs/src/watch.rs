//! Path watcher: reports that a file may have changed, by notifications and by a look at intervals.
//!
//! It watches the file, its folder, and every link on the way, so it sees a file that is replaced,
//! a link that is moved to another file, and the `..data` link that Kubernetes swaps.
//!
//! - Notifications begin in [`PathWatcher::new`]. A caller that reads the file after that misses no
//!   change between the read and the start of the thread.
//! - At every look the path is followed anew *before* the caller looks, as it may lead through
//!   other folders by now. So a change after the caller's look is notified.
//! - Notifications fail on network file systems, and can be lost. The interval covers those.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind, RenameMode},
};

use crate::{
    fingerprint::{self, Identity},
    watch_path::WatchPath,
};

/// After a notified look the thread rests for as long as the look took, so that a file that changes
/// all the time does not cost a whole core; but no longer than this.
const MAX_REST: Duration = Duration::from_millis(20);
/// Longer intervals are as good as none, and must not overflow the clock.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the path is followed anew because it changed while watches were set up.
const MAX_ROUNDS: usize = 10;

/// A path whose notifications have begun. [`spawn`](Self::spawn) starts the thread that looks.
#[derive(Debug)]
pub struct PathWatcher {
    path: PathBuf,
    notifications: Notifications,
    sender: Sender<Wake>,
    wakes: Receiver<Wake>,
}

/// Why the caller should look at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// The interval is over: something may have changed without a notification.
    Interval,
    /// A notification came, or some were lost.
    Notified,
}

/// Ends the thread of a [`PathWatcher`] when dropped.
#[derive(Debug)]
pub struct StopOnDrop(Sender<Wake>);

/// What the thread waits for.
#[derive(Debug)]
enum Wake {
    Event(Event),
    /// Notifications were lost, or failed.
    Lost,
    Stop,
}

/// What there is to do after a wait.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Nothing,
    Look(Look),
    Stop,
}

impl PathWatcher {
    /// Asks for notifications about `path`, which need not exist. Where the system has none, a
    /// warning is logged, and the interval has to do.
    pub fn new(path: &Path) -> Self {
        let (sender, wakes) = mpsc::channel();
        let notifications = Notifications::begin(path, sender.clone());
        Self { path: path.to_owned(), notifications, sender, wakes }
    }

    /// A watcher that looks at intervals only.
    pub fn without_notifications(path: &Path) -> Self {
        let (sender, wakes) = mpsc::channel();
        let notifications = Notifications { watcher: None, folders: BTreeMap::new(), names: None };
        Self { path: path.to_owned(), notifications, sender, wakes }
    }

    /// A handle whose drop ends the thread.
    pub fn stop_on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.sender.clone())
    }

    /// Starts a thread of this name, which calls `look` after each notification and at least once
    /// per `interval`, until `look` returns `Break` or the watcher is stopped.
    ///
    /// # Errors
    /// If the thread can't be started.
    pub fn spawn(
        self,
        name: &str,
        interval: Duration,
        look: impl FnMut(Look) -> ControlFlow<()> + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let interval = interval.min(MAX_INTERVAL);
        thread::Builder::new().name(name.to_owned()).spawn(move || self.run(interval, look))
    }

    fn run(mut self, interval: Duration, mut look: impl FnMut(Look) -> ControlFlow<()>) {
        let mut next_look = Instant::now();
        loop {
            let why = match self.wait(next_look) {
                Task::Nothing => continue,
                Task::Look(why) => why,
                Task::Stop => return,
            };
            let started = Instant::now();
            next_look = started + interval;
            self.notifications.renew(&self.path);
            if look(why).is_break() {
                return;
            }
            if why == Look::Notified {
                thread::sleep(started.elapsed().min(MAX_REST));
            }
        }
    }

    /// Waits for something to do, and takes everything at once that has piled up.
    fn wait(&mut self, next_look: Instant) -> Task {
        let left = next_look.saturating_duration_since(Instant::now());
        let mut task = match self.wakes.recv_timeout(left) {
            Ok(wake) => self.task(wake),
            Err(RecvTimeoutError::Timeout) => Task::Look(Look::Interval),
            Err(RecvTimeoutError::Disconnected) => Task::Stop,
        };
        while let Ok(wake) = self.wakes.try_recv() {
            task = task.max(self.task(wake));
        }
        task
    }

    fn task(&mut self, wake: Wake) -> Task {
        match wake {
            Wake::Event(event) if !self.notifications.concern(&event) => Task::Nothing,
            Wake::Event(_) | Wake::Lost => Task::Look(Look::Notified),
            Wake::Stop => Task::Stop,
        }
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        // Nobody receives it if the thread has ended already.
        let _ = self.0.send(Wake::Stop);
    }
}

/// The notifications that the system was asked for.
#[derive(Debug)]
struct Notifications {
    /// `None` where the system has none.
    watcher: Option<RecommendedWatcher>,
    /// Each watched folder, and which one it was when it was added.
    folders: BTreeMap<PathBuf, Option<Identity>>,
    /// The names that count in those folders; `None` for all.
    names: Option<BTreeSet<OsString>>,
}

impl Notifications {
    fn begin(path: &Path, wakes: Sender<Wake>) -> Self {
        let handler = move |event: notify::Result<Event>| {
            let wake = match event {
                Ok(event) if event.need_rescan() => Wake::Lost,
                Ok(event) if is_read(&event.kind) => return,
                Ok(event) => Wake::Event(event),
                Err(_) => Wake::Lost,
            };
            // Nobody receives it only when the watcher is being dropped.
            let _ = wakes.send(wake);
        };
        let watcher = RecommendedWatcher::new(handler, Config::default())
            .inspect_err(|error| warn_without_notifications(path, error))
            .ok();
        let mut notifications = Self { watcher, folders: BTreeMap::new(), names: Some(BTreeSet::new()) };
        notifications.renew(path);
        notifications
    }

    /// Follows the path anew, until it leads through watched folders only: a file that is put in
    /// place before its folder is watched is not notified.
    fn renew(&mut self, path: &Path) {
        for _ in 0..MAX_ROUNDS {
            let WatchPath { folders, names, ends_in_folder } = WatchPath::of(path);
            let folders = folders.into_iter().map(identified).collect();
            self.names = (!ends_in_folder).then_some(names);
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
                warn_without_notifications(folder, &error);
            }
        }
        self.folders = folders;
    }

    /// Whether an event may be about the path.
    fn concern(&mut self, event: &Event) -> bool {
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

/// Opening and reading a file is notified too, also when we do it.
fn is_read(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

fn is_gone(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)))
}

fn warn_without_notifications(path: &Path, error: &notify::Error) {
    tracing::warn!(path = %path.display(), %error, "no notifications of changes, looking at intervals instead");
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    /// Starts a watcher; each look is reported to the receiver.
    fn watched(watcher: PathWatcher, interval: Duration) -> (StopOnDrop, Receiver<Look>, JoinHandle<()>) {
        let (sender, looks) = mpsc::channel();
        let stop = watcher.stop_on_drop();
        let look = move |why| if sender.send(why).is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        (stop, looks, watcher.spawn("watcher", interval, look).expect("started"))
    }

    #[track_caller]
    fn expect_notification(looks: &Receiver<Look>) {
        let started = Instant::now();
        while looks.recv_timeout(Duration::from_secs(10)).expect("a look") != Look::Notified {
            assert!(started.elapsed() < Duration::from_secs(10), "no notification");
        }
        // Several may come for one change.
        while looks.recv_timeout(Duration::from_millis(50)).is_ok() {}
    }

    #[test]
    fn a_file_that_appears_is_replaced_and_is_removed_is_notified() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("later/file");
        let (_stop, looks, _) = watched(PathWatcher::new(&path), NEVER);
        assert_eq!(looks.recv_timeout(Duration::from_secs(10)).expect("a first look"), Look::Interval);
        fs::create_dir(folder.path().join("later")).expect("a folder");
        expect_notification(&looks);
        fs::write(&path, "1").expect("written");
        expect_notification(&looks);
        fs::write(folder.path().join("later/new"), "2").expect("written");
        fs::rename(folder.path().join("later/new"), &path).expect("replaced");
        expect_notification(&looks);
        fs::remove_file(&path).expect("removed");
        expect_notification(&looks);
    }

    #[test]
    fn a_link_on_the_way_that_is_swapped_is_notified() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for state in ["..1", "..2"] {
            fs::create_dir(root.join(state)).expect("a folder");
            fs::write(root.join(state).join("file"), state).expect("written");
        }
        symlink("..1", root.join("..data")).expect("a link");
        symlink("..data/file", root.join("file")).expect("a link");
        let (_stop, looks, _) = watched(PathWatcher::new(&root.join("file")), NEVER);
        looks.recv_timeout(Duration::from_secs(10)).expect("a first look");
        symlink("..2", root.join("..data_tmp")).expect("a link");
        fs::rename(root.join("..data_tmp"), root.join("..data")).expect("swapped");
        expect_notification(&looks);
        fs::write(root.join("..2/file"), "changed behind the new link").expect("written");
        expect_notification(&looks);
    }

    #[test]
    fn other_files_in_the_folder_are_not_notified_and_do_not_delay_the_interval() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "1").expect("written");
        let (_stop, looks, _) = watched(PathWatcher::new(&path), Duration::from_millis(30));
        for _ in 0..5 {
            for _ in 0..5 {
                fs::write(folder.path().join("other"), "x").expect("written");
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(looks.recv_timeout(Duration::from_secs(10)).expect("a look"), Look::Interval);
        }
    }

    #[test]
    fn without_notifications_the_interval_is_enough() {
        let folder = tempfile::tempdir().expect("a folder");
        let watcher = PathWatcher::without_notifications(&folder.path().join("file"));
        let (_stop, looks, _) = watched(watcher, Duration::from_millis(5));
        for _ in 0..3 {
            assert_eq!(looks.recv_timeout(Duration::from_secs(10)).expect("a look"), Look::Interval);
        }
    }

    #[test]
    fn the_thread_ends_when_it_is_stopped_or_told_to_break() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let (stop, _looks, thread) = watched(PathWatcher::new(&path), NEVER);
        drop(stop);
        thread.join().expect("ended");
        let (_stop, looks, thread) = watched(PathWatcher::new(&path), Duration::from_millis(5));
        drop(looks);
        thread.join().expect("ended");
    }
}
