//! Wrapped secret ids: where the wrapping token must come from, and what is reported as possible theft.

use s1crets::{
    ErrorKind,
    vault::{AppRole, Auth, SecretSource, VaultConfig},
};
use s1crets_testbed::{FaultProxy, OpenBao, unique};
use serde_json::{Value, json};

use super::{
    logins::{approle, succeeds, wrap},
    open, told,
};

const SECRET_ID: &str = "s1crets-canary-secret-id";

/// Logs in with this wrapping token, which is refused as possible theft, and returns the whole error.
async fn is_stolen(bao: &OpenBao, login: AppRole, token: &str) -> String {
    let proxy = FaultProxy::start(bao.address()).await;
    let vault = open(VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login)));
    let error = vault.log_in().await.expect_err("possible theft");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
    assert!(error.message().contains("possible theft") && !told(&error).contains(token), "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("revoked")), "{error:?}");
    // Said at once: asking again changes nothing, and nothing was spent.
    assert_eq!((proxy.total(), proxy.count("POST /v1/sys/wrapping/lookup")), (1, 1));
    told(&error)
}

/// Acts as a thief: unwraps the token, and wraps its content again.
fn steal(bao: &OpenBao, token: &str) -> String {
    let (status, secret) = bao.call_with("POST", "sys/wrapping/unwrap", &json!({}), &[("x-vault-token", token)]);
    assert_eq!(status, 200, "{secret}");
    let headers = [("x-vault-token", bao.root_token()), ("x-vault-wrap-ttl", "60s")];
    let (_, reply) = bao.call_with("POST", "sys/wrapping/wrap", &secret["data"], &headers);
    reply["wrap_info"]["token"].as_str().expect("a wrapping token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_id_that_a_thief_unwrapped_and_wrapped_again_is_reported_and_not_unwrapped() {
    let bao = OpenBao::shared();
    let (mount, role, _) = approle(bao);
    let wrapped = |token: &str| AppRole::wrapped(&role, SecretSource::given(token)).with_mount(&mount);
    let first = wrap(bao, &mount);
    let second = steal(bao, &first);
    let error = is_stolen(bao, wrapped(&second), &second).await;
    assert!(
        error.contains("sys/wrapping/wrap") && error.contains(&format!("auth/{mount}/role/*/secret-id")),
        "{error}"
    );
    // The token that the thief spent, and one that is none.
    is_stolen(bao, wrapped(&first), &first).await;
    is_stolen(bao, wrapped("s.canarycanarycanary"), "s.canarycanarycanary").await;
    // Where it is meant to be so, the login works: the token was left whole.
    succeeds(bao, Auth::AppRole(wrapped(&second).with_creation_path("sys/wrapping/wrap"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapping_token_of_another_mount_or_path_is_reported() {
    let bao = OpenBao::shared();
    let (mount, role, _) = approle(bao);
    let (other, ..) = approle(bao);
    let headers = [("x-vault-token", bao.root_token()), ("x-vault-wrap-ttl", "60s")];
    let wrapped = |path: &str, body: &Value| {
        let (_, reply) = bao.call_with("POST", path, body, &headers);
        reply["wrap_info"]["token"].as_str().expect("a wrapping token").to_owned()
    };
    let login = |token: &str| AppRole::wrapped(&role, SecretSource::given(token)).with_mount(&mount);
    let elsewhere = wrap(bao, &other);
    is_stolen(bao, login(&elsewhere), &elsewhere).await;
    let custom = wrapped(&format!("auth/{mount}/role/app/custom-secret-id"), &json!({ "secret_id": SECRET_ID }));
    is_stolen(bao, login(&custom), &custom).await;
    let named = login(&custom).with_creation_path(format!("auth/{mount}/role/app/custom-secret-id"));
    succeeds(bao, Auth::AppRole(named)).await;
    // A cubbyhole has any path below it that somebody wants.
    let path = format!("cubbyhole/auth/{mount}/role/app/secret-id");
    bao.must("POST", &path, &json!({ "secret_id": SECRET_ID }));
    let (_, reply) = bao.call_with("GET", &path, &Value::Null, &headers);
    let hole = reply["wrap_info"]["token"].as_str().expect("a wrapping token");
    is_stolen(bao, login(hole), hole).await;
}

/// Rewrapping shows the secret to nobody: the server keeps the path, and the old token is spent.
#[tokio::test(flavor = "multi_thread")]
async fn a_rewrapped_secret_id_keeps_its_path_and_logs_in_and_the_old_token_is_reported() {
    let bao = OpenBao::shared();
    let (mount, role, _) = approle(bao);
    let wrapped = |token: &str| AppRole::wrapped(&role, SecretSource::given(token)).with_mount(&mount);
    let old = wrap(bao, &mount);
    let reply = bao.must("POST", "sys/wrapping/rewrap", &json!({ "token": old }));
    let new = reply["wrap_info"]["token"].as_str().expect("a wrapping token");
    assert_eq!(reply["wrap_info"]["creation_path"], format!("auth/{mount}/role/app/secret-id"));
    is_stolen(bao, wrapped(&old), &old).await;
    succeeds(bao, Auth::AppRole(wrapped(new))).await;
}

/// The server records the path without the namespace, however it was named.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_secret_id_of_a_namespace_logs_in_there() {
    let bao = OpenBao::shared();
    let namespace = unique("wrapped-in").replace('/', "-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/auth/approle", &json!({ "type": "approle" }));
    bao.must_in(&namespace, "POST", "auth/approle/role/app", &json!({ "token_policies": ["default"] }));
    let role = bao.must_in(&namespace, "GET", "auth/approle/role/app/role-id", &Value::Null);
    let role = role["data"]["role_id"].as_str().expect("a role id");
    let headers =
        [("x-vault-token", bao.root_token()), ("x-vault-wrap-ttl", "60s"), ("x-vault-namespace", namespace.as_str())];
    let token = wrap_in(bao, &headers);
    let login = |token: &str| Auth::AppRole(AppRole::wrapped(role, SecretSource::given(token)));
    let config = VaultConfig::new(bao.address()).with_namespace(&namespace);
    let vault = open(config.clone().with_auth(login(&token)));
    vault.log_in().await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let again = steal(bao, &wrap_in(bao, &headers));
    let error = open(config.with_auth(login(&again))).log_in().await.expect_err("possible theft");
    assert!(error.message().contains("possible theft"), "{}", told(&error));
}

fn wrap_in(bao: &OpenBao, headers: &[(&str, &str)]) -> String {
    let (_, reply) = bao.call_with("POST", "auth/approle/role/app/secret-id", &json!({}), headers);
    reply["wrap_info"]["token"].as_str().expect("a wrapping token").to_owned()
}
