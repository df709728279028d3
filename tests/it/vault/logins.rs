//! Each login method: success and refusal. AWS logins are in `aws`, malformed responses in `garbage`.

use std::fs;

use s1crets::{
    ErrorKind, Provider,
    vault::{AppRole, Auth, Cert, Jwt, Kubernetes, SecretSource, TlsConfig, UserPass, VaultConfig},
};
use s1crets_testbed::{Answer, FaultProxy, JwtIssuer, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{kv, open, outage::raft, plant, read, reader, told};

const PASSWORD: &str = "s1crets-canary-password";

/// Mounts a login method for this test.
fn enable(bao: &OpenBao, kind: &str) -> String {
    let mount = unique(&format!("{kind}-of/"));
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": kind }));
    mount
}

/// Asserts that a read with this login succeeds.
pub(super) async fn succeeds(bao: &OpenBao, auth: Auth) {
    let path = plant(bao, &json!({ "v": 1 }));
    let kv = super::with_auth(bao, auth);
    read(&kv, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let status = kv.vault().status();
    assert!(status.logged_in && status.last_error.is_none() && status.logins == 1, "{status:?}");
}

/// Asserts that this login is refused, and that the error doesn't contain its credential.
async fn is_refused(bao: &OpenBao, auth: Auth, secret: &str) {
    let error = open(VaultConfig::new(bao.address()).with_auth(auth)).log_in().await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
    assert!(!told(&error).contains(secret), "{}", told(&error));
}

pub(super) fn approle(bao: &OpenBao) -> (String, String, String) {
    let mount = enable(bao, "approle");
    bao.must("POST", &format!("auth/{mount}/role/app"), &json!({ "token_policies": [reader(bao)] }));
    let role = bao.must("GET", &format!("auth/{mount}/role/app/role-id"), &Value::Null);
    let secret = bao.must("POST", &format!("auth/{mount}/role/app/secret-id"), &json!({}));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (mount, text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn approle_success_and_refusal() {
    let bao = OpenBao::shared();
    let (mount, role, secret) = approle(bao);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("secret-id");
    fs::write(&file, format!("{secret}\n")).expect("written");
    for source in [SecretSource::given(&secret), SecretSource::file(&file)] {
        succeeds(bao, Auth::AppRole(AppRole::new(&role, source).with_mount(&mount))).await;
    }
    let wrong = AppRole::new(&role, SecretSource::given(PASSWORD)).with_mount(&mount);
    is_refused(bao, Auth::AppRole(wrong.clone()), PASSWORD).await;
}

pub(super) fn wrap(bao: &OpenBao, mount: &str) -> String {
    let headers = [("x-vault-token", bao.root_token()), ("x-vault-wrap-ttl", "60s")];
    let path = format!("auth/{mount}/role/app/secret-id");
    let (_, reply) = bao.call_with("POST", &path, &json!({}), &headers);
    reply["wrap_info"]["token"].as_str().expect("a wrapping token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn approle_wrapped_success_is_unwrapped_once_and_refusal_is_told_as_possible_theft() {
    let bao = OpenBao::shared();
    let (mount, role, _) = approle(bao);
    let wrapper = wrap(bao, &mount);
    let login = AppRole::wrapped(&role, SecretSource::given(&wrapper)).with_mount(&mount);
    let proxy = FaultProxy::start(bao.address()).await;
    let path = plant(bao, &json!({ "v": 1 }));
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::AppRole(login)));
    read(&kv, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    // Its token is revoked: the next login goes by the secret id that was unwrapped before.
    let call = format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1));
    let token = proxy.requests(&call)[0].header("x-vault-token").expect("a token").to_owned();
    bao.must("POST", "auth/token/revoke", &json!({ "token": token }));
    read(&kv, &path).await.expect("logged in again");
    assert_eq!((kv.vault().status().logins, proxy.count("POST /v1/sys/wrapping/unwrap")), (2, 1));

    let late = AppRole::wrapped(&role, SecretSource::given(&wrapper)).with_mount(&mount);
    let vault = open(VaultConfig::new(bao.address()).with_auth(Auth::AppRole(late)));
    let error = vault.log_in().await.expect_err("unwrapped before");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.message().contains("possible theft") && !told(&error).contains(&wrapper), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn userpass_success_and_refusal() {
    let bao = OpenBao::shared();
    let mount = enable(bao, "userpass");
    let user = json!({ "password": PASSWORD, "token_policies": [reader(bao)] });
    bao.must("POST", &format!("auth/{mount}/users/app"), &user);
    let login = |name: &str, password: &str| {
        Auth::UserPass(UserPass::new(name, SecretSource::given(password)).with_mount(&mount))
    };
    succeeds(bao, login("app", PASSWORD)).await;
    is_refused(bao, login("app", "s1crets-canary-wrong"), "s1crets-canary-wrong").await;
    is_refused(bao, login("nobody", PASSWORD), PASSWORD).await;
    let dots = open(VaultConfig::new(bao.address()).with_auth(login("../../../sys", PASSWORD)));
    assert_eq!(dots.log_in().await.expect_err("no name").kind(), ErrorKind::Config);
}

#[tokio::test(flavor = "multi_thread")]
async fn jwt_success_and_refusal_from_a_file_that_is_read_at_each_login() {
    let bao = OpenBao::shared();
    let issuer = JwtIssuer::create();
    let mount = enable(bao, "jwt");
    bao.must("POST", &format!("auth/{mount}/config"), &json!({ "jwt_validation_pubkeys": [issuer.public_key()] }));
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": [reader(bao)],
    });
    bao.must("POST", &format!("auth/{mount}/role/ci"), &role);
    let claims = |audience: &str| {
        let now = now();
        json!({ "sub": "job", "aud": audience, "iat": now - 60, "nbf": now - 60, "exp": now + 3600 })
    };
    let good = issuer.issue(&claims("vault"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwt");
    fs::write(&file, issuer.issue(&claims("others"))).expect("written");
    let login = Jwt::new(SecretSource::file(&file)).with_role("ci").with_mount(&mount);
    let path = plant(bao, &json!({ "v": 1 }));
    let kv = super::with_auth(bao, Auth::Jwt(login));
    assert_eq!(read(&kv, &path).await.expect_err("another's").kind(), ErrorKind::Unauthenticated);
    fs::write(&file, format!("{good}\n")).expect("written");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    read(&kv, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));

    let forged = JwtIssuer::create().issue(&claims("vault"));
    let login = |jwt: &str| Auth::Jwt(Jwt::new(SecretSource::given(jwt)).with_role("ci").with_mount(&mount));
    is_refused(bao, login(&forged), &forged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_success_and_refusal_by_the_review_of_a_service_accounts_token() {
    let bao = OpenBao::shared();
    let issuer = JwtIssuer::create();
    let claims = json!({
        "iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:default:app",
        "iat": now() - 60, "nbf": now() - 60, "exp": now() + 3600,
        "kubernetes.io": { "namespace": "default", "serviceaccount": { "name": "app", "uid": "u1" } },
    });
    let jwt = issuer.issue(&claims);
    let api = kubernetes_api(&jwt).await;
    let mount = enable(bao, "kubernetes");
    let config = json!({ "kubernetes_host": api.endpoint(), "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": authority() });
    bao.must("POST", &format!("auth/{mount}/config"), &config);
    let role = json!({
        "bound_service_account_names": ["app"], "bound_service_account_namespaces": ["default"],
        "token_policies": [reader(bao)],
    });
    bao.must("POST", &format!("auth/{mount}/role/app"), &role);
    let login = |role: &str, jwt: &str| {
        Auth::Kubernetes(Kubernetes::new(role).with_jwt(SecretSource::given(jwt)).with_mount(&mount))
    };
    succeeds(bao, login("app", &jwt)).await;
    let other = JwtIssuer::create().issue(&claims);
    is_refused(bao, login("app", &other), &other).await;
    is_refused(bao, login("no-such-role", &jwt), &jwt).await;
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// The one request to the Kubernetes API that a login needs.
async fn kubernetes_api(jwt: &str) -> Stub {
    let known = jwt.to_owned();
    Stub::start(move |request| {
        let authenticated = request.json()["spec"]["token"] == json!(known);
        let user = json!({ "username": "system:serviceaccount:default:app", "uid": "u1",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"] });
        let status = json!({ "authenticated": authenticated, "user": user });
        Answer::new(201, json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status }))
    })
    .await
}

fn authority() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = s1crets_testbed::Authority::create(folder.path());
    fs::read_to_string(authority.certificate_file()).expect("written")
}

#[tokio::test(flavor = "multi_thread")]
async fn cert_success_and_refusal_over_tls() {
    let bao = raft();
    let mount = enable(&bao, "cert");
    let path = plant(&bao, &json!({ "v": 1 }));
    let (certificate, key) = bao.authority().issue("app");
    let trusted = fs::read_to_string(bao.authority().certificate_file()).expect("written");
    let role = json!({ "certificate": trusted, "allowed_common_names": ["app"], "token_policies": [reader(&bao)] });
    bao.must("POST", &format!("auth/{mount}/certs/app"), &role);
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file());
    let login = || Auth::Cert(Cert::new().with_role("app").with_mount(&mount));
    let config = |tls| VaultConfig::new(bao.address()).with_auth(login()).with_tls(tls);

    let as_app = kv(config(tls.clone().with_client_cert(certificate, key)));
    read(&as_app, &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let (certificate, key) = bao.authority().issue("intruder");
    for tls in [tls.clone(), tls.with_client_cert(certificate, key)] {
        let error = open(config(tls)).log_in().await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_success_from_a_file_that_is_read_again_when_it_changes() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let policy = reader(bao);
    let (first, second) = (bao.token(&json!({ "policies": [policy] })), bao.token(&json!({ "policies": [policy] })));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    fs::write(&file, format!("{first}\n")).expect("written");
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_auth(Auth::Token(SecretSource::file(&file))));
    read(&kv, &path).await.expect("the first token");
    fs::write(&file, format!("{second}\n")).expect("written");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    read(&kv, &path).await.expect("the second token");
    let call = format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1));
    let sent: Vec<_> = proxy.requests(&call).iter().map(|it| it.header("x-vault-token").map(str::to_owned)).collect();
    assert_eq!(sent, [Some(first), Some(second)]);
    // A file that is gone keeps the token; a dead token that stays in the file is not sent again and again.
    fs::remove_file(&file).expect("removed");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    read(&kv, &path).await.expect("still the second token");
}

#[tokio::test(flavor = "multi_thread")]
async fn token_refusal_of_a_dead_one_is_asked_for_once() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_token("s.s1crets-canary-dead"));
    for _ in 0..5 {
        let error = read(&kv, "secret/x").await.expect_err("dead");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
        assert!(!told(&error).contains("canary"));
    }
    assert_eq!(proxy.total(), 3, "the call, and two questions whether the token is alive: {:?}", proxy.counts());
    let malformed = super::kv(VaultConfig::new(bao.address()).with_token("a\nb"));
    assert_eq!(malformed.path_exists("secret/x").await.expect_err("no header").kind(), ErrorKind::Config);
}
