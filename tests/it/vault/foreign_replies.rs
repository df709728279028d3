//! Responses of other engines to a read: no lease, token or key is returned as a secret, and none is
//! left unrevoked.

use std::time::{Duration, SystemTime};

use s1crets::{
    ErrorKind, GetOptions, ListOptions, Provider, SecretValue, UpdateOptions,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::VaultConfig,
};
use s1crets_testbed::{Answer, Fault, FaultProxy, OpenBao, Stub, unique};
use serde_json::{Value, json};

use super::{
    garbage::wait_for,
    kv, once,
    reach::{every_call, is_preflight},
    read, root, told,
};

/// Mounts a KV engine that leases its values, as engines of dynamic credentials do.
fn leasing(bao: &OpenBao) -> String {
    let mount = unique("leasing-");
    let options = json!({ "leased_passthrough": "true" });
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv", "options": options }));
    bao.must("POST", &format!("{mount}/app"), &json!({ "password": "canary", "ttl": "1h" }));
    mount
}

fn leases(bao: &OpenBao, mount: &str) -> usize {
    let (_, reply) = bao.call("GET", &format!("sys/leases/lookup/{mount}/app?list=true"), &Value::Null);
    reply["data"]["keys"].as_array().map_or(0, Vec::len)
}

/// A proxy that blocks the mount lookup.
async fn silent(bao: &OpenBao) -> FaultProxy {
    let proxy = FaultProxy::start(bao.address()).await;
    proxy.fault_if(is_preflight, Fault::Status(403)).always();
    proxy
}

