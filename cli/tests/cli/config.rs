use std::fs;

use predicates::prelude::*;
use tempfile::TempDir;

use crate::{in_folder, in_trusted, root, s1crets};

const CONFIG: &str = r#"provider = "file"
retry = 5

[providers.file]
path = "secrets.json"

[providers.vault]
type = "vault.kv"
address = "http://me:hunter2@vault:8200"

[profiles.prod]
retry = 7
"#;

/// The command in a folder with a config file, which is trusted if it can be read.
fn with_config(text: &str) -> (TempDir, assert_cmd::Command) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s1crets.toml"), text).unwrap();
    fs::copy(root().join("examples/secrets.json"), folder.path().join("secrets.json")).unwrap();
    // One that is malformed can't be trusted, and is told as malformed.
    drop(in_folder(folder.path()).args(["config", "trust"]).ok());
    let command = in_folder(folder.path());
    (folder, command)
}

#[test]
fn show_prints_each_setting_with_its_origin() {
    let (_folder, mut command) = with_config(CONFIG);
    command.args(["config", "show", "--origin", "--config-profile", "prod", "--region", "eu-west-1", "--timeout", "2"]);
    command.env("S1CRETS_CACHE_TTL", "60").assert().success().stderr("").stdout(
        predicate::str::contains("retry = 7  # s1crets.toml:12 (profile prod)\n")
            .and(predicate::str::contains("provider = \"file\"  # s1crets.toml:1\n"))
            .and(predicate::str::contains("timeout = \"2s\"  # command line\n"))
            .and(predicate::str::contains("cache.ttl = \"1m\"  # variable S1CRETS_CACHE_TTL\n"))
            .and(predicate::str::contains("cache.entries = 1000  # default\n"))
            .and(predicate::str::contains("providers.\"aws.sm\".region = \"eu-west-1\"  # command line\n"))
            .and(predicate::str::contains("providers.vault.address = \"http://***@vault:8200\"  # s1crets.toml:9\n"))
            .and(predicate::str::contains("hunter2").not()),
    );
}

