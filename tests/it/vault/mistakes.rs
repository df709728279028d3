//! Mistakes in the settings and in paths: never answered as a missing secret is, so that no default
//! and no `exists` answers for them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use s1crets::{
    Client, Error, ErrorKind, GetOptions, ListOptions, Provider, Result, SecretValue, UpdateOptions,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::{AppRole, Auth, SecretSource, VaultConfig},
};
use s1crets_testbed::{Answer, FaultProxy, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{kv, open, plant, reach::every_call, read, root, told};

fn as_root(bao: &OpenBao, address: &str) -> VaultConfig {
    VaultConfig::new(address).with_token(bao.root_token())
}

/// A token that may read one secret that isn't there.
fn ordinary(bao: &OpenBao) -> String {
    bao.token(&json!({ "policies": [super::reader(bao)] }))
}

/// Every call fails as a mistake of the settings, and says the remedy. No default answers for it.
pub(super) async fn is_misconfigured(kv: VaultKv, path: &str, message: &str, hint: &str) {
    let check = |call: &str, error: Error| {
        assert_eq!(error.kind(), ErrorKind::Config, "{call} {path}: {}", told(&error));
        assert!(error.message().contains(message), "{call} {path}: {}", told(&error));
        assert!(error.hint().is_some_and(|it| it.contains(hint)), "{call} {path}: {}", told(&error));
        assert!(!error.is_retryable(), "{call} {path}");
    };
    for (call, answer) in every_call(&kv, path).await {
        let error = answer.expect_err(call);
        // Of version 1, a version is refused before any call.
        if !error.message().contains("keeps no versions") {
            check(call, error);
        }
    }
    let lenient = ListOptions::default().with_fail_on_error(false);
    check("lenient", kv.get_by_path(path, &lenient).await.expect_err("no listing"));
    let client = Client::builder().with_provider("vault.kv", kv).build().expect("a client");
    let default: Result<_> = client.get("vault.kv", path).default("default").await;
    check("or a default", default.expect_err("no default"));
    check("exists", client.path_exists("vault.kv", path).await.expect_err("no answer"));
    let many = client.get_refs([format!("vault.kv://{path}"), format!("vault.kv://{path}-2")]).await;
    many.into_iter().for_each(|one| check("get_refs", one.expect_err("no secret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_a_wrong_path_is_told() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let role = super::load::role(bao, &json!({ "token_ttl": "1h" }));
    for (suffix, hint) in [("/v1", "leave it out"), ("/v1/", "leave it out"), ("/secret", "leave the path out")] {
        let address = format!("{}{suffix}", bao.address());
        let config = || VaultConfig::new(&address);
        for config in [
            as_root(bao, &address),
            config().with_token(ordinary(bao)),
            config().with_auth(Auth::AppRole(role.clone())),
            as_root(bao, &address).with_namespace("team1"),
        ] {
            for path in [path.as_str(), "secret/none"] {
                let message = format!("below the path of the address {address}");
                is_misconfigured(kv(config.clone()), path, &message, hint).await;
            }
            let error = open(config).lookup_self().await.expect_err("no API");
            assert_eq!(error.kind(), ErrorKind::Config, "{}", told(&error));
        }
    }
}

/// A gateway may serve Vault below a path. It is asked once whether it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_may_serve_vault_below_a_path() {
    let bao = OpenBao::shared();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let gateway = Stub::start(move |request| match request.path.strip_prefix("/vault/v1") {
        Some("/v1/sys/health") => {
            counted.fetch_add(1, Ordering::Relaxed);
            Answer::new(200, json!({ "initialized": true, "sealed": false }))
        }
        Some(path) if path.starts_with("/v1/secret/data/none") => Answer::new(404, json!({ "errors": [] })),
        Some(path) if path.starts_with("/v1/secret/") => super::wire::secret(),
        Some(_) => Answer::new(200, json!({ "data": { "ttl": 0 } })),
        None => Answer::new(404, "<html>nothing here</html>"),
    })
    .await;
    let kv = kv(as_root(bao, &format!("{}/vault/v1", gateway.endpoint()))).with_mounts(super::wire::second());
    read(&kv, "secret/x").await.expect("a secret");
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing was in doubt");
    for _ in 0..3 {
        assert_eq!(read(&kv, "secret/none").await.expect_err("missing").kind(), ErrorKind::NotFound);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist_is_told() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    for config in [as_root(bao, bao.address()), VaultConfig::new(bao.address()).with_token(ordinary(bao))] {
        let config = config.with_namespace("no-such-team/app");
        for kv in [kv(config.clone()), kv(config.clone()).with_mounts(super::wire::second())] {
            let hint = format!("asked {}, namespace no-such-team/app", bao.address());
            is_misconfigured(kv, &path, "namespace not found", &hint).await;
        }
    }
    let login = |auth| kv(VaultConfig::new(bao.address()).with_namespace("no-such-team").with_auth(auth));
    let role = super::load::role(bao, &json!({ "token_ttl": "1h" }));
    let wrapped = AppRole::wrapped("a-role", SecretSource::given("hvs.wrapping"));
    for auth in [Auth::AppRole(role), Auth::AppRole(wrapped)] {
        is_misconfigured(login(auth), &path, "namespace not found", "VAULT_NAMESPACE").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_does_not_exist_is_told_to_a_token_that_may_see_it() {
    let bao = OpenBao::shared();
    let hint = format!("asked {}", bao.address());
    for path in ["no-such-mount/app", "no-such/team/kv/app", "v1/secret/data/app"] {
        let message = "no handler for route";
        is_misconfigured(VaultKv::new(root(bao)), path, message, "nothing is mounted at this path").await;
        let denied = kv(VaultConfig::new(bao.address()).with_token(ordinary(bao)));
        for (call, answer) in every_call(&denied, path).await {
            let error = answer.expect_err(call);
            assert_eq!(error.kind(), ErrorKind::AccessDenied, "{call} {path}: {}", told(&error));
        }
        let error = read(&denied, path).await.expect_err("denied");
        assert!(error.hint().is_some_and(|it| it.contains("or there is no such mount")), "{}", told(&error));
    }
    for mounts in [
        KvMounts::default().with_mount("no-such-mount", KvVersion::V2),
        KvMounts::default().with_mount("no-such-mount", KvVersion::V1),
        KvMounts::default().with_version(KvVersion::V2),
    ] {
        let kv = VaultKv::new(root(bao)).with_mounts(mounts);
        is_misconfigured(kv, "no-such-mount/app", "no handler for route", &format!("{}:", &hint[6..])).await;
    }
}

/// A mount that is there no more, in a process that knew it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_was_removed_is_told() {
    let bao = OpenBao::shared();
    for version in ["1", "2"] {
        let mount = unique("removed-");
        bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv", "options": { "version": version } }));
        let kv = VaultKv::new(root(bao));
        let path = format!("{mount}/app");
        assert_eq!(read(&kv, &path).await.expect_err("missing").kind(), ErrorKind::NotFound);
        bao.must("DELETE", &format!("sys/mounts/{mount}"), &Value::Null);
        is_misconfigured(kv, &path, "no handler for route", "nothing is mounted").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_written_as_in_the_api_is_answered_with_the_right_spelling() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let namespace = unique("spelling-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
    let inside = kv(as_root(bao, bao.address()).with_namespace(&namespace));
    for section in ["data", "metadata"] {
        let wrong = path.replacen("secret/", &format!("secret/{section}/"), 1);
        for kv in [VaultKv::new(root(bao)), kv(VaultConfig::new(bao.address()).with_token(ordinary(bao)))] {
            let error = read(&kv, &wrong).await.expect_err("it is not rewritten");
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", told(&error));
            let hint = error.hint().expect("a hint");
            assert!(hint.contains(&format!("write it as {path}:")), "{hint}");
            assert!(hint.ends_with(&format!("asked {}", bao.address())), "{hint}");
        }
        let value = SecretValue::from(r#"{"v":2}"#);
        let error = VaultKv::new(root(bao)).update(&wrong, &value, &UpdateOptions::default()).await;
        assert!(error.expect_err("nothing there").hint().is_some_and(|hint| hint.contains("write it as")));
        let error = inside.version(&wrong, &GetOptions::default()).await.expect_err("nothing there");
        let (hint, place) = (error.hint().expect("a hint"), format!("{}, namespace {namespace}", bao.address()));
        assert!(hint.contains("write it as") && hint.ends_with(&place), "{hint}");
    }
    let plain = read(&VaultKv::new(root(bao)), "secret/none").await.expect_err("missing");
    assert_eq!(plain.hint(), Some(&*format!("asked {}", bao.address())));
    // A secret may have such a name.
    bao.must("POST", &format!("secret/data/data/{namespace}"), &json!({ "data": { "v": "odd" } }));
    read(&VaultKv::new(root(bao)), &format!("secret/data/{namespace}")).await.expect("it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_default_and_no_exists_answers_for_a_denial_or_a_broken_answer() {
    let bao = OpenBao::shared();
    let denied = VaultConfig::new(bao.address()).with_token(bao.token(&json!({ "policies": ["default"] })));
    let page = Stub::start(|_| Answer::new(404, "<html>nothing here</html>")).await;
    let broken = Stub::start(|_| Answer::new(200, json!({ "data": { "data": "no map", "metadata": {} } }))).await;
    for (kv, kind) in [
        (kv(denied), ErrorKind::AccessDenied),
        (kv(VaultConfig::new(page.endpoint()).with_token("x")), ErrorKind::Corrupt),
        (
            kv(VaultConfig::new(broken.endpoint()).with_token("x")).with_mounts(super::wire::second()),
            ErrorKind::Corrupt,
        ),
    ] {
        let client = Client::builder().with_provider("vault.kv", kv).build().expect("a client");
        let default = client.get("vault.kv", "secret/app").default("default").await;
        assert_eq!(default.expect_err("no default").kind(), kind);
        assert_eq!(client.path_exists("vault.kv", "secret/app").await.expect_err("no answer").kind(), kind);
    }
}

/// A web server's page says nothing of the token and of its rights.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_vaults_is_told_by_every_call() {
    for (status, kind) in [(404, ErrorKind::Corrupt), (403, ErrorKind::AccessDenied)] {
        let page = Stub::start(move |_| Answer::new(status, "<html>nothing here</html>")).await;
        let kv = kv(VaultConfig::new(page.endpoint()).with_token("x"));
        let update = kv.update("secret/app", &SecretValue::from("{}"), &UpdateOptions::default()).await.map(drop);
        let list = kv.get_by_path("secret/app", &ListOptions::default()).await.map(drop);
        let exists = kv.path_exists("secret/app").await.map(drop);
        for (call, answer) in [("update", update), ("list", list), ("exists", exists)] {
            let error = answer.expect_err(call);
            assert_eq!(error.kind(), kind, "{call}: {}", told(&error));
            assert!(error.hint().is_some_and(|it| it.contains("is not Vault's")), "{call}: {}", told(&error));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_of_the_api_is_spelled_better_by_every_call() {
    let bao = OpenBao::shared();
    for kv in [VaultKv::new(root(bao)), kv(VaultConfig::new(bao.address()).with_token(ordinary(bao)))] {
        let list = kv.get_by_path("v1/secret/data/app", &ListOptions::default()).await.map(drop);
        let exists = kv.path_exists("v1/secret/data/app").await.map(drop);
        for (call, answer) in [("list", list), ("exists", exists)] {
            let error = answer.expect_err(call);
            assert!(error.hint().is_some_and(|it| it.contains("write it as secret/app:")), "{call}: {}", told(&error));
        }
    }
}

/// As `bao kv get` and `vault kv get` read them.
#[tokio::test(flavor = "multi_thread")]
async fn empty_segments_and_slashes_at_the_ends_are_dropped() {
    let bao = OpenBao::shared();
    let name = unique("slashes-");
    bao.must("POST", &format!("secret/data/{name}/a/b"), &json!({ "data": { "v": 1 } }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(as_root(bao, proxy.endpoint()));
    let path = format!("secret/{name}/a/b");
    for spelling in [
        format!("secret/{name}/a//b"),
        format!("/secret/{name}/a/b"),
        format!("//secret//{name}///a/b"),
        format!("secret/{name}/a/b/"),
    ] {
        let secret = read(&kv, &spelling).await.unwrap_or_else(|error| panic!("{spelling}: {}", told(&error)));
        assert_eq!(secret.name(), Some(&*path), "an update of the one name drops the other from the cache");
        assert!(kv.path_exists(&spelling).await.expect("an answer"), "{spelling}");
        assert_eq!(
            kv.version(&spelling, &GetOptions::default()).await.expect("one"),
            secret.version().map(str::to_owned)
        );
        for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["v"])] {
            let value = SecretValue::from(r#"{"v":2}"#);
            let updated =
                kv.update(&spelling, &value, &options).await.unwrap_or_else(|error| panic!("{}", told(&error)));
            assert_eq!(updated.name.as_deref(), Some(&*path));
        }
    }
    for level in [format!("secret/{name}/a"), format!("secret/{name}/a/"), format!("/secret//{name}/a")] {
        let listing = kv.get_by_path(&level, &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.names().collect::<Vec<_>>(), [&*path], "{level}");
        assert!(kv.path_exists(&level).await.expect("an answer"), "{level}");
    }
    assert!(!kv.path_exists(&format!("secret/{name}/none/")).await.expect("an answer"));
    assert!(proxy.counts().keys().all(|call| !call.contains("//") && !call.ends_with('/')), "{:?}", proxy.counts());
    for path in ["", "/", "//"] {
        assert_eq!(read(&kv, path).await.expect_err("no path").kind(), ErrorKind::InvalidInput, "{path:?}");
    }
}
