//! What is removed by itself, and on demand.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use tokio::time::advance;

use super::{LIFE, Place, read, write};
use crate::cache::disk::{DiskCache, DiskStats};

#[tokio::test(start_paused = true)]
async fn an_expired_record_is_removed_when_it_is_read() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "x");
    advance(LIFE - Duration::from_secs(1)).await;
    assert_eq!(read(&place.open(), "k").as_deref(), Some("x"));
    advance(Duration::from_secs(2)).await;
    assert_eq!((read(&scoped, "k"), place.files("r-").len()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn an_expired_record_that_is_not_read_is_removed_by_a_later_write() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "old", "x");
    advance(LIFE * 2).await;
    let marker = place.path().join("swept");
    let hours_ago = SystemTime::now() - Duration::from_secs(2 * 3600);
    File::options().write(true).open(&marker).and_then(|file| file.set_modified(hours_ago)).expect("a marker");
    write(&scoped, "new", "y");
    assert_eq!((place.files("r-").len(), read(&scoped, "new").as_deref()), (1, Some("y")));
}

#[tokio::test(start_paused = true)]
async fn records_above_the_limit_are_removed() {
    let place = Place::new();
    let scoped = place.open();
    for number in 0..10 {
        write(&scoped, &format!("{number}"), "x");
        advance(Duration::from_millis(10)).await;
    }
    let swept = place.cache.prune(3).expect("a folder");
    assert_eq!((swept.evicted, swept.expired, place.files("r-").len()), (7, 0, 3));
    assert!(read(&scoped, "9").is_some() && read(&scoped, "6").is_none(), "those with the shortest lives go first");
    for number in 0..1200 {
        write(&scoped, &format!("{number}"), "x");
    }
    assert!(place.files("r-").len() <= 1100, "the store looks after its bound by itself");
}

#[test]
fn a_thousand_overwrites_leave_one_file() {
    let place = Place::new();
    let scoped = place.open();
    for number in 0..1000 {
        write(&scoped, "k", &number.to_string());
    }
    let files = place.files("");
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).expect("a file").len()).sum();
    assert!(files.len() <= 5 && bytes < 1024, "{files:?}: {bytes}");
}

#[test]
fn leftovers_of_killed_processes_are_removed() {
    let place = Place::new();
    drop(place.open());
    let left = |name: &str, age: u64| {
        let file = File::create(place.path().join(name)).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("a time");
        file
    };
    let held = left(&format!("l-{}", "a".repeat(64)), 9999);
    held.lock().expect("a lock");
    left(&format!("l-{}", "b".repeat(64)), 9999);
    left("t-0123456789abcdef", 9999);
    left("t-fedcba9876543210", 1);
    left("r-nonsense", 1);
    left("somebody-elses", 9999);
    let swept = place.cache.prune(10).expect("a folder");
    assert_eq!((swept.left_over, swept.expired), (2, 1));
    let mut names: Vec<_> = place.files("").iter().map(|file| file.file_name().expect("a name").to_owned()).collect();
    names.sort();
    let kept = [&*format!("l-{}", "a".repeat(64)), "somebody-elses", "t-fedcba9876543210"];
    assert!(kept.iter().all(|name| names.iter().any(|there| there == name)), "{names:?}");
    assert_eq!(names.len(), kept.len() + 2, "the key and the generation stay: {names:?}");
}

#[tokio::test(start_paused = true)]
async fn stats_and_clear_need_neither_key_nor_folder() {
    let place = Place::new();
    assert_eq!(place.cache.stats().expect("no folder yet"), DiskStats::default());
    assert_eq!(place.cache.clear().expect("no folder yet"), 0);
    assert!(!place.path().exists());
    let scoped = place.open();
    write(&scoped, "a", "x");
    advance(LIFE * 2).await;
    write(&scoped, "b", "x");
    fs::remove_file(place.path().join("key")).expect("a key");
    let stats = DiskCache::default().with_path(place.path()).stats().expect("a folder");
    assert_eq!((stats.entries, stats.expired), (2, 1));
    assert!((100..1000).contains(&stats.bytes), "{stats:?}");
    let before = scoped.snapshot();
    assert_eq!(place.cache.clear().expect("a folder"), 2);
    assert_eq!((place.files("r-").len(), read(&scoped, "b")), (0, None));
    assert_ne!(scoped.snapshot(), before, "what others hold in memory goes too");
}
