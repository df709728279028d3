//! Real processes: this test binary runs itself again, with a filter for the one test that plays the child.

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::time::Instant;

use super::{Place, keep, read};
use crate::{
    cache::disk::{
        DiskCache,
        lock::Turn,
        store::{Store, Tier},
    },
    secret::Secret,
};

const ROLE: &str = "S1CRETS_DISK_CHILD";
const FOLDER: &str = "S1CRETS_DISK_FOLDER";
const PREFIX: &str = "the child says: ";

/// A process that plays a role on a place.
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

/// As a user with no special rights, if this is run by one with all of them.
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
    let tier = Store::open(&cache, 1000).map(|store| Tier::new(store.into(), "settings"));
    let said = match (&*env::var(ROLE).expect("a role"), tier) {
        (_, Err(error)) => format!("{error}"),
        ("reads and writes", Ok(tier)) => {
            let warned = super::warnings(|| keep(&tier, "new", "x"));
            format!("{:?} {:?} {}", read(&tier, "old"), read(&tier, "new"), warned.len())
        }
        ("drops", Ok(tier)) => {
            let warned = super::warnings(|| {
                tier.store().drop_if(|_| true);
            });
            format!("{:?} {:?} {}", read(&tier, "old"), tier.mark().is_some(), warned.len())
        }
        ("holds a turn", Ok(tier)) => {
            let turn = tier.turn::<Secret>(b"k", Instant::now()).await;
            println!("{PREFIX}{}", matches!(turn, Turn::Ours(_)));
            tokio::time::sleep(Duration::from_secs(600)).await;
            return;
        }
        ("loads", Ok(tier)) => {
            let deadline = Instant::now() + Duration::from_secs(60);
            let turn = tier.turn::<Secret>(b"k", deadline).await;
            match read(&tier, "k") {
                Some(_) => "found it".into(),
                None => {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    keep(&tier, "k", "x");
                    drop(turn);
                    "loaded it".into()
                }
            }
        }
        (role, Ok(_)) => unreachable!("no role {role}"),
    };
    println!("{PREFIX}{said}");
}
