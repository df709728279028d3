//! Where a login reads its credential from: the environment, files, the home folder. Each test runs a separate process,
//! because it changes the environment.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use s1crets_testbed::{OpenBao, unique};
use serde_json::{Value, json};

use super::{plant, reader};
use crate::subprocess::Child;

/// A secret to read, by reference.
fn reference(bao: &OpenBao) -> String {
    format!("vault.kv://{}#v", plant(bao, &json!({ "v": "found" })))
}

fn child(bao: &OpenBao) -> Child {
    Child::new().with("VAULT_ADDR", bao.address())
}

fn token(bao: &OpenBao) -> String {
    bao.token(&json!({ "policies": [reader(bao)] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_variable_a_named_file_and_the_home_folder() {
    let bao = OpenBao::shared();
    let reference = reference(bao);
    for variable in ["VAULT_TOKEN", "BAO_TOKEN"] {
        assert_eq!(child(bao).with(variable, &token(bao)).get(&reference).await.text(), "found");
    }
    let named = child(bao).with_file("VAULT_TOKEN_FILE", &format!("{}\n", token(bao)));
    assert_eq!(named.get(&reference).await.text(), "found");
    let home = child(bao);
    fs::write(home.path(".vault-token"), token(bao)).expect("written");
    assert_eq!(home.get(&reference).await.text(), "found");
    // A variable goes before the file, also when it is wrong.
    let dead = home.with("VAULT_TOKEN", "s.s1crets-canary-dead").get(&reference).await;
    assert!(!dead.fails("unauthenticated").contains("canary"), "{dead:?}");

    let nothing = child(bao).get(&reference).await;
    nothing.fails("unauthenticated");
    assert!(nothing.hint.contains("VAULT_TOKEN"), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_would_turn_verification_off_is_told_and_not_followed() {
    let bao = OpenBao::shared();
    let told = child(bao).with("VAULT_TOKEN", &token(bao)).with("VAULT_SKIP_VERIFY", "1").trace(&reference(bao)).await;
    assert!(told.contains("VAULT_SKIP_VERIFY is not followed"), "{told}");
    assert!(!told.contains("NOT verified"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approle_of_the_environment() {
    let bao = OpenBao::shared();
    let reference = reference(bao);
    // The variables name no mount: it is the usual one, which this test alone has.
    bao.call("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    let role = unique("environment-");
    bao.must("POST", &format!("auth/approle/role/{role}"), &json!({ "token_policies": [reader(bao)] }));
    let (id, secret) = ids(bao, "approle", &role);
    let by_role = |secret: &str| child(bao).with("VAULT_ROLE_ID", &id).with("VAULT_SECRET_ID", secret);
    assert_eq!(by_role(&secret).get(&reference).await.text(), "found");
    let refused = by_role("s1crets-canary-wrong").get(&reference).await;
    assert!(!refused.fails("unauthenticated").contains("canary"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_login_that_takes_a_secret_takes_it_from_a_named_variable() {
    let bao = OpenBao::shared();
    let reference = reference(bao);
    let mount = |kind: &str| {
        let mount = unique(&format!("{kind}-by-variable/"));
        bao.must("POST", &format!("sys/auth/{mount}"), &json!({ "type": kind }));
        mount
    };
    let approle = mount("approle");
    bao.must("POST", &format!("auth/{approle}/role/app"), &json!({ "token_policies": [reader(bao)] }));
    let (id, secret) = ids(bao, &approle, "app");
    let userpass = mount("userpass");
    let user = json!({ "password": "a-password-of-tests", "token_policies": [reader(bao)] });
    bao.must("POST", &format!("auth/{userpass}/users/app"), &user);
    let (jwt, issuer) = (mount("jwt"), s1crets_testbed::JwtIssuer::create());
    bao.must("POST", &format!("auth/{jwt}/config"), &json!({ "jwt_validation_pubkeys": [issuer.public_key()] }));
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": [reader(bao)],
    });
    bao.must("POST", &format!("auth/{jwt}/role/ci"), &role);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let claims = json!({ "sub": "job", "aud": "vault", "iat": now - 60, "nbf": now - 60, "exp": now + 3600 });
    for (auth, value) in [
        (r#"method = "token""#.to_owned(), token(bao)),
        (format!(r#"method = "approle", role_id = "{id}", mount = "{approle}""#), secret),
        (format!(r#"method = "userpass", username = "app", mount = "{userpass}""#), "a-password-of-tests".to_owned()),
        (format!(r#"method = "jwt", role = "ci", mount = "{jwt}""#), issuer.issue(&claims)),
    ] {
        let settings = format!("[providers.\"vault.kv\"]\nauth = {{ {auth}, env = \"OF_THE_JOB\" }}\n");
        let job = || child(bao).with_file("S1CRETS_CONFIG", &settings);
        assert_eq!(job().with("OF_THE_JOB", &format!("{value}\n")).get(&reference).await.text(), "found", "{auth}");
        let unset = job().get(&reference).await;
        assert!(unset.fails("unauthenticated").contains("OF_THE_JOB"), "{auth}: {unset:?}");
        let wrong = job().with("OF_THE_JOB", "s1crets-canary-wrong").get(&reference).await;
        assert!(!wrong.fails("unauthenticated").contains("canary"), "{auth}: {wrong:?}");
    }
}

fn ids(bao: &OpenBao, mount: &str, role: &str) -> (String, String) {
    let id = bao.must("GET", &format!("auth/{mount}/role/{role}/role-id"), &Value::Null);
    let secret = bao.must("POST", &format!("auth/{mount}/role/{role}/secret-id"), &json!({}));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    (text(&id["data"]["role_id"]), text(&secret["data"]["secret_id"]))
}
