//! No token, JWT, secret id, password, key or nonce is in any output. Each is marked, and passed through every login. Then
//! the log of the whole process at every level, errors with all their causes, and `Debug` are searched.

use std::{fs, path::Path, time::Duration};

use s1crets::{
    Metadata, Provider, Secret, SecretValue,
    providers::vault_kv::VaultKv,
    vault::{
        AppRole, Auth, AwsEc2, AwsIam, Cert, Jwt, Kubernetes, SecretSource, TlsConfig, Token, UserPass, Vault,
        VaultConfig,
    },
};
use s1crets_testbed::{Answer, FakeImds, FaultProxy, OpenBao, Request, Stub, unique};
use serde_json::json;

use super::{once, outage::raft, plant, reader};
use crate::canary::{Heard, Marks, assert_silence, everything};

/// Every login, each with a secret of its own.
fn logins(marks: &mut Marks, folder: &Path, imds: &FakeImds) -> Vec<Auth> {
    let mut file = |name: &str| {
        let path = folder.join(name);
        fs::write(&path, marks.mark()).expect("written");
        path
    };
    let (token_file, nonce) = (file("token"), file("nonce"));
    let fetched = marks.mark();
    let mut source = || SecretSource::given(marks.mark());
    let mut logins = vec![
        Auth::Token(source()),
        Auth::Token(SecretSource::file(token_file)),
        Auth::AppRole(AppRole::new("app", source())),
        Auth::AppRole(AppRole::wrapped("app", source())),
        Auth::UserPass(UserPass::new("app", source())),
        Auth::Jwt(Jwt::new(source())),
        Auth::Jwt(Jwt::new(SecretSource::fetched(move || {
            let jwt = Secret::text(fetched.clone(), Metadata::default());
            async move { Ok(jwt) }
        }))),
        Auth::Kubernetes(Kubernetes::new("app").with_jwt(source())),
        Auth::Cert(Cert::new()),
        Auth::AwsEc2(AwsEc2::new(nonce).with_metadata_endpoint(imds.endpoint())),
    ];
    logins.push(Auth::AwsIam(AwsIam::new().with_credentials("AKIAPUBLIC", marks.mark()).with_server_id("vault")));
    logins
}

/// A server that accepts every login, and whose tokens, secret ids and values are marked.
async fn generous(marks: &mut Marks) -> Stub {
    let [token, secret_id, value, wrapping] = std::array::from_fn(|_| marks.mark());
    Stub::start(move |request| {
        let path = request.path.split('?').next().unwrap_or_default();
        Answer::new(
            200,
            match path {
                _ if path.contains("/login") || path.ends_with("/renew-self") => {
                    json!({ "auth": { "client_token": token, "lease_duration": 1, "renewable": true } })
                }
                "/v1/sys/wrapping/lookup" => {
                    json!({ "data": { "creation_path": "auth/approle/role/app/secret-id" } })
                }
                "/v1/sys/wrapping/unwrap" => json!({ "data": { "secret_id": secret_id } }),
                "/v1/auth/token/lookup-self" => json!({ "data": { "id": token, "ttl": 3600, "renewable": true } }),
                "/v1/secret/metadata/app/db" => json!({ "data": { "current_version": 1, "versions": { "1": {} } } }),
                _ if path.starts_with("/v1/secret/metadata") => json!({ "data": { "keys": ["db"] } }),
                "/v1/sys/wrapping/wrap" => {
                    json!({ "wrap_info": { "token": wrapping, "accessor": "a", "ttl": 60, "creation_path": path } })
                }
                _ if path.starts_with("/v1/sys/internal/ui/mounts") => {
                    json!({ "data": { "path": "secret/", "type": "kv", "options": { "version": "2" } } })
                }
                _ if request.method == "GET" => {
                    json!({ "data": { "data": { "password": value }, "metadata": { "version": 1 } } })
                }
                _ => json!({ "data": { "version": 2 } }),
            },
        )
    })
    .await
}

