//! Precedence of region, credentials and endpoints: config file, environment, profile, instance
//! metadata.

use std::time::{Duration, SystemTime};

use s1crets_testbed::{AwsSeed, FakeImds, Fault, FaultProxy, Moto, unique};

use crate::{
    subprocess::Child,
    support::{Aws, signed_by},
};

/// The region that the first call of an operation was signed for.
fn region(aws: &Aws, operation: &str) -> String {
    signed_by(&aws.proxy.requests(operation)[0]).1
}

const PROFILES: &str = "[default]\nregion = eu-west-1\n\
    [profile other]\nregion = eu-west-2\naws_access_key_id = other\naws_secret_access_key = x\n\
    [profile role]\nregion = eu-west-3\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = other\n";

#[tokio::test]
async fn the_region_comes_from_the_config_then_the_environment_then_the_profile() {
    let settings = "[providers.\"aws.sm\"]\nregion = \"eu-north-1\"\n";
    for (variables, settings, expected) in [
        (&[("AWS_REGION", "ap-south-1"), ("AWS_DEFAULT_REGION", "ap-south-2")][..], settings, "eu-north-1"),
        (&[("AWS_REGION", "ap-south-1"), ("AWS_DEFAULT_REGION", "ap-south-2")], "", "ap-south-1"),
        (&[("AWS_DEFAULT_REGION", "ap-south-2")], "", "ap-south-2"),
        (&[], "", "eu-west-1"),
        (&[("AWS_PROFILE", "other")], "", "eu-west-2"),
        (&[], "[providers.\"aws.sm\"]\nprofile = \"other\"\n", "eu-west-2"),
    ] {
        let aws = Aws::start().await;
        let mut child = Child::on(aws.proxy.endpoint())
            .with_file("AWS_CONFIG_FILE", PROFILES)
            .with_file("S1CRETS_CONFIG", settings);
        for (name, value) in variables {
            child = child.with(name, value);
        }
        child.get("aws.sm://it/none").await.fails("not_found");
        assert_eq!(region(&aws, "GetSecretValue"), expected);
    }
}

#[tokio::test]
async fn the_region_comes_from_instance_metadata_last_of_all() {
    let (aws, imds) = (Aws::start().await, FakeImds::start("me-south-1", "role").await);
    let child = Child::on(aws.proxy.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint());
    child.get("aws.ps:///it/none").await.fails("not_found");
    assert_eq!(region(&aws, "GetParameter"), "me-south-1");
    // IMDSv2 only: with a token.
    assert!(imds.count("PUT /latest/api/token") >= 1);
    assert_eq!(imds.count("GET /latest/meta-data/placement/region"), 1);

    // If the region is known, instance metadata is not asked.
    let asked = imds.total();
    child.with("AWS_REGION", "eu-west-1").get("aws.ps:///it/none").await.fails("not_found");
    assert_eq!(imds.total(), asked);
}

#[tokio::test]
async fn credentials_from_instance_metadata_sign_with_their_session_token() {
    let (aws, imds) = (Aws::start().await, FakeImds::start("us-east-1", "role").await);
    let name = unique("it/imds-");
    aws.plant("aws.sm", &name, "x");
    imds.set_credentials("ASIAFROMIMDS00000000", "s", "t", SystemTime::now() + Duration::from_secs(3600));
    let child = Child::new()
        .with("AWS_ENDPOINT_URL", aws.proxy.endpoint())
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint());
    assert_eq!(child.get(&format!("aws.sm://{name}")).await.text(), "x");
    let read = &aws.proxy.requests("GetSecretValue")[0];
    assert_eq!(signed_by(read), ("ASIAFROMIMDS00000000".to_owned(), "us-east-1".to_owned()));
    assert_eq!(read.header("x-amz-security-token"), Some("t"));
}

#[tokio::test]
async fn instance_metadata_that_hangs_does_not_delay_the_error_of_a_missing_region() {
    let imds = FakeImds::start("us-east-1", "role").await;
    let hanging = FaultProxy::start(imds.endpoint()).await;
    hanging.fault_any(Fault::Hang).always();
    let child = Child::on("http://127.0.0.1:9")
        .with("AWS_EC2_METADATA_DISABLED", "false")
        .with("AWS_EC2_METADATA_SERVICE_ENDPOINT", hanging.endpoint());
    let answer = child.get("aws.sm://x").await;
    assert!(answer.fails("config").contains("no AWS region"), "{answer:?}");
    assert!(answer.hint.contains("AWS_REGION"), "{answer:?}");
    assert_eq!(hanging.total(), 1, "asked once, by one attempt");
}

