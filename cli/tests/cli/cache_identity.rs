//! An entry on disk is never served to another identity, or for another server, than it was read with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assert_cmd::Command;
use s1crets_testbed::{Authority, AwsSeed, FaultProxy, Moto, OpenBao, TlsFront, unique};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::s1crets;

/// A server that counts its requests, and the home folder of its clients.
struct Place {
    runtime: Runtime,
    proxy: FaultProxy,
    home: TempDir,
}

impl Place {
    fn before(endpoint: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let proxy = runtime.block_on(FaultProxy::start(endpoint));
        Self { runtime, proxy, home: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn get(&self, reference: &str) -> Command {
        let mut command = s1crets();
        command.env("HOME", self.home.path()).env("S1CRETS_CACHE_DISK", "true").env("S1CRETS_RETRY", "1");
        command.env("VAULT_ADDR", self.proxy.endpoint()).args(["get", reference]);
        command
    }

    /// That it is read, and whether that took a call.
    fn reads(&self, command: &mut Command, value: &str, calls: bool) {
        let before = self.proxy.total();
        command.assert().success().stdout(format!("{value}\n")).stderr("");
        assert_eq!(self.proxy.total() > before, calls, "{command:?}");
    }

    /// That it is not served.
    fn is_refused(&self, command: &mut Command, status: i32) {
        command.assert().code(status).stdout("");
    }
}

/// A secret, and tokens of two policies: one that may read it, one that may not.
fn planted(bao: &OpenBao) -> (String, String, String) {
    let path = format!("secret/{}", unique("cli-identity").replace('/', "-"));
    bao.must("POST", &path.replacen("secret/", "secret/data/", 1), &json!({ "data": { "v": "the value" } }));
    let policy = unique("cli-identity").replace('/', "-");
    bao.policy(&policy, "path \"secret/*\" { capabilities = [\"read\", \"list\"] }");
    let token = |policies: &[&str]| bao.token(&json!({ "policies": policies }));
    (format!("vault.kv://{path}#v"), token(&[&policy]), token(&["default"]))
}

#[test]
fn a_record_of_one_token_is_not_served_to_another_one_in_the_same_file() {
    let bao = OpenBao::shared();
    let place = Place::before(bao.address());
    let (secret, may, may_not) = planted(bao);
    type Named = fn(&Place, &mut Command);
    let ways: [(&str, Named); 3] = [
        (".vault-token", |_, _| {}),
        ("token", |place, command| {
            command.env("VAULT_TOKEN_FILE", place.home.path().join("token"));
        }),
        ("file", |place, command| {
            let file = place.home.path().join("file");
            let text = format!("[providers.\"vault.kv\"]\nauth = {{ method = \"token\", file = {file:?} }}\n");
            command.arg("--config").arg(place.write("s1crets.toml", &text));
        }),
    ];
    for (name, named) in ways {
        let get = || {
            let mut command = place.get(&secret);
            named(&place, &mut command);
            command
        };
        place.write(name, &may);
        // By whichever way a token is named, it is the same token under another path.
        place.reads(&mut get(), "the value", true);
        place.reads(&mut get(), "the value", false);
        place.write(name, &may_not);
        place.is_refused(&mut get(), 3);
        fs::remove_file(place.home.path().join(name)).unwrap();
        place.is_refused(&mut get(), 3);
        place.write(name, &may);
        place.reads(&mut get(), "the value", false);
    }
}

#[test]
fn a_record_of_one_server_is_not_served_for_another_one() {
    let (one, other) = (OpenBao::shared(), OpenBao::dev());
    let place = Place::before(one.address());
    let (secret, may, _) = planted(one);
    let get = |address: &str| {
        let mut command = place.get(&secret);
        command.env("VAULT_ADDR", address).env("VAULT_TOKEN", &may);
        command
    };
    place.reads(&mut get(place.proxy.endpoint()), "the value", true);
    place.reads(&mut get(place.proxy.endpoint()), "the value", false);
    // Who has the token of one is nobody for the other.
    place.is_refused(&mut get(other.address()), 3);
    let mut namespaced = get(place.proxy.endpoint());
    place.is_refused(namespaced.env("VAULT_NAMESPACE", "none"), 5);
}

/// A value that came over unverified TLS, or from a server with a certificate of another authority, can't be trusted.
#[test]
fn a_record_is_not_served_to_those_who_trust_somebody_else() {
    let bao = OpenBao::shared();
    let place = Place::before(bao.address());
    let (secret, may, _) = planted(bao);
    let [folder, others] = ["ca", "others"].map(|name| place.home.path().join(name));
    [&folder, &others].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let (authority, stranger) = (Authority::create(&folder), Authority::create(&others));
    let front = place.runtime.block_on(TlsFront::start(&authority, place.proxy.endpoint()));
    let trusted = place.home.path().join("trusted.pem");
    let trust = |authority: &Authority| fs::copy(authority.certificate_file(), &trusted).unwrap();
    let get = || {
        let mut command = place.get(&secret);
        command.env("VAULT_ADDR", front.endpoint()).env("VAULT_TOKEN", &may).env("VAULT_CACERT", &trusted);
        command
    };
    let unverified = |command: &mut Command| {
        let before = place.proxy.total();
        command.env("S1CRETS_VAULT_DANGER_SKIP_VERIFY", "1").assert().success().stdout("the value\n");
        assert!(place.proxy.total() > before);
    };
    trust(&stranger);
    unverified(&mut get());
    place.is_refused(&mut get(), 5);
    trust(&authority);
    place.reads(&mut get(), "the value", true);
    place.reads(&mut get(), "the value", false);
    unverified(get().env("VAULT_TOKEN", &may));
    trust(&stranger);
    place.is_refused(&mut get(), 5);
    trust(&authority);
    place.reads(&mut get(), "the value", false);
}

/// A rotated secret id is the same role's: records are still used. Another role's are not.
#[test]
fn a_record_of_a_role_is_served_whatever_its_secret_id_and_not_to_another_role() {
    let bao = OpenBao::shared();
    let place = Place::before(bao.address());
    let (secret, ..) = planted(bao);
    let mount = unique("cli-identity").replace('/', "-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "approle" }));
    let policy = unique("cli-identity").replace('/', "-");
    bao.policy(&policy, "path \"secret/*\" { capabilities = [\"read\"] }");
    let role = |name: &str, policies: &[&str]| {
        bao.must("POST", &format!("auth/{mount}/role/{name}"), &json!({ "token_policies": policies }));
        let id = bao.must("GET", &format!("auth/{mount}/role/{name}/role-id"), &json!(null));
        id["data"]["role_id"].as_str().unwrap().to_owned()
    };
    let secret_id = |name: &str| {
        let id = bao.must("POST", &format!("auth/{mount}/role/{name}/secret-id"), &json!({}));
        id["data"]["secret_id"].as_str().unwrap().to_owned()
    };
    let (one, other) = (role("one", &[&policy]), role("other", &["default"]));
    let get = |role: &str, id: &str| {
        let file = place.write("secret-id", id);
        let auth = format!("{{ method = \"approle\", role_id = {role:?}, mount = {mount:?}, file = {file:?} }}");
        let text = format!("[providers.\"vault.kv\"]\nauth = {auth}\n");
        let mut command = place.get(&secret);
        command.arg("--config").arg(place.write("s1crets.toml", &text));
        command
    };
    place.reads(&mut get(&one, &secret_id("one")), "the value", true);
    place.reads(&mut get(&one, &secret_id("one")), "the value", false);
    place.is_refused(&mut get(&other, &secret_id("other")), 3);
}

#[test]
fn a_record_of_one_aws_profile_is_not_served_once_its_section_says_somebody_else() {
    let place = Place::before(Moto::shared().endpoint());
    let seed = AwsSeed::new(Moto::shared().endpoint(), "eu-west-1");
    let name = unique("cli/profile");
    seed.create_secret(&name, "the value");
    let shared = |key: &str, other: &str| {
        let text = "[default]\nregion = eu-west-1\n[profile dev]\nregion = eu-west-1\nsource_profile = keys\n\
             role_arn = arn:aws:iam::123456789012:role/a\n";
        place.write(".aws/config", text);
        let text = format!(
            "[keys]\naws_access_key_id = {key}\naws_secret_access_key = x\n[other]\naws_access_key_id = {other}\n"
        );
        place.write(".aws/credentials", &text);
    };
    let get = || {
        let mut command = place.get(&name);
        command.env("AWS_ENDPOINT_URL", place.proxy.endpoint()).env("AWS_PROFILE", "dev");
        command
    };
    shared("one", "one");
    place.reads(&mut get(), "the value", true);
    place.reads(&mut get(), "the value", false);
    shared("one", "two");
    place.reads(&mut get(), "the value", false);
    shared("two", "two");
    place.reads(&mut get(), "the value", true);
    for (variable, value) in [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1"), ("AWS_ROLE_ARN", "x")] {
        place.reads(get().env(variable, value), "the value", true);
        place.reads(get().env(variable, value), "the value", false);
    }
}

/// The identity of a login to Vault by AWS credentials is the AWS identity.
#[test]
fn a_record_of_a_login_by_aws_is_bound_to_the_aws_identity() {
    let place = Place::before(OpenBao::shared().address());
    let text = "[providers.\"vault.kv\"]\nauth = { method = \"aws_iam\", role = \"r\" }\n";
    let config = place.write("s1crets.toml", text);
    let stub = place.runtime.block_on(s1crets_testbed::Stub::start(|request| {
        let body = match request.path.as_str() {
            "/v1/auth/aws/login" => {
                json!({ "auth": { "client_token": "t", "lease_duration": 60, "renewable": false } })
            }
            path if path.starts_with("/v1/sys/internal") => {
                json!({ "data": { "path": "secret/", "type": "kv", "options": { "version": "2" } } })
            }
            _ => json!({ "data": { "data": { "v": "the value" }, "metadata": { "version": 1 } } }),
        };
        s1crets_testbed::Answer::new(200, body)
    }));
    let logins = |key: &str| {
        let before = stub.requests().len();
        let mut command = place.get("vault.kv://secret/x#v");
        command.env("VAULT_ADDR", stub.endpoint()).env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", "x");
        command.arg("--config").arg::<&Path>(&config).assert().success().stdout("the value\n");
        stub.requests().len() > before
    };
    assert!(logins("one") && !logins("one"));
    assert!(logins("two") && !logins("one"));
}
