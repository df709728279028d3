//! Which of option, config file, environment and AWS profile decides the endpoint and the identity
//! at AWS. One test for each row of the table in docs/config.md.

use std::time::{Duration, SystemTime};

use s1crets_testbed::{FakeImds, unique};

use crate::{
    subprocess::Child,
    support::{Aws, signed_by},
};

const PROFILES: &str = "[default]\nregion = eu-west-1\naws_access_key_id = default\naws_secret_access_key = x\n\
    [profile prod]\nregion = eu-west-2\naws_access_key_id = prod\naws_secret_access_key = x\n\
    [profile dev]\nregion = eu-west-3\naws_access_key_id = dev\naws_secret_access_key = x\n\
    [profile bare]\nregion = eu-central-1\n\
    [profile broken]\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = gone\n";

/// Instance metadata that would give any process an identity.
async fn imds() -> FakeImds {
    let imds = FakeImds::start("us-east-1", "role").await;
    imds.set_credentials("ASIAOFTHEINSTANCE000", "s", "t", SystemTime::now() + Duration::from_secs(3600));
    imds
}

/// A process with profiles, a config file, and metadata in reach.
fn child(aws: &Aws, imds: &FakeImds, settings: &str) -> Child {
    Child::new()
        .with("AWS_ENDPOINT_URL", aws.proxy.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint())
        .with_file("AWS_CONFIG_FILE", PROFILES)
        .with_file("AWS_SHARED_CREDENTIALS_FILE", "")
        .with_file("S1CRETS_CONFIG", settings)
}

fn with_keys(child: Child) -> Child {
    child.with("AWS_ACCESS_KEY_ID", "environment").with("AWS_SECRET_ACCESS_KEY", "x")
}

fn of_profile(name: &str) -> String {
    format!("[providers.\"aws.sm\"]\nprofile = \"{name}\"\n[providers.\"aws.ps\"]\nprofile = \"{name}\"\n")
}

/// Both stores, and the operation that reads.
const READS: [(&str, &str); 2] = [("aws.sm://it/none", "GetSecretValue"), ("aws.ps:///it/none", "GetParameter")];

