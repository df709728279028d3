//! The life of one token: what remains of a static one, renewals that fail, runtimes that end before the connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets::{
    providers::vault_kv::VaultKv,
    vault::{AppRole, Auth, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, Fault, FaultProxy, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{
    kv, once, open, plant, read, reader, told,
    wire::{second, secret},
};

/// Reads until `done`: nobody may see that a token ends.
async fn read_until(kv: &VaultKv, path: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(40);
    while !done() {
        assert!(Instant::now() < deadline, "{:?}", kv.vault().status());
        read(kv, path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A role without a secret id, whose tokens live for so long: the mount, and the role's id.
fn role(bao: &OpenBao, ttl: &str) -> (String, String) {
    let mount = unique("upkeep-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "approle" }));
    let role = json!({ "token_policies": [reader(bao)], "token_ttl": ttl, "bind_secret_id": false,
        "token_bound_cidrs": ["127.0.0.1/32"], "secret_id_bound_cidrs": [] });
    bao.must("POST", &format!("auth/{mount}/role/app"), &role);
    let id = bao.must("GET", &format!("auth/{mount}/role/app/role-id"), &Value::Null);
    (mount, id["data"]["role_id"].as_str().expect("text").to_owned())
}

fn login((mount, id): &(String, String)) -> Auth {
    Auth::AppRole(AppRole::without_secret_id(id).with_mount(mount))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_token_is_renewed_by_what_is_left_of_it() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let token = bao.token(&json!({ "policies": [reader(bao)], "ttl": "12s" }));
    let began = Instant::now();
    // Some of its life is over when it is given: a plan by the life that it had at first would come too late.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(token));
    let outlived = || kv.vault().status().renewals >= 1 && began.elapsed() > Duration::from_secs(13);
    read_until(&kv, &path, outlived).await;
    assert_eq!((kv.vault().status().logins, proxy.count("GET /v1/auth/token/lookup-self")), (1, 1));
    let asked = &proxy.requests("POST /v1/auth/token/renew-self")[0].json()["increment"];
    let asked: u64 = asked.as_str().and_then(|it| it.strip_suffix('s')?.parse().ok()).expect("seconds");
    assert!(asked <= 8, "{asked}: as much as was left, when it was looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_renewal_is_tried_again_within_what_is_left() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let role = role(bao, "12s");
    let proxy = FaultProxy::start(bao.address()).await;
    let renewal = "POST /v1/auth/token/renew-self";
    for fault in [Fault::Status(503), Fault::Reset, Fault::Status(500)] {
        proxy.fault(renewal, fault).once();
    }
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_auth(login(&role)));
    let renewed = || kv.vault().status().renewals >= 1;
    read_until(&kv, &path, renewed).await;
    let status = kv.vault().status();
    assert!(status.logins == 1 && status.last_error.is_none(), "{status:?}");
    assert_eq!(proxy.count(renewal), 4, "three that failed, and one");
}

/// Of a program that makes a runtime for each piece of its work.
#[test]
fn a_runtime_that_ends_before_the_connection_takes_no_renewal_along() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let kv = kv(VaultConfig::new(bao.address()).with_auth(login(&role(bao, "4s"))));
    let run = |task| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(task)
    };
    run(Box::pin(read_until(&kv, &path, || kv.vault().status().logged_in))
        as std::pin::Pin<Box<dyn Future<Output = ()>>>);
    run(Box::pin(read_until(&kv, &path, || kv.vault().status().renewals >= 2)));
    assert_eq!(kv.vault().status().logins, 1);
    std::thread::sleep(Duration::from_secs(5));
    // Nobody renewed it meanwhile, and it has ended: the next read logs in.
    run(Box::pin(async {
        read(&kv, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }));
    assert_eq!(kv.vault().status().logins, 2);
}

/// Of a program that leaves a runtime alone in the middle of a login: it neither goes on nor ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_on_a_runtime_that_nobody_drives_stops_no_other() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let proxy = FaultProxy::start(bao.address()).await;
    proxy.fault_if(|request| request.path.ends_with("/login"), Fault::Hang).once();
    let login = login(&role(bao, "1h"));
    let config = VaultConfig::new(proxy.endpoint()).with_auth(login).with_timeout(Duration::from_secs(1));
    let kv = Arc::new(VaultKv::new(Vault::new(config).expect("settings")));
    let (first, asked) = (kv.clone(), path.clone());
    let left_alone = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let read = async { tokio::time::timeout(Duration::from_millis(200), read(&first, &asked)).await };
        runtime.block_on(read).expect_err("the server doesn't answer");
        runtime
    });
    let runtime = left_alone.join().expect("no panic");
    let reads = (0..3).map(|_| read(&kv, &path));
    for answer in futures::future::join_all(reads).await {
        answer.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert_eq!(kv.vault().status().logins, 1, "one for all who waited");
    std::thread::spawn(move || drop(runtime)).join().expect("no panic");
    read(&kv, &path).await.expect("its end changes nothing");
}

/// With few uses left the next token is got in the background. Where that fails, it is not tried at each call.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_for_a_token_nearly_used_up_is_no_storm() {
    let stub = Stub::start({
        let logins = std::sync::atomic::AtomicUsize::new(0);
        move |request| match request.path.as_str() {
            "/v1/auth/approle/login" if logins.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 => {
                Answer::new(500, r#"{"errors":["no"]}"#)
            }
            "/v1/auth/approle/login" => {
                Answer::new(200, json!({ "auth": { "client_token": "x", "lease_duration": 3600, "num_uses": 1000 } }))
            }
            _ => secret(),
        }
    })
    .await;
    let config = VaultConfig::new(stub.endpoint()).with_auth(Auth::AppRole(AppRole::without_secret_id("app")));
    let kv = kv(config.with_retry(once())).with_mounts(second());
    let began = Instant::now();
    // The last use is kept back for a login that succeeds.
    for _ in 0..999 {
        read(&kv, "secret/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    let logins = stub.requests().iter().filter(|request| request.path.ends_with("/login")).count();
    // The waits in between are 50 ms and more, doubled each time: more tries than this there can't be in so long.
    let most = 3 + began.elapsed().as_millis() / 50;
    assert!(logins as u128 <= most.min(40), "{logins} logins in {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_server_is_told_and_a_gateways_503_is_none() {
    use s1crets::vault::HealthState::{Active, DisasterRecovery, NotInitialized, PerformanceStandby, Sealed, Standby};

    for (status, state) in [
        (200, Active),
        (429, Standby),
        (472, DisasterRecovery),
        (473, PerformanceStandby),
        (501, NotInitialized),
        (503, Sealed),
    ] {
        let body = json!({ "initialized": status != 501, "sealed": status == 503, "version": "2.7.2" });
        let stub = Stub::start(move |_| Answer::new(status, &body)).await;
        let health =
            open(VaultConfig::new(stub.endpoint())).health().await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!((health.state, health.version.as_deref()), (state, Some("2.7.2")));
        assert_eq!(stub.requests().len(), 1, "it is told at once");
        assert_eq!(stub.requests()[0].header("x-vault-token"), None);
    }
    let gateway = Stub::start(|_| Answer::new(503, "<html>no upstream</html>")).await;
    let error = open(VaultConfig::new(gateway.endpoint())).health().await.expect_err("no server");
    assert_eq!(error.kind(), s1crets::ErrorKind::Unavailable, "{}", told(&error));
}
