//! Logins by AWS identities, against a server that checks the signature.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use s1crets::{
    ErrorKind,
    vault::{Auth, AwsEc2, AwsIam, VaultConfig},
};
use s1crets_testbed::{Answer, Authority, FakeImds, Request, Stub, TlsFront};
use serde_json::{Value, json};

use super::{
    once, open,
    sigv4::{Sent, Signed},
    told,
};
use crate::subprocess::Child;

const ACCESS: &str = "AKIAS1CRETSCANARY000";
const SECRET: &str = "s1crets-canary-aws-secret-key";
const SESSION: &str = "s1crets-canary-aws-session/token+of==";
const SERVER: &str = "vault.example.com";

fn granted() -> Answer {
    let auth = json!({ "client_token": "s.granted", "lease_duration": 3600, "renewable": true, "num_uses": 0 });
    Answer::new(200, json!({ "request_id": "x", "auth": auth }))
}

fn refused() -> Answer {
    Answer::new(400, json!({ "errors": ["the signature does not match"] }))
}

fn decoded(body: &Value, field: &str) -> String {
    let bytes = STANDARD.decode(body[field].as_str().unwrap_or_default()).expect("base64");
    String::from_utf8(bytes).expect("UTF-8")
}

/// The host of the request inside the login, its session token, and what is signed of it, if the holder of `SECRET` has
/// signed it for this server.
fn claim(login: &Value) -> Option<(String, String, Signed)> {
    let headers: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&decoded(login, "iam_request_headers")).expect("a map of lists");
    let headers = headers.into_iter().map(|(name, values)| (name.to_lowercase(), values.join(","))).collect();
    let (url, body) = (decoded(login, "iam_request_url"), decoded(login, "iam_request_body"));
    let host = url.strip_prefix("https://")?.strip_suffix('/')?;
    let method = login["iam_http_request_method"].as_str()?;
    let sent = Sent { method, path: "/", query: "", headers, body: &body };
    let signed = sent.signed_by(SECRET)?;
    let bound = |name: &str| signed.headers.iter().any(|it| it == name);
    let whole = body == "Action=GetCallerIdentity&Version=2011-06-15"
        && sent.header("host") == host
        && sent.header("content-length") == body.len().to_string()
        && (bound("x-vault-aws-iam-server-id") && sent.header("x-vault-aws-iam-server-id") == SERVER)
        && bound("x-amz-security-token") != sent.header("x-amz-security-token").is_empty();
    whole.then(|| (host.to_owned(), sent.header("x-amz-security-token").to_owned(), signed))
}

fn check(request: &Request) -> Answer {
    if claim(&request.json()).is_some() { granted() } else { refused() }
}

async fn login(login: AwsIam, stub: &Stub) -> s1crets::Result<()> {
    open(VaultConfig::new(stub.endpoint()).with_auth(Auth::AwsIam(login)).with_retry(once())).log_in().await
}

