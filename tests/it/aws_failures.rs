//! Why there are no AWS credentials: each situation has a message and a hint of its own.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use s1crets_testbed::{Answer as Reply, Authority, Fault, FaultProxy, Stub, TlsFront};

use crate::{
    subprocess::{Answer, Child},
    support::Aws,
};

/// A process in a region, with nothing else.
fn child() -> Child {
    Child::new().with("AWS_REGION", "us-east-1").with("S1CRETS_RETRY", "1")
}

fn with_profile(text: &str) -> Child {
    child().with_file("AWS_CONFIG_FILE", text).with("AWS_PROFILE", "x")
}

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Checks kind, message (after the operation) and a part of the hint.
#[track_caller]
fn assert_told(answer: &Answer, kind: &str, message: &str, hint: &str) {
    assert_eq!(answer.kind.as_deref(), Some(kind), "{answer:?}");
    let told = answer.message.split_once("aws.sm: ").or_else(|| answer.message.split_once("aws.sm://it/x: "));
    assert_eq!(told.map(|(_, told)| told), Some(message), "{answer:?}");
    assert!(!hint.is_empty() && answer.hint.contains(hint), "{answer:?}");
}

async fn get(child: &Child) -> Answer {
    child.get("aws.sm://it/x").await
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_told_even_beside_keys() {
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        for keys in [&[][..], &keys] {
            let child = child().with_file("AWS_CONFIG_FILE", "[profile prod]\nregion = x\n").with(variable, "prd");
            let child = keys.iter().fold(child, |child, (name, value)| child.with(name, value));
            let message = format!("there is no AWS profile \"prd\", which {variable} names");
            assert_told(&get(&child).await, "config", &message, "did you mean \"prod\"? there are prod");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_no_text_is_told_and_no_other_identity_takes_its_place() {
    for (variable, other) in
        [("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")]
    {
        let child = Child::on(NOWHERE).with("AWS_REGION", "us-east-1").with_file(variable, "");
        let child = child.with_file(other, "[default]\naws_access_key_id = a\naws_secret_access_key = b\n");
        let path = child.path(variable);
        fs::write(&path, b"[default]\n# caf\xe9\n").unwrap();
        let message = format!("{} can't be read: line 2 is not UTF-8", path.display());
        assert_told(&get(&child).await, "config", &message, "save the file as UTF-8");
    }
}

#[tokio::test]
async fn a_variable_that_names_no_file_is_in_the_hint_of_a_missing_profile() {
    let child = child().with("AWS_CONFIG_FILE", "/nowhere/config").with("AWS_PROFILE", "prod");
    let message = "there is no AWS profile \"prod\", which AWS_PROFILE names";
    assert_told(&get(&child).await, "config", message, "AWS_CONFIG_FILE names /nowhere/config, which is not a file");
}

#[tokio::test]
async fn a_malformed_file_is_told_with_its_line_even_beside_keys() {
    let child = Child::on(NOWHERE).with("AWS_REGION", "us-east-1").with_file("AWS_CONFIG_FILE", "[default]\nhunter2\n");
    let path = child.path("AWS_CONFIG_FILE").display().to_string();
    let message = format!("the AWS config file is malformed: {path}:2: expected an '=' sign defining a property");
    assert_told(&get(&child).await, "config", &message, "a section begins with [profile NAME]");
}

const SSO: &str = "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = my sso\n\
    [profile 'my sso']\nsso_session = dev\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
    [sso-session dev]\nsso_region = us-east-1\nsso_start_url = https://d-abc.awsapps.com/start\n";

/// The form before SSO sessions.
const OLD_SSO: &str = "[profile x]\nsso_region = us-east-1\nsso_start_url = https://d-abc.awsapps.com/start\n\
    sso_account_id = 123456789012\nsso_role_name = Reader\n";

/// The SHA-1 of `dev` and of the start URL.
const TOKENS: [&str; 2] = ["34c6fceca75e456f25e7e99531e2425c6c1de443", "22f00c6461897f7c3e293d9d99f86e5efed957dd"];

/// A process with a token of SSO that expires at that time.
fn logged_in(profiles: &str, token: &str, expires: SystemTime) -> Child {
    let child = with_profile(profiles);
    let folder = child.path(".aws/sso/cache");
    fs::create_dir_all(&folder).unwrap();
    let expires = humantime::format_rfc3339_seconds(expires);
    let text =
        format!("{{\"accessToken\":\"hunter2\",\"expiresAt\":\"{expires}\",\"startUrl\":\"u\",\"region\":\"r\"}}");
    fs::write(folder.join(format!("{token}.json")), text).unwrap();
    child
}

fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

fn long_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

#[tokio::test]
async fn an_sso_login_that_is_missing_or_expired_names_the_command_that_logs_in() {
    let login = "run `aws sso login --profile 'my sso'`";
    let missing = "there is no SSO login of AWS profile \"my sso\"";
    assert_told(&get(&with_profile(SSO)).await, "unauthenticated", missing, login);
    let expired = "the SSO login of AWS profile \"my sso\" has expired";
    assert_told(&get(&logged_in(SSO, TOKENS[0], long_ago())).await, "unauthenticated", expired, login);

    let (login, missing) = ("run `aws sso login --profile x`", "there is no SSO login of AWS profile \"x\"");
    assert_told(&get(&with_profile(OLD_SSO)).await, "unauthenticated", missing, login);
    let broken = logged_in(SSO, TOKENS[0], soon());
    fs::write(broken.path(".aws/sso/cache").join(format!("{}.json", TOKENS[0])), "hunter2").unwrap();
    let answer = get(&broken).await;
    assert_told(&answer, "unauthenticated", "there is no SSO login of AWS profile \"my sso\"", "aws sso login");
    assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
}

#[tokio::test]
async fn what_the_sso_portal_refuses_is_told() {
    for (profiles, token) in [(SSO, TOKENS[0]), (OLD_SSO, TOKENS[1])] {
        let name = if profiles == SSO { "my sso" } else { "x" };
        for (status, code, kind, message, hint) in [
            (401, "UnauthorizedException", "unauthenticated", "has expired", "run `aws sso login --profile "),
            (
                403,
                "ForbiddenException",
                "access_denied",
                "may not use role \"Reader\" in account 123456789012",
                "the assignment in IAM Identity Center",
            ),
        ] {
            let portal = Stub::start(move |_| {
                Reply::new(status, r#"{"message":"hunter2"}"#).with_header("x-amzn-ErrorType", code)
            });
            let portal = portal.await;
            let child = logged_in(profiles, token, soon()).with("AWS_ENDPOINT_URL_SSO", portal.endpoint());
            let message = format!("the SSO login of AWS profile \"{name}\" {message}");
            assert_told(&get(&child).await, kind, &message, hint);
            assert_eq!(portal.requests().len(), 1, "{code}");
        }
        let answer = get(&logged_in(profiles, token, soon()).with("AWS_ENDPOINT_URL_SSO", NOWHERE)).await;
        let message = format!("the SSO portal of AWS profile \"{name}\" can't be reached");
        assert_told(&answer, "unavailable", &message, "sso_region, us-east-1");
        assert!(answer.causes.iter().any(|cause| cause.contains(NOWHERE)), "{answer:?}");
        assert!(answer.causes.iter().any(|cause| cause.contains("refused")), "{answer:?}");
    }
}

/// The SSO token is read and used, and the role is assumed with its credentials.
#[tokio::test]
async fn an_sso_login_in_a_quoted_profile_gives_credentials() {
    let aws = Aws::start().await;
    let credentials = r#"{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"s","sessionToken":"t",
        "expiration":4102444800000}}"#;
    let portal = Stub::start(move |_| Reply::new(200, credentials)).await;
    let child = logged_in(SSO, TOKENS[0], soon())
        .with("AWS_ENDPOINT_URL_SSO", portal.endpoint())
        .with("AWS_ENDPOINT_URL", aws.proxy.endpoint());
    get(&child).await.fails("not_found");
    assert_eq!(crate::support::signed_by(&aws.proxy.requests("AssumeRole")[0]).0, "ASIASSO");
}

#[cfg(unix)]
#[tokio::test]
async fn a_credential_process_that_fails_is_told_with_its_status() {
    let child = with_profile("[profile x]\ncredential_process = sh -c 'echo log in first >&2; exit 7'\n");
    let message = "the credential_process of AWS profile \"x\" failed: sh ended with exit status 7";
    let answer = get(&child).await;
    assert_told(&answer, "unauthenticated", message, "run the program by itself");
    assert_eq!(answer.causes, ["sh said: log in first"]);
    let child = with_profile("[profile x]\ncredential_process = echo hello\n");
    let message = "the credential_process of AWS profile \"x\" printed no credentials: echo printed no JSON";
    assert_told(&get(&child).await, "config", message, "\"AccessKeyId\"");
}

#[tokio::test]
async fn a_web_identity_without_its_file_its_role_or_the_trust_of_sts_is_told() {
    let web = || child().with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web");
    let missing = web().with("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent/token");
    let message = "the web identity token /nonexistent/token, which AWS_WEB_IDENTITY_TOKEN_FILE names, can't be \
        read: No such file or directory (os error 2)";
    assert_told(&get(&missing).await, "unauthenticated", message, "check the mount");

    let profile = "[profile x]\nrole_arn = A\nweb_identity_token_file = /nonexistent/token\n";
    let message = "the web identity token /nonexistent/token, which AWS profile \"x\" names, can't be read: \
        No such file or directory (os error 2)";
    assert_told(&get(&with_profile(profile)).await, "unauthenticated", message, "correct web_identity_token_file");

    for (variable, path) in [("AWS_WEB_IDENTITY_TOKEN_FILE", "/dev/zero"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/dev")] {
        let message = format!("the token file {path}, which {variable} names, is not a regular file");
        assert_told(&get(&web().with(variable, path)).await, "config", &message, &format!("correct {variable}"));
    }
    let large = web().with_file("AWS_WEB_IDENTITY_TOKEN_FILE", &"x".repeat(65537));
    assert!(get(&large).await.fails("config").ends_with("is larger than 64 KiB"));

    let no_role = child().with_file("AWS_WEB_IDENTITY_TOKEN_FILE", "jwt");
    let message = "AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not";
    assert_told(&get(&no_role).await, "config", message, "set AWS_ROLE_ARN");

    let proxy = FaultProxy::start(s1crets_testbed::Moto::shared().endpoint()).await;
    let (code, message) = ("InvalidIdentityToken".to_owned(), "No OpenIDConnect provider found".to_owned());
    proxy.fault_any(Fault::AwsQuery { status: 400, code, message }).always();
    let refused = web().with_file("AWS_WEB_IDENTITY_TOKEN_FILE", "hunter2").with("AWS_ENDPOINT_URL", proxy.endpoint());
    let message =
        "can't assume the role by web identity: AWS says InvalidIdentityToken: No OpenIDConnect provider found";
    assert_told(&get(&refused).await, "unauthenticated", message, "OIDC provider, audience and subject");
    // The token goes to the STS of the profile, too, and not to AWS's own.
    let profile = format!("[default]\nendpoint_url = {}\n", proxy.endpoint());
    let by_profile = web().with_file("AWS_WEB_IDENTITY_TOKEN_FILE", "hunter2").with_file("AWS_CONFIG_FILE", &profile);
    assert_told(&get(&by_profile).await, "unauthenticated", message, "OIDC provider, audience and subject");
    assert_eq!(proxy.count("AssumeRoleWithWebIdentity"), 2);
}

#[tokio::test]
async fn the_token_of_a_container_is_never_read_from_a_device() {
    let child = child()
        .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", NOWHERE)
        .with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/dev/zero");
    let message = "the token file /dev/zero, which AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names, is not a regular file";
    assert_told(&get(&child).await, "config", message, "correct AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
}

#[tokio::test]
async fn a_container_endpoint_that_refuses_is_told_with_its_address() {
    let url = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let there = |address: &str| child().with(url, &format!("{address}/role?token=hunter2"));
    let answer = get(&there(NOWHERE)).await;
    let message = format!("the container credentials endpoint {NOWHERE}/role can't be reached");
    assert_told(&answer, "unavailable", &message, url);
    assert!(answer.causes.iter().any(|cause| cause.contains("refused")), "{answer:?}");

    for (status, kind, what, hint) in [
        (403, "access_denied", "refused the request (HTTP 403)", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        (404, "unauthenticated", "has no credentials (HTTP 404)", url),
        (500, "unavailable", "failed (HTTP 500)", ""),
        (200, "unauthenticated", "answered without credentials", url),
    ] {
        let stub = Stub::start(move |_| Reply::new(status, "hunter2")).await;
        let answer = get(&there(stub.endpoint())).await;
        let message = format!("the container credentials endpoint {}/role {what}", stub.endpoint());
        assert_eq!(answer.kind.as_deref(), Some(kind), "{answer:?}");
        assert!(answer.message.ends_with(&message) && answer.hint.contains(hint), "{answer:?}");
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
    }
    let message = "the container credentials endpoint http://192.0.2.1/role can't be used: plain HTTP is allowed only \
        to this machine, ECS and EKS";
    assert_told(&get(&there("http://192.0.2.1")).await, "config", message, url);
    let stub = Stub::start(move |_| Reply::new(200, "{}")).await;
    let no_token = there(stub.endpoint()).with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent");
    assert!(
        get(&no_token).await.fails("unauthenticated").contains("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, can't be read")
    );
    // An empty variable counts as unset.
    let empty = child().with(url, "").with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "");
    assert!(get(&empty).await.fails("unauthenticated").contains("no AWS credentials found"));
}

#[tokio::test]
async fn instance_metadata_that_refuses_or_is_absent_is_told() {
    let none = "no AWS credentials found: no variables, no profile, and instance metadata";
    let on = |endpoint: &str| {
        child().with("AWS_EC2_METADATA_DISABLED", "false").with("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
    };
    let off = format!("{none} is turned off by AWS_EC2_METADATA_DISABLED");
    assert_told(&get(&child()).await, "unauthenticated", &off, "set AWS_PROFILE");
    let answer = get(&on(NOWHERE)).await;
    assert_told(&answer, "unauthenticated", &format!("{none} can't be reached"), "set AWS_PROFILE");
    assert!(answer.causes.iter().any(|cause| cause.contains("refused")), "{answer:?}");
    for (token, role, message, hint) in [
        (403, 200, "instance metadata refused the request", "hop limit of 2"),
        (200, 404, "this EC2 instance has no role", "attach an instance profile"),
        (200, 403, "instance metadata refused the request", "hop limit of 2"),
        (200, 200, "instance metadata answered without credentials", "the role of the instance"),
    ] {
        let stub = Stub::start(move |request| match request.method.as_str() {
            "PUT" => Reply::new(token, "a-token").with_header("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
            _ => Reply::new(role, "hunter2"),
        });
        let stub = stub.await;
        let answer = get(&on(stub.endpoint())).await;
        assert_told(&answer, "unauthenticated", message, hint);
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
    }
    let bare = with_profile("[profile x]\nregion = us-east-1\n");
    let message = "no AWS credentials found: the AWS profile \"x\" names none, and instance metadata is turned off by \
        AWS_EC2_METADATA_DISABLED";
    assert_told(&get(&bare).await, "unauthenticated", message, "give the profile an access key");
    let role = "[profile x]\nrole_arn = A\ncredential_source = Ec2InstanceMetadata\n";
    let message = "no AWS credentials: instance metadata is turned off by AWS_EC2_METADATA_DISABLED";
    assert_told(&get(&with_profile(role)).await, "unauthenticated", message, "Ec2InstanceMetadata");
}

#[tokio::test]
async fn a_profile_that_needs_a_code_or_another_profile_is_told() {
    let answer = get(&with_profile("[profile x]\nrole_arn = A\nsource_profile = y\nmfa_serial = m\n")).await;
    let message = "the AWS profile \"x\" needs an MFA code (mfa_serial = m), which s1crets does not ask for";
    assert_told(&answer, "config", message, "aws configure export-credentials --profile x --format env");
    let answer = get(&with_profile("[profile x]\nrole_arn = A\nsource_profile = y\n")).await;
    let message = "there is no AWS profile \"y\", which source_profile of AWS profile \"x\" names";
    assert_told(&answer, "config", message, "there are x");
}

#[tokio::test]
async fn a_role_assumed_by_a_role_for_more_than_an_hour_is_told() {
    let roles = |duration: &str| {
        format!(
            "[providers.\"aws.sm\"]\nroles = [{{ arn = \"arn:aws:iam::111111111111:role/a\", duration = \"2h\" }}, \
             {{ arn = \"arn:aws:iam::111111111111:role/b\", duration = \"{duration}\" }}]\n"
        )
    };
    let child = || Child::on(NOWHERE).with("AWS_REGION", "us-east-1");
    let answer = get(&child().with_file("S1CRETS_CONFIG", &roles("2h"))).await;
    let message = "the role arn:aws:iam::111111111111:role/b is assumed by another role, which AWS allows for one hour \
        at most";
    assert_told(&answer, "config", message, "duration = \"1h\"");
    // One role that is assumed with a key may last longer.
    get(&child().with_file("S1CRETS_CONFIG", &roles("1h"))).await.fails("unavailable");

    // STS knows, where nobody else does.
    let aws = Aws::start().await;
    for (said, hint) in [
        (
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            "1h or less",
        ),
        (
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role",
            "raise its maximum session duration",
        ),
    ] {
        aws.proxy.clear();
        let (code, message) = ("ValidationError".to_owned(), said.to_owned());
        aws.proxy.fault("AssumeRole", Fault::AwsQuery { status: 400, code, message }).always();
        let child = Child::on(aws.proxy.endpoint()).with("AWS_REGION", "us-east-1");
        let answer = get(&child.with_file("S1CRETS_CONFIG", &roles("1h"))).await;
        assert_told(&answer, "config", &format!("can't assume the role: AWS says ValidationError: {said}"), hint);
    }
}

/// The SDK corrects the clock by itself. If that does not help, it is told.
#[tokio::test]
async fn a_wrong_clock_is_told_with_how_far_it_is_off() {
    let date = http_date(SystemTime::now() + Duration::from_secs(20 * 60 + 5));
    let stub = Stub::start(move |_| {
        let body = r#"{"__type":"InvalidSignatureException","message":"Signature expired: is now earlier"}"#;
        Reply::new(400, body).with_header("date", &date)
    });
    let stub = stub.await;
    let answer = get(&Child::on(stub.endpoint()).with("AWS_REGION", "us-east-1")).await;
    let message = "this machine's clock is 20m behind AWS's, which refuses the request (InvalidSignatureException)";
    assert_told(&answer, "unauthenticated", message, "set the clock");
}

#[tokio::test]
async fn half_an_access_key_is_told() {
    let answer = get(&child().with("AWS_ACCESS_KEY_ID", "AKIA")).await;
    let message = "AWS_ACCESS_KEY_ID is set in the environment, and AWS_SECRET_ACCESS_KEY is not";
    assert_told(&answer, "config", message, "both parts");
}

/// A time as in an HTTP header.
fn http_date(at: SystemTime) -> String {
    let date = aws_smithy_types::DateTime::from(at);
    date.fmt(aws_smithy_types::date_time::Format::HttpDate).unwrap()
}

/// Sources that are asked by HTTPS tell of certificates and proxies in the words of every call to
/// AWS.
#[tokio::test]
async fn a_source_behind_a_bad_certificate_or_proxy_is_told_like_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path());
    let backend = Stub::start(|_| Reply::new(200, "{}")).await;
    let front = TlsFront::start(&authority, backend.endpoint()).await;
    let asks_for_login = Stub::start(|_| Reply::new(407, "")).await;
    let host = front.endpoint().trim_start_matches("https://").to_owned();
    let sso = |endpoint: &str| logged_in(SSO, TOKENS[0], soon()).with("AWS_ENDPOINT_URL_SSO", endpoint);
    let container = |endpoint: &str| child().with("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{endpoint}/role"));
    for there in [&sso as &dyn Fn(&str) -> Child, &container] {
        let untrusted = there(front.endpoint()).with("SSL_CERT_FILE", "").with("SSL_CERT_DIR", "");
        let message = format!("the certificate of {host} is not trusted: its issuer is not known here");
        assert_told(&get(&untrusted).await, "config", &message, "AWS_CA_BUNDLE");
        let unreadable = there(front.endpoint()).with("AWS_CA_BUNDLE", "/nonexistent/ca.pem");
        assert!(get(&unreadable).await.fails("config").contains("AWS_CA_BUNDLE names /nonexistent/ca.pem"));
        let proxied = there("https://portal.example.test").with("HTTPS_PROXY", asks_for_login.endpoint());
        assert!(get(&proxied).await.fails("unauthenticated").contains("asks for a login (status 407)"));
    }
}

/// A source that is named is there for certain: a failure may pass.
#[tokio::test]
async fn instance_metadata_that_is_named_and_not_reached_is_unavailable() {
    let role = with_profile("[profile x]\nrole_arn = A\ncredential_source = Ec2InstanceMetadata\n")
        .with("AWS_EC2_METADATA_DISABLED", "false");
    let answer = get(&role.with("AWS_EC2_METADATA_SERVICE_ENDPOINT", NOWHERE)).await;
    assert_told(&answer, "unavailable", "instance metadata can't be reached", "Ec2InstanceMetadata");
}

#[tokio::test]
async fn a_malformed_setting_of_instance_metadata_is_told_as_it_is() {
    let on = || child().with("AWS_EC2_METADATA_DISABLED", "false");
    let mode = on().with("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "v5");
    assert_told(&get(&mode).await, "config", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is \"v5\"", "IPv4 or IPv6");
    let endpoint = on().with("AWS_EC2_METADATA_SERVICE_ENDPOINT", "no url");
    assert_told(&get(&endpoint).await, "config", "AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL", "http://HOST");
}
