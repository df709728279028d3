//! Fifty tasks, and tokens that end under them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets::{
    ErrorKind, GetOptions, Provider,
    providers::vault_kv::VaultKv,
    vault::{AppRole, Auth, SecretSource, UserPass, VaultConfig},
};
use s1crets_testbed::{FaultProxy, OpenBao, unique};
use serde_json::{Value, json};

use super::{kv, plant, reader};

const TASKS: usize = 50;
const SPAN: Duration = Duration::from_secs(60);

/// A user whose tokens have these fields.
fn user(bao: &OpenBao, fields: &Value) -> UserPass {
    let mount = unique("load-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "userpass" }));
    let mut user = fields.clone();
    user["password"] = json!("a-password-of-tests");
    user["token_policies"] = json!([reader(bao)]);
    bao.must("POST", &format!("auth/{mount}/users/app"), &user);
    UserPass::new("app", SecretSource::given("a-password-of-tests")).with_mount(mount)
}

/// Reads in fifty tasks until `until`: how many reads there were.
async fn load(kv: &Arc<VaultKv>, path: &str, until: Instant, pause: Duration) -> usize {
    let task = |kv: Arc<VaultKv>, path: String| async move {
        let mut reads = 0;
        while Instant::now() < until {
            let answer = kv.get(&path, &GetOptions::default()).await;
            answer.unwrap_or_else(|error| panic!("{}", super::told(&error)));
            reads += 1;
            tokio::time::sleep(pause).await;
        }
        reads
    };
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task(kv.clone(), path.to_owned()))).collect();
    let mut reads = 0;
    for task in tasks {
        reads += task.await.expect("no read failed");
    }
    reads
}

/// All four at once, so that the minute is waited for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_minute_of_tokens_that_end_under_fifty_tasks() {
    tokio::join!(
        tokens_of_five_seconds_are_renewed_and_nothing_else(),
        tokens_at_their_maximum_are_replaced_ahead_of_it(),
        batch_tokens_are_replaced_and_never_renewed(),
        tokens_of_a_hundred_uses_are_replaced_when_they_are_used_up(),
    );
}

async fn run(fields: Value, pause: Duration) -> (Arc<VaultKv>, usize) {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let login = user(bao, &fields);
    let kv = Arc::new(super::with_auth(bao, Auth::UserPass(login)));
    let reads = load(&kv, &path, Instant::now() + SPAN, pause).await;
    (kv, reads)
}

async fn tokens_of_five_seconds_are_renewed_and_nothing_else() {
    let (kv, reads) = run(json!({ "token_ttl": "5s" }), Duration::from_millis(100)).await;
    let status = kv.vault().status();
    eprintln!("renewable: {reads} reads, {} logins, {} renewals", status.logins, status.renewals);
    assert_eq!(status.logins, 1, "{status:?}");
    // Due 3.0 to 3.5 s into each 5 s.
    assert!((15..=20).contains(&status.renewals), "{status:?}");
}

async fn tokens_at_their_maximum_are_replaced_ahead_of_it() {
    let (kv, reads) = run(json!({ "token_ttl": "5s", "token_max_ttl": "12s" }), Duration::from_millis(100)).await;
    let status = kv.vault().status();
    eprintln!("max TTL: {reads} reads, {} logins, {} renewals", status.logins, status.renewals);
    // 12 s of life at most, the last of it left to the overlap.
    assert!((5..=8).contains(&status.logins), "{status:?}");
    assert!(status.renewals <= 4 * status.logins, "{status:?}");
}

async fn batch_tokens_are_replaced_and_never_renewed() {
    let (kv, reads) = run(json!({ "token_ttl": "5s", "token_type": "batch" }), Duration::from_millis(100)).await;
    let status = kv.vault().status();
    eprintln!("batch: {reads} reads, {} logins, {} renewals", status.logins, status.renewals);
    // Due 3.5 to 4.0 s into each 5 s.
    assert!((14..=18).contains(&status.logins), "{status:?}");
    assert_eq!(status.renewals, 0);
}

