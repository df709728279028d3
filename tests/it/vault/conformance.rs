//! The contract of `Provider`, on both versions, bare and behind the cache, with a disk and without.

use std::sync::Arc;

use async_trait::async_trait;
use s1crets::{
    CachePolicy, Cached, DiskCache, Provider, SecretValue,
    conformance::{Fixture, run},
    providers::vault_kv::{KvMounts, KvVersion, VaultKv},
    vault::{TlsConfig, VaultConfig},
};
use s1crets_testbed::{OpenBao, unique};
use serde_json::{Value, json};

use super::{kv, outage::raft};

struct Mount<'a> {
    bao: &'a OpenBao,
    namespace: Option<&'static str>,
    mount: String,
    version: KvVersion,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Bare,
    Cached,
    OnDisk(DiskCache),
}

impl Mount<'_> {
    fn call(&self, path: &str, body: &Value) {
        match self.namespace {
            Some(namespace) => self.bao.must_in(namespace, "POST", path, body),
            None => self.bao.must("POST", path, body),
        };
    }

    fn bare(&self) -> VaultKv {
        let config = VaultConfig::new(self.bao.address()).with_token(self.bao.root_token());
        let config = match self.bao.address().starts_with("https") {
            true => config.with_tls(TlsConfig::default().with_ca_file(self.bao.authority().certificate_file())),
            false => config,
        };
        let config = match self.namespace {
            Some(namespace) => config.with_namespace(namespace),
            None => config,
        };
        match self.version {
            // What it can do depends on the version, so it has to be known beforehand.
            KvVersion::V1 => kv(config).with_mounts(KvMounts::default().with_version(KvVersion::V1)),
            KvVersion::V2 => kv(config),
        }
    }
}

#[async_trait]
impl Fixture for Mount<'_> {
    fn provider(&self) -> Arc<dyn Provider> {
        let bare = Arc::new(self.bare());
        let cached = |bare| Cached::new(bare, CachePolicy::default());
        match self.form.clone() {
            Form::Bare => bare,
            Form::Cached => Arc::new(cached(bare)),
            Form::OnDisk(disk) => Arc::new(cached(bare).with_disk_cache(disk, &self.mount)),
        }
    }

    fn root(&self) -> String {
        format!("{}/{}", self.mount, unique("suite-"))
    }

    async fn plant(&self, name: &str, value: &SecretValue) {
        let data: Value = serde_json::from_slice(value.expose_bytes().unwrap()).expect("a map");
        let rest = name.strip_prefix(&self.mount).expect("a name below the mount");
        match self.version {
            KvVersion::V1 => self.call(name, &data),
            KvVersion::V2 => self.call(&format!("{}/data{rest}", self.mount), &json!({ "data": data })),
        }
    }

    fn normalizes_json(&self) -> bool {
        true
    }
}

/// A mount of its own, with a slash in its path.
async fn suite(bao: &OpenBao, namespace: Option<&'static str>, version: KvVersion) {
    let mount = unique("team/kv-");
    let number = if version == KvVersion::V1 { "1" } else { "2" };
    let mut fixture = Mount { bao, namespace, mount, version, form: Form::Bare };
    let options = json!({ "type": "kv", "options": { "version": number } });
    fixture.call(&format!("sys/mounts/{}", fixture.mount), &options);
    wait_for_upgrade(&fixture);
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::default().with_path(folder.path().join("cache"));
    for form in [Form::Bare, Form::Cached, Form::OnDisk(disk)] {
        fixture.form = form;
        run(&fixture).await;
    }
}

fn wait_for_upgrade(fixture: &Mount<'_>) {
    let path = format!("{}/data/ready", fixture.mount);
    let headers = [("x-vault-token", fixture.bao.root_token()), ("x-vault-namespace", fixture.namespace.unwrap_or(""))];
    while fixture.bao.call_with("GET", &path, &Value::Null, &headers).0 == 400 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_keeps_the_contract_bare_and_cached() {
    suite(OpenBao::shared(), None, KvVersion::V1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn version_2_keeps_the_contract_bare_and_cached() {
    suite(OpenBao::shared(), None, KvVersion::V2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_keep_it_with_tls_raft_and_a_namespace() {
    let bao = raft();
    bao.must("POST", "sys/namespaces/team1", &json!({}));
    suite(&bao, Some("team1"), KvVersion::V1).await;
    suite(&bao, Some("team1"), KvVersion::V2).await;
}
