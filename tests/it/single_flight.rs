//! One load per key: readers that join, are cancelled or panic, and updates meanwhile.

use std::{future::poll_fn, sync::Arc, task::Poll, thread};

use futures::{FutureExt, future::join_all};
use s1crets::{
    CachePolicy, Cached, Client, ErrorKind, GetOptions, ListOptions, Operation, Provider, UpdateOptions,
    providers::memory::{Fault, Memory},
};
use tokio::{runtime, task::JoinSet};

use crate::{
    gated::Gated,
    support::{fails, text, within},
};

fn gated(memory: Memory) -> (Gated, Arc<Cached<Gated>>) {
    let gated = Gated::new(memory);
    let cached = Cached::new(Arc::new(gated.clone()), CachePolicy::default());
    (gated, Arc::new(cached))
}

fn one() -> (Gated, Arc<Cached<Gated>>) {
    gated(Memory::new().with("a", "old"))
}

fn uncached() -> GetOptions {
    let mut options = GetOptions::default();
    options.cached = false;
    options
}

async fn read(cached: &Cached<Gated>) -> String {
    text(cached.get("a", &GetOptions::default()).await)
}

#[tokio::test]
async fn a_leader_that_goes_away_leaves_the_load_to_the_others() {
    let (gated, cached) = one();
    let mut leader = Box::pin(read(&cached));
    assert!(poll_fn(|context| Poll::Ready(leader.poll_unpin(context).is_pending())).await);
    gated.arrived(1).await;
    let mut follower = Box::pin(read(&cached));
    assert!(poll_fn(|context| Poll::Ready(follower.poll_unpin(context).is_pending())).await);
    drop(leader);
    gated.open();
    assert_eq!(within(follower).await, "old");
    assert_eq!(gated.memory.calls(), 1);
}

#[tokio::test]
async fn a_load_that_nobody_waits_for_any_more_is_kept_all_the_same() {
    let (gated, cached) = one();
    let mut only = Box::pin(read(&cached));
    assert!(poll_fn(|context| Poll::Ready(only.poll_unpin(context).is_pending())).await);
    gated.arrived(1).await;
    drop(only);
    gated.open();
    // Joins the load if it is still under way, finds what it brought if not.
    assert_eq!(within(read(&cached)).await, "old");
    assert_eq!(gated.memory.calls(), 1);
}

#[tokio::test]
async fn a_leader_that_panics_fails_its_followers_and_nobody_after() {
    let (gated, cached) = one();
    gated.open();
    gated.memory.fail_next(Fault::panic());
    let answers = join_all((0..10).map(async |_| cached.get("a", &GetOptions::default()).await));
    for answer in within(answers).await {
        let error = fails(answer, ErrorKind::Unexpected);
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    assert_eq!(gated.memory.calls(), 1);
    assert_eq!(read(&cached).await, "old");

    gated.memory.fail_next(Fault::panic());
    fails(cached.get_by_path("", &ListOptions::default()).await, ErrorKind::Unexpected);
    assert_eq!(cached.get_by_path("", &ListOptions::default()).await.unwrap().len(), 1);
}

#[test]
fn a_leaders_runtime_that_is_shut_down_leaves_nobody_waiting() {
    let (gated, cached) = one();
    let leaders = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let followers = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let leader = cached.clone();
    leaders.spawn(async move { read(&leader).await });
    leaders.block_on(gated.arrived(1));

    let follower = cached.clone();
    let waiting = followers.spawn(async move { within(read(&follower)).await });
    // Gone with its task, in the midst of the load.
    leaders.shutdown_background();
    gated.open();
    assert_eq!(followers.block_on(waiting).unwrap(), "old");
    assert!(gated.memory.calls() <= 2, "the load, and the same once more at most");
}

#[test]
fn without_a_runtime_a_load_is_refused_and_a_held_value_is_served() {
    let (gated, cached) = one();
    gated.open();
    let refused = cached.get("a", &GetOptions::default()).now_or_never().expect("at once");
    let error = fails(refused, ErrorKind::Unsupported);
    assert!(error.hint().is_some_and(|hint| hint.contains("blocking")), "{error:?}");

    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(read(&cached)), "old");
    assert_eq!(read(&cached).now_or_never().as_deref(), Some("old"));
}

#[test]
fn a_client_outlives_the_runtime_that_used_it_first() {
    let client = Client::builder().with_provider("memory", Memory::new().with("a", "x")).build().unwrap();
    for cached in [true, false] {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async { text(client.get("memory", "a").cached(cached).await) });
        assert_eq!(read, "x");
    }
}

