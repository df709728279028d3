use predicates::prelude::*;
use s1crets_testbed::{Fault, FaultProxy, Moto, OpenBao, unique};
use serde_json::{Value, json};

use crate::{
    aws::{on_moto, seed},
    example, in_trusted, s1crets,
};

const VALUE: &str = "correct-horse-battery-staple";

fn told(output: &assert_cmd::assert::Assert) -> String {
    let output = output.get_output();
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[test]
fn a_secret_of_a_file_is_explained_without_its_value() {
    let (folder, file) = example();
    std::fs::write(folder.path().join("s1crets.toml"), format!("[providers.file]\npath = {file:?}\n")).unwrap();
    let mut command = in_trusted(folder.path());
    command.args(["explain", "file://app/db#password"]);
    let output = told(&command.assert().success().stderr(""));
    for line in [
        "reference  file://app/db#password\n".to_owned(),
        "provider   file\n".to_owned(),
        format!("setting    providers.file.path = {file:?}  # s1crets.toml:2\n"),
        "key        text of 28 bytes\n".to_owned(),
        "cache      none: this provider reads from memory\n".to_owned(),
    ] {
        assert!(output.contains(&line), "{line}: {output}");
    }
    // Of a JSON secret not even the keys that were not asked for are told.
    assert!(!output.contains(VALUE) && !output.contains("username"), "{output}");
}

#[test]
fn a_missing_key_is_named_and_exits_like_get() {
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["explain", "app/db", "nope", "--file"]).arg(&file);
    let output = told(&command.assert().code(1));
    assert!(output.contains("secret     found") && output.contains("(key_not_found)"), "{output}");
    assert!(!output.contains(VALUE) && !output.contains("username"), "{output}");
}

/// The environment changes nothing of a named connection.
#[test]
fn variables_are_listed_only_where_they_apply() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[connections.eu]\ntype = \"vault\"\naddress = \"http://127.0.0.1:1\"\nretry = 1\n\
                  auth = { method = \"token\", file = \"token\" }\n[providers.eu]\ntype = \"vault.kv\"\n\
                  connection = \"eu\"\n[providers.\"vault.kv\"]\nretry = 1\n";
    std::fs::write(folder.path().join("s1crets.toml"), config).unwrap();
    std::fs::write(folder.path().join("token"), "t").unwrap();
    for (reference, variables) in [("eu://secret/x", json!([])), ("vault.kv://secret/x", json!(["VAULT_ADDR"]))] {
        let mut command = in_trusted(folder.path());
        command.env("VAULT_ADDR", "http://127.0.0.1:2").args(["explain", "--json", reference]);
        let output = command.assert().failure().get_output().stdout.clone();
        let explanation: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(explanation["variables"], variables, "{explanation}");
    }
}

