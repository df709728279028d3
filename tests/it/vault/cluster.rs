//! A Vault cluster: an active node, a standby, and an uninitialized server.

use s1crets::{
    Provider, SecretValue, UpdateOptions,
    vault::{AppRole, Auth, HealthState, SecretSource, TlsConfig, VaultConfig},
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao};
use serde_json::{Value, json};

use super::{kv, once, open, plant, read, told};

fn state_of(bao: &OpenBao) -> impl Future<Output = HealthState> {
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file());
    let vault = open(VaultConfig::new(bao.address()).with_tls(tls).with_retry(once()));
    async move { vault.health().await.unwrap_or_else(|error| panic!("{}", told(&error))).state }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_of_an_uninitialized_server_says_so() {
    let bao = tokio::task::block_in_place(OpenBao::uninitialised);
    assert_eq!(state_of(&bao).await, HealthState::NotInitialized);
}

/// A standby sends writes on to the active node itself, unless a header forbids it: then it says where that is. It serves
/// reads from what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_standby_redirects_logins_and_writes_to_the_active_node() {
    let (active, standby) = tokio::task::block_in_place(OpenBao::pair);
    assert_eq!((state_of(&active).await, state_of(&standby).await), (HealthState::Active, HealthState::Standby));

    active.must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    active.policy("writer", r#"path "secret/*" { capabilities = ["read", "update"] }"#);
    active.must("POST", "auth/approle/role/app", &json!({ "token_policies": ["writer"], "bind_secret_id": true }));
    let id = active.must("GET", "auth/approle/role/app/role-id", &Value::Null);
    let secret = active.must("POST", "auth/approle/role/app/secret-id", &json!({}));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let login = AppRole::new(text(&id["data"]["role_id"]), SecretSource::given(text(&secret["data"]["secret_id"])));

    let path = plant(&active, &json!({ "v": 1 }));
    // A standby lags: what it does not hold yet, mounts and roles included, it denies.
    let planted = path.replacen("secret/", "secret/data/", 1);
    for _ in 0..100 {
        if tokio::task::block_in_place(|| standby.call("GET", &planted, &Value::Null)).0 == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    for redirecting in [false, true] {
        let proxy = FaultProxy::start(standby.plain_address()).await;
        if redirecting {
            let forbidden = Fault::WithHeader("x-vault-no-request-forwarding".to_owned(), "true".to_owned());
            proxy.fault_any(forbidden).always();
        }
        let kv = kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login.clone())));
        let value = SecretValue::json(&json!({ "v": if redirecting { 3 } else { 2 } })).expect("JSON");
        let updated = kv.update(&path, &value, &UpdateOptions::default()).await;
        updated.unwrap_or_else(|error| panic!("{}", told(&error)));
        let data = path.replacen("secret/", "secret/data/", 1);
        let expected = if redirecting { 307 } else { 200 };
        for call in ["POST /v1/auth/approle/login".to_owned(), format!("POST /v1/{data}")] {
            let answers = proxy.exchanges(&call);
            assert!(!answers.is_empty() && answers.iter().all(|it| it.status == expected), "{call}: {answers:?}");
        }
        let there = active.must("GET", &data, &Value::Null);
        assert_eq!(there["data"]["data"]["v"], json!(if redirecting { 3 } else { 2 }));
        assert_eq!(kv.vault().status().logins, 1, "{:?}", proxy.counts());
        read(&kv, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
}
