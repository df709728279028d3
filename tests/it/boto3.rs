//! Whose AWS identity is used: the same one as with boto3, for the same variables and files.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use s1crets_testbed::{Answer as Reply, FakeImds, Stub, python};
use serde_json::json;

use crate::{
    subprocess::Child,
    support::{Aws, signed_by},
};

const CONFIG: &str = r#"
[default]
aws_access_key_id = default
aws_secret_access_key = x
[profile prod]
aws_access_key_id = prod
aws_secret_access_key = x
[profile dev]
aws_access_key_id = dev
aws_secret_access_key = x
[profile both]
aws_access_key_id = of-config
aws_secret_access_key = x
[profile "x y"]
aws_access_key_id = quoted
aws_secret_access_key = x
[profile 'z']
aws_access_key_id = single
aws_secret_access_key = x
[profile x y z]
aws_access_key_id = no-profile
aws_secret_access_key = x
[profile program]
credential_process = echo '{"Version":1,"AccessKeyId":"program","SecretAccessKey":"x"}'
[profile program-and-key]
credential_process = echo '{"Version":1,"AccessKeyId":"program","SecretAccessKey":"x"}'
aws_access_key_id = key-beside-program
aws_secret_access_key = x
[profile program-here-key-there]
credential_process = echo '{"Version":1,"AccessKeyId":"program","SecretAccessKey":"x"}'
[profile role]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = prod
[profile role-of-role]
role_arn = arn:aws:iam::123456789012:role/two
source_profile = role
[profile role-of-program]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = program
[profile role-of-quoted]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = x y
[profile role-of-environment]
role_arn = arn:aws:iam::123456789012:role/one
credential_source = Environment
[profile role-of-key-and-role]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = key-and-role
[profile key-and-role]
aws_access_key_id = key-and-role
aws_secret_access_key = x
role_arn = arn:aws:iam::123456789012:role/two
source_profile = prod
[profile role-of-nobody]
role_arn = arn:aws:iam::123456789012:role/one
source_profile = nobody
[profile half]
aws_access_key_id = half
[profile bare]
region = us-east-1
"#;

const CREDENTIALS: &str = "[both]\naws_access_key_id = of-credentials\naws_secret_access_key = x\n\
    [in credentials]\naws_access_key_id = spaced\naws_secret_access_key = x\n\
    [program-here-key-there]\naws_access_key_id = key-there\naws_secret_access_key = x\n";

const KEYS: &[(&str, &str)] = &[("AWS_ACCESS_KEY_ID", "environment"), ("AWS_SECRET_ACCESS_KEY", "x")];

/// `WEB` stands for the path of a token.
const WEB: &[(&str, &str)] =
    &[("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/web"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "WEB")];

const CONTAINER: &[(&str, &str)] = &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "CONTAINER")];

const ROLE: &str = "prod assumes role/one, a role";

/// One situation: the profile of the settings, variables in groups, and who asks.
type Case = (Option<&'static str>, &'static [&'static [(&'static str, &'static str)]], &'static str);

const CASES: &[Case] = &[
    (None, &[], "default"),
    (None, &[KEYS], "environment"),
    (None, &[KEYS, &[("AWS_PROFILE", "prod")]], "environment"),
    (None, &[&[("AWS_PROFILE", "prod")]], "prod"),
    (None, &[&[("AWS_DEFAULT_PROFILE", "dev")]], "dev"),
    (None, &[&[("AWS_DEFAULT_PROFILE", "dev"), ("AWS_PROFILE", "prod")]], "dev"),
    (None, &[KEYS, &[("AWS_PROFILE", "nosuch")]], "nobody"),
    (None, &[KEYS, &[("AWS_DEFAULT_PROFILE", "nosuch")]], "nobody"),
    (None, &[&[("AWS_PROFILE", "nosuch")]], "nobody"),
    (Some("prod"), &[KEYS], "prod"),
    (Some("prod"), &[&[("AWS_PROFILE", "dev")]], "prod"),
    (Some("prod"), &[KEYS, WEB, CONTAINER, &[("AWS_PROFILE", "nosuch")]], "prod"),
    (Some("nosuch"), &[KEYS], "nobody"),
    (None, &[&[("AWS_PROFILE", "x y")]], "quoted"),
    (Some("x y"), &[], "quoted"),
    (None, &[&[("AWS_PROFILE", "z")]], "single"),
    (None, &[&[("AWS_PROFILE", "x y z")]], "nobody"),
    (None, &[&[("AWS_PROFILE", "in credentials")]], "spaced"),
    (None, &[&[("AWS_PROFILE", "both")]], "of-credentials"),
    (None, &[&[("AWS_PROFILE", "program")]], "program"),
    (None, &[&[("AWS_PROFILE", "program-and-key")]], "program"),
    (None, &[&[("AWS_PROFILE", "program-here-key-there")]], "key-there"),
    (None, &[&[("AWS_PROFILE", "role")]], ROLE),
    (None, &[&[("AWS_PROFILE", "role-of-role")]], "prod assumes role/one, a role assumes role/two, a role"),
    (None, &[&[("AWS_PROFILE", "role-of-program")]], "program assumes role/one, a role"),
    (None, &[&[("AWS_PROFILE", "role-of-quoted")]], "quoted assumes role/one, a role"),
    (None, &[KEYS, &[("AWS_PROFILE", "role-of-environment")]], "environment"),
    (Some("role-of-environment"), &[KEYS], "environment assumes role/one, a role"),
    (Some("role-of-environment"), &[], "nobody"),
    (None, &[&[("AWS_PROFILE", "role-of-key-and-role")]], "key-and-role assumes role/one, a role"),
    (None, &[&[("AWS_PROFILE", "key-and-role")]], "prod assumes role/two, a role"),
    (None, &[&[("AWS_PROFILE", "role-of-nobody")]], "nobody"),
    (None, &[&[("AWS_PROFILE", "half")]], "nobody"),
    (None, &[WEB], "web identity assumes role/web, a role"),
    (None, &[WEB, KEYS], "environment"),
    (None, &[WEB, &[("AWS_PROFILE", "prod")]], "web identity assumes role/web, a role"),
    (None, &[WEB, &[("AWS_PROFILE", "role")]], ROLE),
    (None, &[&[("AWS_WEB_IDENTITY_TOKEN_FILE", "WEB")]], "nobody"),
    (None, &[CONTAINER], "default"),
    (None, &[CONTAINER, &[("AWS_PROFILE", "bare")]], "container"),
    (Some("bare"), &[CONTAINER, KEYS], "container"),
    (None, &[&[("AWS_PROFILE", "bare")]], "ASIAOFTHEINSTANCE000"),
    (Some("bare"), &[KEYS], "ASIAOFTHEINSTANCE000"),
    (None, &[&[("AWS_ACCESS_KEY_ID", "half")]], "nobody"),
    (None, &[&[("AWS_SECRET_ACCESS_KEY", "x")]], "default"),
    (None, &[&[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "x")]], "default"),
    (None, &[KEYS, &[("AWS_CONFIG_FILE", "MALFORMED")]], "nobody"),
];

