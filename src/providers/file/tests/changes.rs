//! The stream of changes, and callbacks.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{FutureExt, StreamExt};

use super::*;
use crate::{error::ErrorKind, providers::file::Snapshot};

fn of(snapshot: &Snapshot) -> u32 {
    numbered(&snapshot.get("app/1").expect("there"))
}

#[tokio::test]
async fn changes_come_once_each_the_latest_wins_and_they_end_with_the_provider() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let mut changes = provider.changes();
    assert!(changes.next().now_or_never().is_none(), "what is current is no change");

    place.replace(&entries(2));
    provider.reload().expect("read");
    place.replace(&entries(3));
    provider.reload().expect("read");
    assert_eq!(changes.next().await.as_ref().map(of), Some(3));
    place.replace(&entries(3));
    provider.reload().expect("read");
    assert!(changes.next().now_or_never().is_none(), "the same content is no change");

    let mut stream = pin!(provider.changes().into_stream());
    place.replace(&entries(4));
    provider.reload().expect("read");
    drop(provider);
    assert_eq!(stream.next().await.as_ref().map(of), Some(4));
    assert!(stream.next().await.is_none());
    assert_eq!(changes.next().await.as_ref().map(of), Some(4));
    assert!(changes.next().await.is_none());
}

#[tokio::test]
async fn changes_wake_who_waits() {
    let place = Place::empty();
    let provider = place.watched().await;
    let mut changes = provider.changes();
    let waiting = tokio::spawn(async move { changes.next().await.as_ref().map(of) });
    place.replace(&entries(5));
    let seen = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("in time").expect("no panic");
    assert_eq!(seen, Some(5));
}

/// A callback that keeps what it saw.
fn recorder() -> (Arc<Mutex<Vec<u32>>>, impl Fn(&Snapshot) + Send + Sync + 'static) {
    let seen: Arc<Mutex<Vec<u32>>> = Arc::default();
    let record = seen.clone();
    (seen, move |snapshot: &Snapshot| record.lock().expect("no panic").push(of(snapshot)))
}

#[tokio::test]
async fn a_callback_sees_the_current_data_and_each_real_change_until_it_is_dropped() {
    let place = Place::with(1);
    let provider = place.watched().await;
    let (seen, callback) = recorder();
    let subscription = provider.on_change(callback);
    assert_eq!(*seen.lock().expect("no panic"), [1]);
    place.replace(&entries(2));
    eventually("the call", || *seen.lock().expect("no panic") == [1, 2]);
    place.replace(&(entries(2) + "\n"));
    eventually("the reload", || {
        provider.status().modified == fs::metadata(place.path()).and_then(|m| m.modified()).ok()
    });
    drop(subscription);
    place.replace(&entries(3));
    eventually("the reload", || number(&provider) == 3);
    thread::sleep(Duration::from_millis(20));
    assert_eq!(*seen.lock().expect("no panic"), [1, 2]);
}

#[tokio::test]
async fn a_callback_waits_for_a_file_to_come() {
    let place = Place::empty();
    let provider = place.watched().await;
    let (seen, callback) = recorder();
    let _subscription = provider.on_change(callback);
    assert!(seen.lock().expect("no panic").is_empty());
    place.replace(&entries(1));
    eventually("the call", || *seen.lock().expect("no panic") == [1]);
}

#[tokio::test]
async fn a_callback_runs_in_the_thread_that_watches() {
    let place = Place::with(1);
    let provider = place.watched().await;
    let threads: Arc<Mutex<Vec<String>>> = Arc::default();
    let names = threads.clone();
    let _subscription = provider.on_change(move |_| {
        let name = thread::current().name().unwrap_or_default().to_owned();
        names.lock().expect("no panic").push(name);
    });
    place.replace(&entries(2));
    eventually("the call", || threads.lock().expect("no panic").len() == 2);
    assert_eq!(threads.lock().expect("no panic")[1], "s1crets-file");
}

#[tokio::test]
async fn a_callback_that_panics_harms_nobody() {
    let place = Place::with(1);
    let provider = place.watched().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let _panicking = provider.on_change(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        // Without the hook's output on the terminal.
        std::panic::resume_unwind(Box::new("a callback's own bug"));
    });
    let (seen, callback) = recorder();
    let _subscription = provider.on_change(callback);
    for next in 2..5 {
        place.replace(&entries(next));
        eventually("the call", || seen.lock().expect("no panic").last() == Some(&next));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    assert_eq!(number(&provider), 4);
}

/// Nothing watches, so that the one who brings about a change calls back: from within the callback.
#[tokio::test]
async fn a_callback_may_bring_about_a_change_itself() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let (seen, callback) = recorder();
    let (inner, path) = (provider.clone(), place.path());
    let subscription = provider.on_change(move |snapshot| {
        callback(snapshot);
        if of(snapshot) < 4 {
            fs::write(&path, entries(of(snapshot) + 1)).expect("written");
            inner.reload().expect("read");
        }
    });
    assert_eq!(*seen.lock().expect("no panic"), [1, 2, 3, 4]);
    drop(subscription);
    assert_eq!(provider.read("nothing").expect_err("not there").kind(), ErrorKind::NotFound);
}

/// Whoever finds the callback running leaves the rest to the one who runs it.
#[tokio::test]
async fn no_callback_is_lost_or_doubled_when_many_reload() {
    let place = Place::with(0);
    let provider = place.unwatched().await;
    let (seen, callback) = recorder();
    let _subscription = provider.on_change(callback);
    for round in 1..300 {
        place.replace(&entries(round));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| provider.reload().expect("read"));
            }
        });
        assert_eq!(seen.lock().expect("no panic").len(), round as usize + 1);
    }
}