/// An echo returns everything that it was sent, in clear and encoded.
fn echoed(request: &Request) -> String {
    let headers: Vec<_> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
    format!("{} {}", request.text(), headers.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_leaves_a_trace_taken_refused_or_answered_with_garbage() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let folder = tempfile::tempdir().expect("a folder");
    let imds = FakeImds::start("eu-west-1", "role").await;
    let logins = logins(&mut marks, folder.path(), &imds);
    // The instance's identity, as the metadata service gives it.
    marks.also("MIIFakeIdentity");
    let taken = generous(&mut marks).await;
    let refused = Stub::start(|request| Answer::new(400, json!({ "errors": [echoed(request)] }))).await;
    let denied = Stub::start(|request| Answer::new(403, json!({ "errors": [echoed(request)] }))).await;
    let garbage = Stub::start(|request| Answer::new(200, echoed(request))).await;
    let broken = Stub::start(|request| {
        Answer::new(200, json!({ "auth": { "client_token": [echoed(request)] }, "data": echoed(request) }))
    })
    .await;
    let value = SecretValue::json(&json!({ "password": marks.mark() })).expect("JSON");
    let body = json!({ "data": { "password": marks.mark() } });
    let wrapping_token = Token::new(marks.mark());
    for auth in logins {
        for address in
            [&taken, &refused, &denied, &garbage, &broken].map(Stub::endpoint).into_iter().chain(["http://127.0.0.1:1"])
        {
            let config = VaultConfig::new(address).with_auth(auth.clone()).with_retry(once());
            heard.show(&config);
            let vault = Vault::new(config.with_revoke_at_shutdown(true)).expect("settings");
            heard.outcome(vault.log_in().await);
            let kv = VaultKv::new(vault);
            everything(&heard, &kv, "secret/app/db", &value).await;
            heard.show(&kv.vault().status());
            heard.outcome(kv.vault().health().await);
            api(&heard, kv.vault(), &body, &wrapping_token).await;
            heard.outcome(kv.vault().shutdown().await);
        }
    }
    assert!(taken.requests().iter().any(|request| request.path.ends_with("/revoke-self")), "logins were taken");
    assert!(heard.text().contains("the login to Vault failed"), "the log was heard");
    assert_silence(&heard, &marks);
}

/// Each call of the typed API, with what it returns shown.
async fn api(heard: &Heard, vault: &Vault, body: &serde_json::Value, wrapping_token: &Token) {
    heard.outcome(vault.token().await);
    for request in [
        vault.read("secret/data/app/db").wrap_ttl(Duration::from_secs(60)),
        vault.write("secret/data/app/db", body),
        vault.list("secret/metadata"),
        vault.delete("secret/data/app/db"),
        vault.read("auth/approle/login"),
        vault.read("sys/wrapping/wrap"),
    ] {
        heard.show(&request);
        let response = request.await;
        if let Ok(response) = &response {
            heard.outcome(response.auth());
            heard.outcome(response.wrap_info());
            heard.outcome(response.secret());
        }
        heard.outcome(response);
    }
    heard.outcome(vault.unwrap(wrapping_token).await);
    heard.outcome(vault.unwrap_from(wrapping_token, "auth/approle/role/*/secret-id").await);
    heard.outcome(vault.lookup_self().await);
    heard.outcome(vault.renew_self(None).await);
    heard.outcome(vault.revoke_self().await);
}

/// Over TLS, with the client's key: a login that is accepted, one that is refused, and one with an invalid key.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_key_leaves_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let bao = raft();
    let mount = unique("cert-canary-");
    bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": "cert" }));
    let trusted = fs::read_to_string(bao.authority().certificate_file()).expect("written");
    let role = json!({ "certificate": trusted, "allowed_common_names": ["app"], "token_policies": [reader(&bao)] });
    bao.must("POST", &format!("auth/{mount}/certs/app"), &role);
    let value = marks.mark();
    let path = plant(&bao, &json!({ "password": value }));
    let tls = TlsConfig::default().with_ca_file(bao.authority().certificate_file());
    let broken = bao.authority().issue("broken");
    let text = fs::read_to_string(&broken.1).expect("written");
    fs::write(&broken.1, text.replacen("BEGIN", "BEGUN", 1)).expect("written");
    for (certificate, key) in [bao.authority().issue("app"), bao.authority().issue("intruder"), broken] {
        let text = fs::read_to_string(&key).expect("written");
        text.lines().filter(|line| !line.starts_with("---") && line.len() > 16).for_each(|line| marks.also(line));
        let tls = tls.clone().with_client_cert(certificate, key);
        let config =
            VaultConfig::new(bao.address()).with_auth(Auth::Cert(Cert::new().with_mount(&mount))).with_tls(tls);
        heard.show(&config);
        match Vault::new(config) {
            Ok(vault) => {
                let kv = VaultKv::new(vault);
                everything(&heard, &kv, &path, &SecretValue::from("{}")).await;
                heard.show(&kv.vault().status());
            }
            Err(error) => heard.outcome::<()>(Err(error)),
        }
    }
    assert_silence(&heard, &marks);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_servers_values_and_tokens_leave_no_trace() {
    let (heard, mut marks) = (Heard::everything(), Marks::default());
    let bao = OpenBao::shared();
    let token = marks.mark();
    bao.token(&json!({ "id": token, "ttl": "1h" }));
    let path = plant(bao, &json!({ "password": marks.mark() }));
    let proxy = FaultProxy::start(bao.address()).await;
    let kv = super::kv(VaultConfig::new(proxy.endpoint()).with_token(&token));
    let value = SecretValue::json(&json!({ "password": marks.mark() })).expect("JSON");
    everything(&heard, &kv, &path, &value).await;
    for options in [
        s1crets::UpdateOptions::default().with_if_version("77"),
        s1crets::UpdateOptions::default().with_keypath(["no", "such"]),
    ] {
        heard.outcome(kv.update(&path, &value, &options).await);
    }
    bao.must("POST", "auth/token/revoke", &json!({ "token": token }));
    everything(&heard, &kv, &path, &value).await;
    assert_silence(&heard, &marks);
}
