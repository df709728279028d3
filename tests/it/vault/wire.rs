//! HTTP to Vault: statuses, retries, redirects, timeouts, Unix sockets, TLS, proxies, namespaces.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use s1crets::{
    Client, Config, ErrorKind, GetOptions, ListOptions, Provider, RetryPolicy, SecretValue, UpdateOptions,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::{AppRole, Auth, HealthState, ProxyUrl, SecretSource, TlsConfig, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, Fault, FaultProxy, OpenBao, Request, Stub, Tunnel};
use serde_json::json;

use super::{kv, once, open, outage::raft, plant, read, root, told};

pub(super) fn second() -> KvMounts {
    KvMounts::default().with_mount("secret", KvVersion::V2)
}

pub(super) fn secret() -> Answer {
    let metadata =
        json!({ "version": 1, "created_time": "2026-01-01T00:00:00Z", "deletion_time": "", "destroyed": false });
    Answer::new(200, json!({ "request_id": "x", "data": { "data": { "v": 1 }, "metadata": metadata } }))
}

fn config(address: &str) -> VaultConfig {
    VaultConfig::new(address).with_token("a-token")
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured_up_to_the_longest_attempt() {
    for status in [429, 503] {
        let asked = AtomicUsize::new(0);
        let stub = Stub::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::new(status, r#"{"errors":["later"]}"#).with_header("retry-after", "1"),
            _ => secret(),
        })
        .await;
        let began = Instant::now();
        let kv = kv(config(stub.endpoint())).with_mounts(second());
        read(&kv, "secret/x").await.expect("the second attempt");
        assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&began.elapsed()));
        assert_eq!(stub.requests().iter().filter(|request| request.path.contains("/data/")).count(), 2);
    }
    // A date, as gateways send it: it is counted from the answer's own.
    let asked = AtomicUsize::new(0);
    let dated = Stub::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::new(503, "")
            .with_header("date", "Sun, 22 Nov 2015 12:00:00 GMT")
            .with_header("retry-after", "Sun, 22 Nov 2015 12:00:02 GMT"),
        _ => secret(),
    })
    .await;
    let began = Instant::now();
    read(&kv(config(dated.endpoint())).with_mounts(second()), "secret/x").await.expect("the second attempt");
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let far = Stub::start(|_| Answer::new(503, "").with_header("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")).await;
    let error = read(&kv(config(far.endpoint())).with_mounts(second()), "secret/x").await.expect_err("nobody does");
    assert_eq!((error.kind(), far.requests().len()), (ErrorKind::Unavailable, 1));

    let long =
        Stub::start(|_| Answer::new(429, r#"{"errors":["much later"]}"#).with_header("retry-after", "3600")).await;
    let kv = kv(config(long.endpoint())).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("nobody waits an hour");
    assert_eq!((error.kind(), long.requests().len()), (ErrorKind::Throttled, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_in_total_and_lost_writes_are_not_repeated() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let call = path.replacen("secret/", "/v1/secret/data/", 1);
    let proxy = FaultProxy::start(bao.address()).await;
    let root = VaultConfig::new(proxy.endpoint()).with_token(bao.root_token());
    let kv = kv(root.with_retry(NonZeroU32::new(3).expect("3"))).with_mounts(second());
    for fault in [Fault::Status(503), Fault::Status(500), Fault::Reset, Fault::Close, Fault::Truncate(20)] {
        proxy.reset_counts();
        // Only the reads: the token is looked up in the background meanwhile.
        let reads = format!("GET {call}");
        proxy.fault(&reads, fault.clone()).times(2);
        read(&kv, &path).await.unwrap_or_else(|error| panic!("{fault:?}: {}", told(&error)));
        proxy.fault(&reads, fault).always();
        let error = read(&kv, &path).await.expect_err("three attempts");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", told(&error));
        assert_eq!(proxy.count(&reads), 6);
        proxy.clear();
    }
    proxy.reset_counts();
    proxy.fault(&format!("POST {call}"), Fault::Close).always();
    let condition = UpdateOptions::default().with_if_version("1");
    let error = kv.update(&path, &SecretValue::from("{}"), &condition).await.expect_err("its answer got lost");
    assert_eq!((error.kind(), proxy.count(&format!("POST {call}"))), (ErrorKind::Unavailable, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_a_timeout() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    proxy.fault_any(Fault::Hang).always();
    let config = VaultConfig::new(proxy.endpoint()).with_token(bao.root_token());
    let vault = Vault::new(config.with_timeout(Duration::from_millis(300)).with_retry(once()));
    let kv = VaultKv::new(vault.expect("settings")).with_mounts(second());
    let began = Instant::now();
    let error = read(&kv, "secret/x").await.expect_err("silence");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{}", told(&error));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut options = GetOptions::default();
    options.retry_policy = options.retry_policy.with_timeout(Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(kv.get("secret/x", &options).await.expect_err("silence").kind(), ErrorKind::Timeout);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_followed_with_the_token_to_the_same_call_only() {
    let active = Arc::new(Stub::start(|_| secret()).await);
    let to = active.endpoint().to_owned();
    let standby =
        Stub::start(move |request| Answer::new(307, "").with_header("location", &format!("{to}{}", request.path)))
            .await;
    let kv_of = |stub: &Stub| kv(config(stub.endpoint()).with_retry(once())).with_mounts(second());
    read(&kv_of(&standby), "secret/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let seen = active.requests();
    assert_eq!(seen[0].header("x-vault-token"), Some("a-token"));
    let condition = UpdateOptions::default().with_if_version("1");
    let _ = kv_of(&standby).update("secret/x", &SecretValue::from(r#"{"v":2}"#), &condition).await;
    let write = active.requests().pop().expect("the write");
    assert_eq!((write.method.as_str(), &write.json()["data"]["v"]), ("POST", &json!(2)));

    let before = active.requests().len();
    let to = active.endpoint().to_owned();
    for (location, kind) in [
        (format!("{to}/v1/secret/data/other"), ErrorKind::Config),
        (format!("{to}/login"), ErrorKind::Config),
        ("ftp://x/".to_owned(), ErrorKind::Config),
        (String::new(), ErrorKind::Unavailable),
    ] {
        let lying = Stub::start(move |_| Answer::new(307, "").with_header("location", &location)).await;
        let error = read(&kv_of(&lying), "secret/x").await.expect_err("not followed");
        assert_eq!(error.kind(), kind, "{}", told(&error));
    }
    assert_eq!(active.requests().len(), before, "nobody else got the token");
    let ring = Stub::start(|request| Answer::new(307, "").with_header("location", &request.path)).await;
    assert_eq!(read(&kv_of(&ring), "secret/x").await.expect_err("a ring").kind(), ErrorKind::Unavailable);
    assert_eq!(ring.requests().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_404_asks_whether_the_address_is_right() {
    for body in ["<html>nothing here</html>", "", r#"{"errors":[{"status":404}]}"#] {
        let website = Stub::start(move |_| Answer::new(404, body)).await;
        let kv = kv(config(website.endpoint())).with_mounts(second());
        let error = read(&kv, "secret/x").await.expect_err("a website");
        // Or `--default` and `exists` would answer for it.
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{body}: {}", told(&error));
        assert_eq!(kv.path_exists("secret/x").await.expect_err("a website").kind(), ErrorKind::Corrupt, "{body}");
        let listed = kv.get_by_path("secret/x", &ListOptions::default()).await;
        assert_eq!(listed.expect_err("a website").kind(), ErrorKind::Corrupt, "{body}");
        assert!(error.hint().is_some_and(|hint| hint.contains("address")), "{body}: {}", told(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_named() {
    let kv = kv(config("http://127.0.0.1:1").with_token("x"));
    let error = read(&kv, "secret/x").await.expect_err("nobody is there");
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unavailable, "can't connect to Vault at http://127.0.0.1:1")
    );
}

/// A firewall's page is no word on the token: good ones would be replaced.
#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_403_is_not_taken_for_a_dead_token() {
    for body in ["<html>blocked</html>", "", r#"{"errors":[{"code":"DENIED"}]}"#] {
        let firewall = Stub::start(move |_| Answer::new(403, body)).await;
        let kv = kv(config(firewall.endpoint())).with_mounts(second());
        let error = read(&kv, "secret/x").await.expect_err("blocked");
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{body}: {}", told(&error));
        assert!(error.hint().is_some_and(|hint| hint.contains("not Vault's")), "{body}: {}", told(&error));
        assert_eq!(kv.identity().await.expect_err("nobody knows").kind(), ErrorKind::Corrupt, "{body}");
    }
}

/// A gateway that lets the paths of engines and logins through alone, and has a page of its own for all others.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_blocks_sys_paths_stops_neither_reads_nor_logins() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let gateway = FaultProxy::start(bao.address()).await;
    let blocked = |request: &Request| {
        let is_listing = request.path.contains("list=true");
        is_listing || ["/v1/sys/", "/v1/auth/token/"].iter().any(|own| request.path.starts_with(own))
    };
    let page = Fault::Respond { status: 403, content_type: "text/html".into(), body: b"<html>blocked</html>".to_vec() };
    gateway.fault_if(blocked, page).always();
    let own = kv(VaultConfig::new(gateway.endpoint()).with_token(bao.root_token()));
    read(&own, &path).await.expect("a read is let through");
    assert!(own.path_exists(&path).await.expect("what can't be listed is read"));
    let dead = kv(VaultConfig::new(gateway.endpoint()).with_token("hvs.nobody"));
    let error = read(&dead, &path).await.expect_err("nobody knows it");
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "whether it is dead can't be told: {}", told(&error));

    let login = super::load::role(bao, &json!({ "token_ttl": "1h" }));
    let kv = kv(VaultConfig::new(gateway.endpoint()).with_auth(Auth::AppRole(login)));
    read(&kv, &path).await.expect("a login");
    let reads = format!("GET /v1/{}", path.replacen("secret/", "secret/data/", 1));
    let token =
        gateway.requests(&reads).last().and_then(|it| it.header("x-vault-token").map(str::to_owned)).expect("one");
    bao.must("POST", "auth/token/revoke", &json!({ "token": token }));
    read(&kv, &path).await.expect("a new login");
    assert_eq!(kv.vault().status().logins, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapping_token_refused_by_a_gateway_is_not_reported_as_stolen() {
    let website = Stub::start(|_| Answer::new(404, "<html>nothing here</html>")).await;
    let login = AppRole::wrapped("a-role", SecretSource::given("hvs.wrapping"));
    let kv = kv(VaultConfig::new(website.endpoint()).with_auth(Auth::AppRole(login)));
    let error = read(&kv, "secret/x").await.expect_err("a website");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", told(&error));
}

/// A gateway that wants somebody to log in sends elsewhere with 302, which is not a standby's way.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_redirect_to_its_own_login_gets_no_token() {
    let foreign = Arc::new(Stub::start(|_| secret()).await);
    for status in [301, 302, 303] {
        let to = foreign.endpoint().to_owned();
        let gateway = Stub::start(move |request| {
            Answer::new(status, "").with_header("location", &format!("{to}{}", request.path))
        })
        .await;
        let kv = kv(config(gateway.endpoint()).with_retry(once())).with_mounts(second());
        let error = read(&kv, "secret/x").await.expect_err("not followed");
        assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
    }
    assert!(foreign.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_sockets_names_and_health() {
    let bao = raft();
    let path = plant(&bao, &json!({ "v": 1 }));
    let base = || VaultConfig::new(bao.address()).with_token(bao.root_token()).with_retry(once());
    let trusted = TlsConfig::default().with_ca_file(bao.authority().certificate_file());

    let error = read(&kv(base()), &path).await.expect_err("an unknown authority");
    assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
    read(&kv(base().with_tls(trusted.clone())), &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(bao.authority().certificate_file(), folder.path().join("ca.pem")).expect("copied");
    read(&kv(base().with_tls(TlsConfig::default().with_ca_path(folder.path()))), &path).await.expect("by a folder");
    read(&kv(base().with_tls(trusted.clone().with_server_name("server"))), &path).await.expect("by its other name");
    let wrong = kv(base().with_tls(trusted.clone().with_server_name("another.name")));
    assert_eq!(read(&wrong, &path).await.expect_err("another name").kind(), ErrorKind::Config);
    let heard = crate::canary::Heard::everything();
    read(&kv(base().with_tls(TlsConfig::default().with_danger_skip_verify(true))), &path)
        .await
        .expect("at one's own risk");
    assert!(heard.text().contains("certificates of Vault are NOT verified"), "there is a warning");

    let socket = format!("unix://{}", bao.socket().display());
    read(&kv(VaultConfig::new(socket).with_token(bao.root_token())), &path).await.expect("by the socket");

    let vault = open(base().with_tls(trusted));
    let health = vault.health().await.expect("an answer");
    assert_eq!(health.state, HealthState::Active);
    assert!(health.version.is_some());
    bao.seal();
    assert_eq!(vault.health().await.expect("an answer").state, HealthState::Sealed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_gets_every_call() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let proxy = Stub::start(|_| secret()).await;
    let config = VaultConfig::new(bao.address()).with_token("a-token").with_proxy(ProxyUrl::new(proxy.endpoint()));
    read(&kv(config).with_mounts(second()), &path).await.expect("the proxy's answer");
    assert!(proxy.requests()[0].path.starts_with(bao.address()), "asked as a proxy is");
}

/// With TLS a proxy passes on what it can't read, by the method `CONNECT`.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_config_file_forwards_every_call_and_reads_none() {
    let bao = raft();
    let path = plant(&bao, &json!({ "v": "x" }));
    let (proxy, folder) = (Tunnel::start().await, tempfile::tempdir().expect("a folder"));
    let token = folder.path().join("token");
    std::fs::write(&token, bao.root_token()).expect("written");
    let text = |proxy: &str| {
        format!(
            "[providers.\"vault.kv\"]\naddress = \"{}\"\nproxy = \"{proxy}\"\nca_file = \"{}\"\n\
             auth = {{ method = \"token\", file = \"{}\" }}\nretry = 1\n",
            bao.address(),
            bao.authority().certificate_file().display(),
            token.display()
        )
    };
    let client = |proxy: &str| Client::builder().with_config(Config::parse(&text(proxy)).expect("TOML")).build();
    let by_proxy = client(proxy.endpoint()).expect("a client");
    let value = by_proxy.get("vault.kv", &path).key("v").await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(value.expose_str().expect("text"), "x");
    let server = bao.address().strip_prefix("https://").expect("TLS").to_owned();
    assert!(!proxy.opened().is_empty() && proxy.opened().iter().all(|to| *to == server), "{:?}", proxy.opened());
    let away = client("http://127.0.0.1:1").expect("a client");
    let error = away.get("vault.kv", &path).await.expect_err("no proxy, no server");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_nest_and_an_unknown_one_is_not_found() {
    let bao = OpenBao::shared();
    bao.must("POST", "sys/namespaces/outer", &json!({}));
    bao.must_in("outer", "POST", "sys/namespaces/inner", &json!({}));
    bao.must_in("outer/inner", "POST", "sys/mounts/kv1", &json!({ "type": "kv" }));
    bao.must_in("outer/inner", "POST", "kv1/a", &json!({ "v": "deep" }));
    let kv_in = |namespace| kv(VaultConfig::new(bao.address()).with_token(bao.root_token()).with_namespace(namespace));
    let secret = read(&kv_in("/outer/inner/"), "kv1/a").await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(secret.key("v").expect("v").expose_str().expect("text"), "deep");
    assert_eq!(read(&kv_in("no-such"), "kv1/a").await.expect_err("no namespace").kind(), ErrorKind::NotFound);
    let _ = root(bao);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_config_file_opens_it_by_name() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": "x" }));
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, bao.root_token()).expect("written");
    let text = format!(
        "[providers.team]\ntype = \"vault.kv\"\naddress = \"{}\"\nmounts = {{ secret = 2 }}\n\
         auth = {{ method = \"token\", file = \"{}\" }}\n",
        bao.address(),
        token.display()
    );
    let client = Client::builder().with_config(Config::parse(&text).expect("TOML")).build().expect("a client");
    let value = client.get("team", &path).key("v").await.unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(value.expose_str().expect("text"), "x");
    for wrong in ["region = \"x\"", "path = \"x\"", "kv_version = 3", "auth = { method = \"ldap\" }"] {
        let text = format!("[providers.\"vault.kv\"]\n{wrong}");
        let built = Config::parse(&text).and_then(|config| Client::builder().with_config(config).build());
        assert_eq!(built.expect_err(wrong).kind(), ErrorKind::Config, "{wrong}");
    }
}

/// Envoy answers with 503 also if it lost the connection to a server that has the request.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_behind_a_gateways_503_is_not_repeated_and_one_to_a_sealed_vault_is() {
    let gateway = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
    for (body, attempts) in [(gateway, 1), ("", 1), (r#"{"errors":["Vault is sealed"]}"#, 3)] {
        let stub = Stub::start(move |_| Answer::new(503, body)).await;
        let vault = open(config(stub.endpoint()));
        let error = vault.write("database/rotate-root/x", &()).await.expect_err("no success");
        assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Unavailable, attempts), "{body}");
        vault.read("secret/x").await.expect_err("no success");
        assert_eq!(stub.requests().len(), attempts + 3, "a read is repeated: {body}");
    }
}

/// The name takes the place of the host in URLs, so it must not lead anywhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_name_never_leads_to_another_host_than_the_address() {
    let named = |address: &str, name: &str| config(address).with_tls(TlsConfig::default().with_server_name(name));
    for name in ["127.0.0.2", "fd00::1", "[fd00::1]", "vault:8200", "a/b", "u@vault", ""] {
        let error = Vault::new(named("https://127.0.0.1:8200", name)).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
    }
    let proxied = named("https://127.0.0.1:8200", "vault").with_proxy(ProxyUrl::new("http://127.0.0.1:3128"));
    assert_eq!(Vault::new(proxied).expect_err("the proxy would resolve it").kind(), ErrorKind::Config);

    // Without TLS there is nothing to check, as with a local agent while VAULT_TLS_SERVER_NAME is set.
    let stub = Stub::start(|_| secret()).await;
    read(&kv(named(stub.endpoint(), "127.0.0.2")).with_mounts(second()), "secret/x").await.expect("at its address");
    assert_eq!(stub.requests().len(), 1);

    let bao = raft();
    let path = plant(&bao, &json!({ "v": 1 }));
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file()).with_server_name("SERVER");
    let config = VaultConfig::new(bao.address()).with_token(bao.root_token()).with_tls(tls).with_retry(once());
    read(&kv(config.clone()), &path).await.expect("a name has no case");
    // Another timeout has a client of its own.
    let patient = GetOptions::default().with_retry_policy(RetryPolicy::default().with_timeout(Duration::from_secs(7)));
    kv(config).get(&path, &patient).await.expect("at its address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_with_a_secret_is_neither_shown_nor_quoted() {
    let stub =
        Stub::start(|request| Answer::new(400, json!({ "errors": [format!("no such code: {}", request.path)] }))).await;
    let vault = open(config(stub.endpoint()));
    let request = || vault.read("auth/oidc/oidc/callback").query("code", "hunter2/hunter2").query("state", "short");
    let shown = format!("{:?}", request());
    assert!(shown.contains("auth/oidc/oidc/callback") && !shown.contains("hunter2"), "{shown}");
    let error = told(&request().await.expect_err("refused"));
    assert!(!error.contains("hunter2"), "{error}");
}
