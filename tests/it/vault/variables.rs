//! `VAULT_…` and `BAO_…` variables as they are set by CI systems: empty, with a line end, malformed.

use std::time::Duration;

use s1crets_testbed::{Answer, OpenBao, Stub, unique};
use serde_json::json;

use super::{reader, wire::secret};
use crate::subprocess::Child;

/// Variables that would change where a request goes or as whom, if they counted.
const EMPTY: [&str; 16] = [
    "BAO_ADDR",
    "BAO_TOKEN",
    "VAULT_TOKEN_FILE",
    "VAULT_NAMESPACE",
    "BAO_NAMESPACE",
    "VAULT_CACERT",
    "VAULT_CACERT_BYTES",
    "VAULT_CAPATH",
    "VAULT_CLIENT_CERT",
    "VAULT_CLIENT_KEY",
    "VAULT_TLS_SERVER_NAME",
    "VAULT_PROXY_ADDR",
    "VAULT_HTTP_PROXY",
    "VAULT_CLIENT_TIMEOUT",
    "VAULT_MAX_RETRIES",
    "HTTP_PROXY",
];

#[tokio::test(flavor = "multi_thread")]
async fn empty_variables_count_as_unset_and_padded_ones_are_trimmed() {
    let bao = OpenBao::shared();
    let path = unique("variables/");
    bao.must("POST", &format!("secret/data/{path}"), &json!({ "data": { "v": "x" } }));
    let token = bao.token(&json!({ "policies": [reader(bao)] }));
    let reference = format!("vault.kv://secret/{path}#v");
    let child = Child::new()
        .with("VAULT_ADDR", &format!(" {}\r\n", bao.address()))
        .with("VAULT_TOKEN", &format!("\t{token}\n"));
    assert_eq!(child.get(&reference).await.text(), "x");
    for blank in ["", " \n"] {
        let child = Child::new().with("VAULT_ADDR", bao.address()).with("VAULT_TOKEN", &token);
        let child = EMPTY.iter().fold(child, |child, name| child.with(name, blank));
        assert_eq!(child.get(&reference).await.text(), "x", "{blank:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_variable_is_an_error_that_names_it() {
    for (name, value, words) in [
        ("VAULT_ADDR", "hunter2:8200", "the address of Vault is malformed"),
        ("BAO_ADDR", "https://me:hunter2@vault", "can't hold a user name or a password"),
        ("VAULT_ADDR", "http://vault /", "the address of Vault is malformed"),
        ("VAULT_TOKEN", "hunter2\nhunter2", "it holds a character that no token has"),
        ("BAO_TOKEN", "hünter2", "it holds a character that no token has"),
        ("VAULT_NAMESPACE", "team\nhunter2", "the namespace can't be sent in a header"),
        ("VAULT_NAMESPACE", "team/sys", "is no namespace of Vault"),
        ("VAULT_CACERT_BYTES", "hunter2", "it holds no PEM certificates"),
        ("VAULT_PROXY_ADDR", "socks5://me:hunter2@proxy", "is of a kind that is not supported"),
        ("VAULT_HTTP_PROXY", "http://me:hunter2@", "the proxy is not a URL"),
        ("HTTPS_PROXY", "socks5h://me:hunter2@proxy", "is of a kind that is not supported"),
        ("VAULT_CLIENT_TIMEOUT", "hunter2", "it is not a time above 0"),
        ("VAULT_CLIENT_TIMEOUT", "0", "it is not a time above 0"),
        ("BAO_CLIENT_TIMEOUT", "-5s", "it is not a time above 0"),
        ("VAULT_MAX_RETRIES", "hunter2", "it is not a whole number"),
        ("BAO_MAX_RETRIES", "-1", "it is not a whole number"),
    ] {
        let child = Child::new().with("VAULT_ADDR", "https://vault.corp:8200").with("VAULT_TOKEN", "a-token");
        let answer = child.with(name, value).get("vault.kv://secret/x").await;
        let message = answer.fails("config");
        assert!(message.contains(&format!("{name}: ")) && message.contains(words), "{name}={value}: {answer:?}");
        assert!(!format!("{answer:?}").contains("hunter2"), "{name}={value}: {answer:?}");
    }
    // Files: the path is named.
    for name in ["VAULT_CACERT", "BAO_CAPATH", "VAULT_CLIENT_CERT"] {
        let child = Child::new().with("VAULT_ADDR", "https://vault.corp:8200").with("VAULT_TOKEN", "a-token");
        let child = child.with("VAULT_CLIENT_KEY", "/nonexistent/key").with(name, "/nonexistent/file");
        let answer = child.get("vault.kv://secret/x").await;
        assert!(answer.fails("config").contains("/nonexistent/"), "{name}: {answer:?}");
    }
}

/// A variable about another server is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_variable_is_no_concern_of_a_named_connection() {
    let stub = Stub::start(|_| secret()).await;
    let config = format!(
        "[connections.eu]\ntype = \"vault\"\naddress = \"{}\"\nauth = {{ method = \"token\", env = \"EU\" }}\n\
         [providers.team]\ntype = \"vault.kv\"\nconnection = \"eu\"\nmounts = {{ secret = 2 }}\n",
        stub.endpoint()
    );
    let child = Child::new().with_file("S1CRETS_CONFIG", &config).with("EU", "a-token");
    let child = child.with("VAULT_ADDR", "malformed").with("VAULT_MAX_RETRIES", "x").with("VAULT_CLIENT_TIMEOUT", "x");
    assert_eq!(child.get("team://secret/x#v").await.text(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_retries_is_the_variables_unless_a_setting_of_ours_has_it() {
    let attempts = async |variables: &[(&str, &str)], setting: &str| {
        let stub = Stub::start(|request| match request.path.contains("/secret/") {
            true => Answer::new(503, r#"{"errors":["Vault is sealed"]}"#),
            false => Answer::new(404, r#"{"errors":[]}"#),
        })
        .await;
        let config = format!("[providers.\"vault.kv\"]\nmounts = {{ secret = 2 }}\n{setting}\n");
        let child = Child::new().with_file("S1CRETS_CONFIG", &config).with("VAULT_ADDR", stub.endpoint());
        let child =
            variables.iter().fold(child.with("VAULT_TOKEN", "a-token"), |it, (name, value)| it.with(name, value));
        child.get("vault.kv://secret/x").await.fails("unavailable");
        stub.requests().iter().filter(|request| request.path.contains("/secret/data/")).count()
    };
    assert_eq!(attempts(&[], "").await, 3);
    assert_eq!(attempts(&[("VAULT_MAX_RETRIES", "0")], "").await, 1);
    assert_eq!(attempts(&[("VAULT_MAX_RETRIES", "0"), ("BAO_MAX_RETRIES", "1")], "").await, 2);
    assert_eq!(attempts(&[("VAULT_MAX_RETRIES", "0")], "retry = 2").await, 2);
    assert_eq!(attempts(&[("VAULT_MAX_RETRIES", "0"), ("S1CRETS_RETRY", "2")], "").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_is_the_variables_unless_a_setting_of_ours_has_it() {
    let stub = Stub::start(|_| secret().dripping(Duration::from_secs(60))).await;
    let config = "[providers.\"vault.kv\"]\nmounts = { secret = 2 }\nretry = 1\n";
    let child = || {
        let child = Child::new().with_file("S1CRETS_CONFIG", config).with("VAULT_ADDR", stub.endpoint());
        child.with("VAULT_TOKEN", "a-token")
    };
    for (name, value, told) in [
        ("VAULT_CLIENT_TIMEOUT", "1", "1s"),
        ("BAO_CLIENT_TIMEOUT", "0.25s", "250ms"),
        ("VAULT_CLIENT_TIMEOUT", "1m", "300ms"),
    ] {
        let child = child().with(name, value);
        let child = if told == "300ms" { child.with("S1CRETS_TIMEOUT", "300ms") } else { child };
        let answer = child.get("vault.kv://secret/x").await;
        assert!(answer.fails("timeout").contains(&format!("timeout: {told})")), "{answer:?}");
    }
}
