//! No token, JWT, secret id or password in any output.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use s1crets::{
    GetOptions, Provider, SecretValue, UpdateOptions,
    providers::vault_kv::VaultKv,
    vault::{AppRole, Auth, Jwt, Kubernetes, SecretSource, UserPass, VaultConfig},
};
use s1crets_testbed::{Answer, FaultProxy, OpenBao, Stub, unique};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{kv, once, plant};

const MARK: &str = "s1crets-canary";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn tell(&self, what: impl std::fmt::Debug) {
        writeln!(self.clone(), "{what:?} {what:#?}").expect("a buffer");
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logins() -> Vec<Auth> {
    let source = || SecretSource::given(format!("{MARK}-credential"));
    vec![
        Auth::Token(source()),
        Auth::AppRole(AppRole::new("app", source())),
        Auth::AppRole(AppRole::wrapped("app", source())),
        Auth::UserPass(UserPass::new("app", source())),
        Auth::Jwt(Jwt::new(source())),
        Auth::Kubernetes(Kubernetes::new("app").with_jwt(source())),
    ]
}

/// On one thread, so that the subscriber of this thread hears all of it.
#[tokio::test(flavor = "current_thread")]
async fn nothing_is_told_at_any_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let bao = OpenBao::shared();
    let echo = Stub::start(|request| {
        let headers: Vec<_> = request.headers.iter().map(|(_, value)| value.clone()).collect();
        Answer::new(400, json!({ "errors": [request.text(), headers.join(" ")] }))
    })
    .await;
    for auth in logins() {
        for address in [bao.address(), echo.endpoint(), "http://127.0.0.1:1"] {
            let kv = kv(VaultConfig::new(address).with_auth(auth.clone()).with_retry(once()));
            log.tell(kv.get("secret/x", &GetOptions::default()).await.expect_err("no login"));
            log.tell((&kv, kv.vault().status()));
        }
    }
    write_and_read(bao, &log).await;

    let told = String::from_utf8(log.0.lock().expect("not poisoned").clone()).expect("UTF-8");
    assert!(told.contains("the login to Vault failed"), "the log was heard");
    let found: Vec<_> = told.lines().filter(|line| line.contains(MARK)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

async fn write_and_read(bao: &OpenBao, log: &Log) {
    let token = format!("{MARK}-{}", unique("token-"));
    bao.token(&json!({ "id": token, "ttl": "1h" }));
    let path = plant(bao, &json!({ "v": format!("{MARK}-value") }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv: VaultKv = kv(VaultConfig::new(proxy.endpoint()).with_token(token));
    let secret = kv.get(&path, &GetOptions::default()).await.expect("planted");
    log.tell((&secret, secret.key("v"), &kv));
    let value = SecretValue::json(&json!({ "v": format!("{MARK}-new") })).expect("JSON");
    for options in [UpdateOptions::default(), UpdateOptions::default().with_if_version("77")] {
        log.tell(kv.update(&path, &value, &options).await);
    }
    log.tell(kv.update(&path, &value, &UpdateOptions::default().with_keypath(["no", "such"])).await);
}
