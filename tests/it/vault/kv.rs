//! Vault KV: policies, deleted versions, mounts, check-and-set, listings.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use s1crets::{
    ErrorKind, GetOptions, ListOptions, Provider, SecretValue, UpdateOptions, Version,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::VaultConfig,
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, Request, unique};
use serde_json::json;

use super::{kv, plant, read, root, told};

/// The path of the API for a path of ours.
pub(super) fn api(path: &str, section: &str) -> String {
    path.replacen("secret/", &format!("secret/{section}/"), 1)
}

fn by_policy(bao: &OpenBao, rules: &str) -> VaultKv {
    let name = unique("policy-");
    bao.policy(&name, rules);
    kv(VaultConfig::new(bao.address()).with_token(bao.token(&json!({ "policies": [name] }))))
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_return_metadata_and_updates_keep_it() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "a": 1, "b": 2 }));
    bao.must("POST", &api(&path, "metadata"), &json!({ "custom_metadata": { "owner": "team1" } }));
    let kv = VaultKv::new(root(bao));
    let before = read(&kv, &path).await.expect("planted");
    assert_eq!((before.version(), before.metadata().custom["owner"].as_str()), (Some("1"), "team1"));
    assert!(before.created().expect("a time").elapsed().expect("past").as_secs() < 60);
    for (options, value) in [
        (UpdateOptions::default(), SecretValue::json(&json!({ "a": 2, "b": 2 })).expect("JSON")),
        (UpdateOptions::default().with_keypath(["a"]), SecretValue::from("patched")),
        (UpdateOptions::default().with_keypath(["c"]), SecretValue::json(&json!({ "deep": null })).expect("JSON")),
        (UpdateOptions::default().with_keypath(["c", "deep"]), SecretValue::json_text("3").expect("JSON")),
    ] {
        kv.update(&path, &value, &options).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    let after = read(&kv, &path).await.expect("updated");
    assert_eq!((after.version(), after.metadata().custom["owner"].as_str()), (Some("5"), "team1"));
    assert_eq!(after.expose_str().expect("text"), r#"{"a":"patched","b":2,"c":{"deep":3}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_and_destroyed_versions_are_not_found_and_say_so() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    bao.must("POST", &api(&path, "data"), &json!({ "data": { "v": 2 } }));
    let kv = VaultKv::new(root(bao));
    bao.must("POST", &api(&path, "destroy"), &json!({ "versions": [1] }));
    bao.must("DELETE", &api(&path, "data"), &serde_json::Value::Null);
    let version = |number| GetOptions::default().with_version(Version::Number(number));
    for (options, word) in [(GetOptions::default(), "deleted"), (version(1), "destroyed"), (version(9), "version")] {
        let error = kv.get(&path, &options).await.expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.message().contains(word), "{error}");
    }
    assert!(!kv.path_exists(&path).await.expect("an answer"));
    for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["v"])] {
        let error = kv.update(&path, &SecretValue::from(r#"{"v":3}"#), &options).await.expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", told(&error));
    }
    let folder = path.rsplit_once('/').expect("a folder").0;
    let listing = kv.get_by_path(folder, &ListOptions::default()).await.expect("a listing");
    assert!(listing.get(&path).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_race_is_a_conflict_and_a_refusal_is_none() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": { "k": 1 } }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()));
    // Somebody writes between the read of the map and its write: the moment that the write comes by.
    let (call, written) = (api(&path, "data"), AtomicBool::new(false));
    let meanwhile = move |request: &Request| {
        if request.method == "POST" && !written.swap(true, Ordering::Relaxed) {
            bao.must("POST", &call, &json!({ "data": { "v": { "k": 9 } } }));
        }
        false
    };
    proxy.fault_if(meanwhile, Fault::Pass).always();
    let deep = UpdateOptions::default().with_keypath(["v", "k"]);
    let error = kv.update(&path, &SecretValue::json_text("2").expect("JSON"), &deep).await.expect_err("a lost race");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", told(&error));
    let there = read(&kv, &path).await.expect("the other's");
    assert_eq!(there.keypath(["v", "k"]).expect("a key").expose_str().expect("text"), "9");
    let stale = UpdateOptions::default().with_if_version("1");
    for options in [stale.clone(), stale.clone().with_keypath(["v"]), stale.with_keypath(["v", "k"])] {
        let error = kv.update(&path, &SecretValue::from("{}"), &options).await.expect_err("stale");
        assert_eq!(error.kind(), ErrorKind::Conflict, "{}", told(&error));
    }
    for version in ["0", "-1", "x"] {
        let options = UpdateOptions::default().with_if_version(version);
        let error = kv.update(&path, &SecretValue::from("{}"), &options).await.expect_err("no version");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    for value in [SecretValue::from("text"), SecretValue::from("[1]"), SecretValue::from(vec![0xff_u8])] {
        let error = kv.update(&path, &value, &UpdateOptions::default()).await.expect_err("no map");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_updates_of_whole_maps_all_succeed() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 0 }));
    let kv = Arc::new(VaultKv::new(root(bao)));
    let updates: Vec<_> = (0..4)
        .map(|number| {
            let (kv, path) = (kv.clone(), path.clone());
            let value = SecretValue::json(&json!({ "v": number })).expect("JSON");
            tokio::spawn(async move { kv.update(&path, &value, &UpdateOptions::default()).await })
        })
        .collect();
    for update in updates {
        update.await.expect("no panic").unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert_eq!(read(&kv, &path).await.expect("there").version(), Some("5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_rights_are_enough() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let (folder, name) = path.rsplit_once('/').expect("a folder");
    let (folder_api, data) = (api(&format!("{folder}/"), "metadata"), api(&path, "data"));
    let hidden = format!("{folder}/{name}-nothing");

    let lister = by_policy(bao, &format!("path \"{folder_api}\" {{ capabilities = [\"list\"] }}"));
    assert!(lister.path_exists(&path).await.expect("by its name in the list"));
    assert!(!lister.path_exists(&hidden).await.expect("by the list"));
    assert_eq!(read(&lister, &path).await.expect_err("values are not its own").kind(), ErrorKind::AccessDenied);

    let one = by_policy(bao, &format!("path \"{data}\" {{ capabilities = [\"read\"] }}"));
    read(&one, &path).await.expect("its one secret");
    assert!(one.path_exists(&path).await.expect("by reading it"));
    assert_eq!(one.path_exists(&hidden).await.expect_err("it can't tell").kind(), ErrorKind::AccessDenied);

    let writer = by_policy(bao, &format!("path \"{data}\" {{ capabilities = [\"read\", \"update\"] }}"));
    for options in [UpdateOptions::default(), UpdateOptions::default().with_keypath(["v"])] {
        let value = SecretValue::json_text(r#"{"w":1}"#).expect("JSON");
        writer.update(&path, &value, &options).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    let error = one.update(&path, &SecretValue::from("{}"), &UpdateOptions::default()).await.expect_err("read only");
    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{}", told(&error));

    let patcher = by_policy(bao, &format!("path \"{data}\" {{ capabilities = [\"patch\"] }}"));
    let key = UpdateOptions::default().with_keypath(["p"]);
    patcher.update(&path, &SecretValue::from("x"), &key).await.unwrap_or_else(|error| panic!("{}", told(&error)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_secret_fails_a_listing_or_is_reported_in_it() {
    let bao = OpenBao::shared();
    let root = unique("listed/");
    for name in ["a", "b/c", "b/d", "no/e"] {
        bao.must("POST", &format!("secret/data/{root}/{name}"), &json!({ "data": { "v": 1 } }));
    }
    let rules = format!(
        r#"path "secret/metadata/{root}/*" {{ capabilities = ["list"] }}
           path "secret/data/{root}/*" {{ capabilities = ["read"] }}
           path "secret/metadata/{root}/no/" {{ capabilities = ["deny"] }}
           path "secret/data/{root}/b/d" {{ capabilities = ["deny"] }}"#
    );
    let kv = by_policy(bao, &rules);
    let path = format!("secret/{root}");
    let error = kv.get_by_path(&path, &ListOptions::default()).await.expect_err("some are unreadable");
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    let lenient = ListOptions::default().with_fail_on_error(false);
    let listing = kv.get_by_path(&path, &lenient).await.expect("a listing");
    assert_eq!(listing.names().collect::<Vec<_>>(), [format!("{path}/a"), format!("{path}/b/c")]);
    let failures: Vec<_> = listing.failures().map(|(name, error)| (name.to_owned(), error.kind())).collect();
    let denied = |name: &str| (format!("{path}/{name}"), ErrorKind::AccessDenied);
    assert_eq!(failures, [denied("b/d"), denied("no/")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_is_looked_up_once_or_guessed_from_replies() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let first = unique("first-");
    bao.must("POST", &format!("sys/mounts/{first}"), &json!({ "type": "kv" }));
    bao.must("POST", &format!("{first}/a/b"), &json!({ "v": 1 }));
    let proxy = FaultProxy::start(bao.address()).await;
    let open = || kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()));
    let preflights =
        || proxy.counts().iter().filter(|(name, _)| name.contains("ui/mounts")).map(|(_, n)| n).sum::<usize>();

    let asking = Arc::new(open());
    let burst: Vec<_> = (0..20)
        .map(|_| {
            let (kv, path) = (asking.clone(), path.clone());
            tokio::spawn(async move { read(&kv, &path).await.map(drop) })
        })
        .collect();
    for one in burst {
        one.await.expect("no panic").expect("read");
    }
    assert_eq!(preflights(), 1);

    // A gateway that lets the preflight not through.
    let refused =
        Fault::Respond { status: 403, content_type: "application/json".into(), body: b"{\"errors\":[]}".into() };
    proxy.fault_if(|request| request.path.contains("/ui/mounts/"), refused).always();
    let guessing = open();
    for path in [path.as_str(), &format!("{first}/a/b")] {
        read(&guessing, path).await.unwrap_or_else(|error| panic!("{path}: {}", told(&error)));
        assert!(guessing.path_exists(path).await.expect("an answer"));
        let listing = guessing.get_by_path(path.rsplit_once('/').expect("a folder").0, &ListOptions::default()).await;
        assert!(listing.expect("a listing").get(path).is_some());
    }
    let error = read(&guessing, &format!("{first}/nothing")).await.expect_err("missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);

    proxy.reset_counts();
    let told_before = open().with_mounts(KvMounts::default().with_mount("secret", KvVersion::V2));
    read(&told_before, &path).await.expect("read");
    assert_eq!(proxy.total(), 1, "{:?}", proxy.counts());
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_has_no_versions_and_other_engines_are_refused() {
    let bao = OpenBao::shared();
    let mount = unique("plain-");
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
    bao.must("POST", &format!("{mount}/a"), &json!({ "v": 1 }));
    let kv = VaultKv::new(root(bao));
    let path = format!("{mount}/a");
    let first = GetOptions::default().with_version(Version::Number(1));
    assert_eq!(kv.get(&path, &first).await.expect_err("no versions").kind(), ErrorKind::Unsupported);
    let condition = UpdateOptions::default().with_if_version("1");
    let error = kv.update(&path, &SecretValue::from("{}"), &condition).await.expect_err("no versions");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(read(&kv, &mount).await.expect_err("the mount itself").kind(), ErrorKind::NotFound);
    assert!(kv.path_exists(&mount).await.expect("an answer"));

    let transit = unique("transit-");
    bao.must("POST", &format!("sys/mounts/{transit}"), &json!({ "type": "transit" }));
    assert_eq!(read(&kv, &format!("{transit}/keys/a")).await.expect_err("no KV").kind(), ErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_are_names_and_dots_are_refused() {
    let bao = OpenBao::shared();
    let kv = VaultKv::new(root(bao));
    let root = unique("odd/");
    for (name, encoded) in [
        ("sp ace", "sp%20ace"),
        ("q?x=1#f", "q%3Fx%3D1%23f"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("h\u{e9}llo", "h%C3%A9llo"),
        ("a+b&c", "a%2Bb%26c"),
    ] {
        bao.must("POST", &format!("secret/data/{root}/{encoded}"), &json!({ "data": { "name": name } }));
        let secret =
            read(&kv, &format!("secret/{root}/{name}")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(secret.key("name").expect("a name").expose_str().expect("text"), name);
    }
    let listing = kv.get_by_path(&format!("secret/{root}"), &ListOptions::default()).await.expect("a listing");
    assert_eq!(listing.len(), 6);
    for path in ["secret/../sys/mounts", "secret/./a"] {
        assert_eq!(read(&kv, path).await.expect_err(path).kind(), ErrorKind::InvalidInput, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_reads_and_many_names() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "type": "credential", "username": "u", "password": "p" }));
    let kv = VaultKv::new(root(bao));
    let credential = read(&kv, &path).await.expect("planted").credential().expect("a credential");
    assert_eq!(credential.password.expose_str().expect("text"), "p");
    let simple = plant(bao, &json!({ "type": "simple", "value": "eA==", "encoding": "base64" }));
    assert_eq!(read(&kv, &simple).await.expect("planted").simple().expect("simple").expose_bytes().unwrap(), b"x");
    let versioned = plant(bao, &json!({ "type": "versioned", "current": "new", "previous": "old" }));
    let versioned = read(&kv, &versioned).await.expect("planted").versioned().expect("versioned");
    assert_eq!(versioned.current.expose_str().expect("text"), "new");
    assert_eq!(versioned.previous.expect("one").expose_str().expect("text"), "old");
    let many = kv.get_many(&[path.clone(), "secret/none".into(), path], &GetOptions::default()).await;
    assert!(many[0].is_ok() && many[2].is_ok());
    assert_eq!(many[1].as_ref().expect_err("missing").kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_names_and_a_listing_are_read_side_by_side_and_never_more_than_sixteen_at_once() {
    let bao = OpenBao::shared();
    let root = unique("wide/");
    let names: Vec<_> = (0..60).map(|number| format!("secret/{root}/{}/{number}", number % 3)).collect();
    for name in &names {
        bao.must("POST", &api(name, "data"), &json!({ "data": { "v": 1 } }));
    }
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()));
    for listing in [false, true] {
        proxy.reset_counts();
        let hold = proxy.hold();
        let reading = async {
            if listing {
                let listing = kv.get_by_path(&format!("secret/{root}"), &ListOptions::default()).await;
                assert_eq!(listing.expect("a listing").len(), 60);
            } else {
                let many = kv.get_many(&names, &GetOptions::default()).await;
                assert!(many.iter().all(Result::is_ok));
            }
        };
        // What is held back shows how many are under way: of a listing, first the one call for the level.
        let letting = async {
            proxy.wait_for_held(1).await;
            hold.release();
        };
        tokio::join!(reading, letting);
        let most = proxy.max_in_flight();
        assert!((2..=16).contains(&most), "{most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_comes_from_the_metadata_or_from_the_value_if_that_is_denied() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    let (data, metadata) = (api(&path, "data"), api(&path, "metadata"));
    bao.must("POST", &data, &json!({ "data": { "v": 2 } }));
    let proxy = FaultProxy::start(bao.address()).await;
    for (rules, reads) in [
        (
            format!(
                "path \"{data}\" {{ capabilities = [\"read\"] }} path \"{metadata}\" {{ capabilities = [\"read\"] }}"
            ),
            0,
        ),
        (
            format!(
                "path \"{data}\" {{ capabilities = [\"read\"] }} path \"{metadata}\" {{ capabilities = [\"deny\"] }}"
            ),
            1,
        ),
    ] {
        let name = unique("policy-");
        bao.policy(&name, &rules);
        let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.token(&json!({ "policies": [name] }))));
        proxy.reset_counts();
        assert!(kv.capabilities().version_probe);
        let version =
            kv.version(&path, &GetOptions::default()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(version.as_deref(), Some("2"));
        assert_eq!(proxy.count(&format!("GET /v1/{data}")), reads);
    }
    bao.must("DELETE", &data, &serde_json::Value::Null);
    let error = VaultKv::new(root(bao)).version(&path, &GetOptions::default()).await.expect_err("deleted");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
