//! Handles with and without change reports: what wakes them, what they cost, and how they end.

mod edge_cases; // handles without a cached entry, values that end, readers within a read

use std::time::Duration;

use async_trait::async_trait;
use tokio::{
    runtime,
    time::{advance, timeout},
};

use super::*;
use crate::{
    cache::{CachePolicy, CacheStats},
    capabilities::Capabilities,
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::{Listing, Provider, Updated},
    providers::memory::{Fault, Memory},
    secret::SecretValue,
    watch::WatchSender,
};

const TTL: Duration = Duration::from_secs(100);

/// [`Memory`] that is local or not, and reports changes of the secret `a` or not.
#[derive(Clone, Debug)]
struct Reporting {
    memory: Memory,
    is_local: bool,
    watch: Option<Watch>,
    /// How long each value is valid.
    valid_for: Option<Duration>,
}

impl Reporting {
    /// Without change reports, like most backends.
    fn quiet(memory: &Memory) -> Self {
        Self { memory: memory.clone(), is_local: false, watch: None, valid_for: None }
    }

    /// With change reports, which the test sends.
    fn watched(memory: &Memory, is_local: bool) -> (Self, WatchSender) {
        let (sender, watch) = Watch::channel(Some("1".to_owned()));
        (Self { memory: memory.clone(), is_local, watch: Some(watch), valid_for: None }, sender)
    }
}

