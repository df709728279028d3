//! How changes of the file are noticed, and what happens to reads meanwhile.

use std::{
    io::Write,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::FutureExt;
use s1crets_fs::PathWatcher;

use super::*;
use crate::{
    error::ErrorKind,
    providers::file::{builder, reloader::Reloader, source::Source},
};

#[tokio::test]
async fn any_difference_in_time_size_or_identity_is_a_change() {
    let place = Place::with(1);
    let source = Source::detect(&place.path()).expect("a file");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    set_modified(&place.path(), long_ago);
    let first = source.state().expect("there");
    assert_eq!(source.state().expect("there"), first);

    set_modified(&place.path(), long_ago - Duration::from_secs(1));
    let older = source.state().expect("there");
    assert_ne!(older, first, "an older time");

    File::options().append(true).open(place.path()).and_then(|mut file| file.write_all(b"\n")).expect("written");
    set_modified(&place.path(), long_ago);
    assert_ne!(source.state().expect("there"), first, "another size");

    place.replace(&entries(1));
    set_modified(&place.path(), long_ago);
    assert_ne!(source.state().expect("there"), first, "another file");
}

#[tokio::test]
async fn a_file_replaced_by_one_with_an_older_time_is_read() {
    let place = Place::with(1);
    let provider = place.watched().await;
    let newer = place.folder.path().join("newer");
    fs::write(&newer, entries(2)).expect("written");
    set_modified(&newer, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    fs::rename(newer, place.path()).expect("renamed");
    eventually("the older file", || number(&provider) == 2);
    assert_eq!(provider.snapshot().expect("loaded").modified(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
}

#[tokio::test]
async fn a_file_overwritten_with_the_same_time_and_size_is_read() {
    let place = Place::with(1);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    set_modified(&place.path(), time);
    let provider = place.watched().await;
    for next in [2, 3, 4] {
        let file = File::options().write(true).open(place.path()).expect("there");
        (&file).write_all(entries(next).as_bytes()).expect("written");
        file.set_modified(time).expect("set");
        drop(file);
        eventually("the new content", || number(&provider) == next);
    }
}

#[tokio::test]
async fn a_file_overwritten_with_the_same_time_and_another_size_is_read() {
    let place = Place::with(1);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    set_modified(&place.path(), time);
    let provider = place.watched().await;
    fs::write(place.path(), entries(22_222)).expect("written");
    set_modified(&place.path(), time);
    eventually("the new content", || number(&provider) == 22_222);
}

#[tokio::test]
async fn a_corrupt_file_keeps_the_old_data_until_it_is_repaired() {
    let place = Place::with(1);
    let provider = place.watched().await;
    for broken in ["", "{\"secrets\": {\"app/1\": ", "[]", "{\"secrets\": 7}"] {
        place.replace(broken);
        eventually("the error", || provider.status().last_error.is_some());
        let status = provider.status();
        assert_eq!(status.last_error.as_ref().map(crate::Error::kind), Some(ErrorKind::Corrupt), "{broken:?}");
        assert_eq!(number(&provider), 1);
        assert!(status.loaded_at.is_some() && status.age.is_some());
        place.replace(&entries(1));
        eventually("its end", || provider.status().last_error.is_none());
    }
}

#[tokio::test]
async fn a_file_corrupted_and_repaired_with_the_same_time_is_read() {
    let place = Place::with(1);
    let provider = place.watched().await;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let good = entries(2);
    let broken = good.replacen('{', "!", 1);
    fs::write(place.path(), broken).expect("written");
    set_modified(&place.path(), time);
    eventually("the error", || provider.status().last_error.is_some());
    fs::write(place.path(), good).expect("written");
    set_modified(&place.path(), time);
    eventually("the repaired file", || number(&provider) == 2);
}

#[tokio::test]
async fn a_deleted_file_keeps_the_old_data_until_it_is_restored() {
    let place = Place::with(1);
    let provider = place.watched().await;
    fs::remove_file(place.path()).expect("deleted");
    eventually("the error", || provider.status().last_error.is_some());
    let age = provider.status().age.expect("loaded");
    assert_eq!(number(&provider), 1);
    assert_eq!(provider.status().last_error.expect("told").kind(), ErrorKind::Unavailable);
    thread::sleep(Duration::from_millis(5));
    assert!(provider.status().age.expect("loaded") > age, "unconfirmed data grows old");
    place.replace(&entries(2));
    eventually("the restored file", || number(&provider) == 2 && provider.status().last_error.is_none());
}

#[tokio::test]
async fn the_folder_may_appear_later_and_be_replaced() {
    let place = Place::empty();
    let folder = place.folder.path().join("a/b");
    let provider =
        FileProvider::builder(folder.join("secrets.json")).with_poll_interval(NEVER).open().await.expect("opened");
    for next in 1..4 {
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("secrets.json"), entries(next)).expect("written");
        eventually("the file in the new folder", || provider.status().loaded_at.is_some() && number(&provider) == next);
        fs::write(folder.join("secrets.json"), entries(next + 100)).expect("written");
        eventually("a change in the new folder", || number(&provider) == next + 100);
        fs::remove_dir_all(place.folder.path().join("a")).expect("removed");
        eventually("its removal", || provider.status().last_error.is_some());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_config_map_is_swapped_by_its_link() {
    use std::os::unix::fs::symlink;

    let place = Place::empty();
    let swap = |number: u32| {
        let state = format!("..{number}");
        let folder = place.folder.path().join(&state);
        fs::create_dir(&folder).expect("made");
        fs::write(folder.join("secrets.json"), entries(number)).expect("written");
        // As alike as two states can be.
        set_modified(&folder.join("secrets.json"), SystemTime::UNIX_EPOCH + Duration::from_secs(9));
        symlink(&state, place.folder.path().join("..data_tmp")).expect("a link");
        fs::rename(place.folder.path().join("..data_tmp"), place.folder.path().join("..data")).expect("swapped");
    };
    swap(1);
    symlink("..data/secrets.json", place.path()).expect("a link");
    let provider = place.watched().await;
    for next in 2..6 {
        swap(next);
        eventually("the swapped state", || number(&provider) == next);
        fs::remove_dir_all(place.folder.path().join(format!("..{}", next - 1))).expect("removed");
    }
    fs::write(place.folder.path().join("..data/secrets.json"), entries(77)).expect("written");
    eventually("a change behind the link", || number(&provider) == 77);
}

#[tokio::test]
async fn a_file_written_in_pieces_is_never_served_half_way() {
    let place = Place::with(0);
    let provider = place.watched().await;
    for next in 1..6 {
        let mut file = File::create(place.path()).expect("emptied");
        for piece in entries(next).as_bytes().chunks(1000) {
            file.write_all(piece).expect("written");
            assert!(number(&provider) + 1 >= next);
            thread::sleep(Duration::from_millis(1));
        }
        drop(file);
        eventually("the finished file", || number(&provider) == next && provider.status().last_error.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_never_fail_nor_tear_while_the_file_is_replaced_corrupted_deleted_and_restored() {
    let place = Place::with(0);
    let provider = place.watched().await;
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (provider, stop, reads) = (provider.clone(), stop.clone(), reads.clone());
            thread::spawn(move || read_until(&provider, &stop, &reads))
        })
        .collect();
    let mut seen = Vec::new();
    for round in 1..=100 {
        place.replace(&entries(round * 2));
        seen.push(eventually("the replaced file", || number(&provider) == round * 2));
        place.replace("{\"secrets\": ");
        thread::sleep(Duration::from_millis(1));
        fs::remove_file(place.path()).expect("deleted");
        thread::sleep(Duration::from_millis(1));
        fs::write(place.path(), entries(round * 2 + 1)).expect("restored");
        seen.push(eventually("the restored file", || number(&provider) == round * 2 + 1));
    }
    stop.store(true, Ordering::Relaxed);
    let slowest = readers.into_iter().map(|reader| reader.join().expect("no reader failed")).max();
    seen.sort();
    let (median, worst) = (seen[seen.len() / 2], seen[seen.len() - 1]);
    let reads = reads.load(Ordering::Relaxed);
    eprintln!("{reads} reads, slowest {slowest:?}; {} changes seen in {median:?}, at worst {worst:?}", seen.len());
}

/// Reads in a loop; how long the slowest read took.
fn read_until(provider: &FileProvider, stop: &AtomicBool, reads: &AtomicU64) -> Duration {
    let (mut slowest, mut newest) = (Duration::ZERO, 0);
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        let entry = provider.read("app/1").expect("served");
        slowest = slowest.max(started.elapsed());
        let number = numbered(&entry);
        assert!(number >= newest, "an older state after a newer one");
        newest = number;
        let snapshot = provider.snapshot().expect("served");
        let all: Vec<_> = snapshot.names().map(|name| numbered(&snapshot.get(name).expect("served"))).collect();
        assert!(all.iter().all(|one| *one == all[0]), "a snapshot of two states");
        reads.fetch_add(1, Ordering::Relaxed);
    }
    slowest
}

#[tokio::test]
async fn the_poll_interval_is_enough_where_notifications_fail() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let watcher = PathWatcher::without_notifications(&place.path());
    let stop = watcher.stop_on_drop();
    builder::spawn(watcher, Arc::downgrade(&provider.reloader), Duration::from_millis(10)).expect("started");
    place.replace(&entries(2));
    eventually("the replaced file", || number(&provider) == 2);
    eventually("confirmation", || provider.status().age.is_some_and(|age| age < Duration::from_millis(10)));
    fs::remove_file(place.path()).expect("deleted");
    eventually("the error", || provider.status().last_error.is_some());
    place.replace(&entries(3));
    eventually("the restored file", || number(&provider) == 3);
    drop(stop);
}

/// Writing through a hard link in another folder is told to nobody here.
#[tokio::test]
async fn a_busy_folder_does_not_delay_the_poll_interval() {
    let (place, other) = (Place::with(1), Place::empty());
    fs::hard_link(place.path(), other.path()).expect("linked");
    let builder = FileProvider::builder(place.path()).with_poll_interval(Duration::from_millis(50));
    let provider = builder.open().await.expect("opened");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                fs::write(place.folder.path().join("busy"), "").expect("written");
                thread::sleep(Duration::from_millis(1));
            }
        });
        for next in 2..5 {
            fs::write(other.path(), entries(next)).expect("written");
            eventually("the change behind the other link", || number(&provider) == next);
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[tokio::test]
async fn the_thread_ends_with_the_last_provider() {
    let place = Place::with(1);
    let source = Source::detect(&place.path()).expect("a file");
    let watcher = PathWatcher::new(&source.watched());
    let reloader = Arc::new(Reloader::new(source, Some(watcher.stop_on_drop())));
    let thread = builder::spawn(watcher, Arc::downgrade(&reloader), NEVER).expect("started");
    let provider = FileProvider::new(reloader);
    let clone = provider.clone();
    assert_eq!(number(&provider), 1);
    drop(provider);
    assert_eq!(number(&clone), 1);
    let held = Arc::downgrade(&clone.reloader);
    drop(clone);
    let took = eventually("the end of the thread", || thread.is_finished());
    assert!(Weak::upgrade(&held).is_none());
    eprintln!("the thread ended after {took:?}");
}

#[tokio::test]
async fn an_unchanged_secret_is_not_copied_by_a_reload() {
    let place = Place::empty();
    place.replace(r#"{"secrets":{"a":{"x":1},"b":{"x":1}}}"#);
    let provider = place.unwatched().await;
    let before = ["a", "b"].map(|name| provider.read(name).expect("there"));
    place.replace(r#"{"secrets":{ "b": {"x": 2}, "a": {"x": 1}}}"#);
    provider.reload().expect("read");
    let after = ["a", "b"].map(|name| provider.read(name).expect("there"));
    assert_eq!(before[0].expose_bytes().expect("bytes").as_ptr(), after[0].expose_bytes().expect("bytes").as_ptr());
    assert_ne!(before[1], after[1]);
}

/// A log writer that asks for the provider's status whenever a line is written.
struct AsksForStatus(FileProvider);

impl Write for &AsksForStatus {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = format!("{:?} {:?}", self.0, self.0.status());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A failed load once logged its warning under the lock of the status: a subscriber that asked for the
/// status, or that waited for a thread that did, waited for ever.
#[tokio::test]
async fn a_subscriber_that_asks_for_the_status_does_not_deadlock() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let writer = Arc::new(AsksForStatus(provider.clone()));
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(Arc::clone(&writer)).finish();
    tracing::subscriber::with_default(subscriber, || {
        for text in ["broken", "still broken"] {
            place.replace(text);
            provider.reload().expect_err("nothing to load");
        }
        place.replace(&entries(2));
        provider.reload().expect("loaded again");
    });
    assert_eq!(number(&provider), 2);
}

/// A log writer that reads a secret whenever a line is written.
struct ReadsSecret(FileProvider);

impl Write for &ReadsSecret {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.read("app/1");
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A failed load once logged its warning while it held the lock that a read takes if nothing is loaded.
#[test]
fn a_subscriber_that_reads_a_secret_does_not_deadlock() {
    let place = Place::empty();
    let provider = FileProvider::builder(place.path()).with_watch(false).open().now_or_never();
    let provider = provider.expect("nothing to wait for").expect("opened");
    let writer = Arc::new(ReadsSecret(provider.clone()));
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(writer).finish();
    let (sender, ended) = std::sync::mpsc::channel();
    thread::spawn(move || {
        tracing::subscriber::with_default(subscriber, || {
            provider.read("app/1").expect_err("nothing to load");
            provider.reload().expect_err("nothing to load");
            place.replace(&entries(2));
            provider.reload().expect("loaded");
        });
        sender.send(number(&provider)).expect("the test waits");
    });
    assert_eq!(ended.recv_timeout(Duration::from_secs(30)).expect("the reads end"), 2);
}