#[tokio::test]
async fn an_error_of_missing_credentials_says_what_to_set() {
    let aws = Aws::start().await;
    let child = Child::new().with("AWS_ENDPOINT_URL", aws.proxy.endpoint()).with("AWS_REGION", "us-east-1");
    let answer = child.get("aws.sm://x").await;
    assert!(answer.fails("unauthenticated").contains("no AWS credentials found"), "{answer:?}");
    assert!(answer.hint.contains("AWS_PROFILE"), "{answer:?}");
    assert_eq!(aws.proxy.total(), 0);
}

#[tokio::test]
async fn the_role_of_a_profile_is_assumed() {
    let aws = Aws::start().await;
    let name = unique("it/profile-");
    let there = AwsSeed::new(Moto::shared().endpoint(), "eu-west-3").with_account("111111111111");
    there.create_secret(&name, "theirs");
    let child = Child::new()
        .with("AWS_ENDPOINT_URL", aws.proxy.endpoint())
        .with_file("AWS_CONFIG_FILE", PROFILES)
        .with("AWS_PROFILE", "role");
    assert_eq!(child.get(&format!("aws.sm://{name}")).await.text(), "theirs");
    assert_eq!(signed_by(&aws.proxy.requests("AssumeRole")[0]).0, "other");
}

#[tokio::test]
async fn each_aws_service_can_have_its_own_endpoint() {
    let (general, ssm, sts) = (Aws::start().await, Aws::start().await, Aws::start().await);
    let child = Child::on(general.proxy.endpoint())
        .with("AWS_REGION", "us-east-1")
        .with("AWS_ENDPOINT_URL_SSM", ssm.proxy.endpoint())
        .with("AWS_ENDPOINT_URL_STS", sts.proxy.endpoint())
        .with_file(
            "S1CRETS_CONFIG",
            "[providers.\"aws.ps\"]\nroles = [{ arn = \"arn:aws:iam::123456789012:role/r\" }]\n\
             [providers.\"aws.sm\"]\n",
        );
    for answer in child.call(&["aws.ps:///it/none", "aws.sm://it/none"]).await {
        answer.fails("not_found");
    }
    assert_eq!(ssm.proxy.counts().into_keys().collect::<Vec<_>>(), ["GetParameter"]);
    assert_eq!(sts.proxy.counts().into_keys().collect::<Vec<_>>(), ["AssumeRole"]);
    assert_eq!(general.proxy.counts().into_keys().collect::<Vec<_>>(), ["GetSecretValue"]);
}

#[tokio::test]
async fn the_endpoint_of_the_config_wins_over_the_environment() {
    let (wrong, right) = (Aws::start().await, Aws::start().await);
    let settings = format!("[providers.\"aws.ps\"]\nendpoint_url = {:?}\n", right.proxy.endpoint());
    let child = Child::on(wrong.proxy.endpoint())
        .with("AWS_ENDPOINT_URL_SSM", wrong.proxy.endpoint())
        .with("AWS_REGION", "us-east-1")
        .with_file("S1CRETS_CONFIG", &settings);
    child.get("aws.ps:///it/none").await.fails("not_found");
    assert_eq!((wrong.proxy.total(), right.proxy.total()), (0, 1));
}

#[tokio::test]
async fn the_sdks_own_retry_settings_change_nothing() {
    let aws = Aws::start_in("us-iso-east-1").await;
    let child = Child::on(aws.proxy.endpoint()).with("AWS_REGION", "us-east-1").with("AWS_MAX_ATTEMPTS", "5");
    aws.proxy.fault("GetSecretValue", Fault::server_error()).always();
    child.get("aws.sm://x").await.fails("unavailable");
    assert_eq!(aws.proxy.total(), 3);

    aws.proxy.clear();
    aws.proxy.reset_counts();
    aws.proxy.fault("GetSecretValue", Fault::Hang).always();
    let child = child.with("S1CRETS_RETRY", "2").with("S1CRETS_TIMEOUT", "0.2");
    let answer = child.get("aws.sm://x").await;
    assert!(answer.fails("timeout").contains("up to 2 attempts of 200ms each"), "{answer:?}");
    assert_eq!(aws.proxy.total(), 2);
}

