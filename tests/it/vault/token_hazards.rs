//! Hazards of a token's life: callers that go away, shutdowns during a login, gateways that hide answers, limited uses.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use s1crets::{
    Client, Config, Error, ErrorKind, Result, Secret,
    providers::vault_kv::VaultKv,
    vault::{Auth, Grant, Jwt, Login, LoginClient, SecretSource, Token, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, Fault, FaultProxy, OpenBao, Request, Stub};
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{load, once, open, plant, told, wire::secret};

const REVOKE: &str = "/v1/auth/token/revoke-self";
const LOOK_UP: &str = "/v1/auth/token/lookup-self";

/// A login that waits for a permit, and counts. Each token has the number of its login.
#[derive(Debug)]
struct Numbered {
    logins: Arc<AtomicU64>,
    permits: Arc<Semaphore>,
    grant: fn(Grant) -> Grant,
}

impl Numbered {
    fn new(grant: fn(Grant) -> Grant) -> Self {
        Self { logins: Arc::default(), permits: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)), grant }
    }

    fn waiting() -> Self {
        Self { permits: Arc::new(Semaphore::new(0)), ..Self::new(|grant| grant.with_ttl(Duration::ZERO, false)) }
    }

    fn connect(self, stub: &Stub) -> Vault {
        open(VaultConfig::new(stub.endpoint()).with_auth(Auth::custom(self)).with_retry(once()))
    }
}

#[async_trait]
impl Login for Numbered {
    fn method(&self) -> &'static str {
        "numbered"
    }

    async fn login(&self, _: &LoginClient<'_>) -> Result<Grant> {
        let number = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
        self.permits.acquire().await.expect("open").forget();
        Ok((self.grant)(Grant::new(Token::new(format!("token-{number}")))))
    }
}

/// Polls until a condition holds.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let poll = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), poll).await.unwrap_or_else(|_| panic!("{what}"));
}

fn calls(stub: &Stub, path: &str) -> Vec<Request> {
    stub.requests().into_iter().filter(|request| request.path == path).collect()
}

/// A gateway that lets the paths of engines and logins through alone.
async fn gateway(bao: &OpenBao) -> FaultProxy {
    let gateway = FaultProxy::start(bao.address()).await;
    let blocked = |request: &Request| ["/v1/sys/", "/v1/auth/token/"].iter().any(|own| request.path.starts_with(own));
    let page = Fault::Respond { status: 403, content_type: "text/html".into(), body: b"<html>blocked</html>".to_vec() };
    gateway.fault_if(blocked, page).always();
    gateway
}

