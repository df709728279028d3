//! Loads that go out together, or not.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::{runtime, time::Instant};

use super::*;
use crate::{
    capabilities::Capabilities,
    error::Result,
    provider::{Listing, Updated},
    secret::SecretValue,
};

const WINDOW: Duration = Duration::from_millis(5);

/// [`Memory`] that can read so many names in a call, and notes how many each call was for.
#[derive(Debug)]
struct Limited {
    memory: Memory,
    size: usize,
    calls: Mutex<Vec<usize>>,
}

impl Limited {
    fn note(&self, names: usize) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(names);
    }

    fn calls(&self) -> Vec<usize> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Provider for Limited {
    fn capabilities(&self) -> Capabilities {
        Capabilities { batch: self.size, ..self.memory.capabilities() }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        self.note(1);
        self.memory.get(path, options).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        self.note(paths.len());
        self.memory.get_many(paths, options).await
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.memory.get_by_path(path, options).await
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.memory.path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        self.memory.update(path, value, options).await
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("n/{index}")).collect()
}

fn limited(size: usize, policy: CachePolicy) -> (Arc<Limited>, Arc<Cached<Limited>>) {
    let memory = Memory::new();
    names(1000).iter().for_each(|name| memory.set(name, name.as_str()));
    let limited = Arc::new(Limited { memory, size, calls: Mutex::default() });
    (limited.clone(), Arc::new(cached(limited, policy.with_ttl(TTL).with_entries(10_000))))
}

fn default_of(size: usize) -> (Arc<Limited>, Arc<Cached<Limited>>) {
    limited(size, CachePolicy::default())
}

