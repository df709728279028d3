//! The endpoint of each service for the same settings as boto3 has it: variables, profiles,
//! `[services]`, dual-stack and FIPS.

use std::process::Command;

use s1crets_testbed::{Answer, Stub, python};
use serde_json::{Value, json};

use crate::subprocess::Child;

/// Prints the endpoint of each service that boto3 would send a request to, one case a line.
const BOTO3: &str = r#"
import json, os, sys
import botocore.session
class Sent(Exception):
    pass
def send(request, **_):
    raise Sent(request.url)
for line in sys.stdin:
    case = json.loads(line)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(case)
    session = botocore.session.Session()
    def endpoint(service, operation):
        client = session.create_client(service)
        client.meta.events.register("before-send", send)
        try:
            getattr(client, operation)()
        except Sent as sent:
            return str(sent).rstrip("/")
    print(json.dumps([endpoint("secretsmanager", "list_secrets"), endpoint("ssm", "describe_parameters")]))
"#;

const KEYS: &str = "region = eu-west-1\naws_access_key_id = test\naws_secret_access_key = test\n";

/// A profile and variables.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    ("", &[]),
    ("", &[("AWS_DEFAULT_REGION", "us-gov-west-1")]),
    ("", &[("AWS_DEFAULT_REGION", "cn-north-1")]),
    ("", &[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_DEFAULT_REGION", "us-east-1")]),
    ("", &[("AWS_USE_FIPS_ENDPOINT", "True"), ("AWS_DEFAULT_REGION", "ca-central-1")]),
    ("", &[("AWS_USE_FIPS_ENDPOINT", "false")]),
    ("", &[("AWS_USE_DUALSTACK_ENDPOINT", "true")]),
    (
        "",
        &[
            ("AWS_USE_DUALSTACK_ENDPOINT", "true"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ],
    ),
    ("use_fips_endpoint = true\n", &[("AWS_DEFAULT_REGION", "us-east-2")]),
    ("use_fips_endpoint = true\n", &[("AWS_USE_FIPS_ENDPOINT", "false")]),
    ("use_dualstack_endpoint = true\n", &[]),
    ("endpoint_url = https://all.profile.test\n", &[]),
    ("endpoint_url = https://all.profile.test\n", &[("AWS_ENDPOINT_URL", "https://all.variable.test")]),
    ("endpoint_url = https://all.profile.test\n", &[("AWS_ENDPOINT_URL_SSM", "https://ssm.variable.test")]),
    ("endpoint_url = https://all.profile.test\n", &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]),
    ("", &[("AWS_ENDPOINT_URL", "https://all.variable.test"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]),
    ("ignore_configured_endpoint_urls = true\n", &[("AWS_ENDPOINT_URL", "https://all.variable.test")]),
    ("", &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://sm.variable.test"), ("AWS_ENDPOINT_URL", "https://a.test")]),
    (
        "services = mine\n[services mine]\nsecrets_manager =\n  endpoint_url = https://sm.services.test\nssm =\n  \
         endpoint_url = https://ssm.services.test\n",
        &[],
    ),
    (
        "services = mine\nendpoint_url = https://all.profile.test\n[services mine]\nssm =\n  endpoint_url = \
         https://ssm.services.test\n",
        &[],
    ),
    (
        "services = mine\n[services mine]\nsecrets_manager =\n  endpoint_url = https://sm.services.test\n",
        &[("AWS_ENDPOINT_URL", "https://all.variable.test")],
    ),
];

fn config(profile: &str) -> String {
    format!("[default]\n{KEYS}{profile}")
}

/// What boto3 finds for the cases: the endpoints of Secrets Manager and of Parameter Store.
fn by_boto3() -> Vec<[String; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let lines = CASES.iter().enumerate().map(|(index, (profile, variables))| {
        let file = folder.path().join(index.to_string());
        std::fs::write(&file, config(profile)).unwrap();
        let mut case = json!({ "AWS_CONFIG_FILE": file, "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent" });
        for (name, value) in *variables {
            case[name] = Value::from(*value);
        }
        case.to_string()
    });
    let input = folder.path().join("cases");
    std::fs::write(&input, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let output = Command::new(python::require().unwrap())
        .args(["-c", BOTO3])
        .stdin(std::fs::File::open(&input).unwrap())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let found: Vec<_> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), CASES.len(), "{}", String::from_utf8_lossy(&output.stderr));
    found
}

fn child(profile: &str, variables: &[(&str, &str)]) -> Child {
    let child = Child::new().with_file("AWS_CONFIG_FILE", &config(profile)).with("S1CRETS_RETRY", "1");
    variables.iter().fold(child, |child, (name, value)| child.with(name, value))
}

/// The host and port that each store is asked at, by a proxy that opens no connection.
async fn by_s1crets(profile: &str, variables: &[(&str, &str)]) -> [String; 2] {
    let proxy = Stub::start(|_| Answer::new(403, "")).await;
    let child = child(profile, variables).with("HTTPS_PROXY", proxy.endpoint());
    let answers = child.call(&["aws.sm://x", "aws.ps:///x"]).await;
    let asked: Vec<_> = proxy.requests().into_iter().map(|request| request.path).collect();
    asked.try_into().unwrap_or_else(|asked| panic!("{asked:?} {answers:?}"))
}

#[tokio::test]
async fn endpoints_are_those_of_boto3_for_the_same_settings() {
    let expected = by_boto3();
    for ((profile, variables), expected) in CASES.iter().zip(expected) {
        let found = by_s1crets(profile, variables).await;
        let expected = expected.map(|url| url.replace("https://", "") + ":443");
        assert_eq!(found, expected, "{profile:?} {variables:?}");
    }
}

/// The AWS SDK for Rust has a dash where AWS's documentation has an underscore.
#[tokio::test]
async fn a_service_of_a_profile_has_two_spellings() {
    for spelling in ["secrets_manager", "secrets-manager"] {
        let profile =
            format!("services = mine\n[services mine]\n{spelling} =\n  endpoint_url = https://sm.services.test\n");
        let [store, _] = by_s1crets(&profile, &[]).await;
        assert_eq!(store, "sm.services.test:443", "{spelling}");
    }
}

#[tokio::test]
async fn a_section_of_services_may_have_a_quoted_name_and_has_to_exist() {
    let section = "[services 'x y']\nssm =\n  endpoint_url = https://ssm.services.test\n";
    let [_, store] = by_s1crets(&format!("services = x y\n{section}"), &[]).await;
    assert_eq!(store, "ssm.services.test:443");
    let child = Child::new()
        .with("AWS_REGION", "us-east-1")
        .with_file("AWS_CONFIG_FILE", &config(&format!("services = nope\n{section}")));
    let answer = child.get("aws.ps:///x").await;
    assert!(answer.fails("config").ends_with("names services = nope, and there is no such section"), "{answer:?}");
    assert!(answer.hint.starts_with("add [services nope] to the config file"), "{answer:?}");
}

/// boto3 refuses this too, at the call.
#[tokio::test]
async fn fips_and_an_endpoint_of_the_users_own_exclude_each_other() {
    let variables = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_ENDPOINT_URL", "https://a.test")];
    let answer = child("", &variables).get("aws.sm://x").await;
    assert!(answer.fails("config").contains("AWS_ENDPOINT_URL is set together with FIPS endpoints"), "{answer:?}");
    assert!(answer.hint.contains("AWS_USE_FIPS_ENDPOINT"), "{answer:?}");
}