#[test]
fn on_aws_explain_prints_identity_version_and_origins() {
    let name = unique("cli/explain");
    seed().create_secret(&name, &json!({ "password": VALUE }).to_string());
    let output =
        told(&on_moto().args(["explain", &format!("aws.sm://{name}#password"), "--retry", "2"]).assert().success());
    for part in [
        "identity   arn:aws:",
        ", account 123456789012",
        "secret     found, version ",
        ", JSON object of ",
        "key        text of 28 bytes",
        "setting    retry = 2  # command line\n",
        "AWS_ENDPOINT_URL, AWS_REGION, AWS_SECRET_ACCESS_KEY\n",
        "cache      from the provider, 0s old, fresh for ",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    assert!(!output.contains(VALUE), "{output}");
    let output = told(&on_moto().args(["explain", &name, "--json"]).assert().success());
    let json: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((&json["provider"]["type"], &json["secret"]["kind"]), (&json!("aws.sm"), &json!("JSON object")));
    assert_eq!(json["identity"]["details"]["account"], "123456789012");
}

#[tokio::test]
async fn a_refusal_of_aws_names_the_right_that_is_missing() {
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    for (provider, operation, right) in [
        (
            "aws.sm",
            "GetSecretValue",
            "allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:*:*:secret:some/name-??????",
        ),
        ("aws.ps", "GetParameter", "allow ssm:GetParameter on arn:aws:ssm:*:*:parameter/some/name"),
    ] {
        proxy.fault(operation, Fault::access_denied()).always();
        let endpoint = proxy.endpoint().to_owned();
        let run = move || {
            let mut command = on_moto();
            command.args(["explain", "--provider", provider, "some/name", "--endpoint-url", &endpoint]);
            told(&command.assert().code(3))
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(output.contains(right) && output.contains("(access_denied)"), "{output}");
        assert!(output.contains("identity   arn:aws:"), "who is refused is told: {output}");
    }
}

/// The command against a server, with a token.
fn on_vault(server: &OpenBao, token: &str) -> assert_cmd::Command {
    let mut command = s1crets();
    command.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", token);
    command
}

#[test]
fn on_vault_explain_describes_the_token_but_never_prints_it() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "password": VALUE } }));
    server.policy("reader", "path \"secret/data/app\" { capabilities = [\"read\"] }");
    let token = server.token(&json!({ "policies": ["reader"], "ttl": "1h", "display_name": "ci" }));
    let output =
        told(&on_vault(&server, &token).args(["explain", "vault.kv://secret/app#password"]).assert().success());
    for part in
        ["identity   token-ci, policies default, reader, ", "expires in ", "key        text of 28 bytes", "version 1"]
    {
        assert!(output.contains(part), "{part}: {output}");
    }
    let refused = on_vault(&server, &token).args(["explain", "vault.kv://secret/other"]).assert().code(3);
    let refused = told(&refused);
    assert!(refused.contains("path \"secret/data/other\" { capabilities = [\"read\"] }"), "{refused}");
    // The mount may have slashes: only the server knows where it ends.
    server.must("POST", "sys/mounts/team/kv", &json!({ "type": "kv", "options": { "version": "1" } }));
    server.policy("near", "path \"team/kv/near\" { capabilities = [\"read\"] }");
    let near = server.token(&json!({ "policies": ["near"] }));
    let deep = told(&on_vault(&server, &near).args(["explain", "vault.kv://team/kv/x"]).assert().code(3));
    assert!(deep.contains("path \"team/kv/x\" { capabilities = [\"read\"] }"), "{deep}");
    // And not even it, to a token that may do nothing below the first level.
    let nowhere = told(&on_vault(&server, &token).args(["explain", "vault.kv://team/kv/x"]).assert().code(3));
    assert!(nowhere.contains("or there is no such mount"), "{nowhere}");
    let unknown = told(&on_vault(&server, "s.nobody").args(["explain", "vault.kv://secret/app"]).assert().code(3));
    assert!(unknown.contains("identity   unknown: ") && unknown.contains("VAULT_TOKEN or `vault login`"), "{unknown}");
    for output in [output, refused, unknown] {
        assert!(!output.contains(&token) && !output.contains(VALUE) && !output.contains("s.nobody"), "{output}");
    }
}

#[test]
fn doctor_reports_ok_for_a_working_setup() {
    let (_folder, file) = example();
    let server = OpenBao::dev();
    let mut command = on_moto();
    command.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token()).env("S1CRETS_FILE", &file);
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = told(&command.args(["doctor", "aws.sm", "vault.kv", "file"]).assert().success());
    for line in [
        "ok   config: no config file, using defaults\n",
        "ok   aws.sm: reached as arn:aws:",
        "ok   aws.sm: the clocks agree\n",
        "ok   vault.kv: reached as ",
        "ok   vault.kv: the clocks agree\n",
        "ok   file: readable\n",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    assert!(!output.contains(server.root_token()) && !output.contains(VALUE));
}

