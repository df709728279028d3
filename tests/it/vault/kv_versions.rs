//! A KV version in the settings that the mount doesn't have: told by every call, never "not found".

use s1crets::{
    ErrorKind, GetOptions, ListOptions, Provider, SecretValue, UpdateOptions,
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::VaultConfig,
};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, unique};
use serde_json::json;

use super::{kv, mistakes::is_misconfigured, plant, read, root, told};

/// A mount of version 1 with the secret `app`.
fn plain(bao: &OpenBao) -> String {
    let mount = unique("plain-");
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv" }));
    bao.must("POST", &format!("{mount}/app"), &json!({ "v": 1 }));
    mount
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_in_the_settings_that_the_mount_does_not_have_is_told() {
    let bao = OpenBao::shared();
    let (second, mount) = (plant(bao, &json!({ "v": 1 })), plain(bao));
    let (first, missing) = (format!("{mount}/app"), format!("{mount}/nope"));
    for (path, mounts) in [
        (&*second, KvMounts::default().with_mount("secret", KvVersion::V1)),
        ("secret/nope", KvMounts::default().with_mount("secret", KvVersion::V1)),
        (&second, KvMounts::default().with_version(KvVersion::V1)),
        (&first, KvMounts::default().with_version(KvVersion::V2)),
        (&first, KvMounts::default().with_mount(&mount, KvVersion::V2)),
        (&missing, KvMounts::default().with_mount(&mount, KvVersion::V2)),
    ] {
        let kv = VaultKv::new(root(bao)).with_mounts(mounts.clone());
        let mount = path.split('/').next().expect("a mount");
        let message = format!("{mount}/ is not KV version");
        // The mount itself, as the first call of a process.
        for answer in
            [kv.path_exists(mount).await.map(drop), kv.get_by_path(mount, &ListOptions::default()).await.map(drop)]
        {
            let error = answer.expect_err("nothing is there");
            assert!(error.message().contains(&message), "{mounts:?}: {}", told(&error));
        }
        is_misconfigured(kv, path, &message, "`kv_version`").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_the_settings_take_for_a_mount_holds_no_missing_secrets() {
    let bao = OpenBao::shared();
    let namespace = unique("versions-");
    bao.must("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    bao.must_in(&namespace, "POST", "sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
    bao.must_in(&namespace, "POST", "secret/data/app", &json!({ "data": { "v": 1 } }));
    let mounts = KvMounts::default().with_mount(&namespace, KvVersion::V1);
    let kv = VaultKv::new(root(bao)).with_mounts(mounts);
    for path in ["secret/app", "secret/none"] {
        let path = format!("{namespace}/{path}");
        for answer in [kv.path_exists(&path).await.map(drop), read(&kv, &path).await.map(drop)] {
            let error = answer.expect_err("another version");
            assert_eq!(error.kind(), ErrorKind::Config, "{path}: {}", told(&error));
        }
        let error = kv.get_by_path(&path, &ListOptions::default()).await.expect_err("another version");
        assert_eq!(error.kind(), ErrorKind::Config, "{path}: {}", told(&error));
    }
}

/// The server is asked about a mount of the settings when nothing is found there, and once.
#[tokio::test(flavor = "multi_thread")]
async fn right_settings_cost_one_lookup_and_a_silent_server_confirms_them() {
    let bao = OpenBao::shared();
    let mount = plain(bao);
    let proxy = FaultProxy::start(bao.address()).await;
    let open = |version| {
        let config = VaultConfig::new(proxy.endpoint()).with_token(bao.root_token());
        kv(config).with_mounts(KvMounts::default().with_mount(&mount, version))
    };
    let lookups =
        || proxy.counts().iter().filter(|(name, _)| name.contains("ui/mounts")).map(|(_, n)| n).sum::<usize>();
    let right = open(KvVersion::V1);
    read(&right, &format!("{mount}/app")).await.expect("there");
    assert_eq!(lookups(), 0);
    for name in ["a", "b"] {
        let error = read(&right, &format!("{mount}/{name}")).await.expect_err("missing");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", told(&error));
        assert!(!right.path_exists(&format!("{mount}/{name}")).await.expect("an answer"));
    }
    assert_eq!(lookups(), 1);

    for status in [403, 404, 405, 501, 502] {
        let body = if status == 403 { "{\"errors\":[]}" } else { "<html>" };
        let refused = Fault::Respond { status, content_type: "text/html".into(), body: body.into() };
        proxy.fault_if(|request| request.path.contains("/ui/mounts/"), refused).always();
        let error = read(&open(KvVersion::V2), &format!("{mount}/app")).await.expect_err("nothing is said");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{status}: {}", told(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_nothing_says_what_a_read_says() {
    let bao = OpenBao::shared();
    let (deleted, missing) = (plant(bao, &json!({ "v": 1 })), format!("secret/{}", unique("none-")));
    bao.must("DELETE", &deleted.replacen("secret/", "secret/data/", 1), &serde_json::Value::Null);
    let policy = unique("patcher-");
    bao.policy(&policy, r#"path "secret/data/*" { capabilities = ["patch"] }"#);
    let patcher = kv(VaultConfig::new(bao.address()).with_token(bao.token(&json!({ "policies": [policy] }))));
    for path in [&deleted, &missing] {
        let kv = VaultKv::new(root(bao));
        let told_by_read = kv.get(path, &GetOptions::default()).await.expect_err("nothing");
        let key = UpdateOptions::default().with_keypath(["v"]);
        for options in [UpdateOptions::default(), key.clone(), key.clone().with_if_version("1")] {
            let error = kv.update(path, &SecretValue::from("{}"), &options).await.expect_err("nothing");
            assert_eq!((error.kind(), error.hint()), (ErrorKind::NotFound, told_by_read.hint()), "{}", told(&error));
            assert_eq!(error.message(), told_by_read.message());
        }
        let error = patcher.update(path, &SecretValue::from("x"), &key).await.expect_err("nothing");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", told(&error));
        assert!(error.hint().is_some_and(|hint| hint.contains(bao.address())), "{}", told(&error));
    }
}
