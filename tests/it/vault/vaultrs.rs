//! The client of the crate vaultrs: with our address, namespace, TLS and token, and no environment.

use s1crets::{
    ErrorKind,
    vault::{TlsConfig, VaultConfig},
};
use s1crets_testbed::{FaultProxy, OpenBao, unique};
use serde_json::json;

use super::{open, outage::raft, plant};

const CHILD: &str = "S1CRETS_IT_VAULTRS_CHILD";

/// Reads a secret by vaultrs; its member `v`.
async fn read(config: VaultConfig, path: &str) -> String {
    let client = open(config).vaultrs().await.expect("a client");
    let (mount, path) = path.split_once('/').expect("a mount");
    let secret: serde_json::Value = vaultrs::kv2::read(&client, mount, path).await.expect("read by vaultrs");
    secret["v"].as_str().expect("text").to_owned()
}

/// Plays the child of the next test: its environment is wrong in everything that vaultrs reads.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "this is how the child answers")]
async fn vaultrs_child() {
    let Ok(settings) = std::env::var(CHILD) else {
        return;
    };
    let settings: Vec<String> = serde_json::from_str(&settings).expect("settings");
    let [address, token, authority, path] = settings.try_into().expect("four");
    let tls = TlsConfig::default().with_ca_file(authority);
    println!("read: {}", read(VaultConfig::new(address).with_token(token).with_tls(tls), &path).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn vaultrs_uses_our_settings_and_not_the_environment() {
    let bao = raft();
    let path = plant(&bao, &json!({ "v": "by-vaultrs" }));
    let authority = bao.authority().certificate_file().display().to_string();
    let settings = json!([bao.address(), bao.root_token(), authority, path]).to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let other = s1crets_testbed::Authority::create(folder.path());
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this test"));
    child.args(["--exact", "vault::vaultrs::vaultrs_child", "--nocapture"]).env(CHILD, settings);
    for (name, value) in [
        ("VAULT_ADDR", "https://127.0.0.1:1"),
        ("VAULT_TOKEN", "wrong"),
        ("VAULT_NAMESPACE", "wrong"),
        ("VAULT_SKIP_VERIFY", "1"),
        ("VAULT_CACERT", &other.certificate_file().display().to_string()),
        ("VAULT_CAPATH", "/nonexistent"),
        ("VAULT_CLIENT_CERT", "/nonexistent"),
        ("VAULT_CLIENT_KEY", "/nonexistent"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ("ALL_PROXY", "http://127.0.0.1:1"),
    ] {
        child.env(name, value);
    }
    let output = child.output().await.expect("run");
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && shown.contains("read: by-vaultrs"), "{shown}");

    // Verification stays on, whatever VAULT_SKIP_VERIFY says: an authority that did not sign it is
    // refused.
    let tls = TlsConfig::default().with_ca_file(other.certificate_file());
    let config = VaultConfig::new(bao.address()).with_token(bao.root_token()).with_tls(tls);
    let client = open(config).vaultrs().await.expect("a given token takes no call");
    assert!(client.settings.verify);
    let refused = vaultrs::kv2::read::<serde_json::Value>(&client, "secret", "x").await.expect_err("refused");
    assert!(matches!(refused, vaultrs::error::ClientError::RestClientError { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vaultrs_has_the_namespace_and_the_token_of_the_moment() {
    let bao = OpenBao::shared();
    let namespace = unique("vaultrs-in").replace('/', "-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
    let written = || {
        bao.call_with(
            "POST",
            "secret/data/x",
            &json!({ "data": { "v": "inside" } }),
            &[("x-vault-token", bao.root_token()), ("x-vault-namespace", &namespace)],
        )
    };
    // A new mount is upgraded to version 2 in the background.
    while written().0 == 400 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let proxy = FaultProxy::start(bao.address()).await;
    let config = VaultConfig::new(proxy.endpoint()).with_namespace(&namespace).with_token(bao.root_token());
    assert_eq!(read(config.clone(), "secret/x").await, "inside");
    let sent = proxy.requests("GET /v1/secret/data/x");
    assert_eq!(sent[0].header("x-vault-token"), Some(bao.root_token()));
    assert_eq!(sent[0].header("x-vault-namespace"), Some(namespace.as_str()));
    let vault = open(config);
    drop(vault.vaultrs().await.expect("a client"));
    assert!(!format!("{vault:?}").contains(bao.root_token()));

    let behind = open(VaultConfig::new(format!("{}/vault", proxy.endpoint())).with_token("x"));
    let error = behind.vaultrs().await.err().expect("vaultrs would drop the gateway's path");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