#[test]
fn doctor_exits_with_the_status_of_the_worst_failure() {
    let (folder, file) = example();
    let config = format!(
        "[providers.file]\npath = {file:?}\n[providers.away]\ntype = \"vault.kv\"\naddress = \"http://127.0.0.1:1\"\nretry = 1\n\
         auth = {{ method = \"token\", env = \"VAULT_TOKEN\" }}\n"
    );
    std::fs::write(folder.path().join("s1crets.toml"), config).unwrap();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(&file, mode(0o644)).unwrap();
    let doctor = || {
        let mut command = in_trusted(folder.path());
        command.env("VAULT_TOKEN", "t").args(["doctor", "--provider", "file"]);
        command
    };
    let output = told(&doctor().assert().code(4));
    assert!(
        output.contains("fail away: ") && output.contains("warn file: ") && output.contains("chmod o-rwx"),
        "{output}"
    );
    // A warning alone is no failure.
    doctor().arg("file").assert().success().stdout(predicate::str::contains("warn file: "));
    let output = told(&doctor().args(["away", "--json"]).assert().code(4));
    let findings: Value = serde_json::from_str(&output).unwrap();
    assert!(findings.as_array().unwrap().iter().any(|it| it["verdict"] == "fail" && it["about"] == "away"), "{output}");
    let named = folder.path().join("named.toml");
    std::fs::write(&named, "retrys = 1").unwrap();
    let told = format!("fail config: {}:1: unknown key", named.display());
    s1crets().args(["doctor", "--config"]).arg(&named).assert().code(5).stdout(predicate::str::contains(told));
}

#[test]
fn doctor_names_the_ci_system_and_whether_it_masks_values() {
    let (_folder, file) = example();
    for (variable, told) in [("GITLAB_CI", "use `s1crets run --redact`"), ("GITHUB_ACTIONS", "values are masked")] {
        let mut command = s1crets();
        command.env("S1CRETS_FILE", &file).env(variable, "true").args(["doctor", "--provider", "file"]);
        command.assert().success().stdout(predicate::str::contains(told));
    }
}

/// A token need not be allowed to look itself up.
#[test]
fn doctor_warns_about_a_token_that_may_not_look_itself_up() {
    let server = OpenBao::dev();
    let token = server.token(&json!({ "policies": ["none"], "no_default_policy": true }));
    let output = told(&on_vault(&server, &token).args(["doctor", "vault.kv"]).assert().success());
    assert!(output.contains("warn vault.kv: reachable, but the identity is unknown: "), "{output}");
    let website = format!("{}/ui/nowhere", server.address());
    let output =
        told(&on_vault(&server, &token).env("VAULT_ADDR", website).args(["doctor", "vault.kv"]).assert().failure());
    assert!(output.contains("fail vault.kv: "), "{output}");
}

#[test]
fn doctor_reports_an_unusable_disk_cache() {
    let (folder, file) = example();
    let cache = folder.path().join("cache");
    let doctor = |variables: &[(&str, &str)]| {
        let mut command = s1crets();
        command.env("S1CRETS_FILE", &file).env("S1CRETS_CACHE_DISK", "true").env("S1CRETS_CACHE_PATH", &cache);
        command.envs(variables.iter().copied()).args(["doctor", "file"]);
        command
    };
    doctor(&[]).assert().success().stdout(predicate::str::contains("cache does not exist yet"));
    assert!(!cache.exists(), "checking creates nothing");
    doctor(&[("S1CRETS_CACHE_KEY", "short")]).assert().code(5).stdout(predicate::str::contains("fail cache: "));
    std::fs::create_dir(&cache).unwrap();
    let mode = |mode| std::fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o750);
    let told = predicate::str::contains("fail cache: ").and(predicate::str::contains("chmod 700"));
    doctor(&[]).assert().code(5).stdout(told);
    mode(0o700);
    doctor(&[]).assert().success().stdout(predicate::str::contains("cache is usable"));
}

#[test]
fn verbose_prints_the_causes_of_an_error() {
    let mut explain = s1crets();
    explain.args(["explain", "x", "--file", "/nonexistent/secrets.json"]);
    explain.assert().code(4).stdout(predicate::str::contains("caused by").not());
    explain.arg("-v").assert().code(4).stdout(predicate::str::contains("\ncaused by  No such file or directory"));
    let mut doctor = s1crets();
    doctor.args(["doctor", "file", "-v", "--file", "/nonexistent/secrets.json"]);
    doctor.assert().code(4).stdout(predicate::str::contains("\n     caused by: No such file or directory"));
}