/// A default or an exit status 1 would answer for a misconfigured login.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_finds_nothing_is_no_missing_secret() {
    #[derive(Debug)]
    struct WrongMount;

    #[async_trait]
    impl Login for WrongMount {
        fn method(&self) -> &'static str {
            "wrong-mount"
        }

        async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
            Grant::from_response(&client.read("auth/no-such-mount/auth_url").await?)
        }
    }

    let failing = |kind: ErrorKind| {
        let fetch = move || async move { Err::<Secret, _>(Error::new(kind, "no JWT").with_hint("issue a JWT")) };
        Auth::Jwt(Jwt::new(SecretSource::fetched(fetch)))
    };
    let server = Stub::start(|_| Answer::new(404, r#"{"errors":[]}"#)).await;
    let logins = [
        failing(ErrorKind::NotFound),
        failing(ErrorKind::KeyNotFound),
        failing(ErrorKind::AccessDenied),
        failing(ErrorKind::InvalidInput),
        failing(ErrorKind::Conflict),
        Auth::custom(WrongMount),
    ];
    for auth in logins {
        let shown = format!("{auth:?}");
        let vault = open(VaultConfig::new(server.endpoint()).with_auth(auth).with_retry(once()));
        let client = Client::builder().with_provider("vault", VaultKv::new(vault)).build().expect("a client");
        let error = client.get("vault", "secret/x").default("d").await.map(drop).expect_err(&shown);
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{shown}: {}", told(&error));
        assert!(error.message().contains("login"), "{}", told(&error));
        if shown.contains("Jwt") {
            assert!(told(&error).contains("no JWT"), "{}", told(&error));
            assert_eq!(error.hint(), Some("issue a JWT"));
        }
        let error = client.path_exists("vault", "secret/x").await.expect_err(&shown);
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{shown}: {}", told(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_on_for_the_next_caller_when_its_first_one_has_gone() {
    let login = Numbered::waiting();
    let (logins, permits) = (login.logins.clone(), login.permits.clone());
    let stub = Stub::start(|_| secret()).await;
    let vault = login.connect(&stub);
    let caller = tokio::spawn({
        let vault = vault.clone();
        async move { vault.token().await.map(drop) }
    });
    until("a login begins", async || logins.load(Ordering::SeqCst) == 1).await;
    caller.abort();
    assert!(caller.await.is_err_and(|error| error.is_cancelled()));
    permits.add_permits(1);
    let token = timeout(Duration::from_secs(30), vault.token()).await.expect("the login goes on").expect("a token");
    assert_eq!((token.expose(), logins.load(Ordering::SeqCst)), ("token-1", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_during_a_login_leaves_no_token() {
    let login = Numbered::waiting();
    let (logins, permits) = (login.logins.clone(), login.permits.clone());
    let stub = Stub::start(|_| Answer::new(204, "")).await;
    let config = VaultConfig::new(stub.endpoint()).with_auth(Auth::custom(login)).with_retry(once());
    let vault = open(config.with_revoke_at_shutdown(true));
    let caller = tokio::spawn({
        let vault = vault.clone();
        async move { vault.log_in().await }
    });
    until("a login begins", async || logins.load(Ordering::SeqCst) == 1).await;
    let shutdown = tokio::spawn({
        let vault = vault.clone();
        async move { vault.shutdown().await }
    });
    let is_shut = async || {
        let token = timeout(Duration::from_millis(10), vault.token()).await;
        token.is_ok_and(|token| token.is_err_and(|error| error.kind() == ErrorKind::Unavailable))
    };
    until("the connection is shut", is_shut).await;
    permits.add_permits(1);
    shutdown.await.expect("no panic").expect("shut down");
    assert_eq!(caller.await.expect("no panic").expect_err("shut down").kind(), ErrorKind::Unavailable);
    let revoked = calls(&stub, REVOKE);
    assert_eq!(revoked.len(), 1, "{:?}", stub.requests());
    assert_eq!(revoked[0].header("x-vault-token"), Some("token-1"));
    assert!(!vault.status().logged_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_with_a_dead_token_succeeds_and_a_failed_one_is_tried_again() {
    let bao = OpenBao::shared();
    let login = load::role(bao, &json!({ "token_ttl": "1h" }));
    let config = VaultConfig::new(bao.address()).with_auth(Auth::AppRole(login));
    let vault = open(config.with_revoke_at_shutdown(true));
    let token = vault.token().await.expect("a login");
    bao.must("POST", "auth/token/revoke", &json!({ "token": token.expose() }));
    vault.shutdown().await.unwrap_or_else(|error| panic!("{}", told(&error)));

    let fails = Arc::new(AtomicBool::new(true));
    let stub = Stub::start({
        let fails = fails.clone();
        move |_| match fails.load(Ordering::SeqCst) {
            true => Answer::new(500, r#"{"errors":["away"]}"#),
            false => Answer::new(204, ""),
        }
    })
    .await;
    let login = Numbered::new(|grant| grant.with_ttl(Duration::ZERO, false));
    let config = VaultConfig::new(stub.endpoint()).with_auth(Auth::custom(login)).with_retry(once());
    let vault = open(config.with_revoke_at_shutdown(true));
    vault.log_in().await.expect("logged in");
    assert_eq!(vault.shutdown().await.expect_err("not revoked").kind(), ErrorKind::Unavailable);
    fails.store(false, Ordering::SeqCst);
    vault.shutdown().await.expect("revoked");
    vault.shutdown().await.expect("nothing is left to do");
    assert_eq!(calls(&stub, REVOKE).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_a_gateway_blocks_is_an_error() {
    let bao = OpenBao::shared();
    let gateway = gateway(bao).await;
    let login = load::role(bao, &json!({ "token_ttl": "1h" }));
    let vault = open(VaultConfig::new(gateway.endpoint()).with_auth(Auth::AppRole(login)));
    let token = vault.token().await.expect("a login");
    assert_eq!(vault.revoke_self().await.expect_err("blocked").kind(), ErrorKind::AccessDenied);
    let (status, _) =
        bao.call_with("GET", "auth/token/lookup-self", &Value::Null, &[("x-vault-token", token.expose())]);
    assert_eq!(status, 200, "it lives on");
    assert_eq!(vault.token().await.expect("held").expose(), token.expose(), "so that it can be revoked later");
}

/// Behind such a gateway nothing tells a denied call from a dead token. Each login leaves a token behind.
#[tokio::test(flavor = "multi_thread")]
async fn denials_that_a_gateway_hides_make_no_login_each() {
    let bao = OpenBao::shared();
    let gateway = gateway(bao).await;
    let path = plant(bao, &json!({ "v": 1 })).replacen("secret/", "secret/data/", 1);
    let login = load::role(bao, &json!({ "token_ttl": "1h" }));
    let vault = open(VaultConfig::new(gateway.endpoint()).with_auth(Auth::AppRole(login)));
    for _ in 0..10 {
        let error = vault.read("cubbyhole-of-others/x").await.expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", told(&error));
        vault.read(&path).await.expect("allowed");
    }
    assert!(vault.status().logins <= 2, "{:?}", vault.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_shut_down_makes_no_call() {
    let stub = Stub::start(|_| secret()).await;
    let vault = Numbered::new(|grant| grant.with_ttl(Duration::ZERO, false)).connect(&stub);
    vault.log_in().await.expect("logged in");
    vault.shutdown().await.expect("shut down");
    let token = Token::new("hvs.wrapping");
    let errors = [
        vault.unwrap(&token).await.map(drop),
        vault.unwrap_from(&token, "sys/wrapping/wrap").await.map(drop),
        vault.health().await.map(drop),
        vault.revoke_self().await,
        vault.token().await.map(drop),
        vault.read("secret/data/x").await.map(drop),
    ];
    for (number, result) in errors.into_iter().enumerate() {
        assert_eq!(result.expect_err("shut down").kind(), ErrorKind::Unavailable, "{number}");
    }
    assert!(stub.requests().is_empty(), "{:?}", stub.requests());
}

/// Runs a test that may deadlock, in a thread of its own.
fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        test();
        done.send(()).expect("somebody waits");
    });
    ended.recv_timeout(Duration::from_secs(60)).expect("it neither fails nor waits for ever");
}

#[test]
fn a_login_may_look_at_its_own_connection() {
    #[derive(Debug)]
    struct Curious(Arc<OnceLock<Vault>>);

    impl Curious {
        fn look(&self) {
            if let Some(vault) = self.0.get() {
                drop(vault.status().last_error);
            }
        }
    }

    #[async_trait]
    impl Login for Curious {
        fn method(&self) -> &'static str {
            "curious"
        }

        async fn login(&self, _: &LoginClient<'_>) -> Result<Grant> {
            self.look();
            Ok(Grant::new(Token::new("token")))
        }

        fn has_changed(&self) -> bool {
            self.look();
            false
        }

        fn issues_tokens(&self) -> bool {
            self.look();
            true
        }
    }

    within_a_minute(|| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let stub = Stub::start(|_| {
                Answer::new(
                    200,
                    json!({ "auth": { "client_token": "token", "lease_duration": 60, "renewable": true } }),
                )
            })
            .await;
            let vault = Arc::new(OnceLock::new());
            let login = Auth::custom(Curious(vault.clone()));
            let opened = open(VaultConfig::new(stub.endpoint()).with_auth(login).with_retry(once()));
            vault.set(opened.clone()).expect("the first");
            opened.log_in().await.expect("logged in");
            opened.token().await.expect("held");
            opened.renew_self(None).await.expect("renewed");
            opened.shutdown().await.expect("shut down");
        });
    });
}

#[test]
fn a_subscriber_may_use_the_connection_that_it_hears_of() {
    use tracing_subscriber::{Layer, layer::SubscriberExt};

    struct Reader(Arc<OnceLock<Client>>, mpsc::Sender<()>);

    impl<S: tracing::Subscriber> Layer<S> for Reader {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            if event.metadata().target() == "s1crets::tls" {
                let client = self.0.get().expect("a client").clone();
                // As an appender would that sends to somewhere with a credential of Vault.
                let other = std::thread::spawn(move || client.vault(Some("eu")).map(drop));
                other.join().expect("no panic").expect("the connection");
                let _ = self.1.send(());
            }
        }
    }

    within_a_minute(|| {
        let text = "[connections.eu]\ntype = \"vault\"\naddress = \"https://127.0.0.1:1\"\n\
                    danger_skip_verify = true\nauth = { method = \"token\", env = \"NONE\" }\n";
        let built = Client::builder().with_config(Config::parse(text).expect("TOML")).build().expect("a client");
        let (client, (heard, events)) = (Arc::new(OnceLock::from(built)), mpsc::channel());
        let subscriber = tracing_subscriber::registry().with(Reader(client.clone(), heard));
        tracing::subscriber::with_default(subscriber, || {
            client.get().expect("a client").vault(Some("eu")).map(drop).expect("the connection");
        });
        events.recv().expect("there was a warning");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_of_no_or_of_endless_uses_is_not_limited() {
    for grant in [(|grant: Grant| grant.with_ttl(Duration::ZERO, false).with_uses(0)) as fn(Grant) -> Grant, |grant| {
        grant.with_ttl(Duration::ZERO, false).with_uses(u64::MAX)
    }] {
        let stub = Stub::start(|_| secret()).await;
        let vault = Numbered::new(grant).connect(&stub);
        for _ in 0..3 {
            vault.read("secret/data/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
        }
        assert_eq!(vault.status().logins, 1);
    }
}

/// The server refuses to issue a lease at the last use: "Secret cannot be returned; token had one use left".
#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_token_is_not_spent_where_a_login_gives_another() {
    for (grant, uses_each, logins) in [
        ((|grant: Grant| grant.with_ttl(Duration::ZERO, false).with_uses(3)) as fn(Grant) -> Grant, 2, 3),
        // There is no other use to spend.
        (|grant| grant.with_ttl(Duration::ZERO, false).with_uses(1), 1, 6),
    ] {
        let stub = Stub::start(|_| secret()).await;
        let vault = Numbered::new(grant).connect(&stub);
        for _ in 0..6 {
            vault.read("secret/data/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
        }
        let mut uses = BTreeMap::<_, u64>::new();
        for request in stub.requests() {
            *uses.entry(request.header("x-vault-token").expect("a token").to_owned()).or_default() += 1;
        }
        assert!(uses.values().all(|uses| *uses == uses_each), "{uses:?}");
        assert_eq!(uses.len(), logins, "{uses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_limited_uses_is_never_renewed_however_it_was_learned() {
    let stub = Stub::start(|request| match request.path.as_str() {
        LOOK_UP => {
            let data = json!({ "ttl": 3600, "renewable": true, "num_uses": 40, "expire_time": "2099-01-01T00:00:00Z" });
            Answer::new(200, json!({ "request_id": "x", "data": data }))
        }
        "/v1/auth/token/renew-self" => {
            let auth = json!({ "client_token": "t", "lease_duration": 3600, "renewable": true, "num_uses": 40 });
            Answer::new(200, json!({ "request_id": "x", "auth": auth }))
        }
        _ => secret(),
    })
    .await;
    // A given token tells by its look-up, and so does a grant without a lifetime.
    let given = open(VaultConfig::new(stub.endpoint()).with_token("given").with_retry(once()));
    given.read("secret/data/x").await.expect("read");
    let looked_up = async || given.status().expires_in.is_some();
    until("the token is looked up", looked_up).await;
    assert_eq!((given.status().uses_left, given.status().renewable), (Some(40), false));
    given.read("secret/data/x").await.expect("read");
    assert_eq!(given.status().uses_left, Some(39));

    let counted = Numbered::new(|grant| grant.with_uses(20)).connect(&stub);
    counted.read("secret/data/x").await.expect("read");
    until("the token is looked up", async || counted.status().expires_in.is_some()).await;
    assert_eq!((counted.status().uses_left, counted.status().renewable), (Some(18), false), "a read and a look-up");

    let renewed = Numbered::new(|grant| grant.with_ttl(Duration::from_secs(3600), true).with_uses(20)).connect(&stub);
    renewed.renew_self(None).await.expect("renewed");
    assert_eq!((renewed.status().uses_left, renewed.status().renewable), (Some(19), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_takes_uses_too() {
    let stub = Stub::start(|request| match request.path.as_str() {
        LOOK_UP => Answer::new(200, json!({ "request_id": "x", "data": { "ttl": 0 } })),
        _ => Answer::new(403, r#"{"errors":["permission denied"]}"#),
    })
    .await;
    let vault = Numbered::new(|grant| grant.with_ttl(Duration::ZERO, false).with_uses(20)).connect(&stub);
    assert_eq!(vault.read("secret/data/x").await.expect_err("denied").kind(), ErrorKind::AccessDenied);
    assert_eq!(vault.status().uses_left, Some(18));
}
