//! Updates where the server requires check-and-set, or takes no PATCH.

use s1crets::{ErrorKind, Provider, SecretValue, UpdateOptions, providers::vault_kv::VaultKv, vault::VaultConfig};
use s1crets_testbed::{Fault, FaultProxy, OpenBao, unique};
use serde_json::json;

use super::{kv, kv::api, plant, read, root, told};

/// Where every write has to name a version, a PATCH without one is refused: the map is read and
/// written.
#[tokio::test(flavor = "multi_thread")]
async fn updates_get_through_where_check_and_set_is_required() {
    let bao = OpenBao::shared();
    let mount = unique("cas-");
    bao.must("POST", &format!("sys/mounts/{mount}"), &json!({ "type": "kv", "options": { "version": "2" } }));
    bao.must("POST", &format!("{mount}/config"), &json!({ "cas_required": true }));
    bao.must("POST", &format!("{mount}/data/a"), &json!({ "options": { "cas": 0 }, "data": { "v": 1, "w": 1 } }));
    let own = plant(bao, &json!({ "v": 1, "w": 1 }));
    bao.must("POST", &api(&own, "metadata"), &json!({ "cas_required": true, "custom_metadata": { "owner": "me" } }));
    for path in [format!("{mount}/a"), own] {
        let kv = VaultKv::new(root(bao));
        let key = |name: &str| UpdateOptions::default().with_keypath([name]);
        let map = SecretValue::json_text(r#"{"v":"map","w":1}"#).expect("JSON");
        for (options, value, version) in [
            (key("v"), SecretValue::from("key"), "2"),
            (key("v").with_if_version("2"), SecretValue::from("key if"), "3"),
            (UpdateOptions::default(), map.clone(), "4"),
            (UpdateOptions::default().with_if_version("4"), map, "5"),
            (key("new"), SecretValue::json_text(r#"{"deep":1}"#).expect("JSON"), "6"),
            (UpdateOptions::default().with_keypath(["new", "deep"]), SecretValue::from("x"), "7"),
        ] {
            let updated = kv.update(&path, &value, &options).await;
            let updated = updated.unwrap_or_else(|error| panic!("{options:?}: {}", told(&error)));
            assert_eq!(updated.version.as_deref(), Some(version), "{path} {options:?}");
        }
        let error = kv.update(&path, &SecretValue::from("x"), &key("v").with_if_version("3")).await;
        assert_eq!(error.expect_err("stale").kind(), ErrorKind::Conflict);
        let none = kv.update(&format!("{path}-none"), &SecretValue::from("x"), &key("v")).await;
        assert_eq!(none.expect_err("an update creates nothing").kind(), ErrorKind::NotFound);
        let after = read(&kv, &path).await.expect("there");
        assert_eq!(after.expose_str().expect("text"), r#"{"new":{"deep":"x"},"v":"map","w":1}"#);
    }
}

/// Old servers don't know PATCH, and gateways may block it, each in its own way.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_updated_where_patch_is_not_to_be_had() {
    let bao = OpenBao::shared();
    let path = plant(bao, &json!({ "v": 1 }));
    for status in [400, 403, 405, 415, 501] {
        for body in [r#"{"errors":["unsupported operation"]}"#, "<html>no such method</html>"] {
            let proxy = FaultProxy::start(bao.address()).await;
            let content_type = "application/json".to_owned();
            let refused = Fault::Respond { status, content_type, body: body.as_bytes().to_vec() };
            proxy.fault_if(|request| request.method == "PATCH", refused).always();
            let kv = kv(VaultConfig::new(proxy.endpoint()).with_token(bao.root_token()));
            let key = UpdateOptions::default().with_keypath(["v"]);
            let updated = kv.update(&path, &SecretValue::from("x"), &key).await;
            updated.unwrap_or_else(|error| panic!("{status} {body}: {}", told(&error)));
        }
    }
}