#[async_trait]
impl Provider for Reporting {
    fn capabilities(&self) -> Capabilities {
        Capabilities { local: self.is_local, watch: self.watch.is_some(), ..self.memory.capabilities() }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let secret = self.memory.get(path, options).await?;
        let Some(valid_for) = self.valid_for else { return Ok(secret) };
        let metadata = secret.metadata().clone().with_valid_for(valid_for);
        Ok(Secret::text(secret.expose_str()?, metadata))
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
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

    async fn watch(&self, _: &str) -> Result<Option<Watch>> {
        Ok(self.watch.clone())
    }
}

fn memory() -> Memory {
    Memory::new().with("a", r#"{"k":"one","other":1}"#)
}

fn client(provider: Reporting) -> Client {
    Client::builder()
        .with_provider("m", provider)
        .with_cache(CachePolicy::default().with_ttl(TTL))
        .build()
        .expect("a client")
}

/// A client whose provider reports no changes.
fn quiet() -> (Memory, Client) {
    let memory = memory();
    let client = client(Reporting::quiet(&memory));
    (memory, client)
}

fn stats(client: &Client) -> CacheStats {
    client.stats("m").expect("a provider").expect("a cache")
}

fn text(secret: &Secret) -> &str {
    secret.expose_str().expect("text")
}

/// Lets the clock run in small steps, as the task in the background wants to see it.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_kept_fresh_though_nobody_reads_it() {
    let (memory, client) = quiet();
    let handle = client.handle("m://a#k").await.expect("a handle");
    assert_eq!(text(&handle.get().expect("kept fresh")), "one");
    memory.set("a", r#"{"k":"two"}"#);
    pass(100).await;
    assert_eq!(text(&handle.get().expect("kept fresh")), "two");
    assert_eq!(memory.calls_of(Operation::Get), 2, "one load at the start and one ahead of the end");
}

#[tokio::test(start_paused = true)]
async fn an_update_reaches_every_handle_at_once() {
    let (_, client) = quiet();
    let handles = [client.handle("m://a#k").await, client.handle("m://a#/k").await].map(|it| it.expect("a handle"));
    client.update("m", "a", "two").key("k").await.expect("updated");
    for handle in handles {
        let newest = async {
            while text(&handle.get().expect("kept fresh")) != "two" {
                tokio::task::yield_now().await
            }
        };
        timeout(Duration::from_secs(1), newest).await.expect("the update is seen");
    }
}

#[tokio::test(start_paused = true)]
async fn changes_are_reported_once_each_and_only_if_the_part_differs() {
    let (memory, client) = quiet();
    let handle = client.handle("m://a#k").await.expect("a handle");
    let mut changes = handle.changes();
    for value in ["two", "three"] {
        memory.set("a", format!("{{\"k\":\"{value}\"}}"));
        client.refresh("m", "a").await.expect("loaded");
        let change = timeout(Duration::from_secs(5), changes.next()).await.expect("in time").expect("a change");
        assert_eq!(text(&change), value);
    }
    memory.set("a", r#"{"k":"three","other":2}"#);
    client.refresh("m", "a").await.expect("loaded");
    assert!(timeout(Duration::from_secs(5), changes.next()).await.is_err(), "this part is the same");
    drop(handle);
    assert!(changes.next().await.is_none(), "the handle is gone");
}

#[tokio::test(start_paused = true)]
async fn an_outage_leaves_the_value_and_marks_it_stale() {
    let (memory, client) = quiet();
    let handle = client.handle("m://a#k").await.expect("a handle");
    for _ in 0..1000 {
        memory.fail_next(Fault::new(ErrorKind::Unavailable));
    }
    pass(150).await;
    let secret = handle.get().expect("kept fresh");
    let freshness = secret.freshness().expect("cached");
    assert!(freshness.stale && freshness.refresh_error == Some(ErrorKind::Unavailable));
    assert_eq!(text(&secret), "one");
    memory.clear_faults();
    pass(40).await;
    assert!(!handle.get().expect("kept fresh").freshness().expect("cached").stale);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_gone_is_an_error_and_the_last_value_stays() {
    let (memory, client) = quiet();
    let handle = client.handle("m://a#k").await.expect("a handle");
    memory.remove("a");
    pass(110).await;
    assert_eq!(handle.last_error().expect("an error").kind(), ErrorKind::NotFound);
    assert_eq!(text(&handle.get().expect("kept fresh")), "one");
    memory.set("a", r#"{"k":"back"}"#);
    pass(40).await;
    assert!(handle.last_error().is_none());
    assert_eq!(text(&handle.get().expect("kept fresh")), "back");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_handle_leaves_no_task_behind() {
    let (memory, client) = quiet();
    let handle = client.handle("m://a#k").await.expect("a handle");
    let clone = handle.clone();
    drop(handle);
    pass(100).await;
    assert_eq!(memory.calls(), 2, "the clone keeps it fresh");
    drop(clone);
    pass(1000).await;
    assert_eq!(memory.calls(), 2);
}

#[tokio::test]
async fn what_is_not_there_has_no_handle() {
    let (_, client) = quiet();
    assert_eq!(client.handle("m://nope").await.expect_err("no secret").kind(), ErrorKind::NotFound);
    assert_eq!(client.handle("m://a#nope").await.expect_err("no key").kind(), ErrorKind::KeyNotFound);
    assert_eq!(client.handle("m:a").await.expect_err("no reference").kind(), ErrorKind::InvalidInput);
}

#[tokio::test(start_paused = true)]
async fn a_handle_looks_at_the_cache_only_when_there_is_something_to_see() {
    let (memory, client) = quiet();
    let _handle = client.handle("m://a#k").await.expect("a handle");
    pass(5).await;
    let hits = stats(&client).hits;
    pass(70).await;
    assert_eq!((stats(&client).hits, memory.calls()), (hits, 1), "a fresh entry is left alone");
    for _ in 0..1000 {
        memory.fail_next(Fault::new(ErrorKind::Unavailable));
    }
    pass(200).await;
    let CacheStats { hits: later, stale, .. } = stats(&client);
    assert!(later + stale - hits < 60, "{later} hits and {stale} stale reads in 200 s of an outage");
}

/// The event of the task's own failed load once woke the task, which then loaded again at once.
#[tokio::test(start_paused = true)]
async fn a_denied_secret_is_not_asked_for_in_a_tight_loop() {
    for kind in [ErrorKind::AccessDenied, ErrorKind::Unauthenticated, ErrorKind::Corrupt] {
        let (memory, client) = quiet();
        let handle = client.handle("m://a#k").await.expect("a handle");
        for _ in 0..10_000 {
            memory.fail_next(Fault::new(kind));
        }
        pass(100).await;
        let before = memory.calls();
        client.invalidate("m", "a").expect("a provider");
        pass(100).await;
        let calls = memory.calls() - before;
        assert!((2..=12).contains(&calls), "{calls} calls in 100 s for {kind:?}");
        assert_eq!(handle.last_error().expect("an error").kind(), kind);
        assert_eq!(text(&handle.get().expect("kept fresh")), "one");
        memory.clear_faults();
        pass(40).await;
        assert!(handle.last_error().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reported_change_is_loaded_at_once_and_once_for_all_handles() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, false);
    let client = client(provider);
    let handles = [client.handle("m://a#k").await, client.handle("m://a#/k").await].map(|it| it.expect("a handle"));
    assert_eq!(memory.calls(), 1);
    memory.set("a", r#"{"k":"two"}"#);
    reports.send(Some("2".to_owned()));
    pass(1).await;
    for handle in &handles {
        assert_eq!(text(&handle.get().expect("kept fresh")), "two");
    }
    assert_eq!(memory.calls(), 2);
    // The version of an update is in the cache already when it is reported, or is on its way there.
    client.update("m", "a", "three").key("k").await.expect("updated");
    pass(1).await;
    let calls = memory.calls();
    reports.send(Some("3".to_owned()));
    pass(1).await;
    assert_eq!(memory.calls(), calls, "version 3 is cached");
    memory.remove("a");
    reports.send(None);
    pass(1).await;
    assert_eq!(handles[0].last_error().expect("an error").kind(), ErrorKind::NotFound);
    assert_eq!(text(&handles[0].get().expect("kept fresh")), "three");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_reported_in_an_outage_is_loaded_after_it() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, false);
    let client = client(provider);
    let handle = client.handle("m://a#k").await.expect("a handle");
    memory.set("a", r#"{"k":"two"}"#);
    for _ in 0..2 {
        memory.fail_next(Fault::new(ErrorKind::Unavailable));
    }
    reports.send(Some("2".to_owned()));
    pass(10).await;
    assert_eq!(text(&handle.get().expect("kept fresh")), "two", "though the entry was fresh all the time");
}

#[tokio::test(start_paused = true)]
async fn a_provider_whose_reports_end_is_followed_by_the_cache_alone() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, false);
    let client = client(provider);
    let handle = client.handle("m://a#k").await.expect("a handle");
    drop(reports);
    memory.set("a", r#"{"k":"two"}"#);
    pass(100).await;
    assert_eq!(text(&handle.get().expect("kept fresh")), "two");
}

#[test]
fn a_handle_whose_runtime_has_stopped_fails_instead_of_waiting_for_ever() {
    let (_, client) = quiet();
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let handle = runtime.block_on(client.handle("m://a#k")).expect("a handle");
    let mut changes = handle.changes();
    assert_eq!(text(&handle.get().expect("kept fresh")), "one");
    assert!(changes.next().now_or_never().is_none());
    drop(runtime);
    assert_eq!(handle.get().expect_err("nobody keeps it fresh").kind(), ErrorKind::Unexpected);
    assert_eq!(changes.next().now_or_never(), Some(None));
    assert_eq!(handle.changes().next().now_or_never(), Some(None));
    assert!(handle.changed().now_or_never().expect("at once").is_err());
}

#[test]
fn a_handle_on_a_local_provider_needs_no_runtime() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, true);
    let client = client(provider);
    let handle = client.handle("m://a#k").now_or_never().expect("at once").expect("a handle");
    let mut changes = handle.changes();
    for _ in 0..10 {
        assert_eq!(text(&handle.get().expect("kept fresh")), "one");
    }
    assert_eq!(memory.calls(), 1, "an unchanged value is not read again");
    memory.set("a", r#"{"k":"two"}"#);
    assert_eq!(text(&handle.get().expect("kept fresh")), "one");
    reports.send(Some("2".to_owned()));
    for _ in 0..10 {
        assert_eq!(text(&handle.get().expect("kept fresh")), "two");
    }
    assert_eq!(memory.calls(), 2);
    let change = changes.next().now_or_never().expect("at once").expect("a change");
    assert_eq!(text(&change), "two");
    assert!(changes.next().now_or_never().is_none());

    memory.set("a", r#"{"k":"two","other":2}"#);
    reports.send(Some("3".to_owned()));
    assert!(changes.next().now_or_never().is_none(), "this part is the same");
    memory.remove("a");
    reports.send(None);
    assert!(changes.next().now_or_never().is_none());
    assert_eq!(handle.last_error().expect("an error").kind(), ErrorKind::NotFound);
    assert_eq!(text(&handle.get().expect("kept fresh")), "two");
    memory.set("a", r#"{"k":"back"}"#);
    reports.send(Some("4".to_owned()));
    assert_eq!(text(&changes.next().now_or_never().expect("at once").expect("a change")), "back");
    assert!(handle.last_error().is_none());

    drop(reports);
    assert!(handle.get().is_err(), "nobody reports changes any more");
    assert_eq!(changes.next().now_or_never(), Some(None));
}

#[test]
fn a_listener_on_a_local_provider_ends_with_the_handle() {
    let (provider, _reports) = Reporting::watched(&memory(), true);
    let client = client(provider);
    let handle = client.handle("m://a#k").now_or_never().expect("at once").expect("a handle");
    let mut changes = handle.changes();
    assert!(changes.next().now_or_never().is_none());
    drop(handle);
    assert_eq!(changes.next().now_or_never(), Some(None));
}

/// A wakeup that is lost between a look and a wait would leave the listener waiting for ever.
#[test]
fn a_listener_on_another_thread_sees_the_last_of_many_changes() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, true);
    let client = client(provider);
    let handle = client.handle("m://a#k").now_or_never().expect("at once").expect("a handle");
    let (mut changes, reader) = (handle.changes(), handle.clone());
    let listener = std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let last = async { while text(&changes.next().await.expect("a change")) != "last" {} };
        runtime.block_on(async { timeout(Duration::from_secs(30), last).await }).expect("the last change is seen");
    });
    for version in 2..500 {
        memory.set("a", format!("{{\"k\":\"{version}\"}}"));
        reports.send(Some(version.to_string()));
        assert_eq!(text(&reader.get().expect("kept fresh")), version.to_string());
    }
    memory.set("a", r#"{"k":"last"}"#);
    reports.send(Some("last".to_owned()));
    listener.join().expect("the listener ends");
}