#[tokio::test]
async fn the_files_profile_goes_before_every_ambient_credential() {
    for (reference, operation) in READS {
        let (aws, imds) = (Aws::start().await, imds().await);
        let child = with_keys(child(&aws, &imds, &of_profile("prod")))
            .with("AWS_SESSION_TOKEN", "t")
            .with("AWS_PROFILE", "dev")
            .with("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/web")
            .with_file("AWS_WEB_IDENTITY_TOKEN_FILE", "jwt")
            .with("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
        child.get(reference).await.fails("not_found");
        let read = &aws.proxy.requests(operation)[0];
        assert_eq!(signed_by(read), ("prod".to_owned(), "eu-west-2".to_owned()), "{reference}");
        assert_eq!(read.header("x-amz-security-token"), None, "{reference}");
        assert_eq!(aws.proxy.total(), 1, "nobody else is asked for an identity");
    }
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_an_error_and_never_another_identity() {
    let (aws, imds) = (Aws::start().await, imds().await);
    for (reference, _) in READS {
        for child in [
            with_keys(child(&aws, &imds, &of_profile("typo"))),
            child(&aws, &imds, &of_profile("typo")).with("AWS_PROFILE", "prod"),
            child(&aws, &imds, &of_profile("typo")),
            child(&aws, &imds, "").with("AWS_PROFILE", "typo"),
            with_keys(child(&aws, &imds, "")).with("AWS_PROFILE", "typo"),
            with_keys(child(&aws, &imds, "")).with("AWS_DEFAULT_PROFILE", "typo"),
            child(&aws, &imds, &of_profile("typo")).with_file("AWS_CONFIG_FILE", ""),
        ] {
            let answer = child.get(reference).await;
            assert!(answer.fails("config").contains("no AWS profile \"typo\""), "{answer:?}");
        }
        let answer = child(&aws, &imds, &of_profile("typo")).get(reference).await;
        assert!(answer.hint.contains("bare, broken, default, dev, prod"), "those that there are: {answer:?}");
        // Nor is one whose own credentials can't be had.
        let answer = with_keys(child(&aws, &imds, &of_profile("broken"))).get(reference).await;
        assert!(answer.kind.as_deref() != Some("not_found"), "{answer:?}");
    }
    assert_eq!(aws.proxy.total(), 0);
    assert_eq!(imds.count("GET /latest/meta-data/iam/security-credentials/role"), 0);
}

/// As with `aws --profile`: what the machine itself is stays, the variables don't.
#[tokio::test]
async fn a_profile_without_credentials_is_the_machines_identity_and_not_the_environments() {
    let (aws, imds) = (Aws::start().await, imds().await);
    with_keys(child(&aws, &imds, &of_profile("bare"))).get("aws.sm://it/none").await.fails("not_found");
    let (key, region) = signed_by(&aws.proxy.requests("GetSecretValue")[0]);
    assert_eq!((key.as_str(), region.as_str()), ("ASIAOFTHEINSTANCE000", "eu-central-1"));
}

#[tokio::test]
async fn roles_are_assumed_with_the_files_profile_or_else_with_ambient_credentials() {
    const ROLE: &str = "roles = [{ arn = \"arn:aws:iam::123456789012:role/reader\" }]";
    for (profile, expected) in [("profile = \"prod\"", "prod"), ("", "environment")] {
        let (aws, imds) = (Aws::start().await, imds().await);
        let settings = format!("[providers.\"aws.sm\"]\n{profile}\n{ROLE}\n");
        with_keys(child(&aws, &imds, &settings)).with("AWS_REGION", "us-east-1").get("aws.sm://it/none").await;
        assert_eq!(signed_by(&aws.proxy.requests("AssumeRole")[0]).0, expected);
        assert!(signed_by(&aws.proxy.requests("GetSecretValue")[0]).0.starts_with("ASIA"));
    }
}

#[tokio::test]
async fn ambient_credentials_are_found_in_the_order_of_the_aws_sdk() {
    let (aws, imds) = (Aws::start().await, imds().await);
    let ambient = || child(&aws, &imds, "").with("AWS_REGION", "us-east-1");
    let no_default = "[profile bare]\nregion = eu-west-1\n";
    for (child, expected) in [
        (with_keys(ambient()).with("AWS_PROFILE", "prod"), "environment"),
        (ambient().with("AWS_PROFILE", "prod"), "prod"),
        (ambient(), "default"),
        (ambient().with("AWS_ACCESS_KEY_ID", " ").with("AWS_SECRET_ACCESS_KEY", " \n"), "default"),
        (ambient().with_file("AWS_CONFIG_FILE", no_default), "ASIAOFTHEINSTANCE000"),
        (ambient().with("AWS_PROFILE", "bare"), "ASIAOFTHEINSTANCE000"),
    ] {
        aws.proxy.reset_counts();
        child.get("aws.sm://it/none").await.fails("not_found");
        assert_eq!(signed_by(&aws.proxy.requests("GetSecretValue")[0]).0, expected);
    }
    // A web identity goes before the machine's own.
    aws.proxy.reset_counts();
    let web = ambient()
        .with_file("AWS_CONFIG_FILE", no_default)
        .with("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web")
        .with_file("AWS_WEB_IDENTITY_TOKEN_FILE", "jwt");
    web.get("aws.sm://it/none").await.fails("not_found");
    assert_eq!(aws.proxy.count("AssumeRoleWithWebIdentity"), 1);
}

#[tokio::test]
async fn an_instance_has_the_identity_of_its_own_profile() {
    let (aws, imds) = (Aws::start().await, imds().await);
    let settings = "[providers.billing]\ntype = \"aws.sm\"\nprofile = \"prod\"\n";
    let child = with_keys(child(&aws, &imds, settings)).with("AWS_REGION", "us-east-1");
    for answer in child.call(&["billing://it/none", "aws.sm://it/none"]).await {
        answer.fails("not_found");
    }
    let signers: Vec<_> = aws.proxy.requests("GetSecretValue").iter().map(|read| signed_by(read).0).collect();
    assert_eq!(signers, ["prod", "environment"]);
}

#[tokio::test]
async fn the_settings_endpoint_of_sts_goes_before_the_environments() {
    let role = "roles = [{ arn = \"arn:aws:iam::123456789012:role/reader\" }]";
    for key in ["endpoint_url", "sts_endpoint_url"] {
        let (wrong, right, imds) = (Aws::start().await, Aws::start().await, imds().await);
        let settings = format!("[providers.\"aws.sm\"]\n{key} = \"{}\"\n{role}\n", right.proxy.endpoint());
        let child = with_keys(child(&wrong, &imds, &settings))
            .with("AWS_ENDPOINT_URL_STS", wrong.proxy.endpoint())
            .with("AWS_REGION", "us-east-1");
        child.get("aws.sm://it/none").await.fails("not_found");
        assert_eq!((wrong.proxy.count("AssumeRole"), right.proxy.count("AssumeRole")), (0, 1), "{key}");
    }
}

#[tokio::test]
async fn the_environments_endpoint_goes_before_the_profiles() {
    let (of_the_profile, of_the_environment, imds) = (Aws::start().await, Aws::start().await, imds().await);
    let name = unique("it/endpoint-");
    let profile = format!(
        "[default]\nregion = eu-west-1\naws_access_key_id = x\naws_secret_access_key = x\nendpoint_url = {}\n",
        of_the_profile.proxy.endpoint()
    );
    let without = || {
        Child::new().with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint()).with_file("AWS_CONFIG_FILE", &profile)
    };
    without().get(&format!("aws.sm://{name}")).await.fails("not_found");
    without()
        .with("AWS_ENDPOINT_URL", of_the_environment.proxy.endpoint())
        .get("aws.sm://it/x")
        .await
        .fails("not_found");
    assert_eq!((of_the_profile.proxy.total(), of_the_environment.proxy.total()), (1, 1));
}
