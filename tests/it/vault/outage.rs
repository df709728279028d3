//! Outages of Vault: seal, unseal, kill and restart under load, and cold reads while it is down.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use s1crets::{
    CachePolicy, Cached, ErrorKind, GetOptions, ListOptions, Provider, Result, RetryPolicy, Secret,
    providers::vault_kv::VaultKv,
    vault::{Auth, SecretSource, TlsConfig, UserPass, Vault, VaultConfig},
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, unique};
use serde_json::json;

use super::{kv, once, plant, reach::is_preflight, read};

const TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(2).expect("2 is not 0");

/// What a read may take while the server is away: each attempt its timeout, and the wait before the second, which is a
/// tenth of a second at most. A login that fails for all who wait for it takes as long, and nothing is asked after it.
const READ: Duration = TIMEOUT.saturating_mul(ATTEMPTS.get()).saturating_add(Duration::from_millis(100));

/// For a machine that has other things to do.
const MACHINE: Duration = Duration::from_secs(3);

/// A server as in production.
pub(super) fn raft() -> OpenBao {
    tokio::task::block_in_place(OpenBao::raft)
}

/// What may be there by the path of the other version is not absent because that can't be asked.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_mount_of_unknown_version_is_no_absence() {
    let bao = OpenBao::shared();
    let of_version_2 = |path: &str| path.contains("/secret/data") || path.contains("/secret/metadata");
    for denied in [false, true] {
        let proxy = FaultProxy::start(bao.address()).await;
        proxy.fault_if(is_preflight, Fault::Status(403)).always();
        let first = move |path: &str| path.starts_with("/v1/secret") && !of_version_2(path);
        proxy.fault_if(move |request| first(&request.path), Fault::Status(503)).always();
        if denied {
            proxy.fault_if(move |request| of_version_2(&request.path), Fault::Status(403)).always();
        }
        let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()).with_retry(once()));
        let path = format!("secret/{}", unique("unknown-"));
        let exists = kv.path_exists(&path).await.map(|_| ());
        let listed = kv.get_by_path(&path, &ListOptions::default()).await.map(|_| ());
        for (call, answer) in
            [("path_exists", exists), ("get_by_path", listed), ("get", read(&kv, &path).await.map(|_| ()))]
        {
            assert_eq!(answer.expect_err(call).kind(), ErrorKind::Unavailable, "{call}, denied: {denied}");
        }
    }
}

/// A connection whose tokens live for five seconds, so that an outage outlives them.
fn logged_in(bao: &OpenBao) -> VaultKv {
    let policy = super::reader(bao);
    let mount = unique("outage-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "userpass" }));
    let user = json!({ "password": "a-password-of-tests", "token_ttl": "5s", "token_policies": [policy] });
    bao.must("POST", &format!("auth/{mount}/users/app"), &user);
    let login = UserPass::new("app", SecretSource::given("a-password-of-tests")).with_mount(mount);
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file());
    let config = VaultConfig::new(bao.address()).with_auth(Auth::UserPass(login)).with_tls(tls);
    VaultKv::new(Vault::new(config.with_timeout(TIMEOUT).with_retry(ATTEMPTS)).expect("settings"))
}

/// What came of the reads of a value that nobody holds.
#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    reads: AtomicUsize,
    held: AtomicUsize,
    failures: Mutex<BTreeMap<&'static str, (usize, Duration)>>,
}