async fn tokens_of_a_hundred_uses_are_replaced_when_they_are_used_up() {
    let fields = json!({ "token_ttl": "30s", "token_num_uses": 100 });
    let (kv, reads) = run(fields, Duration::from_millis(500)).await;
    let status = kv.vault().status();
    eprintln!("use limit: {reads} reads, {} logins, {} renewals", status.logins, status.renewals);
    let needed = reads.div_ceil(100) as u64;
    assert!((needed..=needed * 5 / 4 + 2).contains(&status.logins), "{reads} reads: {status:?}");
    assert_eq!(status.renewals, 0, "a renewal would cost a use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_makes_one_login_and_a_denial_none() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let login = user(bao, &json!({ "token_ttl": "1h" }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = Arc::new(kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::UserPass(login))));
    let until = Instant::now() + Duration::from_secs(4);
    let revoking = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The administrator knows tokens by their accessors; this one by asking with it.
        let seen = proxy.requests(&format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1)));
        let token = seen.last().and_then(|request| request.header("x-vault-token")).expect("a token").to_owned();
        bao.must("POST", "auth/token/revoke", &json!({ "token": token }));
    };
    let (reads, ()) = tokio::join!(load(&kv, &path, until, Duration::from_millis(5)), revoking);
    assert_eq!(kv.vault().status().logins, 2, "one at first, one after the revocation");

    let denied = plant(bao, &json!({ "v": 1 })).replacen("secret/", "cubbyhole-of-others/", 1);
    let denials = (0..TASKS).map(|_| {
        let (kv, denied) = (kv.clone(), denied.clone());
        tokio::spawn(async move { kv.get(&denied, &GetOptions::default()).await.expect_err("denied").kind() })
    });
    for denial in denials.collect::<Vec<_>>() {
        assert_eq!(denial.await.expect("no panic"), ErrorKind::AccessDenied);
    }
    assert_eq!(kv.vault().status().logins, 2, "a denial is no dead token");
    eprintln!("revocation: {reads} reads, {} look-ups", proxy.count("GET /v1/auth/token/lookup-self"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_default_policy_is_told_from_a_dead_one_too() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let login = user(bao, &json!({ "token_ttl": "1h", "token_no_default_policy": true }));
    let kv = super::with_auth(bao, Auth::UserPass(login));
    super::read(&kv, &path).await.expect("allowed");
    for _ in 0..5 {
        let error = super::read(&kv, "cubbyhole-of-others/x").await.expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", super::told(&error));
    }
    assert_eq!(kv.vault().status().logins, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_made_once_for_all_who_wait_and_not_at_once_again() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    let mount = unique("refused-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "approle" }));
    let login = AppRole::new("no-such-role", SecretSource::given("no-such-secret")).with_mount(&mount);
    let kv = Arc::new(kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login))));
    let reads = (0..TASKS).map(|_| {
        let kv = kv.clone();
        tokio::spawn(async move { kv.get("secret/x", &GetOptions::default()).await.expect_err("no login").kind() })
    });
    for read in reads.collect::<Vec<_>>() {
        assert_eq!(read.await.expect("no panic"), ErrorKind::Unauthenticated);
    }
    assert_eq!(proxy.count(&format!("POST /v1/auth/{mount}/login")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_leaves_no_work_and_a_shut_one_no_token() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let login = user(bao, &json!({ "token_ttl": "2s" }));
    let proxy = FaultProxy::start(bao.address()).await;
    let config = VaultConfig::new(proxy.endpoint()).with_auth(Auth::UserPass(login));
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let dropped = kv(config.clone());
    super::read(&dropped, &path).await.expect("read");
    drop(dropped);
    let seen = proxy.total();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(proxy.total(), seen, "nobody renews a token that nobody has");
    let _ = before;

    let shut = kv(config.with_revoke_at_shutdown(true));
    super::read(&shut, &path).await.expect("read");
    let call = format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1));
    let token = proxy.requests(&call).last().and_then(|it| it.header("x-vault-token").map(str::to_owned)).expect("one");
    shut.vault().shutdown().await.expect("revoked");
    let (status, _) = bao.call_with("GET", "auth/token/lookup-self", &Value::Null, &[("x-vault-token", &token)]);
    assert_eq!(status, 403, "the token is gone");
    assert_eq!(super::read(&shut, &path).await.expect_err("shut down").kind(), ErrorKind::Unavailable);
}