#[tokio::test]
async fn an_instance_from_the_config_file_has_its_own_region_and_role() {
    let aws = Aws::start().await;
    let name = unique("it/instance-");
    let there = AwsSeed::new(Moto::shared().endpoint(), "eu-west-1").with_account("222222222222");
    there.create_secret(&name, r#"{"password":"theirs"}"#);
    let child = Child::on(aws.proxy.endpoint()).with("AWS_REGION", "us-east-1").with_file(
        "S1CRETS_CONFIG",
        "retry = 1\ntimeout = 10\n[providers.billing]\ntype = \"aws.sm\"\nregion = \"eu-west-1\"\n\
         roles = [{ arn = \"arn:aws:iam::222222222222:role/r\", session_name = \"b\", duration = \"15m\", \
         external_id = \"e\" }]\n",
    );
    let reference = format!("billing://{name}#password");
    let answers = child.call(&[&reference, &format!("aws.sm://{name}"), &reference]).await;
    assert_eq!((answers[0].text(), answers[2].text()), ("theirs", "theirs"));
    answers[1].fails("not_found");
    let asked = &aws.proxy.requests("AssumeRole")[0];
    let sent = ["RoleSessionName", "DurationSeconds", "ExternalId"].map(|field| asked.form(field).unwrap());
    assert_eq!(sent, ["b", "900", "e"]);
    assert_eq!(aws.proxy.counts()["GetSecretValue"], 2, "the second read is from memory");
}

#[tokio::test]
async fn a_malformed_setting_fails_every_call() {
    let child = Child::new().with_file("S1CRETS_CONFIG", "retries = 3\n");
    for answer in child.call(&["memory://x", "memory://x"]).await {
        assert!(answer.fails("config").contains("unknown key `retries`"), "{answer:?}");
    }
    let answer = Child::new().with("S1CRETS_TIMEOUT", "soon").get("memory://x").await;
    assert!(answer.fails("config").contains("S1CRETS_TIMEOUT"), "{answer:?}");
}

#[tokio::test]
async fn blocking_calls_read_the_same_settings_inside_a_runtime() {
    let aws = Aws::start().await;
    let name = unique("it/blocking-");
    aws.plant("aws.sm", &name, r#"{"k":"x"}"#);
    let child = Child::on(aws.proxy.endpoint()).with("AWS_REGION", "us-east-1").blocking();
    let reference = format!("aws.sm://{name}#k");
    for answer in child.call(&[&reference, &reference]).await {
        assert_eq!(answer.text(), "x");
    }
    assert_eq!(aws.proxy.total(), 1);
}

/// Otherwise anyone who can write to a service's working folder decides where its credentials are sent.
#[tokio::test]
async fn a_config_file_that_was_only_found_is_refused_by_the_global_client() {
    let aws = Aws::start().await;
    let hostile = format!("[providers.\"aws.sm\"]\nendpoint_url = {:?}\n", aws.proxy.endpoint());
    let child = || Child::on("http://127.0.0.1:1").with("AWS_REGION", "eu-west-1").with_file("s1crets.toml", &hostile);
    for child in [child(), child().blocking(), child().with("CI", "true")] {
        let answer = child.get("aws.sm://it/none").await;
        assert!(answer.fails("config").contains("was found here, and is not trusted yet"), "{answer:?}");
        assert!(answer.hint.contains("S1CRETS_CONFIG"), "{answer:?}");
    }
    assert_eq!(aws.proxy.total(), 0);
    // Once it is named, it is used.
    let named = child();
    let path = named.path("s1crets.toml").display().to_string();
    named.with("S1CRETS_CONFIG", &path).get("aws.sm://it/none").await.fails("not_found");
    assert!(aws.proxy.total() > 0);
}

/// The user's config folder is trusted. The library does not search the folders above the current
/// one.
#[tokio::test]
async fn the_users_own_config_is_used_by_the_global_client() {
    let aws = Aws::start().await;
    let config = format!("[providers.\"aws.sm\"]\nendpoint_url = {:?}\n", aws.proxy.endpoint());
    let child = Child::on("http://127.0.0.1:1").with("AWS_REGION", "eu-west-1");
    std::fs::create_dir(child.path("s1crets")).unwrap();
    std::fs::write(child.path("s1crets/s1crets.toml"), config).unwrap();
    child.get("aws.sm://it/none").await.fails("not_found");
}
