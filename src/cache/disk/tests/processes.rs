//! Many processes, killed ones, and ones whose disk is full.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use tokio::time::Instant;

use super::{
    super::lock::LoadLock,
    Place,
    child::{Actor, as_nobody},
    drop_name, read, warnings, write,
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
    assert_eq!(read(&place.open(), "k").as_deref(), Some("x"));
    assert_eq!((place.files("l-").len(), place.files("t-").len()), (0, 0), "nothing is left over");
}

#[tokio::test]
async fn a_killed_lock_holder_blocks_nobody() {
    let place = Place::new();
    let scoped = place.open();
    let mut holder = Actor::start(&place, "holds a load lock");
    assert_eq!(holder.says().as_deref(), Some("true"));
    assert!(matches!(scoped.load_lock::<Secret>(b"k", Instant::now()).await, LoadLock::NotLocked));
    holder.kill();
    let deadline = Instant::now() + Duration::from_secs(60);
    assert!(matches!(scoped.load_lock::<Secret>(b"k", deadline).await, LoadLock::Held(_)));
}

#[tokio::test]
async fn a_lock_holder_that_hangs_is_waited_for_until_the_deadline() {
    let place = Place::new();
    let scoped = place.open();
    let mut holder = Actor::start(&place, "holds a load lock");
    assert_eq!(holder.says().as_deref(), Some("true"));
    let start = Instant::now();
    assert!(matches!(scoped.load_lock::<Secret>(b"k", start + Duration::from_millis(50)).await, LoadLock::NotLocked));
    assert!(start.elapsed() >= Duration::from_millis(50));
    // Other keys are not concerned.
    assert!(matches!(scoped.load_lock::<Secret>(b"other", Instant::now()).await, LoadLock::Held(_)));
}

#[tokio::test]
async fn processes_that_waited_for_a_failed_load_do_not_queue_again() {
    let place = Place::new();
    let scoped = place.open();
    let deadline = Instant::now() + Duration::from_secs(60);
    let first = scoped.load_lock::<Secret>(b"k", deadline).await;
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let scoped = scoped.clone();
            tokio::spawn(async move {
                matches!(scoped.load_lock::<Secret>(b"k", deadline).await, LoadLock::LoadedElsewhere)
            })
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

/// Whether this process has more than `waiters` files of load locks open: the holder's and theirs.
fn waiting(waiters: usize) -> bool {
    let handles =
        fs::read_dir("/proc/self/fd").expect("handles").filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    handles.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("l-"))).count()
        > waiters
}

#[test]
fn a_full_disk_is_no_error_and_loses_no_record() {
    let place = Place::new();
    write(&place.open(), "old", "x");
    // No file may grow any more, as on a full disk.
    let full = |command: &mut Command| {
        *command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#]);
    };
    let mut actor = Actor::start_by(&place, "reads and writes", full);
    assert_eq!(actor.says().as_deref(), Some(r#"Some("x") None 1"#));
    assert_eq!((place.files("r-").len(), place.files("t-").len()), (1, 0));
    // A drop takes no space, and is seen by the others all the same.
    let (scoped, full) = (place.open(), full);
    let before = scoped.snapshot();
    let mut actor = Actor::start_by(&place, "drops", full);
    assert_eq!(actor.says().as_deref(), Some("None true 0"));
    assert_eq!(read(&scoped, "old"), None);
    assert_ne!(scoped.snapshot(), before);
}

#[test]
fn a_read_only_folder_is_read_and_its_dropped_records_are_not() {
    let place = Place::new();
    write(&place.open(), "old", "x");
    let nobody = as_nobody(&place);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o500)).expect("a mode");
    let mut actor = Actor::start_by(&place, "reads and writes", nobody);
    assert_eq!(actor.says().as_deref(), Some(r#"Some("x") None 1"#));
    // What can't be removed is never served again by the process that tried.
    let mut actor = Actor::start_by(&place, "drops", as_nobody(&place));
    assert_eq!(actor.says().as_deref(), Some("None true 1"));
}

#[test]
fn a_folder_that_we_may_not_search_is_an_error() {
    let place = Place::new();
    write(&place.open(), "old", "x");
    let nobody = as_nobody(&place);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o000)).expect("a mode");
    let mut actor = Actor::start_by(&place, "reads and writes", nobody);
    assert!(actor.says().expect("an answer").starts_with("can't open the disk cache's folder"));
}

/// Killed in the middle of a write or a drop, at any moment: what is there opens, and can be
/// dropped.
#[test]
fn a_process_killed_while_it_writes_and_drops_leaves_only_whole_records() {
    let place = Place::new();
    let scoped = place.open();
    let said = warnings(|| {
        for round in 0..20_u32 {
            let mut actor = Actor::start(&place, "writes and drops");
            assert_eq!(actor.says().as_deref(), Some("begins"));
            std::thread::sleep(Duration::from_micros(1_700) * round);
            actor.kill();
            for number in 0..10 {
                let key = format!("k{number}");
                assert!(read(&scoped, &key).is_none_or(|text| text == "old"));
                drop_name(&scoped, &key);
                assert_eq!((read(&scoped, &key), read(&place.open(), &key)), (None, None));
                write(&scoped, &key, "new");
                assert_eq!(read(&place.open(), &key).as_deref(), Some("new"));
                scoped.forget::<Secret>(key.as_bytes());
            }
            assert_eq!(place.files("r-").len(), 0);
        }
    });
    assert_eq!(said, Vec::<String>::new());
}
