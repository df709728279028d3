//! Logins by AWS identities, against a server that checks the signature.

use std::{collections::BTreeMap, time::SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use s1crets::{
    ErrorKind,
    vault::{Auth, AwsEc2, AwsIam, VaultConfig},
};
use s1crets_testbed::{Answer, FakeImds, Stub};
use serde_json::{Value, json};

use super::{once, open, told};

const ACCESS: &str = "AKIAS1CRETSCANARY000";
const SECRET: &str = "s1crets-canary-aws-secret-key";
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

/// Whether the request inside the login is one that AWS would take from the holder of `SECRET`: signed anew with the
/// same time and headers, it has the same signature.
fn is_signed(body: &Value) -> bool {
    let headers: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&decoded(body, "iam_request_headers")).expect("a map of lists");
    let header = |name: &str| {
        let found = headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, values)| values[0].clone()).unwrap_or_default()
    };
    let authorization = header("authorization");
    let signed = authorization.split("SignedHeaders=").nth(1).and_then(|it| it.split(',').next()).unwrap_or_default();
    if !signed.split(';').any(|name| name == "x-vault-aws-iam-server-id")
        || header("x-vault-aws-iam-server-id") != SERVER
    {
        return false;
    }
    let region = authorization.split('/').nth(2).unwrap_or_default().to_owned();
    let identity = Credentials::new(ACCESS, SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("sts")
        .time(time(&header("x-amz-date")))
        .settings(SigningSettings::default())
        .build()
        .expect("whole")
        .into();
    let kept: Vec<_> =
        signed.split(';').filter(|name| *name != "x-amz-date").map(|name| (name.to_owned(), header(name))).collect();
    let kept = kept.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let (url, text) = (decoded(body, "iam_request_url"), decoded(body, "iam_request_body"));
    let request = SignableRequest::new("POST", &url, kept, SignableBody::Bytes(text.as_bytes())).expect("a request");
    let (_, signature) = sign(request, &params).expect("signed").into_parts();
    text.contains("Action=GetCallerIdentity") && authorization.ends_with(&format!("Signature={signature}"))
}

/// `20261122T123456Z`.
fn time(date: &str) -> SystemTime {
    let part = |from: usize, to: usize| date.get(from..to).expect("a date");
    let text =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15));
    humantime::parse_rfc3339(&text).expect("a time")
}

/// A folder whose `credentials` file has a profile of this key; the SDK is pointed there by the test's process.
async fn login(login: AwsIam, stub: &Stub) -> s1crets::Result<()> {
    open(VaultConfig::new(stub.endpoint()).with_auth(Auth::AwsIam(login)).with_retry(once())).log_in().await
}

#[tokio::test(flavor = "multi_thread")]
async fn iam_is_signed_for_one_vault_and_one_region() {
    let stub = Stub::start(|request| if is_signed(&request.json()) { granted() } else { refused() }).await;
    let iam = || AwsIam::new().with_credentials(ACCESS, SECRET).with_role("app").with_mount("aws/main");
    login(iam().with_server_id(SERVER).with_region("eu-west-1"), &stub)
        .await
        .unwrap_or_else(|e| panic!("{}", told(&e)));
    login(iam().with_server_id(SERVER), &stub).await.expect("the global endpoint");
    let requests = stub.requests();
    assert_eq!((requests[0].path.as_str(), &requests[0].json()["role"]), ("/v1/auth/aws/main/login", &json!("app")));
    assert_eq!(decoded(&requests[0].json(), "iam_request_url"), "https://sts.eu-west-1.amazonaws.com/");
    assert_eq!(decoded(&requests[1].json(), "iam_request_url"), "https://sts.amazonaws.com/");
    assert!(!requests[0].text().contains(SECRET));

    for refused in [
        iam().with_server_id("another.example.com"),
        iam(),
        AwsIam::new().with_credentials(ACCESS, "s1crets-canary-wrong-key").with_server_id(SERVER),
    ] {
        let error = login(refused, &stub).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{}", told(&error));
        assert!(!told(&error).contains("canary"), "{}", told(&error));
    }
    let garbage = Stub::start(|_| Answer::new(200, "{\"<not: json")).await;
    assert_eq!(login(iam(), &garbage).await.expect_err("garbage").kind(), ErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn ec2_sends_the_identity_on_one_line_and_keeps_its_nonce_to_itself() {
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
    let garbage = Stub::start(|_| Answer::new(200, "[]")).await;
    assert_eq!(try_login(ec2("app"), garbage.endpoint()).await.expect_err("garbage").kind(), ErrorKind::Corrupt);
}
