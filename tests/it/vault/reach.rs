//! A path reaches only KV secrets: neither the server's own APIs, however they are encoded, nor other
//! engines.

use s1crets::{
    Client, Config, Error, ErrorKind, GetOptions, ListOptions, Provider, Reference, Result, SecretValue, UpdateOptions,
    Version,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::{Auth, VaultConfig},
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, Request, unique};
use serde_json::{Value, json};

use super::{kv, load::role, plant, read, told};

/// Paths that lead to the server's own APIs, and the API that each one reaches.
const OWN: [(&str, &str); 20] = [
    ("auth/token/lookup-self", "Vault's login API"),
    ("auth/userpass/users/bob", "Vault's login API"),
    ("auth", "Vault's login API"),
    ("%61uth/token/lookup-self", "Vault's login API"),
    ("%2561uth/token/lookup-self", "Vault's login API"),
    ("auth%2ftoken%2flookup-self", "Vault's login API"),
    ("auth/%2e%2e/secret/x", "Vault's login API"),
    ("secret/%2e%2e/auth/token/lookup-self", "Vault's login API"),
    ("/auth/token/lookup-self", "Vault's login API"),
    ("//auth/token/lookup-self", "Vault's login API"),
    ("auth//token/lookup-self", "Vault's login API"),
    ("sys//mounts", "Vault's system API"),
    ("sys/mounts", "Vault's system API"),
    ("sys/policies/acl/default", "Vault's system API"),
    ("sys/wrapping/unwrap", "Vault's system API"),
    ("sys", "Vault's system API"),
    ("identity/entity/name/bob", "Vault's identity store"),
    ("identity/oidc/token/app", "Vault's identity store"),
    ("cubbyhole/response", "the private storage of a token"),
    ("cubbyhole", "the private storage of a token"),
];

/// Paths that are refused for their form.
const MALFORMED: [&str; 4] = [
    "./auth/token/lookup-self",
    "secret/../auth/token/lookup-self",
    "auth/./token/lookup-self",
    "auth\u{0}/token/lookup-self",
];

/// Each call of a provider on a path, as errors.
pub(super) async fn every_call(kv: &VaultKv, path: &str) -> Vec<(&'static str, Result<()>)> {
    let mut answers = vec![
        ("get", read(kv, path).await.map(drop)),
        ("version", kv.version(path, &GetOptions::default()).await.map(drop)),
        ("path_exists", kv.path_exists(path).await.map(drop)),
        ("get_by_path", kv.get_by_path(path, &ListOptions::default()).await.map(drop)),
    ];
    let first = GetOptions::default().with_version(Version::Number(1));
    answers.push(("get a version", kv.get(path, &first).await.map(drop)));
    let many = kv.get_many(&[path.to_owned(), path.to_owned()], &GetOptions::default()).await;
    answers.extend(many.into_iter().map(|one| ("get_many", one.map(drop))));
    answers.extend(every_update(kv, path).await);
    answers
}

