//! Through `bao proxy` and `vault agent`: no token is sent, as the proxy adds its own.

use std::time::Duration;

use s1crets::{
    ErrorKind, Provider, SecretValue, UpdateOptions,
    vault::{Auth, VaultConfig},
};
use s1crets_testbed::{BaoProxy, FaultProxy, OpenBao, unique};
use serde_json::json;

use super::{kv, open, plant, read, told};
use crate::subprocess::Child;

/// A token that may read and update below `secret/`, and nothing else.
fn limited(bao: &OpenBao) -> String {
    let name = unique("proxied-");
    bao.policy(&name, r#"path "secret/data/it/*" { capabilities = ["read", "update", "patch"] }"#);
    bao.token(&json!({ "policies": [name] }))
}

fn proxy(bao: &OpenBao, token: Option<&str>) -> BaoProxy {
    tokio::task::block_in_place(|| BaoProxy::start(bao.address(), token))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_with_auto_auth_needs_no_token() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let agent = proxy(bao, Some(&limited(bao)));
    let unix = format!("unix://{}", agent.socket().display());
    for address in [agent.address(), &unix] {
        let kv = kv(VaultConfig::new(address).with_auth(Auth::None));
        read(&kv, &path).await.unwrap_or_else(|error| panic!("{address}: {}", told(&error)));
        assert!(kv.path_exists(&path).await.expect("an answer"));
        for options in [UpdateOptions::default().with_keypath(["v"]), UpdateOptions::default()] {
            let value = SecretValue::json_text(r#"{"v":2}"#).expect("JSON");
            kv.update(&path, &value, &options).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        }
        assert_eq!(kv.identity().await.expect("an answer").expect("the proxy's").name, "token");
        let error = read(&kv, "secret/other").await.expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", told(&error));
        let hint = error.hint().expect("a hint");
        assert!(hint.contains("no token is sent") && hint.contains("secret/data/other"), "{hint}");
        let status = kv.vault().status();
        assert_eq!((status.method, status.logged_in, status.renewals), ("none", false, 0));
    }
}

/// The token is the proxy's: it is neither shown, nor renewed, nor revoked.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_proxy_is_left_alone() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let agent = proxy(bao, Some(&limited(bao)));
    let recording = FaultProxy::start(agent.address()).await;
    let vault = open(VaultConfig::new(recording.endpoint()).with_auth(Auth::None).with_revoke_at_shutdown(true));
    vault.read(&path.replacen("secret/", "secret/data/", 1)).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(vault.token().await.expect_err("none of ours").kind(), ErrorKind::Unsupported);
    vault.revoke_self().await.expect("nothing to revoke");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(recording.counts().keys().all(|call| !call.contains("/auth/token/")), "{:?}", recording.counts());
    assert_eq!(vault.renew_self(None).await.expect_err("none of ours").kind(), ErrorKind::Unsupported);
    vault.shutdown().await.expect("nothing to revoke");
    let sent: Vec<_> = recording.counts().into_keys().flat_map(|call| recording.requests(&call)).collect();
    assert!(!sent.is_empty() && sent.iter().all(|request| request.header("x-vault-token").is_none()), "{sent:?}");
    let other = kv(VaultConfig::new(agent.address()).with_auth(Auth::None));
    read(&other, &path).await.expect("the token is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_adds_no_token_is_told_and_asked_again() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let plain = proxy(bao, None);
    let kv = kv(VaultConfig::new(plain.address()).with_auth(Auth::None));
    for _ in 0..2 {
        let error = read(&kv, &path).await.expect_err("nobody adds a token");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
        assert_eq!(error.message(), "no token is sent to Vault, and no proxy in between adds a valid one");
        assert!(error.hint().is_some_and(|hint| hint.contains("use_auto_auth_token")), "{}", told(&error));
        assert_eq!(kv.path_exists(&path).await.expect_err("no answer").kind(), ErrorKind::Unauthenticated);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_an_agent_goes_first_and_needs_no_token() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": "found" }));
    let agent = proxy(bao, Some(&limited(bao)));
    let reference = format!("vault.kv://{path}#v");
    let unix = format!("unix://{}", agent.socket().display());
    for variable in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
        for address in [agent.address(), &unix] {
            let child = Child::new().with(variable, address).with("VAULT_ADDR", "http://127.0.0.1:1");
            assert_eq!(child.get(&reference).await.text(), "found", "{variable} {address}");
            // As with `vault` and `bao`, a token of one's own goes first.
            let child = child.with("S1CRETS_RETRY", "1");
            child.with("VAULT_TOKEN", "s.nobody").get(&reference).await.fails("unauthenticated");
        }
    }
    let file = Child::new().with("VAULT_AGENT_ADDR", agent.address());
    std::fs::write(file.path(".vault-token"), "s.nobody").expect("written");
    file.get(&reference).await.fails("unauthenticated");
    let config = "[connections.vault]\nauth = { method = \"none\" }\n";
    let named = Child::new().with_file("S1CRETS_CONFIG", config).with("VAULT_ADDR", agent.address());
    assert_eq!(named.with("VAULT_TOKEN", "s.nobody").get(&reference).await.text(), "found");
}