/// The identities that a server saw, in order.
fn seen(aws: &Aws) -> String {
    let role = |request: &s1crets_testbed::Request| {
        let arn = request.form("RoleArn").unwrap();
        arn.rsplit(':').next().unwrap().to_owned()
    };
    let web = aws.proxy.requests("AssumeRoleWithWebIdentity");
    let mut seen: Vec<_> = web.iter().map(|request| format!("web identity assumes {}", role(request))).collect();
    // moto gives the keys of roles.
    let signer = |request: &s1crets_testbed::Request, is_role: bool| {
        if is_role { "a role".to_owned() } else { signed_by(request).0 }
    };
    for request in &aws.proxy.requests("AssumeRole") {
        seen.push(format!("{} assumes {}", signer(request, !seen.is_empty()), role(request)));
    }
    if let Some(request) = aws.proxy.requests("GetSecretValue").first() {
        seen.push(signer(request, !seen.is_empty()));
    }
    if seen.is_empty() { "nobody".to_owned() } else { seen.join(", ") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_is_the_one_that_boto3_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let paths = [file("config", CONFIG), file("credentials", CREDENTIALS), file("jwt", "a-jwt")];
    let malformed = file("malformed", "[default]\nno equals sign\n");
    let imds = FakeImds::start("us-east-1", "role").await;
    imds.set_credentials("ASIAOFTHEINSTANCE000", "s", "t", SystemTime::now() + Duration::from_secs(7200));
    let container = Stub::start(|_| {
        let body =
            r#"{"AccessKeyId":"container","SecretAccessKey":"s","Token":"t","Expiration":"2040-01-01T00:00:00Z"}"#;
        Reply::new(200, body)
    });
    let container = container.await;
    let variables = |case: &Case, aws: &Aws| {
        let common = [
            ("AWS_CONFIG_FILE", paths[0].as_str()),
            ("AWS_SHARED_CREDENTIALS_FILE", &paths[1]),
            ("AWS_ENDPOINT_URL", aws.proxy.endpoint()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint()),
            ("AWS_EC2_METADATA_DISABLED", "false"),
            ("AWS_REGION", "us-east-1"),
            // boto3 reads only this one.
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ];
        let own = case.1.iter().copied().flatten().map(|(name, value)| match *value {
            "WEB" => (*name, paths[2].as_str()),
            "CONTAINER" => (*name, container.endpoint()),
            "MALFORMED" => (*name, malformed.as_str()),
            value => (*name, value),
        });
        let all: BTreeMap<_, _> = common.into_iter().chain(own).collect();
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<BTreeMap<_, _>>()
    };

    let (mut inputs, mut servers) = (Vec::new(), Vec::new());
    for case in CASES {
        let aws = Aws::start().await;
        inputs.push(json!({ "profile": case.0, "variables": variables(case, &aws) }));
        servers.push(aws);
    }
    let outcomes = by_boto3(folder.path(), json!(inputs)).await;
    let theirs: Vec<_> = servers.iter().map(seen).collect();

    let mut differences = Vec::new();
    for ((case, theirs), outcome) in CASES.iter().zip(theirs).zip(outcomes) {
        let aws = Aws::start().await;
        let child = variables(case, &aws).iter().fold(Child::new(), |child, (name, value)| child.with(name, value));
        let settings = case.0.map(|name| format!("[providers.\"aws.sm\"]\nprofile = {name:?}\n")).unwrap_or_default();
        let answer = child.with_file("S1CRETS_CONFIG", &settings).get("aws.sm://it/none").await;
        let ours = seen(&aws);
        if ours != case.2 || theirs != case.2 {
            differences.push(format!("{case:?}\n  ours: {ours} ({answer:?})\n  boto3: {theirs} ({outcome})"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

async fn by_boto3(home: &Path, cases: serde_json::Value) -> Vec<String> {
    let mut command = Command::new(python::require().unwrap());
    command.args(["-c", include_str!("boto3.py")]).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(cases.to_string().as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}
