//! docs/cli.md and docs/troubleshooting.md print what the command prints.

use std::{fs, path::Path, process::Command};

use s1crets_testbed::{Answer, AwsSeed, Moto, OpenBao, Stub};
use serde_json::json;

use crate::{page_network, root};

/// A region that no other test uses, so that the names of the page are free.
const REGION: &str = "ca-central-1";

/// docs/cli.md, command by command: its files are written as shown, and the output is compared.
#[test]
fn every_command_of_the_page_prints_what_is_written() {
    let page = fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    fs::copy(root().join("examples/secrets.json"), folder.path().join("examples/secrets.json")).unwrap();
    AwsSeed::new(Moto::shared().endpoint(), REGION).create_secret("prod/db", r#"{"password": "from-aws"}"#);
    let vault = OpenBao::dev();
    vault.must("POST", "secret/data/app", &json!({ "data": { "token": "from-vault" } }));
    let mut run = 0;
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').unwrap();
        match info.split_once(' ') {
            Some((_, file)) => fs::write(folder.path().join(file), format!("{text}\n")).unwrap(),
            None => {
                assert_eq!(info, "console", "a block is a file, or commands");
                for example in format!("\n{text}").split("\n$ ").skip(1) {
                    let (command, expected) = example.split_once('\n').unwrap_or((example, ""));
                    let printed = printed(folder.path(), &vault, command);
                    assert!(is_like(&printed, expected.trim_end()), "$ {command}\n{printed}\nis not\n{expected}");
                    run += 1;
                }
            }
        }
    }
    assert!(run > 20, "the page has commands: {run}");
}

