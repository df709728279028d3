//! Child processes: this test binary, run with a filter for the one test that plays the child.

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use super::{Place, drop_matching, read, write};
use crate::{
    cache::disk::{DiskCache, header::DropFilter, lock::LoadLock, scoped::ScopedStore, store::RecordStore},
    secret::Secret,
};

const ROLE: &str = "S1CRETS_DISK_CHILD";
const FOLDER: &str = "S1CRETS_DISK_FOLDER";
const PREFIX: &str = "the child says: ";

/// A child process that plays a role.
pub(super) struct Actor(Child);

impl Actor {
    pub(super) fn start(place: &Place, role: &str) -> Self {
        Self::start_by(place, role, |_| {})
    }

    pub(super) fn start_by(place: &Place, role: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let own = env::current_exe().expect("this binary");
        let mut command = Command::new(&own);
        prepare(&mut command);
        if command.get_program() != own {
            command.arg(own);
        }
        command.args(["--exact", "cache::disk::tests::child::plays", "--nocapture"]);
        command.env(ROLE, role).env(FOLDER, place.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self(command.spawn().expect("a process"))
    }

    /// The next thing that it says.
    pub(super) fn says(&mut self) -> Option<String> {
        let lines = BufReader::new(self.0.stdout.as_mut().expect("a pipe")).lines();
        let mut said = lines.map_while(Result::ok).filter_map(|line| Some(line.split_once(PREFIX)?.1.to_owned()));
        said.next()
    }

    pub(super) fn kill(&mut self) {
        self.0.kill().expect("a process");
        self.0.wait().expect("its end");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a child as a user with no special rights, if this is run by one with all of them.
pub(super) fn as_nobody(place: &Place) -> impl FnOnce(&mut Command) {
    let root = rustix::process::geteuid().is_root();
    if root {
        for path in [place.folder.path().to_owned(), place.path()].into_iter().chain(place.files("")) {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("another owner");
        }
    }
    move |command| {
        if root {
            command.uid(NOBODY).gid(NOBODY);
        }
    }
}

const NOBODY: u32 = 65534;

/// Plays the child; in the parent it has nothing to do.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "this is how the child answers")]
async fn plays() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let cache = DiskCache::default().with_path(folder);
    let scoped = RecordStore::open(&cache, 1000).map(|store| ScopedStore::new(store.into(), "settings"));
    let said = match (&*env::var(ROLE).expect("a role"), scoped) {
        (_, Err(error)) => format!("{error}"),
        ("reads and writes", Ok(scoped)) => {
            let warned = super::warnings(|| write(&scoped, "new", "x"));
            format!("{:?} {:?} {}", read(&scoped, "old"), read(&scoped, "new"), warned.len())
        }
        ("drops", Ok(scoped)) => {
            let warned = super::warnings(|| drop_matching(&scoped, DropFilter::All));
            format!("{:?} {:?} {}", read(&scoped, "old"), scoped.snapshot().is_some(), warned.len())
        }
        ("holds a load lock", Ok(scoped)) => {
            let lock = scoped.load_lock::<Secret>(b"k", Instant::now()).await;
            println!("{PREFIX}{}", matches!(lock, LoadLock::Held(_)));
            tokio::time::sleep(Duration::from_secs(600)).await;
            return;
        }
        ("loads", Ok(scoped)) => {
            let deadline = Instant::now() + Duration::from_secs(60);
            let lock = scoped.load_lock::<Secret>(b"k", deadline).await;
            match read(&scoped, "k") {
                Some(_) => "found it".into(),
                None => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    write(&scoped, "k", "x");
                    drop(lock);
                    "loaded it".into()
                }
            }
        }
        ("writes and drops", Ok(scoped)) => {
            println!("{PREFIX}begins");
            for number in 0.. {
                write(&scoped, &format!("k{}", number % 10), "old");
                if number % 7 == 0 {
                    drop_matching(&scoped, scoped.store().filter_of(&format!("k{}", number % 10)));
                }
            }
            return;
        }
        (role, Ok(_)) => unreachable!("no role {role}"),
    };
    println!("{PREFIX}{said}");
}
