//! Many processes, killed ones, and ones whose disk is full.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use tokio::time::Instant;

use super::{
    super::lock::Turn,
    Place,
    child::{Actor, as_nobody},
    keep, read,
};
use crate::secret::Secret;

#[test]
fn eight_processes_that_miss_at_once_load_once_and_agree_on_a_key() {
    // The folder and its key are made by whoever comes first, too.
    let place = Place::new();
    let mut all: Vec<_> = (0..8).map(|_| Actor::start(&place, "loads")).collect();
    let said: Vec<_> = all.iter_mut().map(|actor| actor.says().expect("an answer")).collect();
    assert_eq!(said.iter().filter(|said| *said == "loaded it").count(), 1, "{said:?}");
    assert_eq!(said.iter().filter(|said| *said == "found it").count(), 7, "{said:?}");
    assert_eq!(read(&place.tier(), "k").as_deref(), Some("x"));
    assert_eq!((place.files("l-").len(), place.files("t-").len()), (0, 0), "nothing is left over");
}

#[tokio::test]
async fn a_killed_holder_blocks_nobody() {
    let place = Place::new();
    let tier = place.tier();
    let mut holder = Actor::start(&place, "holds a turn");
    assert_eq!(holder.says().as_deref(), Some("true"));
    assert!(matches!(tier.turn::<Secret>(b"k", Instant::now()).await, Turn::Overdue));
    holder.kill();
    let deadline = Instant::now() + Duration::from_secs(60);
    assert!(matches!(tier.turn::<Secret>(b"k", deadline).await, Turn::Ours(_)));
}

#[tokio::test]
async fn a_holder_that_hangs_is_waited_for_so_long_and_no_longer() {
    let place = Place::new();
    let tier = place.tier();
    let mut holder = Actor::start(&place, "holds a turn");
    assert_eq!(holder.says().as_deref(), Some("true"));
    let start = Instant::now();
    assert!(matches!(tier.turn::<Secret>(b"k", start + Duration::from_millis(50)).await, Turn::Overdue));
    assert!(start.elapsed() >= Duration::from_millis(50));
    // Other keys are not concerned.
    assert!(matches!(tier.turn::<Secret>(b"other", Instant::now()).await, Turn::Ours(_)));
}

#[tokio::test]
async fn whoever_waited_for_a_load_that_failed_does_not_queue_again() {
    let place = Place::new();
    let tier = place.tier();
    let deadline = Instant::now() + Duration::from_secs(60);
    let first = tier.turn::<Secret>(b"k", deadline).await;
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let tier = tier.clone();
            tokio::spawn(async move { matches!(tier.turn::<Secret>(b"k", deadline).await, Turn::Taken) })
        })
        .collect();
    while place.files("l-").is_empty() || !waiting(4) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(first);
    for waiter in waiters {
        assert!(waiter.await.expect("no panic"));
    }
    assert!(place.files("l-").is_empty());
}

/// Whether so many more handles of this process than the holder's own are open on files of turns.
fn waiting(waiters: usize) -> bool {
    let handles =
        fs::read_dir("/proc/self/fd").expect("handles").filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    handles.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("l-"))).count()
        > waiters
}

#[test]
fn a_full_disk_is_no_error_and_keeps_what_was_there() {
    let place = Place::new();
    keep(&place.tier(), "old", "x");
    // No file may grow any more, as on a full disk.
    let full = |command: &mut Command| {
        *command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#]);
    };
    let mut actor = Actor::start_by(&place, "reads and writes", full);
    assert_eq!(actor.says().as_deref(), Some(r#"Some("x") None 1"#));
    assert_eq!((place.files("r-").len(), place.files("t-").len()), (1, 0));
    // A drop takes no space, and is seen by the others all the same.
    let (tier, full) = (place.tier(), full);
    let before = tier.mark();
    let mut actor = Actor::start_by(&place, "drops", full);
    assert_eq!(actor.says().as_deref(), Some("None true 0"));
    assert_eq!(read(&tier, "old"), None);
    assert_ne!(tier.mark(), before);
}

#[test]
fn a_read_only_folder_is_read_and_no_more() {
    let place = Place::new();
    keep(&place.tier(), "old", "x");
    let nobody = as_nobody(&place);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o500)).expect("a mode");
    let mut actor = Actor::start_by(&place, "reads and writes", nobody);
    assert_eq!(actor.says().as_deref(), Some(r#"Some("x") None 1"#));
    // What can't be dropped is never served again by whoever tried.
    let mut actor = Actor::start_by(&place, "drops", as_nobody(&place));
    assert_eq!(actor.says().as_deref(), Some("None false 1"));
}