fn iam() -> AwsIam {
    AwsIam::new().with_credentials(ACCESS, SECRET).with_role("app").with_mount("aws/main")
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_iam_success_is_signed_for_one_vault_and_one_region() {
    let stub = Stub::start(check).await;
    for (region, host, signed_for) in [
        (Some("eu-west-1"), "sts.eu-west-1.amazonaws.com", "eu-west-1"),
        (Some("cn-north-1"), "sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (None, "sts.amazonaws.com", "us-east-1"),
    ] {
        let there = region.map_or_else(iam, |region| iam().with_region(region));
        login(there.with_server_id(SERVER), &stub).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        let request = stub.requests().pop().expect("a login");
        assert_eq!((request.path.as_str(), &request.json()["role"]), ("/v1/auth/aws/main/login", &json!("app")));
        let (named, session, signed) = claim(&request.json()).expect("signed");
        assert_eq!((named.as_str(), session.as_str()), (host, ""));
        assert_eq!((signed.region.as_str(), signed.service.as_str()), (signed_for, "sts"));
        assert_eq!(signed.access_key, ACCESS);
        assert!(!request.text().contains(SECRET));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_iam_refusal() {
    let stub = Stub::start(check).await;
    for refused in [
        iam().with_server_id("another.example.com"),
        iam(),
        AwsIam::new().with_credentials(ACCESS, "s1crets-canary-wrong-key").with_server_id(SERVER),
    ] {
        let error = login(refused, &stub).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
        assert!(!told(&error).contains("canary"), "{}", told(&error));
    }
}

/// Credentials as the SDK finds them: of the environment and of a profile, both of a session.
#[tokio::test(flavor = "multi_thread")]
async fn aws_iam_success_with_the_sdks_credentials_and_their_session() {
    let stub = Stub::start(|request| match request.path.ends_with("/login") {
        true => check(request),
        false => super::wire::secret(),
    })
    .await;
    let settings = |more: &str| {
        format!(
            "[providers.\"vault.kv\"]\naddress = \"{}\"\nmounts = {{ secret = 2 }}\n\
             auth = {{ method = \"aws_iam\", role = \"app\", server_id = \"{SERVER}\"{more} }}\n",
            stub.endpoint()
        )
    };
    let credentials = format!(
        "[ci]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\naws_session_token = {SESSION}\n"
    );
    let environment = Child::new()
        .with_file("S1CRETS_CONFIG", &settings(""))
        .with("AWS_ACCESS_KEY_ID", ACCESS)
        .with("AWS_SECRET_ACCESS_KEY", SECRET)
        .with("AWS_SESSION_TOKEN", SESSION);
    let profile = |name: &str| {
        Child::new()
            .with_file("S1CRETS_CONFIG", &settings(&format!(", profile = \"{name}\"")))
            .with_file("AWS_SHARED_CREDENTIALS_FILE", &credentials)
            .with_file("AWS_CONFIG_FILE", "")
    };
    for child in [environment, profile("ci")] {
        assert_eq!(child.get("vault.kv://secret/x#v").await.text(), "1");
        let mut logins = stub.requests().into_iter().filter(|request| request.path.ends_with("/login"));
        let (_, session, signed) = claim(&logins.next_back().expect("a login").json()).expect("signed");
        assert_eq!((session.as_str(), signed.access_key.as_str()), (SESSION, ACCESS));
    }
    let before = stub.requests().len();
    let answer = profile("no-such").get("vault.kv://secret/x#v").await;
    let told = answer.fails("config");
    assert!(told.contains("there is no AWS profile \"no-such\"") && !told.contains("canary"), "{answer:?}");
    assert_eq!(stub.requests().len(), before, "without credentials there is nothing to send");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_ec2_success_and_refusal_by_the_identity_on_one_line_and_a_nonce_that_stays() {
    let imds = FakeImds::start("eu-west-1", "role").await;
    let stub = Stub::start(|request| {
        let body = request.json();
        let whole = body["pkcs7"] == json!("MIIFakeIdentityOfAnInstance=")
            && body["nonce"].as_str().is_some_and(|it| it.len() == 36);
        if whole && body["role"] == json!("app") { granted() } else { refused() }
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("vault.nonce");
    let ec2 =
        |role: &str| AwsEc2::new(&file).with_role(role).with_metadata_endpoint(imds.endpoint()).with_mount("aws-ec2");
    let try_login = async |login: AwsEc2, address: &str| {
        open(VaultConfig::new(address).with_auth(Auth::AwsEc2(login)).with_retry(once())).log_in().await
    };
    for _ in 0..2 {
        try_login(ec2("app"), stub.endpoint()).await.unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    let requests = stub.requests();
    let nonce = requests[0].json()["nonce"].as_str().expect("a nonce").to_owned();
    assert_eq!(requests[1].json()["nonce"], json!(nonce), "the second login has the nonce of the first");
    assert_eq!(std::fs::read_to_string(&file).expect("kept"), nonce);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).expect("kept").permissions().mode() & 0o777, 0o400);
    }
    assert_eq!(imds.count("PUT /latest/api/token"), 2, "by version 2 of the metadata service");
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1, "nothing is left beside the nonce");

    let error = try_login(ec2("other"), stub.endpoint()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!told(&error).contains(&nonce) && !told(&error).contains("MIIFake"), "{}", told(&error));

    let nowhere = AwsEc2::new(&file).with_metadata_endpoint("http://127.0.0.1:1");
    let error = try_login(nowhere, stub.endpoint()).await.expect_err("no instance");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", told(&error));
}

/// A role's credentials come from STS by the settings of the AWS providers, and fail in their words.
#[tokio::test(flavor = "multi_thread")]
async fn aws_iam_takes_the_credentials_of_a_role_as_the_aws_providers_do() {
    let vault = Stub::start(|_| refused()).await;
    let sts = Stub::start(|_| Answer::new(500, "")).await;
    let folder = tempfile::tempdir().expect("a folder");
    let front = TlsFront::start(&Authority::create(folder.path()), sts.endpoint()).await;
    let trusted = folder.path().join("ca.pem").display().to_string();
    let child = || {
        let settings = format!(
            "[providers.\"vault.kv\"]\naddress = \"{}\"\nmounts = {{ secret = 2 }}\n\
             auth = {{ method = \"aws_iam\", role = \"app\", profile = \"r\" }}\n",
            vault.endpoint()
        );
        let profiles = format!(
            "[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = ci\n\
             [profile ci]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        );
        Child::new()
            .with_file("S1CRETS_CONFIG", &settings)
            .with_file("AWS_CONFIG_FILE", &profiles)
            .with("S1CRETS_RETRY", "1")
            // It would make the SDK panic.
            .with("AWS_ENDPOINT_URL", "")
            .with("SSL_CERT_FILE", "")
            .with("SSL_CERT_DIR", "")
    };
    let get = async |child: Child| child.get("vault.kv://secret/x#v").await;
    let untrusted = get(child().with("AWS_ENDPOINT_URL_STS", front.endpoint())).await;
    assert!(untrusted.fails("config").contains("is not trusted"), "{untrusted:?}");
    assert_eq!(sts.requests().len(), 0);
    let failing = get(child().with("AWS_ENDPOINT_URL_STS", front.endpoint()).with("AWS_CA_BUNDLE", &trusted)).await;
    assert!(failing.fails("unavailable").contains("can't assume the role"), "{failing:?}");
    assert_eq!(sts.requests().len(), 1);
    let malformed = get(child().with("AWS_ENDPOINT_URL_STS", "localhost:4566")).await;
    assert!(malformed.fails("config").contains("AWS_ENDPOINT_URL_STS is not a URL"), "{malformed:?}");
    assert_eq!(vault.requests().len(), 0, "without credentials there is nothing to send");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_ec2_reads_no_metadata_that_is_turned_off() {
    let (imds, vault) = (FakeImds::start("eu-west-1", "role").await, Stub::start(|_| granted()).await);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = format!(
        "[providers.\"vault.kv\"]\naddress = \"{}\"\nmounts = {{ secret = 2 }}\n\
         auth = {{ method = \"aws_ec2\", nonce_file = {:?} }}\n",
        vault.endpoint(),
        folder.path().join("nonce")
    );
    let child = Child::new()
        .with_file("S1CRETS_CONFIG", &settings)
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "true");
    let answer = child.get("vault.kv://secret/x#v").await;
    assert!(answer.fails("config").contains("turned off by AWS_EC2_METADATA_DISABLED"), "{answer:?}");
    assert_eq!((imds.total(), vault.requests().len()), (0, 0));
}