async fn every_update(kv: &VaultKv, path: &str) -> Vec<(&'static str, Result<()>)> {
    let (map, text) = (SecretValue::from(r#"{"token_policies":"root"}"#), SecretValue::from("root"));
    let with_key = UpdateOptions::default().with_keypath(["token_policies"]);
    let mut answers = Vec::new();
    for (call, value, options) in [
        ("update", &map, UpdateOptions::default()),
        ("update if", &map, UpdateOptions::default().with_if_version("1")),
        ("update a key", &text, with_key.clone()),
        ("update a key if", &text, with_key.with_if_version("1")),
        ("update deep", &text, UpdateOptions::default().with_keypath(["token_policies", "x"])),
    ] {
        answers.push((call, kv.update(path, value, &options).await.map(drop)));
    }
    answers
}

fn config_of(bao: &OpenBao, proxy: &FaultProxy) -> VaultConfig {
    VaultConfig::new(proxy.endpoint()).with_token(bao.root_token())
}

/// Every response that doesn't say where the mount is.
fn no_preflights() -> Vec<Fault> {
    let respond = |status, content_type: &str, body: &str| Fault::Respond {
        status,
        content_type: content_type.into(),
        body: body.as_bytes().to_vec(),
    };
    let mut all: Vec<_> =
        [400, 403, 404, 405, 501].map(|status| respond(status, "application/json", r#"{"errors":[]}"#)).to_vec();
    for body in ["<html>welcome</html>", "{}", r#"{"data":{}}"#, r#"{"data":{"path":"elsewhere/","type":"kv"}}"#] {
        all.push(respond(200, "application/json", body));
    }
    all.push(respond(200, "application/json", r#"{"data":{"path":"auth/"}}"#));
    all
}

pub(super) fn is_preflight(request: &Request) -> bool {
    request.path.contains("/sys/internal/ui/mounts/")
}

/// The requests at the proxy, without mount lookups and the connection's lookup of its own token.
fn others(proxy: &FaultProxy) -> Vec<String> {
    let own = |name: &str| name.contains("sys/internal/ui/mounts") || name.ends_with(" /v1/auth/token/lookup-self");
    proxy.counts().into_keys().filter(|name| !own(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_apis_are_refused_before_any_call() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    let login = Auth::AppRole(role(bao, &json!({ "token_ttl": "1h" })));
    let mounts = KvMounts::default().with_mount("auth", KvVersion::V1).with_mount("/sys/", KvVersion::V2);
    for kv in [
        kv(config_of(bao, &proxy)),
        kv(config_of(bao, &proxy).with_auth(login)),
        kv(config_of(bao, &proxy)).with_mounts(mounts),
        kv(config_of(bao, &proxy)).with_mounts(KvMounts::default().with_version(KvVersion::V1)),
    ] {
        for (path, what) in OWN {
            for (call, answer) in every_call(&kv, path).await {
                let error = answer.expect_err(path);
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{call} {path}: {}", told(&error));
                assert!(error.message().contains(what), "{call} {path}: {}", told(&error));
                assert!(error.hint().is_some_and(|hint| hint.contains("MOUNT/PATH")), "{}", told(&error));
            }
            let lenient = ListOptions::default().with_fail_on_error(false);
            for path in [path.to_owned(), format!("{path}/")] {
                let error = kv.get_by_path(&path, &lenient).await.expect_err("an error, not a listing of failures");
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{path}: {}", told(&error));
            }
        }
        for path in MALFORMED {
            for (call, answer) in every_call(&kv, path).await {
                assert_eq!(answer.expect_err(path).kind(), ErrorKind::InvalidInput, "{call} {path}");
            }
        }
    }
    assert_eq!(proxy.total(), 0, "{:?}", proxy.counts());
}

/// The client's calls, with the cache in front.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_of_a_client_gets_past_the_refusal() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    let client = Client::builder().with_provider("vault.kv", kv(config_of(bao, &proxy))).build().expect("a client");
    let references = ["auth/token/lookup-self", "%61uth/token/lookup-self", "auth%2Ftoken%2Flookup-self", "sys/mounts"];
    for path in references {
        let text = format!("vault.kv://{path}#id");
        let reference: Reference = text.parse().expect("a reference");
        let path = reference.path();
        let secret = SecretValue::from("{}");
        let mut answers = vec![
            client.get("vault.kv", path).await.map(drop),
            client.get("vault.kv", path).cached(false).await.map(drop),
            client.refresh("vault.kv", path).await.map(drop),
            client.handle(&text).await.map(drop),
            client.get_by_path("vault.kv", path).await.map(drop),
            client.path_exists("vault.kv", path).await.map(drop),
            client.update("vault.kv", path, secret).await.map(drop),
        ];
        answers.extend(client.get_refs([&text]).await.into_iter().map(|one| one.map(drop)));
        for answer in answers {
            assert_eq!(answer.expect_err(&text).kind(), ErrorKind::Unsupported, "{text}");
        }
    }
    assert_eq!(proxy.total(), 0, "{:?}", proxy.counts());
}

/// How the real server reads each spelling, and that none that it reads as its own API is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_spelling_that_the_server_reads_as_its_own_api_is_refused() {
    let bao = OpenBao::shared();
    let proxy = FaultProxy::start(bao.address()).await;
    let client = Client::builder().with_provider("vault.kv", kv(config_of(bao, &proxy))).build().expect("a client");
    let reads_as_own = |path: &str| {
        let (status, reply) = bao.call("GET", path, &Value::Null);
        // 307: it sends the caller to the path without the slashes and dots that are too many.
        status == 307 || reply["data"]["accessor"].is_string() || reply["data"]["sys/"].is_object()
    };
    let mut own = 0;
    for path in [
        "auth/token/lookup-self",
        "%61uth/token/lookup-self",
        "a%75%74h/token/lookup-self",
        "auth%2ftoken%2flookup-self",
        "auth%2Ftoken/lookup%2Dself",
        "/auth/token/lookup-self",
        "//auth/token/lookup-self",
        "./auth/token/lookup-self",
        "secret/../auth/token/lookup-self",
        "secret/./../auth/token/lookup-self",
        "auth//token/lookup-self",
        "sys/mounts",
        "sys//mounts",
        "%73ys/mounts",
        "sys%2fmounts",
        // Not read so by the server, which must not be taken on trust.
        "AUTH/token/lookup-self",
        "%2561uth/token/lookup-self",
        "auth%252ftoken/lookup-self",
        "%2e/auth/token/lookup-self",
        "%20auth/token/lookup-self",
        "auth%20/token/lookup-self",
        "%5cauth/token/lookup-self",
        "auth%5ctoken%5clookup-self",
        "auth;x/token/lookup-self",
        "%EF%BD%81uth/token/lookup-self",
        "%D0%B0uth/token/lookup-self",
    ] {
        if !reads_as_own(path) {
            let error = match format!("vault.kv://{path}").parse::<Reference>() {
                Ok(reference) => client.get("vault.kv", reference.path()).await.expect_err(path),
                Err(error) => error,
            };
            // Config: there is no such mount.
            let refused = matches!(error.kind(), ErrorKind::Config | ErrorKind::Unsupported | ErrorKind::InvalidInput);
            assert!(refused, "{path}: {}", told(&error));
            continue;
        }
        own += 1;
        proxy.reset_counts();
        let error = match format!("vault.kv://{path}").parse::<Reference>() {
            Ok(reference) => client.get("vault.kv", reference.path()).await.expect_err(path),
            Err(error) => error,
        };
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput), "{path}: {}", told(&error));
        assert_eq!(others(&proxy), [""; 0], "{path}");
    }
    assert!(own >= 15, "only {own} spellings reach the server's own APIs: has its reading changed?");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_only_begin_or_look_like_those_of_the_server_are_mounts() {
    let bao = OpenBao::shared();
    let suffix = unique("-");
    for mount in [format!("Auth{suffix}"), format!("auth{suffix}"), format!("team{suffix}/auth"), format!("s{suffix}")]
    {
        bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
        for name in ["app", "auth/token", "sys", "identity/cubbyhole"] {
            bao.must("POST", &format!("{mount}/{name}"), &json!({ "v": 1 }));
            let (kv, path) = (VaultKv::new(super::root(bao)), format!("{mount}/{name}"));
            read(&kv, &path).await.unwrap_or_else(|error| panic!("{path}: {}", told(&error)));
            assert!(kv.path_exists(&path).await.expect("an answer"), "{path}");
            let value = SecretValue::from(r#"{"v":2}"#);
            kv.update(&path, &value, &UpdateOptions::default())
                .await
                .unwrap_or_else(|error| panic!("{}", told(&error)));
        }
    }
}

/// Namespaces of this test's own, one in the other: each has logins and a KV mount.
fn namespaces(bao: &OpenBao) -> (String, String) {
    let outer = unique("reach-");
    bao.must("POST", &format!("sys/namespaces/{outer}"), &json!({}));
    bao.must_in(&outer, "POST", "sys/namespaces/inner", &json!({}));
    let inner = format!("{outer}/inner");
    for namespace in [&outer, &inner] {
        bao.must_in(namespace, "POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
        bao.must_in(namespace, "POST", "auth/userpass/users/bob", &json!({ "password": "x", "token_policies": "app" }));
        bao.must_in(namespace, "POST", "sys/mounts/kv", &json!({ "type": "kv" }));
        bao.must_in(namespace, "POST", "kv/a", &json!({ "v": "deep" }));
    }
    (outer, inner)
}

fn policies_of_bob(bao: &OpenBao, namespace: &str) -> Value {
    bao.must_in(namespace, "GET", "auth/userpass/users/bob", &Value::Null)["data"]["token_policies"].clone()
}

/// What must not be reached behind a namespace, from where the connection stands.
fn behind(prefix: &str) -> Vec<String> {
    let paths = ["auth/token/lookup-self", "auth/userpass/users/bob", "sys/mounts", "sys/policies/acl/default"];
    paths.iter().chain(&["identity/entity/name/x", "cubbyhole/x"]).map(|path| format!("{prefix}/{path}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_in_front_leads_no_further() {
    let bao = OpenBao::shared();
    let (outer, inner) = namespaces(bao);
    for (namespace, prefixes) in [(None, vec![outer.as_str(), inner.as_str()]), (Some(outer.as_str()), vec!["inner"])] {
        let proxy = FaultProxy::start(bao.address()).await;
        let config = || match namespace {
            Some(namespace) => config_of(bao, &proxy).with_namespace(namespace),
            None => config_of(bao, &proxy),
        };
        for prefix in &prefixes {
            for path in behind(prefix) {
                for (call, answer) in every_call(&kv(config()), &path).await {
                    let error = answer.expect_err(&path);
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{call} {path}: {}", told(&error));
                }
            }
            assert_eq!(others(&proxy), [""; 0], "the type of the mount says it all");
            // Secrets in the namespace can be had all the same.
            let (kv, path) = (kv(config()), format!("{prefix}/kv/a"));
            read(&kv, &path).await.unwrap_or_else(|error| panic!("{path}: {}", told(&error)));
            let value = SecretValue::from(r#"{"v":"new"}"#);
            kv.update(&path, &value, &UpdateOptions::default())
                .await
                .unwrap_or_else(|error| panic!("{}", told(&error)));
            proxy.reset_counts();
        }
    }
    assert_eq!([policies_of_bob(bao, &outer), policies_of_bob(bao, &inner)], [json!(["app"]), json!(["app"])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_on_the_mount_no_segment_may_be_one_of_the_servers_own() {
    let bao = OpenBao::shared();
    let (outer, _) = namespaces(bao);
    for silence in no_preflights() {
        let proxy = FaultProxy::start(bao.address()).await;
        proxy.fault_if(is_preflight, silence.clone()).always();
        for mounts in [KvMounts::default(), KvMounts::default().with_version(KvVersion::V1)] {
            let kv = kv(config_of(bao, &proxy)).with_mounts(mounts);
            for path in behind(&outer).into_iter().chain(behind(&format!("{outer}/inner"))) {
                for (call, answer) in every_call(&kv, &path).await {
                    let error = answer.expect_err(&path);
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{silence:?} {call} {path}: {}", told(&error));
                    assert!(error.hint().is_some_and(|hint| hint.contains("mounts = {")), "{}", told(&error));
                }
            }
            // A read that has shown the namespace to answer like a mount changes nothing of that.
            let path = format!("{outer}/kv/a");
            let there = read(&kv, &path).await.map(|secret| secret.key("v").expect("v"));
            there.unwrap_or_else(|error| panic!("{silence:?}: {}", told(&error)));
            let before = others(&proxy);
            for path in behind(&outer) {
                assert_eq!(read(&kv, &path).await.expect_err(&path).kind(), ErrorKind::Unsupported, "{path}");
            }
            assert_eq!(others(&proxy), before);
        }
    }
    assert_eq!(policies_of_bob(bao, &outer), json!(["app"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_word_on_the_mount_there_are_reads_and_no_updates() {
    let bao = OpenBao::shared();
    let second = plant(bao, &json!({ "v": 1 }));
    let mount = unique("first-");
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
    let first = format!("{mount}/a/b");
    bao.must("POST", &first, &json!({ "v": 1 }));
    for silence in no_preflights() {
        let proxy = FaultProxy::start(bao.address()).await;
        proxy.fault_if(is_preflight, silence.clone()).always();
        let silent = || kv(config_of(bao, &proxy));
        for path in [&second, &first] {
            for kv in [silent(), silent().with_mounts(KvMounts::default().with_version(KvVersion::V2))] {
                for (call, answer) in every_update(&kv, path).await {
                    let error = answer.expect_err(path);
                    assert_eq!(error.kind(), ErrorKind::Unsupported, "{call} {path}: {}", told(&error));
                    assert!(error.hint().is_some_and(|hint| hint.contains("mounts = {")), "{}", told(&error));
                }
            }
            // A read may tell a gateway from an address that is not Vault's.
            assert!(others(&proxy).iter().all(|call| call.starts_with("GET ")), "{:?}", others(&proxy));
            let kv = silent();
            for _ in 0..2 {
                read(&kv, path).await.unwrap_or_else(|error| panic!("{silence:?} {path}: {}", told(&error)));
                let refused = every_update(&kv, path).await.into_iter().all(|(_, answer)| answer.is_err());
                assert!(refused, "that it was read says nothing of writing");
            }
            assert!(kv.path_exists(path).await.expect("an answer"));
            for none in [format!("{path}-none"), format!("{}/data/a", path.split('/').next().expect("a mount"))] {
                assert!(!kv.path_exists(&none).await.expect("an answer"), "{none}");
            }
            let listing = kv.get_by_path(path.rsplit_once('/').expect("a folder").0, &ListOptions::default()).await;
            assert!(listing.expect("a listing").get(path).is_some());
            let only_read = others(&proxy).iter().all(|name| name.starts_with("GET "));
            assert!(only_read, "{:?}", proxy.counts());
            proxy.reset_counts();
        }
        let named = KvMounts::default().with_mount("secret", KvVersion::V2).with_mount(&mount, KvVersion::V1);
        let named = silent().with_mounts(named);
        for path in [&second, &first] {
            let value = SecretValue::from(r#"{"v":2}"#);
            let done = named.update(path, &value, &UpdateOptions::default()).await;
            done.unwrap_or_else(|error| panic!("{path}: {}", told(&error)));
        }
    }
}

#[test]
fn settings_that_name_the_servers_own_apis_are_refused_with_their_place() {
    let build = |setting: &str| -> Result<Client, Error> {
        let text = format!("[providers.team]\ntype = \"vault.kv\"\n{setting}");
        Client::builder().with_config(Config::parse(&text).expect("TOML")).build()
    };
    for setting in [
        "mounts = { auth = 1 }",
        "mounts = { \"/auth/\" = 2 }",
        "mounts = { \"auth/userpass\" = 1 }",
        "mounts = { secret = 2, sys = 1 }",
        "mounts = { identity = 1 }",
        "mounts = { cubbyhole = 1 }",
        "mounts = { \"%61uth\" = 1 }",
        "mounts = { \"secret/../auth\" = 1 }",
        "mounts = { \"secret//kv\" = 1 }",
        "mounts = { \"\" = 1 }",
        "namespace = \"auth\"",
        "namespace = \"team1/sys\"",
    ] {
        let error = build(setting).expect_err(setting);
        assert_eq!(error.kind(), ErrorKind::Config, "{setting}");
        assert!(error.message().contains("[providers.team]"), "{setting}: {}", told(&error));
    }
    for setting in ["mounts = { Auth = 1, \"team/auth\" = 2 }", "namespace = \"team1/app\""] {
        build(setting).unwrap_or_else(|error| panic!("{setting}: {}", told(&error)));
    }
}
