//! The messages of the server that are known: each one as a real OpenBao sends it, with the kind
//! and the hint that it gets. Those that only HashiCorp's Vault sends come from a scripted server.

use s1crets::{
    ErrorKind, Provider, Result, SecretValue, UpdateOptions,
    vault::{AppRole, Auth, Response, SecretSource, Token, UserPass, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{kv, once, open, outage::raft, plant, read, root, told, wire::second};

/// The error has this kind, quotes these words of the server, and says what to do.
#[track_caller]
fn is_known<T>(answer: Result<T>, kind: ErrorKind, words: &str, hint: &str) {
    let error = answer.err().expect("an error");
    assert_eq!(error.kind(), kind, "{}", told(&error));
    assert!(error.message().to_lowercase().contains(&words.to_lowercase()), "{}", told(&error));
    assert!(error.hint().is_some_and(|it| it.contains(hint)), "{hint}: {}", told(&error));
}

/// A path of the API in a namespace, as root.
async fn in_namespace(vault: &Vault, namespace: &str, path: &str) -> Result<Response> {
    vault.read(path).namespace(namespace).retry(1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_paths_and_settings() {
    let bao = OpenBao::shared();
    let vault = root(bao);
    let asked = bao.address();
    is_known(vault.read("nope/data/x").await, ErrorKind::Config, "no handler for route", asked);
    is_known(vault.write("nope/x", &()).await, ErrorKind::Config, "no handler for route", asked);
    is_known(vault.list("nope/x").await, ErrorKind::Config, "no handler for route", asked);
    is_known(in_namespace(&vault, "nope", "secret/data/x").await, ErrorKind::Config, "namespace not found", asked);
    is_known(vault.read("sys/nope").await, ErrorKind::Unsupported, "unsupported path", "no such path");
    is_known(vault.delete("sys/internal/ui/mounts").await, ErrorKind::Unsupported, "unsupported operation", "can't do");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_logins_and_tokens() {
    let bao = OpenBao::shared();
    let (approle, userpass) = (unique("approle-"), unique("userpass-"));
    bao.must("POST", &format!("sys/auth/{approle}"), &json!({ "type": "approle" }));
    bao.must("POST", &format!("sys/auth/{userpass}"), &json!({ "type": "userpass" }));
    let refused = |auth| async move { open(VaultConfig::new(bao.address()).with_auth(auth)).log_in().await };
    let unauthenticated = ErrorKind::Unauthenticated;
    let wrong = AppRole::new("no-such-role", SecretSource::given("a-secret-id")).with_mount(&approle);
    is_known(refused(Auth::AppRole(wrong.clone())).await, unauthenticated, "invalid role or secret id", "used up");
    let nobody = UserPass::new("nobody", SecretSource::given("a-password")).with_mount(&userpass);
    is_known(refused(Auth::UserPass(nobody)).await, unauthenticated, "invalid username or password", "`username`");
    // The server says the same of a login method that isn't there as of a missing right.
    let nowhere = Auth::AppRole(wrong.with_mount("no/such/mount"));
    is_known(refused(nowhere).await, unauthenticated, "permission denied", "mounted at auth/no/such/mount/");
    let vault = root(bao);
    let lookup = vault.write("sys/wrapping/lookup", &json!({ "token": "nobody's" })).await;
    is_known(lookup, unauthenticated, "wrapping token is not valid", "expired");
    is_known(vault.unwrap(&Token::new("nobody's")).await, unauthenticated, "wrapping token is not valid", "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_writes() {
    let bao = OpenBao::shared();
    let vault = root(bao);
    let path = plant(bao, &json!({ "v": 1 })).replacen("secret/", "secret/data/", 1);
    let stale = json!({ "options": { "cas": 7 }, "data": { "v": 1 } });
    is_known(vault.write(&path, &stale).await, ErrorKind::Conflict, "did not match", "read it again");
    let metadata = path.replacen("/data/", "/metadata/", 1);
    vault.write(&metadata, &json!({ "cas_required": true })).await.expect("written");
    let without = vault.write(&path, &json!({ "data": { "v": 1 } })).await;
    is_known(without, ErrorKind::InvalidInput, "check-and-set parameter required", "`cas_required`");
    let gone = vault.write("sys/leases/renew", &json!({ "lease_id": "a/b/c" })).await;
    is_known(gone, ErrorKind::InvalidInput, "lease not found", "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_the_server() {
    let bao = OpenBao::shared();
    let (vault, unavailable) = (root(bao), ErrorKind::Unavailable);
    let locked = unique("locked-");
    bao.must("POST", &format!("sys/namespaces/{locked}"), &json!({}));
    bao.must("POST", &format!("sys/namespaces/api-lock/lock/{locked}"), &json!({}));
    let answer = in_namespace(&vault, &locked, "secret/data/x").await;
    assert!(!answer.as_ref().expect_err("locked").is_retryable());
    is_known(answer, unavailable, "locked by an administrator", "unlock it");

    let quota = unique("quota-");
    bao.must("POST", &format!("sys/mounts/{quota}"), &json!({ "type": "kv" }));
    let limit = json!({ "path": quota, "rate": 0.001, "interval": "1h" });
    bao.must("POST", &format!("sys/quotas/rate-limit/{quota}"), &limit);
    let limited = || vault.read(&format!("{quota}/x")).retry(1);
    let _ = limited().await;
    is_known(limited().await, ErrorKind::Throttled, "rate limit quota exceeded", "sys/quotas/rate-limit");
    bao.must("DELETE", &format!("sys/quotas/rate-limit/{quota}"), &Value::Null);

    let sealed = raft();
    let config = VaultConfig::new(sealed.plain_address()).with_token(sealed.root_token()).with_retry(once());
    tokio::task::block_in_place(|| sealed.seal());
    is_known(read(&kv(config), "secret/x").await, unavailable, "vault is sealed", "bao operator unseal");
}

/// The texts of HashiCorp's Vault, and of states that a test can't bring about.
#[tokio::test(flavor = "multi_thread")]
async fn messages_that_openbao_does_not_send() {
    let upgrading = "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief \
                     period and will resume service shortly.";
    for (status, words, kind, hint) in [
        (400, "missing client token", ErrorKind::Unauthenticated, "VAULT_TOKEN"),
        (400, "invalid role ID", ErrorKind::Unauthenticated, "no role"),
        (400, "invalid secret id", ErrorKind::Unauthenticated, "issue a new one"),
        (400, upgrading, ErrorKind::Unavailable, "KV version 2"),
        (429, "request path \"x\": lease count quota exceeded", ErrorKind::Throttled, "sys/quotas/lease-count"),
        (500, "local node not active but active cluster node not found", ErrorKind::Unavailable, "no node"),
        (503, "Namespace is sealed", ErrorKind::Unavailable, "unseal the namespace"),
        (413, "http: request body too large", ErrorKind::InvalidInput, "larger than"),
        (412, "required index state not present", ErrorKind::Unavailable, "lags behind"),
        (472, "", ErrorKind::Unavailable, "disaster recovery"),
        (473, "", ErrorKind::Unavailable, "performance standby"),
        (501, "", ErrorKind::Unavailable, "bao operator init"),
    ] {
        let body = if words.is_empty() { json!({ "errors": [] }) } else { json!({ "errors": [words] }) };
        let stub = Stub::start(move |_| Answer::new(status, &body)).await;
        let config = VaultConfig::new(stub.endpoint()).with_token("x").with_retry(once());
        let kv = kv(config).with_mounts(second());
        is_known(read(&kv, "secret/x").await, kind, words, hint);
        let exists = kv.path_exists("secret/x").await;
        assert_eq!(exists.expect_err("no answer").kind(), kind, "{status} {words}");
        let update = kv.update("secret/x", &SecretValue::from("{}"), &UpdateOptions::default()).await;
        assert_eq!(update.expect_err("no answer").kind(), kind, "{status} {words}");
    }
}

/// A message that nobody knows may come with a 404 too: it is not that of a missing secret.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_message_is_no_missing_secret() {
    let stub = Stub::start(|_| Answer::new(404, json!({ "errors": ["the moon is in the wrong house"] }))).await;
    let kv = kv(VaultConfig::new(stub.endpoint()).with_token("x").with_retry(once())).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{}", told(&error));
    assert!(error.message().contains("the moon"), "{}", told(&error));
    assert!(!kv.path_exists("secret/x").await.expect_err("no answer").is_not_found());
    let listed = kv.get_by_path("secret/x", &s1crets::ListOptions::default()).await;
    assert!(!listed.expect_err("no listing").is_not_found());
}
