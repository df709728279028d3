//! Fifty tasks, and tokens that expire meanwhile.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets::{
    ErrorKind, GetOptions, Provider,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::{AppRole, Auth, SecretSource, VaultConfig, VaultStatus},
};
use s1crets_testbed::{Exchange, FaultProxy, OpenBao, unique};
use serde_json::{Value, json};

use super::{kv, plant, reader};

const TASKS: usize = 50;
const SPAN: Duration = Duration::from_secs(60);
const TTL: f64 = 5.0;

/// A role whose tokens have these fields. AppRole, as a login by password takes the server a tenth of a second of
/// computing on purpose.
pub(super) fn role(bao: &OpenBao, fields: &Value) -> AppRole {
    let mount = unique("load-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "approle" }));
    let mut role = fields.clone();
    role["token_policies"] = json!([reader(bao)]);
    bao.must("POST", &format!("auth/{mount}/role/app"), &role);
    let id = bao.must("GET", &format!("auth/{mount}/role/app/role-id"), &Value::Null);
    let secret = bao.must("POST", &format!("auth/{mount}/role/app/secret-id"), &json!({}));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    AppRole::new(text(&id["data"]["role_id"]), SecretSource::given(text(&secret["data"]["secret_id"])))
        .with_mount(mount)
}

/// Reads in fifty tasks until `until`: how many reads there were. None may fail.
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

/// All at once, so that the minute is waited for once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_minute_of_tokens_that_end_under_fifty_tasks() {
    tokio::join!(
        tokens_of_five_seconds_are_renewed_and_nothing_else(),
        tokens_at_their_maximum_are_replaced_ahead_of_it(),
        batch_tokens_are_replaced_and_never_renewed(),
        tokens_of_a_hundred_uses_are_replaced_when_they_are_used_up(),
    );
}

/// What passed between a connection and the server in a minute of load.
struct Minute {
    reads: Vec<Exchange>,
    /// Logins and renewals, in order.
    upkeep: Vec<Upkeep>,
    status: VaultStatus,
    /// From before the first call until after the last one.
    took: Duration,
}

/// A login or a renewal.
#[derive(Debug)]
struct Upkeep {
    renewal: bool,
    asked: Instant,
    /// The life that was granted, in seconds.
    granted: f64,
    renewable: bool,
}

impl Upkeep {
    fn of(exchange: &Exchange, renewal: bool) -> Self {
        let auth = &exchange.answer["auth"];
        let granted = auth["lease_duration"].as_f64().unwrap_or_else(|| panic!("refused: {exchange:?}"));
        Self { renewal, asked: exchange.asked, granted, renewable: auth["renewable"] == json!(true) }
    }

    /// What has to come next, and the part of the granted life that has to pass before: a renewal at 0.6, a login, of
    /// which the old token gets nothing more, at 0.7. A renewal that grants less than was asked for was the last.
    fn next(&self) -> (bool, f64) {
        let renewed = self.renewable && self.granted >= TTL;
        (renewed, if renewed { 0.6 } else { 0.7 })
    }
}

impl Minute {
    async fn of(fields: Value) -> Self {
        let bao = OpenBao::shared();
        let path = plant(bao, &json!({ "v": 1 }));
        let login = role(bao, &fields);
        let proxy = FaultProxy::start(bao.address()).await;
        let mounts = KvMounts::default().with_mount("secret", KvVersion::V2);
        let config = VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login));
        let kv = Arc::new(kv(config).with_mounts(mounts));
        let began = Instant::now();
        load(&kv, &path, began + SPAN, Duration::from_millis(500)).await;
        kv.vault().shutdown().await.expect("shut down");
        let of = |name: String, renewal| {
            let calls = proxy.exchanges(&name);
            calls.into_iter().map(move |call| Upkeep::of(&call, renewal)).collect::<Vec<_>>()
        };
        let logins = proxy.counts().into_keys().find(|name| name.ends_with("/login")).expect("a login");
        let mut upkeep = of(logins, false);
        upkeep.extend(of("POST /v1/auth/token/renew-self".to_owned(), true));
        upkeep.sort_by_key(|call| call.asked);
        let reads = proxy.exchanges(&format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1)));
        let minute = Self { reads, upkeep, status: kv.vault().status(), took: began.elapsed() };
        assert_eq!(minute.count(false), minute.status.logins, "{:?}", minute.status);
        minute
    }

    fn count(&self, renewal: bool) -> u64 {
        self.upkeep.iter().filter(|call| call.renewal == renewal).count() as u64
    }

    /// That each call was the one that the answer before it made necessary, and that all of them together waited for as
    /// much of the lives granted as there has to be: so there was none too many, on a machine of any speed. That there was
    /// none too few, the reads have shown.
    fn assert_needed(&self, name: &str) {
        let timeline: Vec<_> = self
            .upkeep
            .iter()
            .map(|call| {
                let at = (call.asked - self.upkeep[0].asked).as_secs_f64();
                format!("{}{}@{at:.1}", if call.renewal { "+" } else { "login " }, call.granted)
            })
            .collect();
        let timeline = timeline.join(" ");
        eprintln!(
            "{name}: {} reads, {} logins, {} renewals: {timeline}",
            self.reads.len(),
            self.count(false),
            self.count(true)
        );
        let mut least = 0.0;
        for pair in self.upkeep.windows(2) {
            let (renewal, part) = pair[0].next();
            assert_eq!(pair[1].renewal, renewal, "{name}: {timeline}");
            least += part * pair[0].granted;
        }
        assert!(least <= self.took.as_secs_f64(), "{name}: {least} s of {:?}: {timeline}", self.took);
    }
}