#[tokio::test]
async fn an_old_load_does_not_overwrite_what_came_after_an_invalidation() {
    let (gated, cached) = one();
    let slow = cached.clone();
    let slow = tokio::spawn(async move { read(&slow).await });
    gated.arrived(1).await;
    gated.memory.set("a", "new");
    cached.invalidate("a");
    // The second reader asks anew, and is answered before the first one is.
    let fresh = cached.clone();
    let fresh = tokio::spawn(async move { read(&fresh).await });
    gated.arrived(2).await;
    gated.open();
    let (slow, fresh) = within(async { (slow.await.unwrap(), fresh.await.unwrap()) }).await;
    assert_eq!((slow.as_str(), fresh.as_str()), ("old", "new"));
    assert_eq!(read(&cached).await, "new");
    assert_eq!(gated.memory.calls(), 2);
}

#[tokio::test]
async fn a_load_that_an_update_overtook_is_not_kept() {
    let (gated, cached) = one();
    let slow = cached.clone();
    let slow = tokio::spawn(async move { read(&slow).await });
    gated.arrived(1).await;
    cached.update("a", &"new".into(), &UpdateOptions::default()).await.unwrap();
    // The writer does not join the load that began before.
    let writer = cached.clone();
    let writer = tokio::spawn(async move { read(&writer).await });
    gated.arrived(3).await;
    gated.open();
    let (slow, writer) = within(async { (slow.await.unwrap(), writer.await.unwrap()) }).await;
    assert_eq!((slow.as_str(), writer.as_str()), ("old", "new"));
    assert_eq!(read(&cached).await, "new");
}

#[tokio::test]
async fn a_listing_that_an_update_overtook_is_not_kept() {
    let (gated, cached) = gated(Memory::new().with("p/a", "old"));
    let listing = cached.clone();
    let slow = tokio::spawn(async move { listing.get_by_path("p", &ListOptions::default()).await.unwrap() });
    gated.arrived(1).await;
    cached.update("p/a", &"new".into(), &UpdateOptions::default()).await.unwrap();
    gated.open();
    let value = |listing: s1crets::Listing| listing.get("p/a").unwrap().expose_str().unwrap().to_owned();
    assert_eq!(value(within(slow).await.unwrap()), "old");
    assert_eq!(value(cached.get_by_path("p", &ListOptions::default()).await.unwrap()), "new");
}

#[tokio::test]
async fn who_wants_no_cached_answer_does_not_get_that_of_an_older_load() {
    let (gated, cached) = one();
    let slow = cached.clone();
    let slow = tokio::spawn(async move { read(&slow).await });
    gated.arrived(1).await;
    gated.memory.set("a", "new");
    let fresh = cached.clone();
    let fresh = tokio::spawn(async move { text(fresh.get("a", &uncached()).await) });
    gated.arrived(2).await;
    gated.open();
    assert_eq!(within(fresh).await.unwrap(), "new");
    within(slow).await.unwrap();
    assert_eq!(read(&cached).await, "new");
}

#[tokio::test]
async fn a_held_value_is_served_while_a_fresh_one_is_loaded() {
    let (gated, cached) = one();
    gated.let_through(1);
    read(&cached).await;
    let refresh = cached.clone();
    let refresh = tokio::spawn(async move { text(refresh.get("a", &uncached()).await) });
    gated.arrived(2).await;
    assert_eq!(read(&cached).now_or_never().as_deref(), Some("old"), "nobody waits for the refresh");
    let listing = ListOptions::default();
    gated.let_through(1);
    within(refresh).await.unwrap();

    gated.let_through(1);
    cached.get_by_path("", &listing).await.unwrap();
    let mut fresh = ListOptions::default();
    fresh.cached = false;
    let refresh = cached.clone();
    let refresh = tokio::spawn(async move { refresh.get_by_path("", &fresh).await.unwrap().len() });
    gated.arrived(4).await;
    let held = cached.get_by_path("", &listing).now_or_never();
    assert_eq!(held.expect("nobody waits for the refresh").unwrap().len(), 1);
    gated.open();
    within(refresh).await.unwrap();
}

/// Between the look into the cache and the join of a load, that load may land.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_load_that_just_landed_is_not_made_again() {
    let memory = Memory::new();
    for round in 0..2000 {
        memory.set(&format!("r/{round}"), "x");
    }
    let cached = Arc::new(Cached::new(Arc::new(memory.clone()), CachePolicy::default().with_entries(10_000)));
    let mut readers = JoinSet::new();
    for _ in 0..8 {
        let cached = cached.clone();
        readers.spawn(async move {
            for round in 0..2000 {
                cached.get(&format!("r/{round}"), &GetOptions::default()).await.unwrap();
            }
        });
    }
    within(readers.join_all()).await;
    assert_eq!(memory.calls_of(Operation::Get), 2000);
}

#[test]
fn loads_are_shared_between_runtimes() {
    let (gated, cached) = one();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let cached = cached.clone();
            thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(within(read(&cached)))
            })
        })
        .collect();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gated.arrived(1));
    gated.open();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), "old");
    }
    // The runtime of the leader ends with its thread, maybe before another has joined; never in the midst of a load.
    assert_eq!(gated.memory.calls(), 1);
}
