//! Malformed responses to every call and every login: an error of the right kind, in time, and no panic.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use s1crets::{
    ErrorKind, GetOptions, ListOptions, Provider, SecretValue, UpdateOptions,
    providers::vault_kv::{KvMounts, KvVersion},
    vault::{AppRole, Auth, AwsEc2, AwsIam, Cert, Jwt, Kubernetes, SecretSource, UserPass, Vault, VaultConfig},
};
use s1crets_testbed::{Answer, FakeImds, Request, Stub};
use serde_json::json;

use super::{
    kv, once, open, read, told,
    wire::{second, secret},
};

const SECRET: &str = "s1crets-canary-credential";

/// What is not Vault's in any call.
fn bodies() -> Vec<String> {
    let mut bodies: Vec<_> = [
        "",
        "{",
        "\u{0}{\"<not: json",
        r#"{"data":{"data":{"v":1},"metadata":{"#,
        "<html><body>Please log in</body></html>",
        "[]",
        "null",
        "1e999",
        "\"text\"",
        "{}",
        r#"{"data":null,"auth":null,"wrap_info":null}"#,
        r#"{"data":"text","auth":"text"}"#,
        r#"{"data":[1],"auth":[1]}"#,
        r#"{"data":{"data":1,"metadata":1,"keys":1,"path":1,"secret":1},"auth":{"client_token":1,"lease_duration":"1"}}"#,
        r#"{"data":{"data":{"v":1},"metadata":{"version":"one"},"keys":{}},"auth":{"client_token":"x"}}"#,
        r#"{"auth":{"client_token":"","lease_duration":1}}"#,
        r#"{"auth":{"client_token":"x","lease_duration":-1}}"#,
        r#"{"auth":{"client_token":"x","lease_duration":1e300}}"#,
        r#"{"auth":{"client_token":"x","lease_duration":18446744073709551616}}"#,
    ]
    .map(str::to_owned)
    .to_vec();
    bodies.push("[".repeat(100_000));
    bodies.push(format!("{}1{}", r#"{"data":"#.repeat(1000), "}".repeat(1000)));
    bodies
}

/// Every login, by its name.
fn logins(nonce: &Path, imds: &FakeImds) -> Vec<(&'static str, Auth)> {
    let source = || SecretSource::given(SECRET);
    let ec2 = AwsEc2::new(nonce).with_metadata_endpoint(imds.endpoint());
    vec![
        ("approle", Auth::AppRole(AppRole::new("app", source()))),
        ("approle", Auth::AppRole(AppRole::wrapped("app", source()))),
        ("userpass", Auth::UserPass(UserPass::new("app", source()))),
        ("kubernetes", Auth::Kubernetes(Kubernetes::new("app").with_jwt(source()))),
        ("jwt", Auth::Jwt(Jwt::new(source()))),
        ("cert", Auth::Cert(Cert::new())),
        ("aws_iam", Auth::AwsIam(AwsIam::new().with_credentials("AKIAPUBLIC", SECRET))),
        ("aws_ec2", Auth::AwsEc2(ec2)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_every_login_is_corrupt_and_an_echo_is_not_repeated() {
    let folder = tempfile::tempdir().expect("a folder");
    let nonce = folder.path().join("nonce");
    std::fs::write(&nonce, SECRET).expect("written");
    let imds = FakeImds::start("eu-west-1", "role").await;
    let echo = Stub::start(|request| Answer::new(400, json!({ "errors": [request.text()] }))).await;
    let mut seen = BTreeSet::new();
    for (method, auth) in logins(&nonce, &imds) {
        let vault_at = |stub: &Stub| {
            let config = VaultConfig::new(stub.endpoint()).with_auth(auth.clone()).with_retry(once());
            open(config.with_timeout(Duration::from_secs(5)))
        };
        for body in bodies() {
            let said = body.chars().take(80).collect::<String>();
            let stub = Stub::start(move |_| Answer::new(200, &body)).await;
            let vault = vault_at(&stub);
            let error = vault.log_in().await.expect_err(method);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{method}: {said}: {}", told(&error));
            assert!(!vault.status().logged_in && vault.status().method == method);
        }
        let vault = vault_at(&echo);
        let error = vault.log_in().await.expect_err("an echo");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{method}: {}", told(&error));
        assert!(!format!("{} {vault:?}", told(&error)).contains(SECRET), "{method}: {}", told(&error));
        seen.insert(method);
    }
    let all = ["approle", "aws_ec2", "aws_iam", "cert", "jwt", "kubernetes", "userpass"];
    assert_eq!(seen, BTreeSet::from(all), "and `token`, which is not sent to a login: below");
}

/// The method `token` logs in nowhere: it is what is said of the token that can be garbage.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_a_token_says_nothing_of_it() {
    let stub = Stub::start(|request| match request.path.as_str() {
        "/v1/auth/token/lookup-self" => Answer::new(200, "<html>nothing of Vault's</html>"),
        _ => secret(),
    })
    .await;
    let kv = kv(VaultConfig::new(stub.endpoint()).with_token(SECRET)).with_mounts(second());
    read(&kv, "secret/x").await.expect("the token is sent");
    wait_for(|| kv.vault().status().last_error.is_some()).await;
    let status = kv.vault().status();
    assert_eq!(status.last_error.map(|error| error.kind()), Some(ErrorKind::Corrupt));
    assert!(status.logged_in, "a token that nobody says anything bad of is used");
    read(&kv, "secret/x").await.expect("and sent again");

    // A refused call asks whether the token is alive. A page that is not Vault's is no answer to that.
    let stub = Stub::start(|request| match request.path.as_str() {
        "/v1/auth/token/lookup-self" => Answer::new(200, "<html>nothing of Vault's</html>"),
        _ => Answer::new(403, r#"{"errors":["permission denied"]}"#),
    })
    .await;
    let kv = super::kv(VaultConfig::new(stub.endpoint()).with_token(SECRET)).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_a_renewal_is_followed_by_a_login_and_nobody_waits() {
    let logins = AtomicUsize::new(0);
    let stub = Stub::start(move |request| match request.path.as_str() {
        "/v1/auth/approle/login" => {
            let number = logins.fetch_add(1, Ordering::Relaxed);
            granted(&format!("token-{number}"), &json!(if number == 0 { 2 } else { 3600 }))
        }
        "/v1/auth/token/renew-self" => Answer::new(200, r#"{"auth":{"lease_duration":-1}}"#),
        _ => secret(),
    })
    .await;
    let login = Auth::AppRole(AppRole::without_secret_id("app"));
    let kv = kv(VaultConfig::new(stub.endpoint()).with_auth(login)).with_mounts(second());
    let began = Instant::now();
    while kv.vault().status().logins < 2 {
        assert!(began.elapsed() < Duration::from_secs(30));
        read(&kv, "secret/x").await.expect("read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    read(&kv, "secret/x").await.expect("read with the second token");
    assert_eq!((kv.vault().status().renewals, kv.vault().status().logins), (0, 2));
}

/// A life of centuries is no time that a clock can name, and uses beyond counting are none at all.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_out_of_range_do_not_panic() {
    for (life, uses) in
        [(json!(i64::MAX), json!(i64::MAX)), (json!(i64::MAX / 1000), json!(-1)), (json!(0), json!(1e40))]
    {
        let stub = Stub::start(move |request| match request.path.ends_with("/login") {
            true => {
                let auth = json!({ "client_token": "x", "lease_duration": life, "renewable": true, "num_uses": uses });
                Answer::new(200, json!({ "auth": auth }))
            }
            false => secret(),
        })
        .await;
        let login = Auth::AppRole(AppRole::without_secret_id("app"));
        let kv = kv(VaultConfig::new(stub.endpoint()).with_auth(login)).with_mounts(second());
        read(&kv, "secret/x").await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert!(kv.vault().status().logged_in);
        for wait in ["18446744073709551615", "99999999999999999999999", "-1", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            let busy = Stub::start(move |_| Answer::new(429, "{}").with_header("retry-after", wait)).await;
            let kv = super::kv(VaultConfig::new(busy.endpoint()).with_token("x")).with_mounts(second());
            assert_eq!(read(&kv, "secret/x").await.expect_err("busy").kind(), ErrorKind::Throttled, "{wait}");
        }
    }
}

/// Each call of the provider, on both versions and where the version has to be found out.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_for_every_call_is_corrupt() {
    for body in bodies() {
        let said = body.chars().take(80).collect::<String>();
        let stub = Stub::start(move |_| Answer::new(200, &body)).await;
        for mounts in [second(), KvMounts::default().with_mount("secret", KvVersion::V1), KvMounts::default()] {
            // Without a word on the mount an update is refused, whatever is there.
            let guessed = mounts == KvMounts::default();
            let kv = kv(VaultConfig::new(stub.endpoint()).with_token("x").with_retry(once())).with_mounts(mounts);
            let value = SecretValue::from("{}");
            let updates = [
                UpdateOptions::default(),
                UpdateOptions::default().with_keypath(["k"]),
                UpdateOptions::default().with_keypath(["k", "l"]),
            ];
            let mut failures = vec![
                kv.get_by_path("secret/a", &ListOptions::default()).await.map(drop),
                kv.path_exists("secret/a").await.map(drop),
                kv.get("secret/a", &GetOptions::default()).await.map(drop),
            ];
            for many in kv.get_many(&["secret/a".to_owned()], &GetOptions::default()).await {
                failures.push(many.map(drop));
            }
            for options in updates {
                failures.push(kv.update("secret/a", &value, &options).await.map(drop));
            }
            for (number, answer) in failures.into_iter().enumerate() {
                let Err(error) = answer else { panic!("call {number} takes {said}") };
                // A login is none of a KV engine's replies, but it is Vault's.
                let kind = match said.contains(r#""auth":{"#) || guessed && number > 3 {
                    true => ErrorKind::Unsupported,
                    false => ErrorKind::Corrupt,
                };
                assert_eq!(error.kind(), kind, "call {number}: {said}: {}", told(&error));
            }
        }
        let health = Vault::new(VaultConfig::new(stub.endpoint())).expect("settings").health().await;
        assert_eq!(health.expect_err("no health").kind(), ErrorKind::Corrupt, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_with_garbage_has_the_kind_of_its_status() {
    for body in bodies() {
        for (status, kind) in [
            (204, ErrorKind::Corrupt),
            (302, ErrorKind::Unexpected),
            (400, ErrorKind::InvalidInput),
            // Vault says both in JSON of its own: anything else is no word on a token or a secret.
            (403, ErrorKind::AccessDenied),
            (404, ErrorKind::Corrupt),
            (405, ErrorKind::Unsupported),
            (429, ErrorKind::Throttled),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (999, ErrorKind::Unexpected),
        ] {
            // An answer of status 204 has no body, whatever its headers promise.
            let body = if status == 204 { String::new() } else { body.clone() };
            let stub = Stub::start(move |_| Answer::new(status, &body)).await;
            let kv = kv(VaultConfig::new(stub.endpoint()).with_token("x").with_retry(once())).with_mounts(second());
            let error = read(&kv, "secret/a").await.expect_err("a failure");
            assert_eq!(error.kind(), kind, "{status}: {}", told(&error));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_for_ever_is_a_timeout() {
    let drip = |_: &Request| Answer::new(200, " ".repeat(1_000_000)).dripping(Duration::from_millis(20));
    let stub = Stub::start(drip).await;
    let timeout = Duration::from_millis(300);
    let config = VaultConfig::new(stub.endpoint()).with_timeout(timeout).with_retry(once());
    let login = Auth::AppRole(AppRole::without_secret_id("app"));
    for config in [config.clone().with_token("x"), config.with_auth(login)] {
        let kv =
            s1crets::providers::vault_kv::VaultKv::new(Vault::new(config).expect("settings")).with_mounts(second());
        let began = Instant::now();
        let error = read(&kv, "secret/x").await.expect_err("it has no end");
        assert_eq!(error.kind(), ErrorKind::Timeout, "{}", told(&error));
        // One attempt: the time to connect and the time to answer, and the rest for a slow machine.
        let took = began.elapsed();
        assert!((timeout..timeout * 2 + Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_reply_is_not_held_in_memory() {
    let stub = Stub::start(|_| Answer::new(200, " ".repeat(65 * 1024 * 1024))).await;
    let kv = kv(VaultConfig::new(stub.endpoint()).with_token("x").with_timeout(Duration::from_secs(60)));
    let error = read(&kv.with_mounts(second()), "secret/x").await.expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", told(&error));
    let reads = stub.requests().into_iter().filter(|request| request.path.contains("/data/")).count();
    assert_eq!(reads, 1, "it would be as long a second time");
}

fn granted(token: &str, life: &serde_json::Value) -> Answer {
    Answer::new(200, json!({ "auth": { "client_token": token, "lease_duration": life, "renewable": true } }))
}

pub(super) async fn wait_for(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never happens");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Thirty million tiny values fit into the longest body, and would take gigabytes when parsed.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_too_many_tiny_values_is_corrupt_before_it_is_parsed() {
    let crowd = format!(r#"{{"request_id":"x","data":{{"data":{{"v":[{}0]}}}}}}"#, "0,".repeat(2_000_000));
    let stub = Stub::start(move |_| Answer::new(200, &crowd)).await;
    let kv = kv(VaultConfig::new(stub.endpoint()).with_token("a-token")).with_mounts(second());
    let error = read(&kv, "secret/x").await.expect_err("no secret");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", told(&error));
    assert_eq!(error.message(), "the answer has too many JSON values to be one of Vault's");
}
