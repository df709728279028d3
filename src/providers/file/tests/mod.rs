//! The provider as a whole, one test a hazard.

#![expect(clippy::print_stderr, reason = "tests tell what they measured and what they had to skip")]

mod change_stream;
mod csi;
mod kill;
mod python;
mod reading;
mod reload;
mod secret_watch;
mod update;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use tempfile::TempDir;

use super::FileProvider;
use crate::secret::Secret;

/// Long enough that what happens earlier was told by a notification.
const NEVER: Duration = Duration::from_secs(3600);

/// A folder of its own with a `secrets.json` in it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// With a file that [`entries`] wrote.
    fn with(number: u32) -> Self {
        let place = Self::empty();
        place.replace(&entries(number));
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("secrets.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("the file is there")
    }

    /// Replaces the file as a careful writer does.
    fn replace(&self, text: &str) {
        let temporary = self.folder.path().join("other-writer.tmp");
        fs::write(&temporary, text).expect("written");
        fs::rename(temporary, self.path()).expect("renamed");
    }

    /// Names in the folder but the file's own.
    fn strangers(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).expect("the folder").map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.into_string().expect("text")
        });
        names.filter(|name| name != "secrets.json").collect()
    }

    /// Watched by notifications alone.
    async fn watched(&self) -> FileProvider {
        FileProvider::builder(self.path()).with_poll_interval(NEVER).open().await.expect("opened")
    }

    async fn unwatched(&self) -> FileProvider {
        FileProvider::builder(self.path()).with_watch(false).open().await.expect("opened")
    }
}

/// A file of some size whose every entry says the same number.
fn entries(number: u32) -> String {
    let filler = "x".repeat(2000);
    let entry = format!(r#"{{"type": "simple", "value": "{number}", "filler": "{filler}", "again": "{number}"}}"#);
    let entries: Vec<_> = (0..5).map(|entry_number| format!(r#""app/{entry_number}": {entry}"#)).collect();
    format!(r#"{{"secrets": {{{}}}, "vault": {{"url": "http://vault/", "token": "t{number}"}}}}"#, entries.join(","))
}

/// The number that the provider serves.
fn number(provider: &FileProvider) -> u32 {
    numbered(&provider.read("app/1").expect("served"))
}

/// The number of an entry, which must not be torn.
fn numbered(entry: &Secret) -> u32 {
    let value = |key: &str| entry.key(key).expect("whole").expose_str().expect("text").parse().expect("a number");
    let (first, again): (u32, u32) = (value("value"), value("again"));
    assert_eq!(first, again, "a torn entry");
    first
}

/// Waits for what should come about in milliseconds; how long it took.
#[track_caller]
fn eventually(what: &str, mut come: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !come() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what} did not come about");
        thread::sleep(Duration::from_micros(200));
    }
    started.elapsed()
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).and_then(|file| file.set_modified(time)).expect("the time is set");
}