#[test]
fn every_option_overrides_its_variable_and_the_file() {
    let (_folder, mut command) = with_config(
        "provider = \"memory\"\nretry = 5\ntimeout = 5\n[providers.file]\npath = \"file.json\"\n[providers.\"aws.sm\"]\n\
         region = \"of-the-file\"\nretry = 6\ntimeout = 6\nendpoint_url = \"http://file\"\n\
         service_endpoint_url = \"http://file\"\nsts_endpoint_url = \"http://file\"\nroles = [{ arn = \"arn:file\" }]\n\
         [profiles.of-the-variable]\ncache.ttl = 1\n[profiles.of-the-option]\ncache.ttl = 2\n",
    );
    command.envs([
        ("S1CRETS_PROVIDER", "aws.ps"),
        ("S1CRETS_FILE", "variable.json"),
        ("S1CRETS_RETRY", "7"),
        ("S1CRETS_TIMEOUT", "7"),
        ("S1CRETS_PROFILE", "of-the-variable"),
        ("AWS_REGION", "of-the-variable"),
        ("AWS_ENDPOINT_URL", "http://variable"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://variable"),
        ("AWS_ENDPOINT_URL_STS", "http://variable"),
    ]);
    let variables = command.args(["config", "show", "--origin"]).assert().success();
    let shown = String::from_utf8(variables.get_output().stdout.clone()).unwrap();
    for line in [
        "provider = \"aws.ps\"  # variable S1CRETS_PROVIDER\n",
        "providers.file.path = \"variable.json\"  # variable S1CRETS_FILE\n",
        "retry = 7  # variable S1CRETS_RETRY\n",
        "timeout = \"7s\"  # variable S1CRETS_TIMEOUT\n",
        "cache.ttl = \"1s\"  # s1crets.toml:15 (profile of-the-variable)\n",
        "providers.\"aws.sm\".region = \"of-the-file\"  # s1crets.toml:7\n",
        "providers.\"aws.sm\".service_endpoint_url = \"http://file\"  # s1crets.toml:11\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    command.args(["--config-profile", "of-the-option", "--file", "option.json", "--retry", "8", "--timeout", "8"]);
    command.args(["--region", "of-the-option", "--endpoint-url", "http://option", "--role-arn", "arn:option"]);
    let options = command.assert().success();
    let shown = String::from_utf8(options.get_output().stdout.clone()).unwrap();
    for line in [
        "providers.file.path = \"option.json\"  # command line\n",
        "retry = 8  # command line\n",
        "timeout = \"8s\"  # command line\n",
        "cache.ttl = \"2s\"  # s1crets.toml:17 (profile of-the-option)\n",
        "providers.\"aws.sm\".region = \"of-the-option\"  # command line\n",
        "providers.\"aws.sm\".endpoint_url = \"http://option\"  # command line\n",
        "providers.\"aws.sm\".credential = role arn:option, assumed with instance metadata  # command line\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    for gone in ["http://file", "http://variable", "arn:file", "\"aws.sm\".retry", "\"aws.sm\".timeout"] {
        assert!(!shown.contains(gone), "{gone}: {shown}");
    }
}

#[test]
fn the_output_of_show_is_a_config_file_with_the_same_settings() {
    let (folder, mut command) = with_config("retry = 4\n[providers.file]\npath = \"secrets.json\"\n");
    let shown = command.args(["config", "show"]).assert().success().get_output().stdout.clone();
    fs::write(folder.path().join("s1crets.toml"), &shown).unwrap();
    command.assert().success().stdout(shown);
}

#[test]
fn show_prints_json_on_request() {
    let (_folder, mut command) = with_config(CONFIG);
    let output = command.args(["config", "show", "--json"]).env("S1CRETS_PROFILE", "prod").assert().success();
    let settings: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let retry = settings.as_array().unwrap().iter().find(|setting| setting["key"] == "retry").unwrap();
    assert_eq!(
        (&retry["value"], &retry["origin"]["profile"], &retry["origin"]["line"]),
        (&7.into(), &"prod".into(), &12.into())
    );
    assert!(!settings.to_string().contains("hunter2"));
}

#[test]
fn path_prints_the_file_in_use() {
    let (folder, mut command) = with_config(CONFIG);
    command.args(["config", "path"]).assert().success().stdout("s1crets.toml\n");
    let other = folder.path().join("other.toml");
    fs::write(&other, "").unwrap();
    command.env("S1CRETS_CONFIG", &other).assert().success().stdout(format!("{}\n", other.display()));
    let empty = tempfile::tempdir().unwrap();
    let mut command = s1crets();
    command.current_dir(empty.path()).args(["config", "path"]);
    command
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains("s1crets.toml or /nonexistent/.config/s1crets"));
    command.arg("--json").assert().code(1).stdout(predicate::str::starts_with("{\"file\":null,"));
}

#[test]
fn check_reports_errors_in_unused_profiles() {
    let (_folder, mut command) = with_config(&CONFIG.replace("me:hunter2@", ""));
    command
        .args(["config", "check"])
        .assert()
        .success()
        .stdout(predicate::str::starts_with("config OK; providers: aws.ps, "));
    let (_folder, mut command) = with_config("[profiles.prod]\nretrys = 7\n");
    let told = "s1crets: s1crets.toml:2 (profile prod): unknown key `retrys`\n  hint: did you mean `retry`?\n";
    command.args(["config", "check"]).assert().code(5).stdout("").stderr(predicate::str::ends_with(told));
}

#[test]
fn an_unknown_profile_fails_every_command() {
    let (_folder, mut command) = with_config(CONFIG);
    command
        .args(["get", "app/db", "password"])
        .env("S1CRETS_PROFILE", "stage")
        .assert()
        .code(5)
        .stderr("s1crets: there is no profile \"stage\" in the config\n  hint: s1crets.toml has prod\n");
}

#[test]
fn schema_prints_the_schema_in_docs() {
    let kept = fs::read_to_string(root().join("docs/s1crets.schema.json")).unwrap();
    s1crets().args(["config", "schema"]).assert().success().stdout(kept);
}

#[test]
fn check_reports_unknown_providers_and_invalid_addresses() {
    let (_folder, mut command) = with_config("[secrets]\nA = \"nope://x\"\nB = \"file://x\"\nC = \"awz.sm://x\"\n");
    let told = predicate::str::contains(
        "s1crets: s1crets.toml:2: secrets.A: there is no provider \"nope\"; there are aws.ps, ",
    )
    .and(predicate::str::contains("s1crets: s1crets.toml:4: secrets.C: "))
    .and(predicate::str::contains("  hint: did you mean `aws.sm`?\n"))
    .and(predicate::str::contains("secrets.B").not());
    command.args(["config", "check"]).assert().code(5).stdout("").stderr(told);
    let (_folder, mut command) = with_config(
        "provider = \"nobody\"\n[secrets]\n\"a b\" = \"file://x\"\n\"a-b.c\" = \"file://x\"\n\
         [profiles.dev]\nsecrets.D = \"nope://x\"\n",
    );
    let told = "s1crets: s1crets.toml:1: provider: there is no provider \"nobody\"; there are aws.ps, aws.sm, file, memory, vault.kv\n  \
                hint: name it in s1crets.toml, as [providers.nobody] with a `type`\n\
                s1crets: s1crets.toml:3: [secrets] has an invalid variable name \"a b\": a name consists of letters, digits, '_', '.' and '-', and doesn't begin with '.' or '-'\n\
                s1crets: s1crets.toml:6 (profile dev): secrets.D: there is no provider \"nope\"; there are aws.ps, aws.sm, file, memory, vault.kv\n  \
                hint: name it in s1crets.toml, as [providers.nope] with a `type`\n";
    command.args(["config", "check"]).assert().code(5).stdout("").stderr(told);
    let (_folder, mut command) = with_config(CONFIG);
    let told = predicate::str::contains("[providers.vault]").and(predicate::str::contains("hunter2").not());
    command.args(["config", "check"]).assert().code(5).stdout("").stderr(told);
}

#[test]
fn check_reports_every_error_with_its_place() {
    let (folder, mut command) = with_config(
        "[providers.a]\ntype = \"nope1\"\n[providers.b]\ntype = \"nope2\"\n[providers.v]\ntype = \"vault.kv\"\n\
         [secrets]\nA = \"zz://x\"\n[profiles.p]\nproviders.v.auth = { method = \"aproll\" }\n",
    );
    let output = command.args(["config", "check"]).assert().code(5).stdout("");
    let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    for part in [
        "s1crets: in [providers.a], s1crets.toml:1: there is no provider of type \"nope1\"",
        "s1crets: in [providers.b], s1crets.toml:3: there is no provider of type \"nope2\"",
        "s1crets: s1crets.toml:8: secrets.A: there is no provider \"zz\"",
        "s1crets: in [providers.v], s1crets.toml:10 (profile p): there is no login method \"aproll\"",
    ] {
        assert_eq!(told.matches(part).count(), 1, "{part}: {told}");
    }
    in_trusted(folder.path()).arg("doctor").assert().code(5);
    let (folder, _) = with_config("provider = \"nobody\"\n");
    let told = predicate::str::contains("fail config: s1crets.toml:1: provider: there is no provider \"nobody\"");
    in_folder(folder.path()).arg("doctor").assert().code(5).stdout(told);
}

/// The same words from every command.
#[test]
fn a_misspelt_provider_brings_the_one_that_was_meant() {
    let (_folder, mut command) = with_config("[providers.billing]\ntype = \"memory\"\n");
    let run = |command: &mut assert_cmd::Command, arguments: &[&str], hint: &str| {
        let output = command.args(arguments).output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success() && told.contains(hint), "{arguments:?}: {told}");
    };
    run(&mut command, &["get", "biling://x"], "hint: did you mean `billing`?");
    for arguments in [
        &["get", "--provider", "vault", "x"][..],
        &["get", "vault://secret/app"],
        &["get-by-path", "kv://secret/app"],
        &["exists", "vualt.kv://secret/app"],
        &["update", "Vault://secret/app", "x"],
        &["explain", "vault-kv://secret/app"],
        &["run", "--env", "A=vualt://secret/app", "--", "true"],
        &["run", "--from", "vualt://secret/app", "--", "true"],
        &["export", "A=VAULT://secret/app"],
        &["export", "--from", "vault://secret/"],
        &["doctor", "vault"],
    ] {
        run(&mut s1crets(), arguments, "did you mean `vault.kv`?");
    }
    for (text, hint) in [
        ("provider = \"AWS.SM\"", "did you mean `aws.sm`?"),
        ("[providers.x]\ntype = \"secretsmanager\"", "did you mean `aws.sm`?"),
        ("[providers.x]\ntype = \"ssm\"", "did you mean `aws.ps`?"),
        ("[providers.aws.sm]\nregion = \"x\"", "write [providers.\"aws.sm\"]"),
        ("[secrets]\nA = \"vault://secret/app\"", "did you mean `vault.kv`?"),
    ] {
        let (folder, mut command) = with_config(text);
        run(&mut command, &["config", "check"], hint);
        let config = folder.path().join("s1crets.toml");
        run(s1crets().arg("--config").arg(config), &["doctor"], hint);
    }
}