async fn tokens_of_five_seconds_are_renewed_and_nothing_else() {
    let minute = Minute::of(json!({ "token_ttl": "5s" })).await;
    minute.assert_needed("renewable");
    assert_eq!(minute.count(false), 1, "{:?}", minute.status);
}

/// Three renewals for each login: at 3.0 to 3.5 s, at 6.0 to 7.0 and at 9.0 to 10.5, when there are 9 to 8, 6 to 5 and 3 to
/// 1 s left of the 12, of which 5, 5 and what is left are granted. The server counts the maximum from when it answers a
/// login, the life is counted here from when it was asked for: a login that takes a second or two on a busy machine moves
/// the third renewal to where 5 s are left, so that there is a fourth. The grants say which it was.
async fn tokens_at_their_maximum_are_replaced_ahead_of_it() {
    let minute = Minute::of(json!({ "token_ttl": "5s", "token_max_ttl": "12s" })).await;
    minute.assert_needed("max TTL");
    assert!(minute.count(false) > 1, "{:?}", minute.status);
}

async fn batch_tokens_are_replaced_and_never_renewed() {
    let minute = Minute::of(json!({ "token_ttl": "5s", "token_type": "batch" })).await;
    minute.assert_needed("batch");
    assert_eq!(minute.count(true), 0, "{:?}", minute.status);
}

async fn tokens_of_a_hundred_uses_are_replaced_when_they_are_used_up() {
    let minute = Minute::of(json!({ "token_ttl": "1h", "token_num_uses": 100 })).await;
    let mut uses = BTreeMap::<_, usize>::new();
    for read in &minute.reads {
        *uses.entry(read.request.header("x-vault-token").expect("a token").to_owned()).or_default() += 1;
    }
    eprintln!("use limit: {} reads, {} logins, {} renewals", minute.reads.len(), uses.len(), minute.count(true));
    assert_eq!(minute.count(true), 0, "a renewal would cost a use");
    // The next token is got when a tenth is left, and the old one serves until it is there.
    let last = minute.reads.last().and_then(|read| read.request.header("x-vault-token")).expect("a token");
    let mut young = uses.iter().filter(|(_, uses)| !(90..=100).contains(*uses)).map(|(token, _)| token);
    assert!(young.clone().all(|token| token == last), "{:?}", uses.values());
    // The minute may end between a login and the first use of its token.
    let (logins, used) = (minute.count(false), uses.len() as u64);
    let got_ahead = u64::from(logins > used && young.next().is_none());
    assert_eq!(logins, used + got_ahead, "{:?}", uses.values());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_makes_one_login_and_a_denial_none() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let login = role(bao, &json!({ "token_ttl": "1h" }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = Arc::new(kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login))));
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
    let login = role(bao, &json!({ "token_ttl": "1h", "token_no_default_policy": true }));
    let kv = super::with_auth(bao, Auth::AppRole(login));
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
    let login = role(bao, &json!({ "token_ttl": "2s" }));
    let proxy = FaultProxy::start(bao.address()).await;
    let config = VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let dropped = kv(config.clone());
    super::read(&dropped, &path).await.expect("read");
    assert!(tasks() > before, "the work in the background, and connections");
    drop(dropped);
    let seen = proxy.total();
    let deadline = Instant::now() + Duration::from_secs(20);
    while tasks() > before {
        assert!(Instant::now() < deadline, "{} tasks are left behind", tasks() - before);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(proxy.total(), seen, "nobody renews a token that nobody has");

    let shut = kv(config.with_revoke_at_shutdown(true));
    super::read(&shut, &path).await.expect("read");
    let call = format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1));
    let token = proxy.requests(&call).last().and_then(|it| it.header("x-vault-token").map(str::to_owned)).expect("one");
    shut.vault().shutdown().await.expect("revoked");
    let (status, _) = bao.call_with("GET", "auth/token/lookup-self", &Value::Null, &[("x-vault-token", &token)]);
    assert_eq!(status, 403, "the token is gone");
    assert_eq!(super::read(&shut, &path).await.expect_err("shut down").kind(), ErrorKind::Unavailable);
}