/// Every name by a task of its own, with its own answer.
async fn ask_singly(cached: &Arc<Cached<Limited>>, names: Vec<String>) {
    let tasks = names.into_iter().map(|name| {
        let cached = cached.clone();
        tokio::spawn(async move {
            let secret = cached.get(&name, &GetOptions::default()).await.expect("a secret");
            assert_eq!(secret.expose_bytes().expect("bytes"), name.as_bytes());
        })
    });
    for outcome in join_all(tasks).await {
        outcome.expect("the right answer");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_cold_keys_asked_for_by_a_hundred_tasks_are_full_calls_only() {
    for size in [20, 10] {
        let (limited, cached) = default_of(size);
        ask_singly(&cached, names(100)).await;
        assert_eq!(limited.calls(), vec![size; 100 / size]);
        assert_eq!(cached.stats().batched as usize, 100 / size);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_keys_that_fall_due_together_are_full_calls_only() {
    for size in [20, 10] {
        let (limited, cached) = limited(size, CachePolicy::default().with_refresh_ahead(0.0));
        ask_singly(&cached, names(1000)).await;
        limited.calls();
        advance(TTL / 2).await;
        for name in names(1000) {
            cached.get(&name, &GetOptions::default()).await.expect("held");
        }
        settle().await;
        assert_eq!(limited.calls(), vec![size; 1000 / size]);
        assert_eq!(cached.stats().refreshes, 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_miss_waits_for_nobody() {
    let (limited, cached) = default_of(20);
    for name in names(10) {
        let asked = Instant::now();
        ask_singly(&cached, vec![name]).await;
        assert_eq!((asked.elapsed(), limited.calls()), (Duration::ZERO, vec![1]));
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_call_is_under_way_waits_for_the_window_at_most() {
    let (limited, cached) = default_of(20);
    limited.memory.fail_next(Fault::delay(Duration::from_secs(1)));
    let slow = tokio::spawn({
        let cached = cached.clone();
        async move { ask_singly(&cached, names(1)).await }
    });
    sleep(Duration::from_millis(100)).await;
    let asked = Instant::now();
    ask_singly(&cached, names(12).split_off(1)).await;
    // The clock of Tokio's timers ticks in milliseconds.
    assert!(asked.elapsed() <= WINDOW + Duration::from_millis(2), "{:?}", asked.elapsed());
    assert!(!slow.is_finished());
    slow.await.expect("the right answer");
    assert_eq!(limited.calls(), [1, 11]);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_zero_turns_gathering_off() {
    let (limited, cached) = limited(20, CachePolicy::default().with_batch_window(Duration::ZERO));
    ask_singly(&cached, names(100)).await;
    assert_eq!(limited.calls(), [1; 100]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_reads_one_at_a_time_is_asked_so() {
    let (limited, cached) = default_of(1);
    ask_singly(&cached, names(100)).await;
    assert_eq!(limited.calls(), [1; 100]);
}

#[tokio::test(start_paused = true)]
async fn reads_of_different_kinds_do_not_go_out_together() {
    let (limited, cached) = default_of(20);
    let kinds = [GetOptions::default(), GetOptions::default().with_decrypt(false)];
    let numbered = GetOptions::default().with_version(crate::options::Version::Number(1));
    let names = names(3);
    let reads = names.iter().flat_map(|name| kinds.iter().chain([&numbered]).map(|kind| cached.get(name, kind)));
    for answer in join_all(reads).await {
        answer.expect("a secret");
    }
    let mut calls = limited.calls();
    calls.sort_unstable();
    assert_eq!(calls, [1, 1, 1, 3, 3], "versions are read one by one");
}

#[tokio::test(start_paused = true)]
async fn a_refused_name_in_a_batch_leaves_the_others_answered() {
    let (limited, cached) = default_of(20);
    let mut names = names(9);
    names.push("nope".into());
    let options = GetOptions::default();
    let answers = join_all(names.iter().map(|name| cached.get(name, &options))).await;
    assert_eq!(limited.calls(), [10]);
    for (name, answer) in names.iter().zip(answers) {
        match name.as_str() {
            "nope" => assert_eq!(answer.expect_err("missing").kind(), ErrorKind::NotFound),
            name => assert_eq!(answer.expect("a secret").expose_bytes().expect("bytes"), name.as_bytes()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_serves_what_is_held() {
    let (limited, cached) = default_of(20);
    ask_singly(&cached, names(5)).await;
    advance(TTL).await;
    limited.calls();
    limited.memory.fail_next(Fault::new(ErrorKind::Unavailable));
    ask_singly(&cached, names(5)).await;
    assert_eq!((limited.calls(), cached.stats().stale), (vec![5], 5));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_panics_is_asked_for_one_by_one() {
    let (limited, cached) = default_of(20);
    limited.memory.fail_next(Fault::panic());
    ask_singly(&cached, names(4)).await;
    assert_eq!(limited.calls(), [4, 1, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn readers_that_go_away_leave_what_they_gathered() {
    let (limited, cached) = default_of(20);
    let names = names(5);
    {
        let options = GetOptions::default();
        let mut reads: Vec<_> = names.iter().map(|name| cached.get(name, &options)).collect();
        for read in &mut reads {
            assert!(futures::poll!(read).is_pending());
        }
    }
    settle().await;
    assert_eq!(limited.calls(), [5]);
    ask_singly(&cached, names).await;
    assert_eq!(limited.calls(), [0; 0], "all are held");
}

#[test]
fn a_runtime_that_is_shut_down_while_gathering_leaves_nobody_waiting() {
    let (limited, cached) = limited(20, CachePolicy::default().with_batch_window(Duration::from_millis(500)));
    let runtime = || runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        for name in names(2) {
            let cached = cached.clone();
            tokio::spawn(async move { cached.get(&name, &GetOptions::default()).await });
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(limited.calls(), [0; 0], "both are gathered, by the first runtime");
    let third = tokio::task::LocalSet::new();
    let waiting = third.spawn_local({
        let cached = cached.clone();
        async move { ask_singly(&cached, names(3)).await }
    });
    let joined = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    third.block_on(&second, joined);
    drop(first);
    third.block_on(&second, waiting).expect("the right answers");
    assert_eq!(limited.calls().iter().sum::<usize>(), 3, "each name once");
}

#[tokio::test(start_paused = true)]
async fn what_was_gathered_before_an_update_is_read_after_it() {
    let (limited, cached) = default_of(20);
    let (early, late) = (GetOptions::default(), GetOptions::default());
    let mut reads: Vec<_> = ["n/1", "n/2"].map(|name| cached.get(name, &early)).into();
    for read in &mut reads {
        assert!(futures::poll!(read).is_pending());
    }
    cached.update("n/1", &"new".into(), &UpdateOptions::default()).await.expect("updated");
    reads.push(cached.get("n/1", &late));
    for (answer, value) in join_all(reads).await.into_iter().zip(["new", "n/2", "new"]) {
        assert_eq!(answer.expect("a secret").expose_bytes().expect("bytes"), value.as_bytes());
    }
    assert_eq!(limited.calls(), [3], "the name that was forgotten is in it twice");
    assert_eq!(cached.held("n/1", &late).expect("held").expose_bytes().expect("bytes"), b"new");
}