/// Two servers, a file that names one of them, and an environment that names the other.
#[test]
fn effective_settings_are_printed_with_origins_and_without_secrets() {
    let (ours, theirs) = (OpenBao::dev(), OpenBao::dev());
    ours.must("POST", "secret/data/app", &json!({ "data": { "password": VALUE } }));
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "provider = \"vault.kv\"\n[providers.\"vault.kv\"]\naddress = \"{}\"\nproxy = \"http://127.0.0.1:1\"\n\
         [providers.team]\ntype = \"vault.kv\"\naddress = \"{}\"\n\
         auth = {{ method = \"token\", env = \"TEAM_TOKEN\" }}\n",
        theirs.address(),
        theirs.address()
    );
    std::fs::write(folder.path().join("s1crets.toml"), config).unwrap();
    let proxy = ours.address().replace("http://", "http://me:hunter2@");
    let command = |args: &[&str]| {
        let mut command = on_vault(&ours, ours.root_token());
        command.current_dir(folder.path()).env("TEAM_TOKEN", theirs.root_token());
        command.args(args).args(["--config", "s1crets.toml"]);
        command
    };
    let by_variable = format!("providers.\"vault.kv\".address = \"{}\"  # variable VAULT_ADDR\n", ours.address());
    let by_file = format!("providers.team.address = \"{}\"  # s1crets.toml:7\n", theirs.address());

    let show = told(&command(&["config", "show", "--origin"]).assert().success());
    for line in [
        by_variable.as_str(),
        &by_file,
        "# providers.\"vault.kv\".credential = token from VAULT_TOKEN  # variable VAULT_TOKEN\n",
        "# providers.team.credential = token from TEAM_TOKEN  # s1crets.toml:8\n",
    ] {
        assert!(show.contains(line), "{line}: {show}");
    }
    assert_eq!(show.matches("\"vault.kv\".address").count(), 1, "what is not in force is not shown: {show}");

    let shown = command(&["config", "show", "--json"]).env("VAULT_PROXY_ADDR", &proxy).assert().success();
    let settings: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    let of = |key: &str| settings.as_array().unwrap().iter().find(|it| it["key"] == key).unwrap().clone();
    assert_eq!(of("providers.\"vault.kv\".address")["origin"]["variable"], "VAULT_ADDR");
    assert_eq!(of("providers.team.address")["origin"]["line"], 7);
    assert_eq!(of("providers.\"vault.kv\".credential")["value"], "token from VAULT_TOKEN");
    assert_eq!(of("providers.\"vault.kv\".proxy")["origin"]["variable"], "VAULT_PROXY_ADDR");

    let mut explain = command(&["explain", "secret/app", "password"]);
    let explain = told(&explain.env("VAULT_PROXY_ADDR", ours.address()).assert());
    for line in [&format!("setting    {by_variable}"), "credential token from VAULT_TOKEN  # variable VAULT_TOKEN\n"] {
        assert!(explain.contains(line), "{line}: {explain}");
    }
    let explained = command(&["explain", "team://secret/none", "--json"]).assert().code(1);
    let explained: Value = serde_json::from_slice(&explained.get_output().stdout).unwrap();
    assert_eq!(explained["credential"]["source"], "token from TEAM_TOKEN");
    assert_eq!(explained["credential"]["origin"]["line"], 8);

    let doctor = told(&command(&["doctor", "team"]).assert().success());
    for line in [
        format!("ok   team: address {} (s1crets.toml:7)\n", theirs.address()),
        "ok   team: credential token from TEAM_TOKEN (s1crets.toml:8)\n".to_owned(),
    ] {
        assert!(doctor.contains(&line), "{line}: {doctor}");
    }
    let facts = told(&command(&["doctor", "team", "--json"]).assert().success());
    assert!(facts.contains("\"fact\":{\"key\":\"address\""), "{facts}");
    for output in [show, settings.to_string(), explain, explained.to_string(), doctor, facts] {
        for secret in [ours.root_token(), theirs.root_token(), "hunter2", VALUE] {
            assert!(!output.contains(secret), "{secret}: {output}");
        }
    }
}