impl Tally {
    /// Counts a read, and holds a failure to its promise: `Unavailable`, or `Timeout` where the server was silent for as
    /// long as that, and in time.
    fn count(&self, answer: &Result<Secret>, took: Duration) {
        assert!(took < READ + MACHINE, "{took:?}: {answer:?}");
        let Err(error) = answer else {
            self.reads.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let silent = error.kind() == ErrorKind::Timeout && took >= TIMEOUT;
        assert!(error.kind() == ErrorKind::Unavailable || silent, "{took:?}: {}", super::told(error));
        let mut failures = self.failures.lock().expect("no panic");
        let (count, longest) = failures.entry(error.kind().as_str()).or_default();
        (*count, *longest) = (*count + 1, (*longest).max(took));
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Reads what nobody holds until it is told to stop.
async fn unheld(kv: Arc<VaultKv>, path: String, tally: Arc<Tally>) {
    while !tally.stopped() {
        let began = Instant::now();
        let answer = kv.get(&path, &GetOptions::default()).await;
        tally.count(&answer, began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reads what a cache holds: it is always answered.
async fn held(cached: Arc<Cached<VaultKv>>, path: String, tally: Arc<Tally>) {
    while !tally.stopped() {
        let began = Instant::now();
        let answer = cached.get(&path, &GetOptions::default()).await;
        answer.unwrap_or_else(|error| panic!("{}", super::told(&error)));
        assert!(began.elapsed() < READ + MACHINE, "{:?}", began.elapsed());
        tally.held.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn fails_as_unavailable(kv: &VaultKv, path: &str) {
    let began = Instant::now();
    let error = kv.get(path, &GetOptions::default()).await.expect_err("the server is away");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", super::told(&error));
    assert!(began.elapsed() < READ + MACHINE, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reads_recover_from_a_seal_and_a_kill_without_a_manual_step() {
    let bao = Arc::new(raft());
    let path = plant(&bao, &json!({ "v": 1 }));
    let kv = Arc::new(logged_in(&bao));
    // One that is fresh for longer than the test, and one that goes stale in each outage.
    let fresh = Arc::new(Cached::new(kv.clone(), CachePolicy::default()));
    let stale = Arc::new(Cached::new(kv.clone(), CachePolicy::default().with_ttl(Duration::from_secs(1))));
    for cached in [&fresh, &stale] {
        cached.get(&path, &GetOptions::default()).await.expect("held from now on");
    }
    let tally = Arc::new(Tally::default());
    let mut tasks: Vec<_> = (0..20).map(|_| tokio::spawn(unheld(kv.clone(), path.clone(), tally.clone()))).collect();
    for cached in [&fresh, &stale].into_iter().cycle().take(10) {
        tasks.push(tokio::spawn(held(cached.clone(), path.clone(), tally.clone())));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;

    let blocking = |what: fn(&OpenBao)| {
        let bao = bao.clone();
        async move { tokio::task::spawn_blocking(move || what(&bao)).await.expect("done") }
    };
    for (down, up) in [
        (OpenBao::seal as fn(&OpenBao), OpenBao::unseal as fn(&OpenBao)),
        (OpenBao::kill, |bao| {
            bao.restart();
            bao.unseal();
        }),
    ] {
        blocking(down).await;
        fails_as_unavailable(&kv, &path).await;
        // Past the token's life: not only the reads, the login fails too.
        tokio::time::sleep(Duration::from_secs(6)).await;
        fails_as_unavailable(&kv, &path).await;
        let (answered, held) = (tally.reads.load(Ordering::Relaxed), tally.held.load(Ordering::Relaxed));
        for (cached, is_stale) in [(&fresh, false), (&stale, true)] {
            let secret = cached.get(&path, &GetOptions::default()).await.expect("held");
            assert_eq!(secret.freshness().expect("by a cache").stale, is_stale);
        }
        blocking(up).await;
        kv.get(&path, &GetOptions::default()).await.expect("the first read after the recovery");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(tally.reads.load(Ordering::Relaxed) > answered, "the load goes on");
        assert!(tally.held.load(Ordering::Relaxed) > held, "and so do the reads of what is held");
    }
    tally.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("every read was answered or failed as it should");
    }
    let failures = tally.failures.lock().expect("no panic");
    let (reads, held) = (tally.reads.load(Ordering::Relaxed), tally.held.load(Ordering::Relaxed));
    eprintln!("outages: {reads} reads, {held} of what is held, failures with the longest: {failures:?}");
    assert!(failures.contains_key("unavailable"));
}

/// Else the last of N reads would wait for N timeouts.
#[tokio::test]
async fn cold_reads_of_many_names_share_the_one_lookup_that_fails() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let proxy = FaultProxy::start(bao.address()).await;
    let lookups = || proxy.counts().into_iter().filter(|(call, _)| call.contains("internal/ui/mounts/"));
    for fault in [Fault::Status(503), Fault::Hang, Fault::Close] {
        let config = VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()).with_retry(once());
        let kv = VaultKv::new(Vault::new(config.with_timeout(TIMEOUT * 3)).expect("settings"));
        proxy.fault_if(is_preflight, fault.clone()).always();
        let names: Vec<_> = (0..50).map(|number| format!("secret/it/cold-{number}")).collect();
        // Polled in order, so that all wait before the first one has its answer.
        for answer in futures::future::join_all(names.iter().map(|name| read(&kv, name))).await {
            let error = answer.expect_err("the server is away");
            assert!(error.kind().is_transient(), "{fault:?}: {}", super::told(&error));
        }
        assert_eq!(lookups().map(|(_, count)| count).sum::<usize>(), 1, "{fault:?}: {:?}", proxy.counts());
        proxy.clear();
        read(&kv, &path).await.expect("the first read after the recovery looks the mount up anew");
        proxy.reset_counts();
    }
}

/// A reader in a hurry must not decide for those who have time.
#[tokio::test]
async fn a_lookup_that_was_tried_for_a_shorter_time_is_not_shared() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let proxy = FaultProxy::start(bao.address()).await;
    proxy.fault_if(is_preflight, Fault::Hang).once();
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()).with_retry(once()));
    let hasty = RetryPolicy::default().with_timeout(Duration::from_millis(100));
    let hasty = GetOptions::default().with_retry_policy(hasty);
    let (first, second) = tokio::join!(kv.get(&path, &hasty), read(&kv, &path));
    assert_eq!(first.expect_err("it hangs").kind(), ErrorKind::Timeout);
    second.expect("its own lookup is answered");
}