/// `timeout = 5000` was meant in milliseconds.
#[test]
fn an_implausible_bare_number_is_refused_with_the_right_spelling() {
    let spelling = predicate::str::contains("such as \"500ms\" or \"10m\"");
    let (_folder, mut command) = with_config("timeout = 5000\n");
    let place = predicate::str::contains("s1crets.toml:1: expected a number of seconds up to 300, or a time span");
    command.args(["config", "check"]).assert().code(5).stderr(place.and(spelling.clone()));
    let mut command = s1crets();
    let told = predicate::str::contains("the variable S1CRETS_TIMEOUT").and(spelling);
    command.args(["get", "x", "--no-config"]).env("S1CRETS_TIMEOUT", "5000").assert().code(5).stderr(told);
    let told = predicate::str::contains("a bare number is seconds, up to 300; for other times add a unit");
    s1crets().args(["get", "x", "--timeout", "5000"]).assert().code(2).stderr(told);
    let (_folder, mut command) = with_config("timeout = \"10m\"\n");
    command.args(["config", "check", "--timeout", "10m"]).assert().success();
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_config() {
    let (_folder, mut command) = with_config("\u{feff}retry = 7\n[providers.file]\npath = \"secrets.json\"\n");
    command.args(["config", "show", "--origin"]);
    command.assert().success().stdout(predicate::str::contains("retry = 7  # s1crets.toml:1\n"));
}
