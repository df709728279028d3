//! What was dropped is served to nobody, and does not come back.

use std::{fs, sync::mpsc};

use tokio::runtime;

use super::{LIFE, Place, drop_matching, drop_name, open, read, request, secret, warnings, write};
use crate::{
    cache::disk::{
        folder,
        header::DropFilter,
        scoped::ScopedStore,
        store::{Answer, Request},
    },
    provider::Listing,
    secret::{Metadata, Secret},
};

fn write_listing(scoped: &ScopedStore, path: &str, names: &[&str]) {
    let secrets = names.iter().map(|name| {
        (format!("{path}/{name}"), Secret::text("x", Metadata::default().with_name(format!("arn:{name}"))))
    });
    let listing = Listing::new(secrets.collect(), Default::default());
    let request = request(scoped);
    scoped.write(path.as_bytes(), &Answer { path, value: &listing, life: LIFE, request });
}

fn has_listing(scoped: &ScopedStore, path: &str) -> bool {
    scoped.read::<Listing>(path.as_bytes()).is_some()
}

#[test]
fn a_drop_is_seen_by_other_processes_at_once() {
    let place = Place::new();
    let [ours, theirs] = [place.open(), place.open()];
    write(&ours, "k", "old");
    let before = theirs.snapshot();
    assert_eq!(read(&theirs, "k").as_deref(), Some("old"));
    drop_name(&ours, "k");
    assert_ne!(theirs.snapshot(), before, "what they hold in memory is to be dropped");
    assert_eq!((read(&theirs, "k"), read(&ours, "k")), (None, None));
}

#[test]
fn an_answer_requested_before_a_drop_is_not_stored() {
    let place = Place::new();
    let [ours, theirs] = [place.open(), place.open()];
    let request = request(&theirs);
    drop_name(&ours, "other");
    theirs.write(b"k", &Answer { path: "k", value: &secret("old"), life: LIFE, request });
    assert_eq!(read(&theirs, "k"), None);
    write(&theirs, "k", "new");
    assert_eq!(read(&ours, "k").as_deref(), Some("new"));
}

#[test]
fn a_slow_answer_does_not_replace_a_later_one() {
    let place = Place::new();
    let [slow, fast] = [place.open(), place.open()];
    let early = request(&slow);
    let late = Request { time: early.time + 1, ..request(&fast) };
    fast.write(b"k", &Answer { path: "k", value: &secret("new"), life: LIFE, request: late });
    slow.write(b"k", &Answer { path: "k", value: &secret("old"), life: LIFE, request: early });
    assert_eq!(read(&slow, "k").as_deref(), Some("new"));
}

#[test]
fn a_drop_removes_a_secret_under_all_its_names_and_the_listings_that_contain_it() {
    let place = Place::new();
    let scoped = place.open();
    let write_all = || {
        for key in ["prod/db", "arn:whatever", "prod/db\0sAWSCURRENT"] {
            write(&scoped, key, "old");
        }
        write_listing(&scoped, "prod", &["db"]);
        write_listing(&scoped, "dev", &[]);
        write_listing(&scoped, "copies", &["backend"]);
    };
    write_all();
    // The backend's name of all three.
    drop_name(&scoped, "arn:backend");
    for key in ["prod/db", "arn:whatever", "prod/db\0sAWSCURRENT"] {
        assert_eq!(read(&scoped, key), None, "{key:?}");
    }
    assert!(has_listing(&scoped, "dev") && !has_listing(&scoped, "copies"));
    write_all();
    drop_name(&scoped, "prod/db");
    assert_eq!((read(&scoped, "prod/db"), read(&scoped, "arn:whatever").as_deref()), (None, Some("old")));
    assert!(!has_listing(&scoped, "prod") && has_listing(&scoped, "dev"));
}

#[test]
fn a_record_under_another_key_might_be_about_any_name() {
    let place = Place::new();
    let theirs = open(&place.with_other_key());
    write(&theirs, "k", "old");
    drop_name(&place.open(), "other");
    assert_eq!(read(&theirs, "k"), None);
}

