//! The stream of snapshots.

use std::pin::pin;

use futures::{FutureExt, StreamExt};

use super::*;
use crate::providers::file::Snapshot;

fn of(snapshot: &Snapshot) -> u32 {
    numbered(&snapshot.get("app/1").expect("there"))
}

#[tokio::test]
async fn each_change_is_returned_once_and_the_stream_ends_with_the_provider() {
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
async fn a_change_wakes_a_waiting_task() {
    let place = Place::empty();
    let provider = place.watched().await;
    let mut changes = provider.changes();
    let waiting = tokio::spawn(async move { changes.next().await.as_ref().map(of) });
    place.replace(&entries(5));
    let seen = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("in time").expect("no panic");
    assert_eq!(seen, Some(5));
}