#[test]
fn a_named_instance_without_its_own_login_fails_before_any_request() {
    let (server, folder) = (OpenBao::dev(), tempfile::tempdir().unwrap());
    let config = "[providers.team]\ntype = \"vault.kv\"\naddress = \"http://127.0.0.1:1\"\n";
    std::fs::write(folder.path().join("s1crets.toml"), config).unwrap();
    let command = |args: &[&str]| {
        let mut command = on_vault(&server, server.root_token());
        command.current_dir(folder.path()).args(args).args(["--config", "s1crets.toml"]);
        command
    };
    let told_of = |command: &mut assert_cmd::Command, code: i32| told(&command.assert().code(code));
    assert!(told_of(&mut command(&["config", "show"]), 0).contains("# providers.team.credential: none\n"));
    let explained = told_of(&mut command(&["explain", "team://secret/x"]), 3);
    assert!(
        explained.contains("credential none\n") && explained.contains("set `auth` in [providers.team]"),
        "{explained}"
    );
    let examined = told_of(&mut command(&["doctor", "team"]), 3);
    assert!(examined.contains("fail team: ") && examined.contains("set `auth` in [providers.team]"), "{examined}");
}

#[test]
fn on_aws_region_endpoint_and_credential_are_printed_with_origins() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("aws", "[profile prod]\nregion = eu-west-2\naws_access_key_id = prod\naws_secret_access_key = hunter2\n");
    write(
        "s1crets.toml",
        "[providers.\"aws.sm\"]\nprofile = \"prod\"\n[providers.billing]\ntype = \"aws.ps\"\n\
         roles = [{ arn = \"arn:aws:iam::123456789012:role/reader\" }]\nsts_endpoint_url = \"http://127.0.0.1:1\"\n",
    );
    let command = |args: &[&str]| {
        let mut command = on_moto();
        command.current_dir(folder.path()).env("AWS_CONFIG_FILE", folder.path().join("aws"));
        command.env_remove("AWS_REGION").args(args).args(["--config", "s1crets.toml"]);
        command
    };
    let endpoint = Moto::shared().endpoint();
    let show = told(&command(&["config", "show", "--origin"]).assert().success());
    for line in [
        "providers.\"aws.sm\".region = \"eu-west-2\"  # AWS profile prod\n".to_owned(),
        format!("providers.\"aws.sm\".endpoint_url = \"{endpoint}\"  # variable AWS_ENDPOINT_URL\n"),
        "# providers.\"aws.sm\".credential = AWS profile prod  # s1crets.toml:2\n".to_owned(),
        "# providers.\"aws.ps\".credential = AWS_ACCESS_KEY_ID  # variable AWS_ACCESS_KEY_ID\n".to_owned(),
        "# providers.billing.credential = role arn:aws:iam::123456789012:role/reader, assumed with AWS_ACCESS_KEY_ID  \
         # s1crets.toml:5\n"
            .to_owned(),
        "providers.billing.sts_endpoint_url = \"http://127.0.0.1:1\"  # s1crets.toml:6\n".to_owned(),
    ] {
        assert!(show.contains(&line), "{line}: {show}");
    }
    let explain = told(&command(&["explain", "cli/none", "--region", "eu-west-3"]).assert().code(1));
    for line in [
        "setting    providers.\"aws.sm\".region = \"eu-west-3\"  # command line\n",
        "credential AWS profile prod  # s1crets.toml:2\n",
    ] {
        assert!(explain.contains(line), "{line}: {explain}");
    }
    let doctor = told(&command(&["doctor", "aws.sm"]).env("AWS_REGION", "eu-west-1").assert().success());
    for line in [
        "ok   aws.sm: region eu-west-1 (variable AWS_REGION)\n",
        "ok   aws.sm: credential AWS profile prod (s1crets.toml:2)\n",
    ] {
        assert!(doctor.contains(line), "{line}: {doctor}");
    }
    let shown = command(&["config", "show", "--json"]).assert().success();
    let settings: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    let region = settings.as_array().unwrap().iter().find(|it| it["key"] == "providers.\"aws.sm\".region").unwrap();
    assert_eq!((&region["origin"]["kind"], &region["origin"]["aws_profile"]), (&json!("aws_profile"), &json!("prod")));
    for output in [show, explain, doctor, settings.to_string()] {
        assert!(!output.contains("hunter2"), "{output}");
    }
}
