//! Updates and clears: what they drop, and when other processes see it.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_update_is_seen_by_the_memory_of_other_processes_at_once() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    for cached in [&ours, &theirs] {
        text(cached).await;
        list(cached).await;
    }
    assert_eq!(shared.calls(), 2);
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!(text(&theirs).await, "two");
    assert_eq!(text(&ours).await, "two");
    ours.update("p/x", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    for cached in [&theirs, &ours, &shared.process()] {
        let listing = list(cached).await;
        assert_eq!(listing.get("p/x").expect("an entry").expose_bytes().expect("bytes"), b"two");
    }
    assert_eq!(shared.calls(), 6, "two updates, and a load of each that changed");
    // What did not change was found on the disk.
    assert_eq!((text(&theirs).await.as_str(), shared.calls()), ("two", 6));
}

/// Vault has one secret under all of these, and a cache does not know which backend it is in front of.
#[tokio::test(start_paused = true)]
async fn empty_levels_of_a_path_keep_nothing_from_being_dropped() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, options) = (shared.process(), ListOptions::default());
    for dropped in ["p/x", "/p/x", "p//x/"] {
        for process in [&ours, &shared.process()] {
            process.get("p/x", &GetOptions::default()).await.expect("a secret");
            process.get_by_path("//p", &options).await.expect("a listing");
        }
        // Most of these fail, as there is no such name here. They drop all the same, and wait for the disk.
        let _ = ours.update(dropped, &"two".into(), &UpdateOptions::default()).await;
        let calls = shared.calls();
        let fresh = shared.process();
        for process in [&ours, &fresh] {
            process.get("p/x", &GetOptions::default()).await.expect("a secret");
            process.get_by_path("//p", &options).await.expect("a listing");
            assert_eq!(shared.calls(), calls + 2, "{dropped}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_of_our_own_does_not_empty_our_memory() {
    let shared = Shared::new(CachePolicy::default());
    let ours = shared.process();
    text(&ours).await;
    ours.invalidate("other");
    assert_eq!(get(&ours).await.freshness().expect("cached").source, Source::Memory);
    ours.invalidate("a");
    text(&ours).await;
    assert_eq!((ours.stats().restored, shared.calls()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_requested_before_an_update_elsewhere_is_stored_nowhere() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), Arc::new(shared.process()));
    // Memory answers as of when the call ends, so the old answer is made by a store of its own.
    let old = Memory::new().with("a", "old");
    let slow = Arc::new(shared.process_in(&old));
    old.fail_next(Fault::delay(Duration::from_secs(2)));
    let reading = tokio::spawn({
        let slow = slow.clone();
        async move { text(&slow).await }
    });
    sleep(Duration::from_secs(1)).await;
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!(reading.await.expect("no panic"), "old");
    assert_eq!(text(&theirs).await, "two", "nothing old came onto the disk");
    assert_eq!(text(&slow).await, "two", "nor did it stay in the memory of whoever read it");
}

#[tokio::test(start_paused = true)]
async fn a_load_from_before_an_update_is_not_waited_for() {
    let shared = Shared::new(CachePolicy::default());
    let (slow, ours) = (Arc::new(shared.process()), shared.process());
    shared.memory.fail_next(Fault::delay(Duration::from_secs(4)));
    let reading = tokio::spawn({
        let slow = slow.clone();
        async move { text(&slow).await }
    });
    settle().await;
    let started = tokio::time::Instant::now();
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!((text(&ours).await.as_str(), text(&slow).await.as_str()), ("two", "two"));
    assert!(started.elapsed() < Duration::from_secs(1));
    reading.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn clear_empties_the_disk_and_the_memory_of_all_processes() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    text(&ours).await;
    text(&theirs).await;
    // A thread without a runtime removes the records itself.
    std::thread::scope(|scope| scope.spawn(|| ours.clear()).join().expect("no panic"));
    shared.memory.set("a", "two");
    assert_eq!((text(&theirs).await.as_str(), text(&ours).await.as_str(), shared.calls()), ("two", "two", 2));
}
