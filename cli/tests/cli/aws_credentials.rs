//! Missing AWS credentials are told in the same words by every command.

use std::{fs, path::Path};

use assert_cmd::Command;
use s1crets_testbed::{Fault, FaultProxy, Moto};

use crate::s1crets;

/// What all commands print about a situation, and how they end.
struct Situation<'a> {
    profiles: &'a str,
    status: i32,
    message: &'a str,
    hint: &'a str,
    /// Printed with `-v` alone.
    cause: Option<&'a str>,
}

/// The commands that read a secret, and those that examine.
fn commands(template: &Path) -> Vec<Vec<String>> {
    let template = template.display().to_string();
    let commands: [&[&str]; 7] = [
        &["get", "aws.sm://it/x"],
        &["get-by-path", "aws.sm://it"],
        &["run", "--env", "X=aws.sm://it/x", "--", "true"],
        &["export", "X=aws.sm://it/x"],
        &["render", &template],
        &["explain", "aws.sm://it/x"],
        &["doctor", "aws.sm"],
    ];
    commands.map(|command| command.iter().map(|&word| word.to_owned()).collect()).to_vec()
}

fn check(Situation { profiles, status, message, hint, cause }: &Situation<'_>, endpoint: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (config, template) = (folder.path().join("config"), folder.path().join("template"));
    fs::write(&config, profiles).unwrap();
    fs::write(&template, "{{ secret(\"aws.sm://it/x\") }}").unwrap();
    for words in commands(&template) {
        let command = |more: &[&str]| {
            let mut command: Command = s1crets();
            command.env("HOME", folder.path()).env("PATH", "/usr/bin:/bin").env("AWS_CONFIG_FILE", &config);
            command.env("AWS_PROFILE", "x").env("AWS_REGION", "eu-west-1").env("AWS_ENDPOINT_URL", endpoint);
            command.args(more).args(&words).output().unwrap()
        };
        let printed = |output: &std::process::Output| {
            [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream).into_owned()).concat()
        };
        let output = command(&[]);
        let told = printed(&output);
        assert_eq!(output.status.code(), Some(*status), "{words:?}: {told}");
        assert!(told.contains(message) && told.contains(hint), "{words:?}: {told}");
        if let Some(cause) = cause {
            assert!(!told.contains(cause), "{words:?}: {told}");
            let told = printed(&command(&["-v"]));
            assert!(told.contains(cause), "{words:?}: {told}");
        }
    }
}

#[test]
fn each_command_tells_missing_credentials_in_the_same_words() {
    let nowhere = "http://127.0.0.1:1";
    for situation in [
        Situation {
            profiles: "[profile y]\n",
            status: 5,
            message: "there is no AWS profile \"x\", which AWS_PROFILE names",
            hint: "there are y",
            cause: None,
        },
        Situation {
            profiles: "[profile x]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n\
                [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://d-1.awsapps.com/start\n",
            status: 3,
            message: "there is no SSO login of AWS profile \"x\"",
            hint: "run `aws sso login --profile x`",
            cause: None,
        },
        Situation {
            profiles: "[profile x]\ncredential_process = sh -c 'echo log in first >&2; exit 7'\n",
            status: 3,
            message: "the credential_process of AWS profile \"x\" failed: sh ended with exit status 7",
            hint: "run the program by itself: it may need a login",
            cause: Some("sh said: log in first"),
        },
        Situation {
            profiles: "[profile x]\nregion eu-west-1\n",
            status: 5,
            message: "config:2: expected an '=' sign defining a property",
            hint: "correct that line",
            cause: None,
        },
    ] {
        check(&situation, nowhere);
    }
}

/// The right that `explain` names for a secret is not what lacks here.
#[tokio::test(flavor = "multi_thread")]
async fn each_command_tells_a_role_that_may_not_be_assumed_in_the_same_words() {
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    proxy.fault("AssumeRole", Fault::access_denied()).always();
    let endpoint = proxy.endpoint().to_owned();
    let situation = Situation {
        profiles: "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = y\n\
            [profile y]\naws_access_key_id = a\naws_secret_access_key = b\n",
        status: 3,
        message: "can't assume the role: AWS says AccessDenied",
        hint: "check the role's ARN, its trust policy and the external id",
        cause: None,
    };
    tokio::task::spawn_blocking(move || check(&situation, &endpoint)).await.unwrap();
}
