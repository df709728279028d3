//! Blocking API: from plain threads, inside every kind of runtime, and in forked processes.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use futures::FutureExt;
use s1crets::{
    CachePolicy, Client, ErrorKind, Metadata, Reference, Secret, SecretValue, blocking,
    providers::{
        aws::{ParameterStore, SecretsManager},
        memory::{Fault, Memory},
    },
};
use s1crets_testbed::unique;
use tokio::{
    runtime,
    task::{consume_budget, spawn_blocking},
};

use crate::{
    gated::Gated,
    support::{Aws, STORES, fails, text, within},
};

fn client(memory: &Memory) -> blocking::Client {
    blocking::Client::new(Client::builder().with_provider("memory", memory.clone())).unwrap()
}

/// An entry is due for a reload in the first half of this TTL.
fn with_ttl(memory: &Memory, ttl: Duration) -> blocking::Client {
    let policy = CachePolicy::default().with_ttl(ttl).with_refresh_ahead(0.0);
    blocking::Client::new(Client::builder().with_provider("memory", memory.clone()).with_cache(policy)).unwrap()
}

/// A slow backend, so that every call has to wait for a timer of the calls' own runtime.
fn slow() -> (Memory, blocking::Client) {
    let memory = Memory::new().with("a", "x");
    memory.fail_next(Fault::delay(Duration::from_millis(20)));
    let client = client(&memory);
    (memory, client)
}

