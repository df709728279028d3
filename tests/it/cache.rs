//! What the cache keeps, for how long, and what an update invalidates.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets::{
    CachePolicy, Cached, ErrorKind, GetOptions, ListOptions, Operation, Provider, UpdateOptions, Version,
    providers::memory::{Fault, Memory},
};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    gated::Gated,
    support::{fails, text, within},
};

fn cached(memory: &Memory, policy: CachePolicy) -> Arc<Cached<Memory>> {
    Arc::new(Cached::new(Arc::new(memory.clone()), policy))
}

/// One that does not remember what is missing.
fn forgetful(memory: &Memory) -> Arc<Cached<Memory>> {
    cached(memory, CachePolicy::default().with_negative_ttl(Duration::ZERO))
}

fn default_of(memory: &Memory) -> Arc<Cached<Memory>> {
    cached(memory, CachePolicy::default())
}

fn uncached() -> GetOptions {
    let mut options = GetOptions::default();
    options.cached = false;
    options
}

async fn read<P: Provider>(cached: &Cached<P>, path: &str) -> String {
    text(cached.get(path, &GetOptions::default()).await)
}

async fn list<P: Provider>(cached: &Cached<P>, path: &str) -> usize {
    cached.get_by_path(path, &ListOptions::default()).await.unwrap().len()
}