#[test]
fn a_drop_opens_no_sealed_part() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "other", "x");
    let record = place.record();
    let mut bytes = fs::read(&record).expect("a record");
    *bytes.last_mut().expect("a byte") ^= 1;
    fs::write(&record, bytes).expect("a record");
    drop_name(&scoped, "k");
    assert!(record.exists(), "its header says that it is about something else");
}

#[test]
fn a_forgotten_record_is_gone() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "x");
    scoped.forget::<Secret>(b"k");
    assert_eq!((read(&scoped, "k"), place.files("r-").len()), (None, 0));
    scoped.forget::<Secret>(b"k");
}

/// The thread that drops waits for the lock of another process.
#[tokio::test]
async fn a_pending_drop_hides_what_it_matches_and_nothing_else() {
    let place = Place::new();
    let scoped = place.open();
    for key in ["k", "other"] {
        write(&scoped, key, "old");
    }
    let lock = fs::File::options().write(true).open(place.path().join("lock")).expect("the lock's file");
    lock.lock().expect("locked");
    scoped.store().drop_matching(scoped.store().filter_of("k"), None);
    assert_eq!((read(&scoped, "k"), read(&scoped, "other").as_deref()), (None, Some("old")));
    assert_eq!(place.files("r-").len(), 2);
    drop(lock);
    scoped.store().drops_ended().await;
    assert_eq!(place.files("r-").len(), 1);
    assert_eq!(read(&place.open(), "other").as_deref(), Some("old"));
}

#[test]
fn a_drop_that_does_not_get_the_lock_leaves_stopped_writers_nothing_to_rename() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "old");
    let lock = fs::File::options().write(true).open(place.path().join("lock")).expect("the lock's file");
    lock.lock().expect("locked");
    let folder = folder::open(&place.path()).expect("a folder");
    let unfinished = folder.temp_file(folder::UNFINISHED, b"an old record").expect("a file");
    let before = scoped.snapshot();
    drop_name(&scoped, "k");
    assert_ne!(scoped.snapshot(), before);
    unfinished.replace("r-k").expect_err("it was removed");
    assert!(place.files("r-").is_empty() && place.files("t-").is_empty());
}

#[test]
fn a_drop_that_no_thread_has_taken_happens_when_the_runtime_ends() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "old");
    let runtime = runtime::Builder::new_current_thread().max_blocking_threads(1).build().expect("a runtime");
    let (release, released) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || released.recv());
    {
        let _entered = runtime.enter();
        scoped.store().drop_matching(scoped.store().filter_of("k"), None);
    }
    assert_eq!(place.files("r-").len(), 1, "the only thread is busy");
    runtime.shutdown_background();
    drop(release);
    let other = runtime::Builder::new_current_thread().build().expect("a runtime");
    other.block_on(scoped.store().drops_ended());
    assert!(place.files("r-").is_empty());
}

#[test]
fn many_drops_that_fail_become_one_of_everything() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "old");
    // Nothing can be listed, opened or removed in a folder that is gone.
    fs::remove_dir_all(place.path()).expect("removed");
    let told = warnings(|| {
        for number in 0..200 {
            drop_name(&scoped, &number.to_string());
        }
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("can't remove outdated records"), "{told:?}");
}

#[test]
fn a_folder_in_place_of_a_record_stops_no_drop() {
    let place = Place::new();
    let scoped = place.open();
    write(&scoped, "k", "old");
    fs::create_dir(place.path().join("r-folder")).expect("a folder");
    let told = warnings(|| drop_matching(&scoped, DropFilter::All));
    assert_eq!((told, read(&place.open(), "k")), (Vec::new(), None));
    place.cache.prune(10).expect("pruned");
}

#[test]
fn a_link_in_place_of_a_record_is_removed_and_its_target_stays() {
    let place = Place::new();
    let scoped = place.open();
    let target = place.folder.path().join("target");
    fs::write(&target, "x").expect("a file");
    std::os::unix::fs::symlink(&target, place.path().join("r-link")).expect("a link");
    drop_name(&scoped, "k");
    assert!(place.files("r-").is_empty() && target.exists());
}
