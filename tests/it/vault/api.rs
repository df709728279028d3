//! The typed API on OpenBao: each call, its errors, leases, custom logins and fetched credentials.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use s1crets::{
    ErrorKind, Metadata, Result, Secret,
    vault::{AppRole, Auth, Grant, Jwt, Login, LoginClient, SecretSource, Token, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, Fault, FaultProxy, JwtIssuer, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{logins, once, open, plant, root, told};

const CANARY: &str = "s1crets-canary-api";

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_written_read_listed_and_deleted() {
    let bao = OpenBao::shared();
    let vault = root(bao);
    let name = unique("api/");
    let (data, metadata) = (format!("secret/data/{name}"), format!("secret/metadata/{name}"));
    let written = vault.write(&data, &json!({ "data": { "password": CANARY } })).await.expect("written");
    assert_eq!(written.data().expect("a version").get("version").and_then(|it| it.as_i64()), Some(1));
    let read = vault.read(&data).query("version", "1").await.expect("read");
    assert_eq!(
        read.secret().expect("data").keypath(["data", "password"]).expect("it").expose_str().expect("text"),
        CANARY
    );
    assert!(read.request_id().is_some() && read.lease_id().is_none());
    #[derive(serde::Deserialize)]
    struct Data {
        data: std::collections::BTreeMap<String, String>,
    }
    assert_eq!(read.parse::<Data>().expect("the shape").data["password"], CANARY);
    let error = read.parse::<Vec<u8>>().expect_err("no list");
    assert!(error.kind() == ErrorKind::Corrupt && !told(&error).contains(CANARY), "{}", told(&error));
    let names = vault.list("secret/metadata/api").await.expect("listed");
    let names: Vec<String> = names.secret().expect("data").key("keys").expect("keys").parse().expect("names");
    assert!(names.iter().any(|it| format!("api/{it}") == name), "{names:?}");
    vault.delete(&metadata).await.expect("deleted").data().expect_err("no data with 204");
    assert_eq!(vault.read(&data).await.expect_err("gone").kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_kinds_and_repeat_no_value() {
    let bao = OpenBao::shared();
    let vault = root(bao);
    let health = vault.read("sys/health").await.expect("a response without an envelope");
    assert!(health.json().is_some_and(|body| body.get("initialized").is_some()) && health.data().is_err());
    for (request, kind) in [
        (vault.read("secret/../sys/seal"), ErrorKind::InvalidInput),
        (vault.read("/secret/x"), ErrorKind::InvalidInput),
        (vault.write("secret/data/x", &json!(CANARY)), ErrorKind::InvalidInput),
        (vault.write("secret/data/x", &json!({ "data": CANARY })), ErrorKind::InvalidInput),
        (vault.read("no-such-engine/x"), ErrorKind::Config),
        (vault.read("secret/data/x").namespace("no-such-namespace"), ErrorKind::Config),
        (vault.read("secret/data/x").namespace("team/sys"), ErrorKind::Config),
        (vault.delete("sys/internal/ui/mounts"), ErrorKind::Unsupported),
    ] {
        let shown = format!("{request:?}");
        let error = request.await.expect_err(&shown);
        assert_eq!(error.kind(), kind, "{shown}: {}", told(&error));
        assert!(!told(&error).contains(CANARY) && !shown.contains(CANARY), "{}", told(&error));
    }
    let limited = open(VaultConfig::new(bao.address()).with_token(bao.token(&json!({ "policies": ["default"] }))));
    let error = limited.write("secret/data/x", &json!({ "data": { "v": CANARY } })).await.expect_err("denied");
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", told(&error));
    assert!(error.hint().is_some_and(|hint| hint.contains("secret/data/x")) && !told(&error).contains(CANARY));
    let dead = open(VaultConfig::new(bao.address()).with_token(CANARY));
    let error = dead.read("secret/data/x").await.expect_err("dead");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!told(&error).contains(CANARY), "{}", told(&error));
    let page = Stub::start(|_| Answer::new(200, "<html>welcome</html>")).await;
    let elsewhere = open(VaultConfig::new(page.endpoint()).with_token("x"));
    assert_eq!(elsewhere.read("secret/data/x").await.expect_err("a page").kind(), ErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_repeated_only_if_it_is_idempotent_and_a_read_can_be_sent_once() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    proxy.fault_if(|request| request.path.contains("/data/lost"), Fault::Status(502)).always();
    let vault = open(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()));
    let body = json!({ "data": {} });
    for (request, method, attempts) in [
        (vault.write("secret/data/lost1", &body), "POST /v1/secret/data/lost1", 1),
        (vault.write("secret/data/lost2", &body).idempotent(true).retry(2), "POST /v1/secret/data/lost2", 2),
        (vault.delete("secret/data/lost3"), "DELETE /v1/secret/data/lost3", 1),
        (vault.read("secret/data/lost4"), "GET /v1/secret/data/lost4", 3),
        (vault.read("secret/data/lost5").idempotent(false), "GET /v1/secret/data/lost5", 1),
    ] {
        assert_eq!(request.await.expect_err(method).kind(), ErrorKind::Unavailable);
        assert_eq!(proxy.count(method), attempts, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_the_namespace_that_it_names() {
    let bao = OpenBao::shared();
    let namespace = unique("api-in").replace('/', "-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/mounts/kv", &json!({ "type": "kv" }));
    let vault = root(bao);
    vault.write("kv/x", &json!({ "v": "inside" })).namespace(&format!("{namespace}/")).await.expect("written");
    let read = vault.read("kv/x").namespace(&namespace).await.expect("read");
    assert_eq!(read.secret().expect("data").key("v").expect("v").expose_str().expect("text"), "inside");
    assert_eq!(vault.read("kv/x").await.expect_err("not in the root").kind(), ErrorKind::Config);
}

/// OpenBao's RabbitMQ engine at `mount`, with a role `app`. A stub stands for RabbitMQ's management
/// API, so the lease is the server's own and only the user is missing. Keep the stub while in use.
pub(crate) async fn leasing_engine(bao: &OpenBao, mount: &str) -> Stub {
    let management = Stub::start(|_| Answer::new(204, "")).await;
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "rabbitmq" }));
    let connection = json!({
        "connection_uri": management.endpoint(), "username": "u", "password": "p", "verify_connection": false,
    });
    bao.must("POST", &format!("{mount}/config/connection"), &connection);
    bao.must("POST", &format!("{mount}/config/lease"), &json!({ "ttl": 3600, "max_ttl": 86400 }));
    let vhosts = json!({ "/": { "configure": ".*", "write": ".*", "read": ".*" } }).to_string();
    bao.must("POST", &format!("{mount}/roles/app"), &json!({ "vhosts": vhosts }));
    management
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_and_revoked_by_its_id() {
    let bao = OpenBao::shared();
    let (vault, mount) = (root(bao), unique("leases-"));
    let management = leasing_engine(bao, &mount).await;
    let leased = vault.read(&format!("{mount}/creds/app")).idempotent(false).await.expect("a lease");
    let id = leased.lease_id().expect("a lease").to_owned();
    assert_eq!((leased.lease_duration(), leased.is_renewable()), (Some(Duration::from_secs(3600)), true));
    let password = leased.secret().expect("data").key("password").expect("a password");
    let shown = format!("{leased:?}");
    assert!(shown.contains(&id) && !shown.contains(password.expose_str().expect("text")), "{shown}");
    let body = json!({ "lease_id": id, "increment": 1800 });
    let renewed = vault.write("sys/leases/renew", &body).idempotent(true).await.expect("renewed");
    assert_eq!((renewed.lease_id(), renewed.lease_duration()), (Some(id.as_str()), Some(Duration::from_secs(1800))));
    let body = json!({ "lease_id": id, "sync": true });
    vault.write("sys/leases/revoke", &body).idempotent(true).await.expect("revoked");
    assert!(management.requests().iter().any(|request| request.method == "DELETE"), "the user is dropped");
    let error = vault.write("sys/leases/lookup", &json!({ "lease_id": id })).await.expect_err("gone");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_response_is_unwrapped_once_and_by_its_path() {
    let bao = OpenBao::shared();
    let vault = root(bao);
    let path = plant(bao, &json!({ "v": CANARY })).replacen("secret/", "secret/data/", 1);
    let wrap = async || {
        let wrapped = vault.read(&path).wrap_ttl(Duration::from_secs(60)).await.expect("wrapped");
        assert!(wrapped.data().is_err());
        let info = wrapped.wrap_info().expect("well formed").expect("wrapped");
        assert_eq!((info.creation_path.as_str(), info.ttl), (path.as_str(), Duration::from_secs(60)));
        assert!(info.created.is_some() && !info.accessor.is_empty());
        assert!(!format!("{wrapped:?} {info:?}").contains(info.token.expose()));
        info.token
    };
    let token = wrap().await;
    let error = vault.unwrap_from(&token, "auth/approle/role/*/secret-id").await.expect_err("made elsewhere");
    assert!(error.kind() == ErrorKind::Unauthenticated && error.message().contains("theft"), "{}", told(&error));
    let response = vault.unwrap_from(&token, &path).await.expect("the check took no use");
    assert_eq!(response.secret().expect("data").keypath(["data", "v"]).expect("v").expose_str().expect("text"), CANARY);
    let error = vault.unwrap(&token).await.expect_err("unwrapped before");
    assert!(error.kind() == ErrorKind::Unauthenticated && error.message().contains("theft"), "{}", told(&error));
    assert!(!told(&error).contains(token.expose()), "{}", told(&error));
    vault.unwrap(&wrap().await).await.expect("without a path");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connections_token_is_looked_up_renewed_and_revoked() {
    let bao = OpenBao::shared();
    let (mount, role, secret) = logins::approle(bao);
    bao.must("POST", &format!("auth/{mount}/role/app"), &json!({ "token_ttl": "1h", "token_max_ttl": "2h" }));
    let login = AppRole::new(&role, SecretSource::given(&secret)).with_mount(&mount);
    let vault = open(VaultConfig::new(bao.address()).with_auth(Auth::AppRole(login)));
    vault.revoke_self().await.expect("nothing to revoke, and no login for it");
    assert_eq!(vault.status().logins, 0);
    let token = vault.token().await.expect("a login");
    let info = vault.lookup_self().await.expect("looked up");
    assert!(info.renewable && info.expire_time > info.issue_time, "{info:?}");
    assert_eq!((info.path.as_str(), info.token_type.as_str()), (format!("auth/{mount}/login").as_str(), "service"));
    assert_eq!(info.metadata.get("role_name").map(String::as_str), Some("app"));
    let renewed = vault.renew_self(Some(Duration::from_secs(1800))).await.expect("renewed");
    assert_eq!((renewed.ttl, renewed.accessor), (Some(Duration::from_secs(1800)), info.accessor));
    assert!(vault.status().expires_in.is_some_and(|left| left <= Duration::from_secs(1800)), "the connection knows");
    assert!(vault.status().renewable, "a TTL that was shortened on purpose is no maximum");
    let full = vault.renew_self(None).await.expect("renewed");
    assert_eq!((full.ttl, vault.status().renewals), (Some(Duration::from_secs(3600)), 2));
    assert!(!format!("{vault:?} {token:?} {full:?}").contains(token.expose()));

    vault.revoke_self().await.expect("revoked");
    let (status, _) =
        bao.call_with("GET", "auth/token/lookup-self", &Value::Null, &[("x-vault-token", token.expose())]);
    assert_eq!(status, 403, "the server has dropped it");
    let next = vault.token().await.expect("a new login");
    assert_ne!(next.expose(), token.expose());
    bao.must("POST", "auth/token/revoke", &json!({ "token": next.expose() }));
    vault.revoke_self().await.expect("it is gone already");

    let given = open(VaultConfig::new(bao.address()).with_token(bao.token(&json!({ "ttl": "1h" }))));
    given.lookup_self().await.expect("alive");
    given.revoke_self().await.expect("revoked");
    assert_eq!(given.lookup_self().await.expect_err("dead").kind(), ErrorKind::Unauthenticated);
    let error = root(bao).renew_self(None).await.expect_err("root tokens have no TTL");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", told(&error));
}

/// A login that asks another service for the user name, and logs in by userpass.
#[derive(Debug)]
struct TwoSteps {
    mount: String,
    password: SecretSource,
    logins: Arc<AtomicU32>,
}

#[async_trait]
impl Login for TwoSteps {
    fn method(&self) -> &'static str {
        "two-steps"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        self.logins.fetch_add(1, Ordering::Relaxed);
        client.read("sys/health").await?;
        let password = client.read_source("password", &self.password).await?;
        let body = json!({ "password": password.expose_str()? });
        client.login(&format!("auth/{}/login/app", self.mount), &body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_login_is_made_once_for_all_callers_and_again_for_a_dead_token() {
    let bao = OpenBao::shared();
    let mount = unique("custom-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "userpass" }));
    let user = json!({ "password": CANARY, "token_policies": [super::reader(bao)] });
    bao.must("POST", &format!("auth/{mount}/users/app"), &user);
    let path = plant(bao, &json!({ "v": 1 })).replacen("secret/", "secret/data/", 1);
    let logins = Arc::new(AtomicU32::new(0));
    let login = |password: &str| TwoSteps {
        mount: mount.clone(),
        password: SecretSource::given(password),
        logins: logins.clone(),
    };
    let vault = open(VaultConfig::new(bao.address()).with_auth(Auth::custom(login(CANARY))));
    let reads = (0..20).map(|_| {
        let (vault, path) = (vault.clone(), path.clone());
        tokio::spawn(async move { vault.read(&path).await.map(drop) })
    });
    for read in reads.collect::<Vec<_>>() {
        read.await.expect("no panic").unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert_eq!((logins.load(Ordering::Relaxed), vault.status().method), (1, "two-steps"));
    let token = vault.token().await.expect("held");
    bao.must("POST", "auth/token/revoke", &json!({ "token": token.expose() }));
    vault.read(&path).await.expect("logged in again");
    assert_eq!(logins.load(Ordering::Relaxed), 2);

    let refused = open(VaultConfig::new(bao.address()).with_auth(Auth::custom(login("s1crets-canary-wrong"))));
    let error = refused.read(&path).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!told(&error).contains("canary"), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_is_fetched_at_each_login() {
    let bao = OpenBao::shared();
    let issuer = JwtIssuer::create();
    let mount = unique("fetched-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "jwt" }));
    bao.must("POST", &format!("auth/{mount}/config"), &json!({ "jwt_validation_pubkeys": [issuer.public_key()] }));
    let role = json!({ "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"] });
    bao.must("POST", &format!("auth/{mount}/role/ci"), &role);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": "job", "aud": "vault", "iat": now - 60, "nbf": now - 60, "exp": now + 3600 });
    let (jwt, fetches) = (issuer.issue(&claims), Arc::new(AtomicU32::new(0)));
    let counted = fetches.clone();
    let source = SecretSource::fetched(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let jwt = jwt.clone();
        async move { Ok(Secret::text(jwt, Metadata::default())) }
    });
    let login = Auth::Jwt(Jwt::new(source).with_role("ci").with_mount(&mount));
    let vault = open(VaultConfig::new(bao.address()).with_auth(login));
    vault.lookup_self().await.unwrap_or_else(|error| panic!("{}", told(&error)));
    vault.revoke_self().await.expect("revoked");
    vault.lookup_self().await.expect("logged in again");
    assert_eq!(fetches.load(Ordering::Relaxed), 2);

    let failing =
        SecretSource::fetched(|| async { Err(s1crets::Error::new(ErrorKind::Unavailable, "the CI system is away")) });
    let login = Auth::Jwt(Jwt::new(failing).with_mount(&mount));
    let vault = open(VaultConfig::new(bao.address()).with_auth(login).with_retry(once()));
    let error = vault.log_in().await.expect_err("no JWT");
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "the CI system is away"));
}

#[tokio::test]
async fn a_grant_with_a_malformed_token_is_refused_without_repeating_it() {
    #[derive(Debug)]
    struct Malformed;

    #[async_trait]
    impl Login for Malformed {
        fn method(&self) -> &'static str {
            "malformed"
        }

        async fn login(&self, _: &LoginClient<'_>) -> Result<Grant> {
            Ok(Grant::new(Token::new(format!("{CANARY}\n{CANARY}"))))
        }
    }

    let vault =
        Vault::new(VaultConfig::new("http://127.0.0.1:1").with_auth(Auth::custom(Malformed))).expect("settings");
    let error = vault.token().await.expect_err("no token");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!told(&error).contains(CANARY), "{}", told(&error));
}
