//! The calls without async: from plain threads and from inside every kind of runtime.

use std::{thread, time::Duration};

use futures::FutureExt;
use s1crets::{
    Client, ErrorKind, SecretValue, blocking,
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
    let many = client.get_many("memory", &["p/a".to_owned(), "none".to_owned()]);
    assert_eq!((many.len(), many[1].as_ref().unwrap_err().kind()), (2, ErrorKind::NotFound));
    let [key, none] = <[_; 2]>::try_from(client.get_refs(["memory://p/a#k", "memory://none"]).call()).unwrap();
    assert_eq!((text(key), none.unwrap_err().kind()), ("2".to_owned(), ErrorKind::NotFound));
    assert_eq!(text(client.get("memory", "none").default("spare").call()), "spare");
    fails(client.get("nope", "a").call(), ErrorKind::InvalidInput);
}

#[test]
fn what_is_held_is_answered_without_a_runtime_to_wait_for() {
    let (memory, client) = slow();
    for _ in 0..3 {
        assert_eq!(text(client.get("memory", "a").call()), "x");
    }
    assert_eq!(memory.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn inside_the_only_worker_of_a_runtime() {
    let (_, client) = slow();
    let inside = tokio::spawn(async move { text(client.get("memory", "a").call()) });
    assert_eq!(within(inside).await.unwrap(), "x");
}

#[tokio::test]
async fn inside_a_runtime_of_one_thread() {
    let (_, client) = slow();
    assert_eq!(text(client.get("memory", "a").call()), "x");
    assert_eq!(client.get_by_path("memory", "").call().unwrap().len(), 1);
    client.update("memory", "a", "y").call().unwrap();
    assert_eq!(text(client.get("memory", "a").call()), "y");
}

/// If the two shared their loads, the blocking call would wait for one that only this thread can go on with.
#[tokio::test]
async fn a_load_under_way_on_the_thread_that_is_blocked_is_not_waited_for() {
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

#[tokio::test]
async fn inside_spawn_blocking() {
    let (_, client) = slow();
    assert_eq!(within(spawn_blocking(move || text(client.get("memory", "a").call()))).await.unwrap(), "x");
}

#[test]
fn inside_block_on_and_a_local_set() {
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
fn from_sixteen_threads_at_once() {
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

/// A call wakes its thread with the token of `thread::park`; one that is left over must not be taken for an answer.
#[test]
fn a_wakeup_that_is_not_ours_is_no_answer() {
    let (_, client) = slow();
    thread::current().unpark();
    assert_eq!(text(client.get("memory", "a").call()), "x");
}

#[test]
fn a_panic_in_the_provider_is_an_error_here() {
    let memory = Memory::new().with("a", "x");
    memory.fail_next(Fault::panic());
    let client = client(&memory);
    fails(client.get("memory", "a").call(), ErrorKind::Unexpected);
    assert_eq!(text(client.get("memory", "a").call()), "x");
}

/// Tokio answers "not yet" to a task that has run long enough, until it yields; a task that is blocked never does.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_task_without_budget_does_not_starve_the_call() {
    let (_, client) = slow();
    let task = tokio::spawn(async move {
        while consume_budget().now_or_never().is_some() {}
        text(client.get("memory", "a").call())
    });
    assert_eq!(within(task).await.unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aws_from_inside_and_outside() {
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

/// Set for the process that forks: a fork of one that runs other tests would copy their locks in whatever state.
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

/// Plays the process that forks; in any other it has nothing to do.
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
        let told =
            error.kind() == ErrorKind::Unsupported && error.to_string().contains("forked") && error.hint().is_some();
        let many = client.get_many("memory", &["b".to_owned(), "c".to_owned()]);
        told && many.len() == 2 && many.iter().all(|answer| answer.is_err())
    });
    assert_eq!(text(client.get("memory", "b").call()), "y", "the parent goes on");
}

/// Runs this in a forked child, which ends in time and well.
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
    panic!("the child waits for ever");
}
