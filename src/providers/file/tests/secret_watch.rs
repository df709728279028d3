//! Watches of single secrets.

use futures::FutureExt;

use super::*;
use crate::{error::ErrorKind, provider::Provider, watch::Watch};

async fn watch(provider: &FileProvider, name: &str) -> Watch {
    provider.watch(name).await.expect("no error").expect("a watch")
}

fn file(entries: &str) -> String {
    format!(r#"{{"secrets":{{{entries}}}}}"#)
}

/// Whether a change is waiting to be seen.
fn has_changed(watch: &mut Watch) -> bool {
    watch.changed().now_or_never().expect("nothing to wait for")
}

fn is_quiet(watch: &mut Watch) -> bool {
    watch.changed().now_or_never().is_none()
}

#[tokio::test]
async fn only_a_change_of_the_watched_secret_is_reported() {
    let place = Place::empty();
    place.replace(&file(r#""a":{"v":1},"b":{"v":1}"#));
    let provider = place.unwatched().await;
    let (mut a, mut b) = (watch(&provider, "a").await, watch(&provider, "b").await);
    let (a1, b1) = (a.version().expect("there"), b.version().expect("there"));

    place.replace(&file(r#""a":{"v":2},"b":{ "v": 1 }"#));
    provider.reload().expect("read");
    assert!(has_changed(&mut a) && is_quiet(&mut b));
    let a2 = a.version().expect("there");
    assert_ne!(a2, a1);
    assert_eq!(b.version(), Some(b1.clone()));
    // A watch that begins later sees the same versions.
    assert_eq!(watch(&provider, "a").await.version(), Some(a2.clone()));
    assert_eq!(watch(&provider, "b").await.version(), Some(b1));
    // The value of before is a change too, and has a version of its own.
    place.replace(&file(r#""a":{"v":1},"b":{"v":1}"#));
    provider.reload().expect("read");
    assert!(has_changed(&mut a));
    assert!(![a1, a2].contains(&a.version().expect("there")));
}

#[tokio::test]
async fn a_secret_that_appears_and_is_removed_is_reported() {
    let place = Place::empty();
    let provider = place.unwatched().await;
    let mut late = watch(&provider, "a").await;
    assert_eq!(late.version(), None, "there is not even a file");
    place.replace(&file(r#""b":{}"#));
    provider.reload().expect("read");
    assert!(is_quiet(&mut late));
    place.replace(&file(r#""a":{},"b":{}"#));
    provider.reload().expect("read");
    assert!(has_changed(&mut late) && late.version().is_some());
    place.replace(&file(r#""b":{}"#));
    provider.reload().expect("read");
    assert!(has_changed(&mut late) && late.version().is_none());
    drop(provider);
    assert!(!has_changed(&mut late), "the provider is gone");
}

#[tokio::test]
async fn a_file_that_is_corrupt_or_gone_is_no_change() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let mut watch = watch(&provider, "app/1").await;
    place.replace("{");
    assert_eq!(provider.reload().expect_err("corrupt").kind(), ErrorKind::Corrupt);
    fs::remove_file(place.path()).expect("removed");
    provider.reload().expect_err("gone");
    place.replace(&entries(1));
    provider.reload().expect("read");
    assert!(is_quiet(&mut watch), "the secret that is served has not changed");
}

#[test]
fn a_watch_reports_without_a_runtime() {
    let place = Place::with(1);
    let provider = place.watched().now_or_never().expect("nothing to wait for");
    let mut watches = ["app/1", "app/1"].map(|name| watch(&provider, name).now_or_never().expect("no wait"));
    place.replace(&entries(2));
    for watch in &mut watches {
        eventually("the change", || watch.changed().now_or_never() == Some(true));
    }
    assert_eq!(watches[0].version(), watches[1].version());
}

#[tokio::test]
async fn no_change_is_missed_between_a_watch_and_a_load() {
    let place = Place::with(0);
    let provider = place.watched().await;
    for round in 1..50 {
        place.replace(&entries(round));
        let mut watch = watch(&provider, "app/1").await;
        while number(&provider) != round {
            let changed = tokio::time::timeout(Duration::from_secs(10), watch.changed()).await;
            assert!(changed.expect("round {round} was missed"));
        }
    }
}

#[tokio::test]
async fn a_version_holds_nothing_of_the_value() {
    let place = Place::empty();
    let provider = place.unwatched().await;
    let mut versions = Vec::new();
    for value in ["hunter2", "hunter3"] {
        place.replace(&file(&format!(r#""a":"{value}""#)));
        provider.reload().expect("read");
        versions.push(watch(&provider, "a").await.version().expect("there"));
    }
    assert_eq!(versions, ["1", "2"], "a counter");
}

/// Each watch once left its name and its channel behind until the file changed.
#[tokio::test]
async fn dropped_watches_of_a_file_that_never_changes_do_not_pile_up() {
    let place = Place::with(1);
    let provider = place.unwatched().await;
    let _kept = watch(&provider, "app/1").await;
    for _ in 0..10_000 {
        drop(watch(&provider, "app/1").await);
    }
    let count = provider.reloader.watch_count();
    assert!(count < 100, "{count} watches");
}
