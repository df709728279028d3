//! Handles whose secret is not cached, whose value ends, or that are read while they are read.

use std::{
    io::Write,
    sync::{OnceLock, mpsc},
    thread,
};

use super::*;

/// A client whose provider reports no changes, with this cache.
fn client_with(memory: &Memory, policy: CachePolicy) -> Client {
    Client::builder().with_provider("m", Reporting::quiet(memory)).with_cache(policy).build().expect("a client")
}

/// A client whose provider's values are valid for that long.
fn leased(memory: &Memory, valid_for: Duration, policy: CachePolicy) -> Client {
    let provider = Reporting { valid_for: Some(valid_for), ..Reporting::quiet(memory) };
    Client::builder().with_provider("m", provider).with_cache(policy).build().expect("a client")
}

/// The event of the task's own load once woke the task, which then loaded again at once.
#[tokio::test(start_paused = true)]
async fn a_secret_that_the_cache_does_not_keep_is_not_asked_for_in_a_tight_loop() {
    let keeps_nothing = [
        CachePolicy::default().with_ttl(Duration::ZERO),
        CachePolicy::default().with_entries(0),
        CachePolicy::default().with_max_bytes(1),
    ];
    for policy in keeps_nothing {
        let memory = memory();
        let client = client_with(&memory, policy);
        // Two of them: the loads of one must not wake the other either.
        let first = client.handle("m://a#k").await.expect("a handle");
        let second = client.handle("m://a#/k").await.expect("a handle");
        pass(50).await;
        assert_eq!(memory.calls(), 2, "only the opened handles have read: {policy:?}");
        memory.set("a", r#"{"k":"two"}"#);
        pass(20).await;
        assert!(memory.calls() <= 4, "{} calls for {policy:?}", memory.calls());
        for handle in [&first, &second] {
            assert_eq!(text(&handle.get().expect("kept fresh")), "two", "{policy:?}");
        }
        client.update("m", "a", "three").key("k").await.expect("updated");
        pass(1).await;
        assert_eq!(text(&first.get().expect("kept fresh")), "three", "an update is seen at once: {policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_is_not_served_past_its_own_end() {
    for policy in [CachePolicy::default().with_ttl(TTL), CachePolicy::default().with_ttl(Duration::ZERO)] {
        let memory = memory();
        let client = leased(&memory, Duration::from_secs(60), policy);
        let handle = client.handle("m://a#k").await.expect("a handle");
        for _ in 0..30 {
            pass(10).await;
            handle.get().expect("replaced ahead of its end");
        }
        for _ in 0..1000 {
            memory.fail_next(Fault::new(ErrorKind::Unavailable));
        }
        pass(70).await;
        assert_eq!(handle.get().expect_err("the value has ended").kind(), ErrorKind::Unavailable, "{policy:?}");
        memory.clear_faults();
        pass(40).await;
        assert_eq!(text(&handle.get().expect("there is a new value")), "one");
    }
}

/// The task once took the open breaker for news, and asked without a pause from then on.
#[tokio::test(start_paused = true)]
async fn a_value_without_an_end_stays_past_max_stale() {
    let memory = memory();
    let client = client_with(&memory, CachePolicy::default().with_ttl(TTL).with_max_stale(TTL));
    let handle = client.handle("m://a#k").await.expect("a handle");
    for _ in 0..1000 {
        memory.fail_next(Fault::new(ErrorKind::Unavailable));
    }
    pass(300).await;
    let secret = handle.get().expect("the value stays");
    assert!(secret.freshness().expect("cached").stale);
    assert!(memory.calls() < 60, "{} calls in an outage of 300 s", memory.calls());
    assert_eq!(handle.last_error().expect("an error").kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_was_reported_before_the_handle_was_opened_is_loaded() {
    let memory = memory();
    let (mut provider, _) = Reporting::watched(&memory, false);
    let (_reports, watch) = Watch::channel(Some("2".to_owned()));
    provider.watch = Some(watch);
    let client = client(provider);
    client.get("m", "a").await.expect("a secret");
    memory.set("a", r#"{"k":"two"}"#);
    let handle = client.handle("m://a#k").await.expect("a handle");
    pass(1).await;
    assert_eq!(text(&handle.get().expect("kept fresh")), "two");
    assert_eq!(memory.calls_of(Operation::Get), 2);
}

/// A log writer that reads a handle whenever a line is written, as one whose token is a secret does.
#[derive(Clone, Default)]
struct ReadsHandle(Arc<OnceLock<Handle>>);

impl Write for ReadsHandle {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if let Some(handle) = self.0.get() {
            handle.get().expect("kept fresh");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A read of a changed value once logged under the lock that the subscriber's own read waited for.
#[test]
fn a_subscriber_that_reads_the_handle_does_not_deadlock() {
    let memory = memory();
    let (provider, reports) = Reporting::watched(&memory, true);
    let client = client(provider);
    let handle = client.handle("m://a#k").now_or_never().expect("at once").expect("a handle");
    let writer = ReadsHandle::default();
    let _ = writer.0.set(handle.clone());
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    memory.set("a", r#"{"k":"two"}"#);
    reports.send(Some("2".to_owned()));
    let (sender, read) = mpsc::channel();
    thread::spawn(move || {
        let value =
            tracing::subscriber::with_default(subscriber, || text(&handle.get().expect("kept fresh")).to_owned());
        sender.send(value).expect("the test waits");
    });
    assert_eq!(read.recv_timeout(Duration::from_secs(30)).expect("the read ends"), "two");
}
