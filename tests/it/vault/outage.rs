//! Seal, unseal, kill and restart under load.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use s1crets::{
    CachePolicy, Cached, ErrorKind, GetOptions, Provider,
    providers::vault_kv::VaultKv,
    vault::{Auth, SecretSource, TlsConfig, UserPass, VaultConfig},
};
use s1crets_testbed::{OpenBao, unique};
use serde_json::json;

use super::{kv, plant};

/// A server as in production.
pub(super) fn raft() -> OpenBao {
    tokio::task::block_in_place(OpenBao::raft)
}

fn logged_in(bao: &OpenBao) -> VaultKv {
    let policy = super::reader(bao);
    let mount = unique("outage-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "userpass" }));
    let user = json!({ "password": "a-password-of-tests", "token_ttl": "5s", "token_policies": [policy] });
    bao.must("POST", &format!("auth/{mount}/users/app"), &user);
    let login = UserPass::new("app", SecretSource::given("a-password-of-tests")).with_mount(mount);
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file());
    let config = VaultConfig::new(bao.address()).with_auth(Auth::UserPass(login)).with_tls(tls);
    kv(config.with_timeout(Duration::from_secs(1)))
}

/// Reads until it is told to stop: what is not held is answered or refused as it should be, and in time.
async fn load(
    kv: Arc<VaultKv>,
    path: String,
    stop: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    failures: Arc<AtomicUsize>,
) {
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        match kv.get(&path, &GetOptions::default()).await {
            Ok(_) => drop(reads.fetch_add(1, Ordering::Relaxed)),
            Err(error) => {
                failures.fetch_add(1, Ordering::Relaxed);
                assert!(error.kind().is_transient(), "{}", super::told(&error));
            }
        }
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn fails_as_unavailable(kv: &VaultKv, path: &str) {
    let began = Instant::now();
    let error = kv.get(path, &GetOptions::default()).await.expect_err("the server is away");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", super::told(&error));
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealed_killed_and_back_without_a_manual_step() {
    let bao = Arc::new(raft());
    let path = plant(&bao, &json!({ "v": 1 }));
    let kv = Arc::new(logged_in(&bao));
    let cached = Cached::new(kv.clone(), CachePolicy::default());
    cached.get(&path, &GetOptions::default()).await.expect("held from now on");

    let (stop, reads, failures) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Arc::default());
    let tasks: Vec<_> = (0..20)
        .map(|_| tokio::spawn(load(kv.clone(), path.clone(), stop.clone(), reads.clone(), Arc::clone(&failures))))
        .collect();
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
        cached.get(&path, &GetOptions::default()).await.expect("a held value is served");
        let before = reads.load(Ordering::Relaxed);
        blocking(up).await;
        kv.get(&path, &GetOptions::default()).await.expect("the first read after the recovery");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(reads.load(Ordering::Relaxed) > before, "the load goes on");
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no assertion failed");
    }
    assert!(failures.load(Ordering::Relaxed) > 0);
}