#[test]
fn every_call_works_outside_a_runtime() {
    let memory = Memory::new().with("p/a", r#"{"k":1}"#);
    let client = client(&memory);
    assert_eq!(text(client.get("memory", "p/a").key("k").call()), "1");
    assert_eq!(text(client.get_ref("memory://p/a#k").call()), "1");
    assert_eq!(client.get_by_path("memory", "p").recursive(true).call().unwrap().len(), 1);
    assert!(client.path_exists("memory", "p").call().unwrap());
    assert!(!client.path_exists("memory", "p/a").key("none").call().unwrap());
    client.update("memory", "p/a", SecretValue::json(&2).unwrap()).key("k").call().unwrap();
    assert_eq!(text(client.get("memory", "p/a").call()), r#"{"k":2}"#);
    let [key, none] = <[_; 2]>::try_from(client.get_refs(["memory://p/a#k", "memory://none"]).call()).unwrap();
    assert_eq!((text(key), none.unwrap_err().kind()), ("2".to_owned(), ErrorKind::NotFound));
    assert_eq!(text(client.get("memory", "none").default("spare").call()), "spare");
    fails(client.get("nope", "a").call(), ErrorKind::InvalidInput);
}

#[test]
fn the_calls_that_manage_the_cache_work_outside_a_runtime() {
    let memory = Memory::new().with("a", r#"{"k":"one"}"#);
    let client = client(&memory);
    let refused = client.get("memory", "a").call().unwrap();
    assert!(client.rejected("memory", "a", &refused).unwrap().is_none(), "there is no newer version yet");
    memory.set("a", r#"{"k":"two"}"#);
    assert_eq!(text(client.refresh("memory", "a").key("k").call()), "two");
    assert_eq!(client.rejected("memory", "a", &refused).unwrap().unwrap().expose_str().unwrap(), r#"{"k":"two"}"#);
    let part = client.at("memory://a#k").rejected(&refused).unwrap();
    assert_eq!(part.unwrap().expose_str().unwrap(), "two");
    let loads = || client.stats("memory").unwrap().unwrap().loaded;
    for drop_it in [&|| client.invalidate("memory", "a").unwrap() as _, &|| client.clear() as _, &|| {
        client.at("memory://a").invalidate().unwrap() as _
    }] as [&dyn Fn(); 3]
    {
        let before = loads();
        client.get("memory", "a").call().unwrap();
        assert_eq!(loads(), before, "it is cached");
        drop_it();
        client.get("memory", "a").call().unwrap();
        assert_eq!(loads(), before + 1, "it was dropped");
    }
    fails(client.invalidate("nope", "a"), ErrorKind::InvalidInput);
    fails(client.stats("nope"), ErrorKind::InvalidInput);
}

/// The handle's task runs on the runtime of the blocking calls.
#[test]
fn a_handle_is_kept_fresh_without_a_runtime_of_the_caller() {
    let memory = Memory::new().with("a", r#"{"k":"one"}"#);
    let client = client(&memory);
    let handle = client.handle("memory://a#k").unwrap();
    assert_eq!(handle.get().unwrap().expose_str().unwrap(), "one");
    client.at("memory://a#k").update("two").call().unwrap();
    let begun = Instant::now();
    while handle.get().unwrap().expose_str().unwrap() != "two" {
        assert!(begun.elapsed() < Duration::from_secs(30), "the handle is not kept fresh");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_call_takes_a_reference() {
    let client = client(&Memory::new().with("p/a", r#"{"k":1}"#));
    let reference = Reference::new("memory", "p/a").unwrap().with_keypath(["k"]);
    assert_eq!(text(client.get_ref(&reference).call()), "1");
    assert!(client.at(&reference).path_exists().call().unwrap());
    client.at(&reference).update(SecretValue::json(&2).unwrap()).call().unwrap();
    assert_eq!(text(client.at(&reference).refresh().call()), "2");
    assert_eq!(client.at("memory://p").get_by_path().call().unwrap().len(), 1);
    assert_eq!(text(client.get_refs([&reference]).call().remove(0)), "2");
}

#[test]
fn a_cached_value_is_answered_without_a_wait() {
    let (memory, client) = slow();
    for _ in 0..3 {
        assert_eq!(text(client.get("memory", "a").call()), "x");
    }
    assert_eq!(memory.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_call_works_inside_the_only_worker_of_a_runtime() {
    let (_, client) = slow();
    let inside = tokio::spawn(async move { text(client.get("memory", "a").call()) });
    assert_eq!(within(inside).await.unwrap(), "x");
}

#[tokio::test]
async fn calls_work_inside_a_runtime_of_one_thread() {
    let (_, client) = slow();
    assert_eq!(text(client.get("memory", "a").call()), "x");
    assert_eq!(client.get_by_path("memory", "").call().unwrap().len(), 1);
    client.update("memory", "a", "y").call().unwrap();
    assert_eq!(text(client.get("memory", "a").call()), "y");
}

/// If the two clients shared loads, the blocking call would wait for one that only this thread can
/// drive.
#[tokio::test]
async fn a_call_does_not_join_a_load_that_only_the_blocked_thread_can_drive() {
    let gated = Gated::new(Memory::new().with("a", "x"));
    let builder = || Client::builder().with_provider("mine", gated.clone());
    let (awaiting, blocking) = (builder().build().unwrap(), blocking::Client::new(builder()).unwrap());
    let mut under_way = Box::pin(async { text(awaiting.get("mine", "a").await) });
    assert!((&mut under_way).now_or_never().is_none());
    gated.arrived(1).await;
    gated.let_through(2);
    assert_eq!(text(blocking.get("mine", "a").call()), "x");
    assert_eq!(within(under_way).await, "x");
}

/// A read of an entry that is due starts a reload. On the caller's runtime, which the call blocks,
/// that reload would never end, and the next read past the TTL would wait for it.
#[test]
fn reads_inside_a_runtime_of_one_thread_go_on_past_the_ttl() {
    let (done, outcome) = mpsc::channel();
    thread::spawn(move || {
        let memory = Memory::new().with("a", "x");
        let client = with_ttl(&memory, Duration::from_millis(100));
        runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(1) {
                assert_eq!(text(client.get("memory", "a").call()), "x");
                thread::sleep(Duration::from_millis(5));
            }
        });
        done.send(memory.calls()).unwrap();
    });
    let calls = outcome.recv_timeout(Duration::from_secs(60)).expect("a blocking read hangs or fails");
    assert!(calls > 2, "{calls} loads in ten lifetimes");
}

#[test]
fn an_entry_that_is_due_is_reloaded_ahead_of_its_end_on_a_plain_thread() {
    const TTL: Duration = Duration::from_secs(8);
    let memory = Memory::new().with("a", "x");
    let client = with_ttl(&memory, TTL);
    let begun = Instant::now();
    while memory.calls() < 2 {
        assert_eq!(text(client.get("memory", "a").call()), "x");
        thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < TTL, "nothing was reloaded before it expired");
    }
}

#[tokio::test]
async fn a_call_works_inside_spawn_blocking() {
    let (_, client) = slow();
    assert_eq!(within(spawn_blocking(move || text(client.get("memory", "a").call()))).await.unwrap(), "x");
}

#[test]
fn calls_work_inside_block_on_and_a_local_set() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let (_, client) = slow();
    let local = tokio::task::LocalSet::new();
    let read = local.block_on(&runtime, async { text(client.get("memory", "a").call()) });
    assert_eq!(read, "x");
    let handle = runtime.handle().clone();
    let (_, client) = slow();
    let _context = handle.enter();
    assert_eq!(text(client.get("memory", "a").call()), "x");
}

#[test]
fn sixteen_threads_share_one_load() {
    let gated = Gated::new(Memory::new().with("a", "x"));
    let client = blocking::Client::new(Client::builder().with_provider("mine", gated.clone())).unwrap();
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || text(client.get("mine", "a").call()))
        })
        .collect();
    gated.open();
    threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), "x"));
    assert_eq!(gated.memory.calls(), 1);
}

/// A call waits by `thread::park`. A token that is left over must not be taken for an answer.
#[test]
fn a_stray_unpark_is_not_taken_for_an_answer() {
    let (_, client) = slow();
    thread::current().unpark();
    assert_eq!(text(client.get("memory", "a").call()), "x");
}

#[test]
fn a_panic_in_the_provider_is_an_error_of_the_call() {
    let memory = Memory::new().with("a", "x");
    memory.fail_next(Fault::panic());
    let client = client(&memory);
    fails(client.get("memory", "a").call(), ErrorKind::Unexpected);
    assert_eq!(text(client.get("memory", "a").call()), "x");
}

/// Tokio makes a task that has used up its budget wait until it yields. A blocked task never
/// yields.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_task_without_budget_does_not_block_the_call_for_ever() {
    let (_, client) = slow();
    let task = tokio::spawn(async move {
        while consume_budget().now_or_never().is_some() {}
        text(client.get("memory", "a").call())
    });
    assert_eq!(within(task).await.unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_is_read_inside_and_outside_a_runtime() {
    for (store, _, prefix) in STORES {
        let aws = Aws::start().await;
        let name = unique(prefix);
        aws.plant(store, &name, "x");
        let config = aws.config();
        let builder = Client::builder()
            .with_provider("aws.ps", ParameterStore::open(config.clone()).await.unwrap())
            .with_provider("aws.sm", SecretsManager::open(config).await.unwrap());
        let client = blocking::Client::new(builder).unwrap();
        assert_eq!(text(client.get(store, &name).call()), "x");
        let (outside, path) = (client.clone(), name.clone());
        let outside = thread::spawn(move || text(outside.get(store, &path).cached(false).call()));
        assert_eq!(outside.join().unwrap(), "x");
        assert_eq!(aws.proxy.total(), 2, "{store}");
    }
}

/// Set for the process that forks. A fork of one that runs other tests would copy locks that they
/// hold.
#[cfg(unix)]
const FORKS: &str = "S1CRETS_IT_FORKS";

#[cfg(unix)]
#[test]
fn a_forked_child_works_before_the_first_call_and_fails_at_once_after_it() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "blocking::forks", "--nocapture", "--test-threads=1"]).env(FORKS, "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The process that forks. In any other there is nothing to do.
#[cfg(unix)]
#[test]
fn forks() {
    if std::env::var_os(FORKS).is_none() {
        return;
    }
    in_child(|| {
        let (_memory, client) = slow();
        client.get("memory", "a").call().is_ok_and(|secret| secret.expose_str().is_ok_and(|text| text == "x"))
    });
    let (memory, client) = slow();
    assert_eq!(text(client.get("memory", "a").call()), "x");
    memory.set("b", "y");
    memory.fail_next(Fault::delay(Duration::from_millis(20)));
    in_child(|| {
        let error = client.get("memory", "b").call().expect_err("the threads are gone");
        let explained =
            error.kind() == ErrorKind::Unsupported && error.to_string().contains("forked") && error.hint().is_some();
        let many = client.get_refs(["memory://b", "memory://c"]).call();
        let rejected = client.rejected("memory", "b", &Secret::text("x", Metadata::default()));
        explained && many.len() == 2 && many.iter().all(Result::is_err) && rejected.is_err()
    });
    assert_eq!(text(client.get("memory", "b").call()), "y", "the parent goes on");

    let due = with_ttl(&memory, Duration::from_secs(6));
    due.get("memory", "a").call().unwrap();
    thread::sleep(Duration::from_millis(3100));
    in_child(|| due.get("memory", "a").call().is_ok_and(|secret| secret.expose_str().is_ok_and(|text| text == "x")));
}

/// Checks something in a forked child, which must end in time.
#[cfg(unix)]
fn in_child(check: impl FnOnce() -> bool) {
    let child = match fork::fork().unwrap() {
        fork::Fork::Child => std::process::exit(i32::from(!check())),
        fork::Fork::Parent(child) => child,
    };
    for _ in 0..200 {
        if let Some(status) = fork::waitpid_nohang(child).unwrap() {
            assert_eq!(status, 0);
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    std::process::Command::new("kill").args(["-KILL", &child.to_string()]).status().unwrap();
    panic!("the child hangs");
}