fn at(proxy: &FaultProxy, token: &str) -> VaultKv {
    kv(VaultConfig::new(proxy.endpoint()).with_token(token))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_issued_by_mistake_is_revoked() {
    let bao = OpenBao::shared();
    let mount = leasing(bao);
    let path = format!("{mount}/app");
    let proxy = silent(bao).await;
    let named = KvMounts::default().with_mount(&mount, KvVersion::V1);
    for kv in [
        VaultKv::new(root(bao)),
        VaultKv::new(root(bao)).with_mounts(named),
        at(&proxy, bao.root_token()),
        at(&proxy, bao.root_token()).with_mounts(KvMounts::default().with_version(KvVersion::V1)),
    ] {
        let error = read(&kv, &path).await.expect_err("a lease is no secret");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", told(&error));
        assert!(error.message().contains(&format!("lease {mount}/app/")), "{}", told(&error));
        assert!(error.message().ends_with("has been revoked"), "{}", told(&error));
        for (call, answer) in every_call(&kv, &path).await {
            if !matches!(call, "path_exists" | "get_by_path") {
                assert_eq!(answer.expect_err(call).kind(), ErrorKind::Unsupported, "{call}");
            }
        }
        let listed = kv.get_by_path(&mount, &ListOptions::default()).await.expect_err("what is listed is read");
        assert!(listed.message().ends_with("has been revoked"), "{}", told(&listed));
        assert_eq!(leases(bao, &mount), 0);
    }
    let kept = bao.must("GET", &path, &Value::Null);
    assert_eq!(kept["data"]["password"], "canary", "no update got through");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_issued_by_mistake_in_a_namespace_is_revoked() {
    let bao = OpenBao::shared();
    let outer = unique("leasing-");
    bao.must("POST", &format!("sys/namespaces/{outer}"), &json!({}));
    let options = json!({ "leased_passthrough": "true" });
    bao.must_in(&outer, "POST", "sys/mounts/creds", &json!({ "type": "kv", "options": options }));
    bao.must_in(&outer, "POST", "creds/app", &json!({ "v": 1 }));
    let within = kv(VaultConfig::new(bao.address()).with_token(bao.root_token()).with_namespace(&outer));
    for (kv, path) in [(VaultKv::new(root(bao)), format!("{outer}/creds/app")), (within, "creds/app".to_owned())] {
        let error = read(&kv, &path).await.expect_err("a lease is no secret");
        assert!(error.message().ends_with("has been revoked"), "{}", told(&error));
        let headers = [("x-vault-token", bao.root_token()), ("x-vault-namespace", outer.as_str())];
        let (status, _) = bao.call_with("GET", "sys/leases/lookup/creds/app?list=true", &Value::Null, &headers);
        assert_eq!(status, 404, "none is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_the_policy_forbids_to_revoke_is_named_with_its_end() {
    let bao = OpenBao::shared();
    let mount = leasing(bao);
    let policy = unique("policy-");
    bao.policy(&policy, &format!("path \"{mount}/*\" {{ capabilities = [\"read\"] }}"));
    let token = bao.token(&json!({ "policies": [policy] }));
    let proxy = silent(bao).await;
    for kv in [kv(VaultConfig::new(bao.address()).with_token(&token)), at(&proxy, &token)] {
        let asked = SystemTime::now();
        // Where nothing may be listed, a value that can be read is the last sign that it exists.
        let exists = kv.path_exists(&format!("{mount}/app")).await.map(drop);
        for error in [read(&kv, &format!("{mount}/app")).await.map(drop), exists].map(|it| it.expect_err("a lease")) {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", told(&error));
            let message = error.message();
            let id = message.split_once("the lease ").and_then(|(_, rest)| rest.split(',').next()).expect("an id");
            let lookup = bao.must("PUT", "sys/leases/lookup", &json!({ "lease_id": id }));
            assert_eq!(lookup["data"]["id"], id, "it is there to be revoked by somebody else");
            let end = message.split_once("ends at ").and_then(|(_, rest)| rest.split(": ").next()).expect("an end");
            let end = humantime::parse_rfc3339(end).expect("a time").duration_since(asked).expect("to come");
            assert!((Duration::from_secs(3590)..Duration::from_secs(3630)).contains(&end), "{end:?}");
            assert!(message.contains("status 403"), "{message}");
            assert!(error.hint().is_some_and(|hint| hint.contains(&format!("lease revoke {id}"))), "{}", told(&error));
            assert!(!told(&error).contains("canary"));
        }
    }
}

/// Responses of database and cloud engines, and the requests that revoke their leases.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_revoked_at_once_also_for_a_caller_that_has_gone() {
    let lease = |request: &s1crets_testbed::Request| match request.path.as_str() {
        "/v1/database/creds/app" => Answer::new(
            200,
            json!({ "request_id": "x", "lease_id": "database/creds/app/9Yx", "renewable": true, "lease_duration": 3600,
                    "data": { "username": "v-app", "password": "canary" }, "wrap_info": null, "auth": null }),
        ),
        "/v1/sys/leases/revoke" => Answer::new(204, ""),
        _ => Answer::new(404, r#"{"errors":[]}"#),
    };
    let stub = Stub::start(lease).await;
    let proxy = FaultProxy::start(stub.endpoint()).await;
    let revoke = "POST /v1/sys/leases/revoke";
    proxy.fault(revoke, Fault::Delay(Duration::from_millis(300))).always();
    let reader = at(&proxy, "a-token");
    let reading = tokio::spawn(async move { read(&reader, "database/creds/app").await.map(drop) });
    wait_for(|| proxy.count(revoke) > 0).await;
    reading.abort();
    assert!(reading.await.expect_err("aborted").is_cancelled());
    wait_for(|| stub.requests().iter().any(|request| request.path.ends_with("/leases/revoke"))).await;
    let asked = stub.requests().pop().expect("the revocation");
    assert_eq!(asked.json(), json!({ "lease_id": "database/creds/app/9Yx", "sync": true }));

    let error = read(&at(&proxy, "a-token"), "database/creds/app").await.expect_err("a lease");
    assert!(error.message().contains("database/creds/app/9Yx, which has been revoked"), "{}", told(&error));
    assert!(!told(&error).contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_or_a_wrapped_reply_is_no_secret_even_on_a_known_mount() {
    let bao = OpenBao::shared();
    let path = super::plant(bao, &json!({ "v": 1 }));
    let first = unique("first-");
    bao.must("POST", &format!("sys/mounts/{first}"), &json!({ "type": "kv" }));
    bao.must("POST", &format!("{first}/a"), &json!({ "v": 1 }));
    // A gateway that has every reply of the engines wrapped.
    let wrapping = FaultProxy::start(bao.address()).await;
    let engines = |request: &s1crets_testbed::Request| {
        !request.path.starts_with("/v1/sys/") && !request.path.starts_with("/v1/auth/")
    };
    wrapping.fault_if(engines, Fault::WithHeader("X-Vault-Wrap-TTL".into(), "60".into())).always();
    // A login's reply in place of the engine's: the token is a real one.
    let issued = bao.must("POST", "auth/token/create", &json!({ "policies": ["default"], "ttl": "1h" }));
    let accessor = issued["auth"]["accessor"].as_str().expect("one").to_owned();
    let login = FaultProxy::start(bao.address()).await;
    let body = issued.to_string().into_bytes();
    login.fault_if(engines, Fault::Respond { status: 200, content_type: "application/json".into(), body }).always();
    for (proxy, what) in [(&wrapping, "wrapping token"), (&login, "issued a token")] {
        for path in [path.clone(), format!("{first}/a")] {
            let kv = at(proxy, bao.root_token());
            for (call, answer) in every_call(&kv, &path).await {
                // There is no folder of that name, which is said without wrapping.
                let Err(error) = answer else {
                    assert_eq!(call, "get_by_path");
                    continue;
                };
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{call} {path}: {}", told(&error));
                let token = issued["auth"]["client_token"].as_str().expect("a token");
                assert!(!told(&error).contains(token), "{}", told(&error));
            }
            let error = read(&kv, &path).await.expect_err("no secret");
            assert!(error.message().contains(what), "{}", told(&error));
        }
    }
    let (status, _) = bao.call("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    assert_ne!(status, 200, "the token is revoked");
}

/// Plain maps, which KV version 1 returns too.
#[tokio::test(flavor = "multi_thread")]
async fn maps_of_other_engines_are_told_from_those_of_version_1() {
    let bao = OpenBao::shared();
    let mount = |kind: &str| {
        let mount = unique(&format!("{kind}-"));
        bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": kind }));
        mount
    };
    let (transit, totp, pki, ssh) = (mount("transit"), mount("totp"), mount("pki"), mount("ssh"));
    bao.must("POST", &format!("{transit}/keys/k"), &json!({ "type": "ed25519" }));
    let generated = json!({ "generate": true, "issuer": "a", "account_name": "b" });
    bao.must("POST", &format!("{totp}/keys/k"), &generated);
    bao.must("POST", &format!("{pki}/root/generate/internal"), &json!({ "common_name": "x" }));
    bao.must("POST", &format!("{pki}/roles/r"), &json!({ "ttl": "1h" }));
    bao.must("POST", &format!("{ssh}/roles/r"), &json!({ "key_type": "ca", "allow_user_certificates": true }));
    let (proxy, open) = (silent(bao).await, FaultProxy::start(bao.address()).await);
    for path in [
        format!("{transit}/keys/k"),
        format!("{totp}/code/k"),
        format!("{totp}/keys/k"),
        format!("{pki}/cert/ca"),
        format!("{pki}/roles/r"),
        format!("{ssh}/roles/r"),
    ] {
        let mounts = KvMounts::default().with_mount(path.split('/').next().expect("a mount"), KvVersion::V1);
        for kv in [at(&proxy, bao.root_token()), at(&open, bao.root_token()).with_mounts(mounts)] {
            let error = read(&kv, &path).await.expect_err("no secret");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{path}: {}", told(&error));
            let value = SecretValue::from("{}");
            kv.update(&path, &value, &UpdateOptions::default()).await.expect_err("no secret");
        }
    }
    let posts = proxy
        .counts()
        .into_keys()
        .chain(open.counts().into_keys())
        .filter(|name| !name.starts_with("GET "))
        .collect::<Vec<_>>();
    assert_eq!(posts, [""; 0], "nothing was written");
}

/// A secret may set its own `lease_duration`, even to zero.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_version_1_with_a_ttl_of_their_own_are_read() {
    let bao = OpenBao::shared();
    let mount = unique("ttl-");
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
    let path = format!("{mount}/a");
    let proxy = silent(bao).await;
    for (data, short) in [
        (json!({ "v": 1 }), false),
        (json!({ "ttl": "1h" }), false),
        (json!({ "ttl": -5 }), false),
        (json!({ "ttl": "no time" }), false),
        (json!({ "ttl": 0 }), true),
        (json!({ "ttl": "0s" }), true),
        (json!({ "ttl": "500ms" }), true),
        (json!({ "lease": "0" }), true),
    ] {
        bao.must("POST", &path, &data);
        let secret = read(&VaultKv::new(root(bao)), &path).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(secret.expose_str().expect("text"), data.to_string());
        // Where the server doesn't say that it is KV, nothing tells this one from another engine's
        // map.
        let guessed = read(&at(&proxy, bao.root_token()), &path).await;
        assert_eq!(guessed.is_err(), short, "{data}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_that_was_replaced_by_another_engine_is_read_no_more() {
    let bao = OpenBao::shared();
    let mount = unique("replaced-");
    let first = || bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
    let unmount = || bao.must("DELETE", &format!("sys/mounts/{mount}"), &Value::Null);
    let path = format!("{mount}/keys/k");
    first();
    bao.must("POST", &path, &json!({ "v": 1 }));
    let kv = VaultKv::new(root(bao));
    read(&kv, &path).await.expect("a secret");
    unmount();
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "transit" }));
    bao.must("POST", &path, &json!({}));
    assert_eq!(read(&kv, &path).await.expect_err("a key").kind(), ErrorKind::Unsupported);
    unmount();
    // A namespace in its place: what follows is no part of a mount any more.
    bao.must("POST", &format!("sys/namespaces/{mount}"), &json!({}));
    bao.must_in(&mount, "POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    let user = json!({ "password": "x", "token_policies": "app" });
    bao.must_in(&mount, "POST", "auth/userpass/users/bob", &user);
    let token = bao.must_in(&mount, "POST", "auth/token/create", &json!({ "ttl": "1h", "policies": ["default"] }));
    let token = token["auth"]["client_token"].as_str().expect("a token");
    for kv in [
        &kv,
        &super::kv(VaultConfig::new(bao.address()).with_token(token))
            .with_mounts(KvMounts::default().with_mount(&mount, KvVersion::V1)),
    ] {
        for own in ["auth/token/lookup-self", "auth/userpass/users/bob", "sys/policies/acl/default"] {
            let path = format!("{mount}/{own}");
            let error = read(kv, &path).await.expect_err(own);
            assert!(
                matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::AccessDenied | ErrorKind::NotFound),
                "{error}"
            );
            for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["token_policies"])] {
                kv.update(&path, &SecretValue::from("{}"), &options).await.expect_err(own);
            }
        }
    }
    let bob = bao.must_in(&mount, "GET", "auth/userpass/users/bob", &Value::Null);
    assert_eq!(bob["data"]["token_policies"], json!(["app"]));
}

/// A root token has a `ttl` of zero, as a secret of KV may have.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_the_settings_take_for_a_mount_gives_no_token() {
    let bao = OpenBao::shared();
    let namespace = unique("taken-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    let user = json!({ "password": "x", "token_policies": "app" });
    bao.must_in(&namespace, "POST", "auth/userpass/users/bob", &user);
    let proxy = silent(bao).await;
    for mount in [namespace.clone(), format!("{namespace}/auth"), format!("{namespace}/auth/token")] {
        for version in [KvVersion::V1, KvVersion::V2] {
            let mounts = KvMounts::default().with_mount(&mount, version);
            for kv in [VaultKv::new(root(bao)), at(&proxy, bao.root_token())] {
                let kv = kv.with_mounts(mounts.clone());
                for own in ["auth/token/lookup-self", "auth/userpass/users/bob"] {
                    let path = format!("{namespace}/{own}");
                    read(&kv, &path).await.expect_err(&path);
                    let key = UpdateOptions::default().with_keypath(["token_policies"]);
                    for options in [UpdateOptions::default(), key.clone(), key.with_if_version("1")] {
                        kv.update(&path, &SecretValue::from("{}"), &options).await.expect_err(&path);
                    }
                }
            }
        }
    }
    let bob = bao.must_in(&namespace, "GET", "auth/userpass/users/bob", &Value::Null);
    assert_eq!(bob["data"]["token_policies"], json!(["app"]));
}

/// The roles of an engine with a `ttl` of zero look like secrets of version 1, and without the server's word
/// nobody vouches for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_the_settings_take_for_a_mount_reaches_no_other_engine() {
    let bao = OpenBao::shared();
    let namespace = unique("taken-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/mounts/ssh", &json!({ "type": "ssh" }));
    let role = json!({ "key_type": "otp", "default_user": "joe", "cidr_list": "127.0.0.1/32" });
    bao.must_in(&namespace, "POST", "ssh/roles/r", &role);
    bao.must_in(&namespace, "POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    bao.must_in(&namespace, "POST", "auth/userpass/users/bob", &json!({ "password": "x" }));
    let proxy = silent(bao).await;
    let mounts = KvMounts::default().with_mount(&namespace, KvVersion::V1);
    for kv in [VaultKv::new(root(bao)), at(&proxy, bao.root_token())] {
        let kv = kv.with_mounts(mounts.clone());
        let path = format!("{namespace}/ssh/roles/r");
        read(&kv, &path).await.expect_err("a role of ssh");
        let options = UpdateOptions::default().with_keypath(["default_user"]);
        kv.update(&path, &SecretValue::from("root"), &options).await.expect_err("a role of ssh");
        for own in ["auth/userpass/users", "sys/policies/acl", "sys/leases/lookup"] {
            let path = format!("{namespace}/{own}");
            kv.get_by_path(&path, &ListOptions::default()).await.expect_err(&path);
            kv.path_exists(&path).await.expect_err(&path);
        }
        let user = format!("{namespace}/auth/userpass/users/bob");
        kv.path_exists(&user).await.expect_err(&user);
    }
    let role = bao.must_in(&namespace, "GET", "ssh/roles/r", &Value::Null);
    assert_eq!(role["data"]["default_user"], "joe");
}

/// Each attempt could issue a lease, and that of an answer that was lost is nobody's to revoke.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_issue_a_lease_is_asked_for_once() {
    let stub = Stub::start(|request| match request.path.as_str() {
        path if path.contains("/data/") => Answer::new(404, json!({ "errors": [] })),
        path if path.contains("/lookup-self") => {
            Answer::new(200, json!({ "data": { "ttl": 3600, "renewable": false } }))
        }
        path if path.contains("/internal/") => Answer::new(403, json!({ "errors": ["no"] })),
        _ => Answer::new(502, "lost"),
    })
    .await;
    let kv = kv(VaultConfig::new(stub.endpoint()).with_token("x"));
    let error = kv.get("database/creds/app", &GetOptions::default()).await.expect_err("a lost answer");
    assert!(error.hint().is_some_and(|hint| hint.contains("one may be left below it")), "{error:?} {:?}", error.hint());
    let asked = stub.requests().into_iter().filter(|request| request.path == "/v1/database/creds/app").count();
    assert_eq!(asked, 1);
}

/// Vault, unlike OpenBao, names the engine in each reply.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_names_another_engine_is_no_secret() {
    for (engine, read_well) in [("kv", true), ("generic", true), ("", true), ("ns_token", false), ("database", false)] {
        let reply = json!({ "request_id": "x", "lease_id": "", "lease_duration": 60, "data": { "v": 1 },
                            "wrap_info": null, "auth": null, "mount_type": engine });
        let stub = Stub::start(move |_| Answer::new(200, &reply)).await;
        let config = VaultConfig::new(stub.endpoint()).with_token("x").with_retry(once());
        let kv = kv(config).with_mounts(KvMounts::default().with_mount("secret", KvVersion::V1));
        let answer = kv.get("secret/a", &GetOptions::default()).await;
        assert_eq!(answer.is_ok(), read_well, "{engine}");
        assert!(read_well || answer.expect_err("no secret").kind() == ErrorKind::Unsupported, "{engine}");
    }
}