async fn update<P: Provider>(cached: &Cached<P>, path: &str, value: &str) {
    cached.update(path, &value.into(), &UpdateOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_held_value_outlives_the_backend() {
    let memory = Memory::new().with("a", "x");
    let cached = default_of(&memory);
    read(&cached, "a").await;
    list(&cached, "").await;
    memory.remove("a");
    memory.fail_next(Fault::new(ErrorKind::Unavailable));
    assert_eq!((read(&cached, "a").await.as_str(), list(&cached, "").await), ("x", 1));
    assert_eq!(memory.calls(), 2);
}

#[tokio::test]
async fn errors_are_not_kept() {
    let memory = Memory::new();
    let cached = forgetful(&memory);
    for &kind in ErrorKind::ALL {
        memory.fail_next(Fault::new(kind));
        fails(cached.get("late", &GetOptions::default()).await, kind);
        memory.fail_next(Fault::new(kind));
        fails(cached.get_by_path("late", &ListOptions::default()).await, kind);
    }
    fails(cached.get("late", &GetOptions::default()).await, ErrorKind::NotFound);
    memory.set("late", "x");
    assert_eq!(read(&cached, "late").await, "x");
}

#[tokio::test]
async fn an_empty_listing_is_an_answer_and_is_kept() {
    let memory = Memory::new();
    let cached = default_of(&memory);
    assert_eq!((list(&cached, "p").await, list(&cached, "p").await), (0, 0));
    assert_eq!(memory.calls(), 1);
}

#[tokio::test]
async fn an_uncached_read_asks_and_is_kept_for_the_others() {
    let memory = Memory::new().with("a", "old");
    let cached = default_of(&memory);
    assert_eq!((read(&cached, "a").await.as_str(), list(&cached, "").await), ("old", 1));
    memory.set("a", "new");
    assert_eq!(text(cached.get("a", &uncached()).await), "new");
    assert_eq!(read(&cached, "a").await, "new");
    assert_eq!(memory.calls_of(Operation::Get), 2);

    memory.set("b", "x");
    let mut options = ListOptions::default();
    assert_eq!(cached.get_by_path("", &options).await.unwrap().len(), 1);
    options.cached = false;
    assert_eq!(cached.get_by_path("", &options).await.unwrap().len(), 2);
    assert_eq!(list(&cached, "").await, 2);
    assert_eq!(memory.calls_of(Operation::GetByPath), 2);
}

#[tokio::test]
async fn an_uncached_answer_that_it_is_gone_or_forbidden_drops_what_is_held() {
    for kind in [ErrorKind::NotFound, ErrorKind::AccessDenied] {
        let memory = Memory::new().with("a", "x");
        let cached = forgetful(&memory);
        read(&cached, "a").await;
        memory.fail_next(Fault::new(kind));
        fails(cached.get("a", &uncached()).await, kind);
        read(&cached, "a").await;
        assert_eq!(memory.calls(), 3, "{kind}: it was asked for again");
    }
    for kind in [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Throttled, ErrorKind::Unauthenticated] {
        let memory = Memory::new().with("a", "x");
        let cached = default_of(&memory);
        read(&cached, "a").await;
        memory.fail_next(Fault::new(kind));
        fails(cached.get("a", &uncached()).await, kind);
        read(&cached, "a").await;
        assert_eq!(memory.calls(), 2, "{kind}: an outage is no answer");
    }
}

#[tokio::test]
async fn an_update_drops_all_that_covers_the_name_and_nothing_else() {
    let memory = Memory::new().with("p/q/a", "1").with("p/q/ab", "1").with("p/b", "1").with("pq", "1");
    let cached = default_of(&memory);
    let first = GetOptions::default().with_version(Version::Number(1));
    let paths = ["", "/", "p", "p/", "p/q", "p/q/", "p/q/a", "p/b", "pq", "p/q/a/deeper", "elsewhere"];
    for name in ["p/q/a", "p/q/ab", "p/b"] {
        read(&cached, name).await;
    }
    cached.get("p/q/a", &first).await.unwrap();
    for path in paths {
        list(&cached, path).await;
        cached.get_by_path(path, &ListOptions::default().with_recursive(false)).await.unwrap();
    }

    update(&cached, "p/q/a", "2").await;
    let calls = memory.calls();
    for (name, value) in [("p/q/ab", "1"), ("p/b", "1")] {
        assert_eq!(read(&cached, name).await, value);
    }
    assert_eq!(memory.calls(), calls, "other names are still held");
    assert_eq!(read(&cached, "p/q/a").await, "2");
    assert_eq!(text(cached.get("p/q/a", &first).await), "1");
    assert_eq!(memory.calls(), calls + 2, "all versions of the name were dropped");

    for path in paths {
        let before = memory.calls();
        list(&cached, path).await;
        let covers = ["", "/", "p", "p/", "p/q", "p/q/", "p/q/a"].contains(&path);
        assert_eq!(memory.calls() - before, usize::from(covers), "{path:?}");
    }
}

#[tokio::test]
async fn an_update_that_fails_drops_too_for_it_may_have_been_made() {
    let memory = Memory::new().with("a", "old");
    let cached = default_of(&memory);
    read(&cached, "a").await;
    memory.set("a", "new");
    memory.fail_next(Fault::new(ErrorKind::Timeout));
    fails(cached.update("a", &"new".into(), &UpdateOptions::default()).await, ErrorKind::Timeout);
    assert_eq!(read(&cached, "a").await, "new");
}

#[tokio::test]
async fn an_update_that_is_dropped_half_way_drops_too() {
    let gated = Gated::new(Memory::new().with("a", "old"));
    let cached = Arc::new(Cached::new(Arc::new(gated.clone()), CachePolicy::default()));
    gated.open();
    read(&cached, "a").await;
    gated.hold_writes();
    let writer = cached.clone();
    let writing = tokio::spawn(async move { update(&writer, "a", "new").await });
    gated.arrived(2).await;
    writing.abort();
    assert!(writing.await.unwrap_err().is_cancelled());
    assert_eq!(read(&cached, "a").await, "new");
}

#[tokio::test]
async fn invalidate_and_clear_make_the_next_read_a_call() {
    let memory = Memory::new().with("p/a", "x").with("p/b", "x");
    let cached = default_of(&memory);
    let all = async || (read(&cached, "p/a").await, read(&cached, "p/b").await, list(&cached, "p").await);
    all().await;
    cached.invalidate("p/a");
    all().await;
    assert_eq!((memory.calls_of(Operation::Get), memory.calls_of(Operation::GetByPath)), (3, 2));
    cached.clear();
    all().await;
    assert_eq!((memory.calls_of(Operation::Get), memory.calls_of(Operation::GetByPath)), (5, 3));
}

#[tokio::test]
async fn reads_do_not_keep_a_value_alive() {
    let memory = Memory::new().with("a", "x");
    let cached = cached(&memory, CachePolicy::default().with_ttl(Duration::from_millis(30)));
    within(async {
        while memory.calls() < 3 {
            read(&cached, "a").await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(async {
        while memory.calls_of(Operation::GetByPath) < 2 {
            list(&cached, "").await;
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_uncached_read_starts_the_time_to_live_anew() {
    const TTL: Duration = Duration::from_millis(400);
    within(async {
        loop {
            let memory = Memory::new().with("a", "x");
            let cached = cached(&memory, CachePolicy::default().with_ttl(TTL));
            read(&cached, "a").await;
            sleep(TTL * 3 / 4).await;
            let refreshed = Instant::now();
            cached.get("a", &uncached()).await.unwrap();
            sleep(TTL / 2).await;
            read(&cached, "a").await;
            // On a machine too busy to keep the times there is nothing to be seen.
            if refreshed.elapsed() < TTL {
                return assert_eq!(memory.calls(), 2);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_cache_without_room_or_time_keeps_nothing_and_still_shares_loads() {
    for policy in [CachePolicy::default().with_entries(0), CachePolicy::default().with_ttl(Duration::ZERO)] {
        let gated = Gated::new(Memory::new().with("a", "x"));
        let cached = Arc::new(Cached::new(Arc::new(gated.clone()), policy));
        let mut readers = JoinSet::new();
        for _ in 0..10 {
            let cached = cached.clone();
            readers.spawn(async move { read(&cached, "a").await });
        }
        gated.arrived(1).await;
        // All ten have been polled by now: they were spawned before the call was made.
        gated.open();
        within(readers.join_all()).await;
        assert_eq!(gated.memory.calls(), 1, "{policy:?}");
        read(&cached, "a").await;
        read(&cached, "a").await;
        assert_eq!(gated.memory.calls(), 3, "{policy:?}");
    }
}

#[tokio::test]
async fn the_longest_time_to_live_is_no_panic() {
    let memory = Memory::new().with("a", "x");
    let cached = cached(&memory, CachePolicy::default().with_ttl(Duration::MAX).with_entries(u64::MAX));
    assert_eq!((read(&cached, "a").await, read(&cached, "a").await), ("x".into(), "x".into()));
    assert_eq!(memory.calls(), 1);
}

#[tokio::test]
async fn the_least_used_go_when_the_room_is_full() {
    let memory = Memory::new();
    (0..100).for_each(|index| memory.set(&format!("n/{index}"), "x"));
    let cached = cached(&memory, CachePolicy::default().with_entries(10));
    for index in 0..100 {
        read(&cached, &format!("n/{index}")).await;
    }
    let stats = cached.stats();
    assert!(stats.entries <= 10, "{stats:?}");
}

#[tokio::test]
async fn one_get_many_mixes_what_is_held_loading_and_missing() {
    let gated = Gated::new(Memory::new().with("held", "h").with("loading", "l").with("cold", "c"));
    let cached = Arc::new(Cached::new(Arc::new(gated.clone()), CachePolicy::default()));
    gated.let_through(1);
    read(&cached, "held").await;
    let loader = cached.clone();
    let loading = tokio::spawn(async move { read(&loader, "loading").await });
    gated.arrived(2).await;

    let names = ["cold", "held", "missing", "loading", "cold"].map(str::to_owned);
    let asker = cached.clone();
    let many = tokio::spawn(async move { asker.get_many(&names, &GetOptions::default()).await });
    gated.arrived(3).await;
    gated.open();
    let mut answers = within(many).await.unwrap().into_iter();
    let mut next = || answers.next().unwrap();
    assert_eq!((text(next()), text(next())), ("c".into(), "h".into()));
    fails(next(), ErrorKind::NotFound);
    assert_eq!((text(next()), text(next())), ("l".into(), "c".into()));
    within(loading).await.unwrap();
    assert_eq!(gated.memory.calls(), 3, "held; loading; cold and missing together");
    assert_eq!(read(&cached, "cold").await, "c");
    assert_eq!(gated.memory.calls(), 3);
}

#[tokio::test]
async fn whether_something_exists_is_never_answered_from_memory() {
    let memory = Memory::new().with("a", "x");
    let cached = default_of(&memory);
    read(&cached, "a").await;
    assert!(cached.path_exists("a").await.unwrap());
    memory.remove("a");
    assert!(!cached.path_exists("a").await.unwrap());
}

/// Whoever has written reads what was written, or something newer, whatever a hundred others do.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_tasks_mixing_everything_read_their_own_writes() {
    let memory = Memory::new();
    (0..5).for_each(|index| memory.set(&format!("p/{index}"), "0"));
    let cached = default_of(&memory);
    let mut tasks = JoinSet::new();
    for task in 0..100_usize {
        let cached = cached.clone();
        tasks.spawn(async move {
            for round in 0..40_usize {
                let name = format!("p/{}", (task + round) % 5);
                match (task * 7 + round) % 6 {
                    0 => {
                        let made = cached.update(&name, &"x".into(), &UpdateOptions::default()).await.unwrap();
                        let made: u64 = made.version.unwrap().parse().unwrap();
                        let version = |secret: &s1crets::Secret| secret.version().unwrap().parse::<u64>().unwrap();
                        let single = cached.get(&name, &GetOptions::default()).await.unwrap();
                        let listed = cached.get_by_path("p", &ListOptions::default()).await.unwrap();
                        let many = cached.get_many(std::slice::from_ref(&name), &GetOptions::default()).await;
                        let seen =
                            [version(&single), version(listed.get(&name).unwrap()), version(many[0].as_ref().unwrap())];
                        assert!(seen.iter().all(|seen| *seen >= made), "wrote {made}, read {seen:?}");
                    }
                    1 => drop(cached.get(&name, &uncached()).await.unwrap()),
                    2 => cached.invalidate(&name),
                    3 => assert_eq!(list(&cached, "p").await, 5),
                    4 => {
                        let names: Vec<_> = (0..5).map(|index| format!("p/{index}")).collect();
                        let many = cached.get_many(&names, &GetOptions::default()).await;
                        assert!(many.iter().all(Result::is_ok));
                    }
                    _ => drop(cached.get(&name, &GetOptions::default()).await.unwrap()),
                }
                tokio::task::yield_now().await;
            }
        });
    }
    within(tasks.join_all()).await;
}