/// Each message in docs/troubleshooting.md is one that a command prints, with `…` for the folder.
#[test]
fn every_message_of_the_troubleshooting_page_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let secrets = r#"{"secrets": {"app/PATH": {"type": "simple", "value": "x"}, "other/half": {"x": "\ud800"}}}"#;
    fs::write(folder.path().join("secrets.json"), secrets).unwrap();
    fs::create_dir(folder.path().join("found")).unwrap();
    fs::write(folder.path().join("found/s1crets.toml"), "retry = 3\n").unwrap();
    let team = "[providers.team]\ntype = \"vault.kv\"\naddress = \"http://127.0.0.1:1\"\n";
    fs::write(folder.path().join("team.toml"), team).unwrap();
    for (file, text) in [
        ("dotted.toml", "[providers.aws.sm]\nregion = \"eu-west-1\"\n"),
        ("timeout.toml", "timeout = 5000\n"),
        ("misspelt.env", "DB_PASSWORD=vualt://secret/app\n"),
        ("twice.env", "MODE=dev\nMODE=prod\n"),
        ("lines.json", r#"{"secrets": {"app": {"key": "first\nX=$(id)"}}}"#),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let vault = OpenBao::dev();
    vault.must("POST", "secret/data/app", &json!({ "data": { "token": "x" } }));
    vault.must(
        "PUT",
        "sys/policies/acl/other",
        &json!({ "policy": "path \"secret/data/other\" { capabilities = [\"read\"] }" }),
    );
    let token = |policies: &[&str]| {
        let made = vault.must("POST", "auth/token/create", &json!({ "policies": policies, "no_default_policy": true }));
        format!("VAULT_TOKEN={}", made["auth"]["client_token"].as_str().unwrap())
    };
    write_aws_files(folder.path());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // A gateway that has an answer for the paths of engines and logins alone, and a sealed server.
    let gateway = runtime.block_on(Stub::start(|request| match &request.path {
        path if path.contains("/auth/token/") => Answer::new(200, r#"{"data":{"ttl":0}}"#),
        path if path.contains("/sys/") => Answer::new(403, "blocked"),
        _ => Answer::new(404, r#"{"errors":[]}"#),
    }));
    let sealed = runtime.block_on(Stub::start(|_| Answer::new(503, r#"{"errors":["Vault is sealed"]}"#)));
    let root_token = format!("VAULT_TOKEN={}", vault.root_token());
    let aws_seed = AwsSeed::new(Moto::shared().endpoint(), "ca-west-1");
    aws_seed.create_secret("prod/db", r#"{"password": "x"}"#);
    aws_seed.create_secret("prod/broken", r#"{"password": "x",}"#);
    let moto = format!(
        "AWS_ENDPOINT_URL={} AWS_REGION=ca-west-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        Moto::shared().endpoint()
    );
    let (aws, address) = ("AWS_EC2_METADATA_DISABLED=true", format!("VAULT_ADDR={}", vault.address()));
    let on_aws = format!("{aws} AWS_REGION=eu-west-1 S1CRETS_RETRY=1");
    let keys = "AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x";
    let web = "AWS_WEB_IDENTITY_TOKEN_FILE=/nonexistent AWS_ROLE_ARN=arn:aws:iam::111111111111:role/a";
    let container = "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/role";
    let metadata = "AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1";
    let runs: &[(&str, &str, String)] = &[
        ("found", "get app/db", String::new()),
        (".", "get prod/db", aws.to_owned()),
        (".", "get prod/db", format!("{aws} AWS_REGION=eu-west-1")),
        (".", "get aws.sm://prod/db", format!("{on_aws} {keys} AWS_REGION=eu_west_1")),
        (".", "get aws.sm://prod/db", format!("{on_aws} {keys} AWS_ENDPOINT_URL=localhost:4566")),
        (".", "get aws.sm://prod/db", format!("{on_aws} {keys} AWS_USE_FIPS_ENDPOINT=yes")),
        (
            ".",
            "get aws.sm://prod/db",
            format!("{on_aws} {keys} AWS_ENDPOINT_URL=https://127.0.0.1:9 AWS_CA_BUNDLE={here}/ca.pem"),
        ),
        (".", "get prod/db", format!("{on_aws} AWS_ACCESS_KEY_ID=x")),
        (".", "get prod/db", format!("{on_aws} AWS_PROFILE=nope")),
        (".", "get prod/db", format!("{on_aws} AWS_CONFIG_FILE={here}/malformed")),
        (".", "get prod/db", format!("{on_aws} AWS_CONFIG_FILE={here}/latin-1/config")),
        (".", "get prod/db", format!("{on_aws} AWS_CONFIG_FILE={here}/expired AWS_PROFILE=sso")),
        (".", "get prod/db", format!("{on_aws} {web}")),
        (".", "get prod/db", format!("{on_aws} {container}")),
        (".", "get prod/db", format!("{on_aws} {metadata}")),
        (".", "get prod/db --config chained.toml", format!("{on_aws} {keys}")),
        (".", "get vault.kv://secret/app", address.clone()),
        (".", "get vault.kv://secret/app", format!("{address} VAULT_TOKEN=none")),
        (".", "get vault.kv://secret/app", format!("{address} {}", token(&["default", "other"]))),
        (".", "get --config team.toml team://secret/app", "VAULT_TOKEN=x".to_owned()),
        (
            ".",
            "update vault.kv://secret/app#token --value-file team.toml",
            format!("VAULT_ADDR={} VAULT_TOKEN=x", gateway.endpoint()),
        ),
        (".", "get vault.kv://secrets/app", format!("{address} {root_token}")),
        (".", "get vault.kv://secret/app", format!("{address} {root_token} VAULT_NAMESPACE=team2")),
        (".", "get vault.kv://secret/app", format!("{address}/v1 {root_token}")),
        (".", "get vault.kv://secret/data/app", format!("{address} {root_token}")),
        (".", "get vault.kv://secret/app", format!("VAULT_AGENT_ADDR={}", vault.address())),
        (".", "get vault.kv://secret/app", format!("VAULT_ADDR={} VAULT_TOKEN=x S1CRETS_RETRY=1", sealed.endpoint())),
        (".", "update aws.sm://prod/db new", moto.clone()),
        (".", "update aws.sm://prod/db @new", String::new()),
        (".", "get aws.sm://prod/broken#password --default x", moto),
        (".", "get --file secrets.json file://other/half#x", String::new()),
        (".", "run --file secrets.json --from app/ -- true", String::new()),
        (".", "run --file secrets.json --pure --keep DB_PASSWORD -- true", "DB_PASSWORD=file://app/PATH".to_owned()),
    ];
    let profiles = ["no-base", "mfa", "sso", "failing", "silent", "typo"];
    let profiles = profiles.map(|profile| (".", "get prod/db", format!("{on_aws} AWS_PROFILE={profile}")));
    let plain = [
        "get vault://secret/app",
        "get aws.sm:prod/db",
        "get aws.sm prod/db",
        "get prod/db --config dotted.toml",
        "get prod/db --config timeout.toml",
        "run --env-file misspelt.env -- true",
        "run --env-file twice.env -- true",
        "export --file lines.json --format dotenv KEY=app#key",
    ];
    let plain = plain.iter().map(|command| (".", *command, String::new()));
    let runs: Vec<_> = runs.iter().cloned().chain(profiles).chain(plain).collect();
    let mut printed = String::new();
    for (work, command, variables) in &runs {
        let mut s1crets = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        s1crets.env_clear().env("HOME", here).current_dir(folder.path().join(work)).args(command.split(' '));
        s1crets.envs(variables.split(' ').filter_map(|variable| variable.split_once('=')));
        printed += &String::from_utf8(s1crets.output().unwrap().stderr).unwrap();
    }
    printed += &page_network::printed(folder.path(), &vault);
    let printed = printed.replace(&format!("{here}/found"), "…").replace(here, "…");
    let printed = printed.replace(vault.address(), "https://vault.internal:8200");
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    let messages = page.split("\n```text\n").skip(1).flat_map(|rest| rest.split("\n```").next().unwrap().lines());
    let mut found = 0;
    // AWS's refusals are AWS's own text.
    let is_of_aws = |message: &&str| message.contains("AccessDeniedException") || message.contains("InvalidSignature");
    for message in messages.filter(|message| !is_of_aws(message)) {
        assert!(printed.lines().any(|line| line == message), "{message}\nis not in\n{printed}");
        found += 1;
    }
    assert!(found >= 10, "{found}");
}

/// Profiles that give no credentials, each named after the reason, and other mistakes.
fn write_aws_files(folder: &Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let role = "role_arn = arn:aws:iam::111111111111:role/a";
    let sso = "sso_account_id = 1\nsso_role_name = r\nsso_session";
    let session = "sso_region = eu-west-1\nsso_start_url = https://d-1.awsapps.com/start";
    let profiles = format!(
        "[profile no-base]\n{role}\nsource_profile = base\n\
         [profile mfa]\n{role}\nsource_profile = mfa\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n\
         [profile sso]\n{sso} = none\n[sso-session none]\n{session}\n\
         [profile failing]\ncredential_process = false\n\
         [profile silent]\ncredential_process = true\n\
         [profile typo]\ncredential_process = /nonexistent\n"
    );
    write(".aws/config", &profiles);
    write("expired", &format!("[profile sso]\n{sso} = dev\n[sso-session dev]\n{session}\n"));
    let token = r#"{"accessToken": "x", "expiresAt": "2020-01-01T00:00:00Z"}"#;
    // The SHA-1 of `dev`.
    write(".aws/sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json", token);
    write("malformed", "[default]\nregion\n");
    fs::create_dir_all(folder.join("latin-1")).unwrap();
    fs::write(folder.join("latin-1/config"), b"\n\n\n\n\n\n# caf\xe9\n").unwrap();
    let roles =
        ["a", "b"].map(|role| format!("{{ arn = \"arn:aws:iam::111111111111:role/{role}\", duration = \"2h\" }}"));
    write("chained.toml", &format!("[providers.\"aws.sm\"]\nroles = [{}]\n", roles.join(", ")));
}

fn printed(folder: &Path, vault: &OpenBao, command: &str) -> String {
    let program = assert_cmd::cargo::cargo_bin("s1crets");
    let mut shell = Command::new("sh");
    shell.env_clear().current_dir(folder).args(["-c", &format!("exec 2>&1; {command}")]);
    shell.env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display())).env("HOME", folder);
    shell.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", REGION);
    shell.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", Moto::shared().endpoint());
    shell.env("VAULT_ADDR", vault.address()).env("VAULT_TOKEN", vault.root_token());
    String::from_utf8(shell.output().unwrap().stdout).unwrap().trim_end().to_owned()
}

/// Whether a text is as it is written, where `…` stands for whatever is left of a word or a line.
fn is_like(text: &str, written: &str) -> bool {
    let mut lines = written.lines();
    let same = text.lines().all(|line| {
        lines.next().is_some_and(|written| match written.split_once('…') {
            Some((before, after)) => {
                line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
            }
            None => line == written,
        })
    });
    same && lines.next().is_none()
}
