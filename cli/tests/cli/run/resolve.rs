//! Variables of the environment that look like references: who wrote their text?

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use predicates::{prelude::*, str::contains};
use s1crets_testbed::OpenBao;
use serde_json::json;

use super::{PASSWORD, environ, run};
use crate::example;

const DB: &str = "file://app/db#password";

/// The title of a merge request is a variable of the job that builds it.
#[test]
fn the_title_of_a_merge_request_is_not_taken_for_a_reference() {
    let vault = OpenBao::dev();
    vault.must("POST", "secret/data/admin", &json!({ "data": { "pw": PASSWORD } }));
    let title = "vault.kv://secret/admin#pw";
    let job = || {
        let (_folder, file) = example();
        let mut command = run(&file);
        command.env("VAULT_ADDR", vault.address()).env("VAULT_TOKEN", vault.root_token());
        command.env("CI_MERGE_REQUEST_TITLE", title).env("DEPLOY_KEY", title);
        command
    };
    let warning = "s1crets: warning: unresolved references passed on as text: CI_MERGE_REQUEST_TITLE, DEPLOY_KEY \
                   (to read one, add --resolve NAME)\n";
    let mut command = job();
    command.args(["--pure", "--keep", "*", "--", "printenv", "CI_MERGE_REQUEST_TITLE", "DEPLOY_KEY"]);
    command.assert().success().stdout(format!("{title}\n{title}\n")).stderr(warning);
    // A variable that is named is read, and no other.
    let mut command = job();
    command.args(["--resolve", "DEPLOY_*", "--", "printenv", "CI_MERGE_REQUEST_TITLE", "DEPLOY_KEY"]);
    let warning = warning.replace(
        "references passed on as text: CI_MERGE_REQUEST_TITLE, DEPLOY_KEY",
        "reference passed on as text: CI_MERGE_REQUEST_TITLE",
    );
    command.assert().success().stdout(format!("{title}\n{PASSWORD}\n")).stderr(warning);
}

#[test]
fn unresolved_variables_are_passed_on_byte_for_byte() {
    let (_folder, file) = example();
    let escaped = format!("\\{DB}");
    let mut command = run(&file);
    command.env("BYTES", OsStr::from_bytes(b"\xff\xfe")).env("ESCAPED", &escaped).env("READ", &escaped);
    command.args(["--resolve", "READ", "--resolve", "BYTES", "--", "printenv", "BYTES", "ESCAPED", "READ"]);
    let output = command.assert().success().stderr("");
    let expected = [b"\xff\xfe\n", escaped.as_bytes(), b"\n", DB.as_bytes(), b"\n"].concat();
    assert_eq!(output.get_output().stdout, expected);
}

#[test]
fn a_resolve_name_must_be_set_but_a_pattern_may_match_nothing() {
    let (_folder, file) = example();
    let resolve = |name: &str| {
        let mut command = run(&file);
        command.env("URL", "https://host/x").env("EMPTY", "").args(["--resolve", name, "--"]);
        command
    };
    let told = "s1crets: --resolve NOT_SET: the variable is not set\n";
    resolve("NOT_SET").arg("true").assert().code(2).stdout("").stderr(told);
    resolve("NOT_*").arg("true").assert().success().stderr("");
    resolve("URL").args(["printenv", "URL"]).assert().success().stdout("https://host/x\n").stderr("");
    resolve("EMPTY").args(["printenv", "EMPTY"]).assert().success().stdout("\n").stderr("");
    resolve("a/b").arg("true").assert().code(2).stderr(contains("invalid variable name \"a/b\""));
    resolve("[").arg("true").assert().code(2).stderr(contains("\"[\" is not a valid pattern"));
}

#[test]
fn pure_keeps_resolved_variables_and_denied_ones_are_not_read() {
    let (_folder, file) = example();
    let command = |more: &[&str]| {
        let mut command = run(&file);
        command
            .env_remove("HOME")
            .env("DB_PASSWORD", DB)
            .env("DB_HOST", "db")
            .env("MODE", "x")
            .env("BAD", "file://none");
        command.args(more);
        command
    };
    let expected = [format!("DB_PASSWORD={PASSWORD}"), "PATH=/usr/bin:/bin".to_owned()];
    // By a pattern, only what holds a reference; by its name, what was named.
    assert_eq!(environ(&mut command(&["--pure", "--resolve", "DB_*"])), expected);
    let expected = ["DB_HOST=db".to_owned(), "PATH=/usr/bin:/bin".to_owned()];
    assert_eq!(environ(&mut command(&["--pure", "--resolve", "DB_HOST"])), expected);
    let expected = ["DB_HOST=db".to_owned(), format!("DB_PASSWORD={PASSWORD}")];
    let mut allowed = command(&["--resolve", "*", "--allow", "DB_*", "--", "/usr/bin/env"]);
    let output = allowed.assert().success().stderr("");
    let mut lines: Vec<_> = std::str::from_utf8(&output.get_output().stdout).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, expected);
    command(&["--resolve", "*", "--deny", "BAD", "--", "true"]).assert().success().stderr("");
    command(&["--resolve", "*", "--", "true"]).assert().code(1).stderr(contains("BAD: get file://none"));
}

#[test]
fn credentials_are_not_inherited_even_if_resolve_matches_them() {
    let (_folder, file) = example();
    let command = |more: &[&str]| {
        let mut command = run(&file);
        command.env("VAULT_TOKEN", DB).args(more).args(["--", "sh", "-c", "echo ${VAULT_TOKEN-none}"]);
        command
    };
    command(&["--resolve", "*"]).assert().success().stdout("none\n").stderr("");
    let told = contains("--resolve VAULT_TOKEN: ").and(contains("--keep VAULT_TOKEN"));
    command(&["--resolve", "VAULT_TOKEN"]).assert().code(2).stdout("").stderr(told);
    let kept = ["--resolve", "VAULT_TOKEN", "--keep", "VAULT_TOKEN"];
    command(&kept).assert().success().stdout(format!("{PASSWORD}\n"));
}

#[test]
fn the_config_file_can_name_variables_to_resolve() {
    let (folder, file) = example();
    let config = folder.path().join("s1crets.toml");
    fs::write(&config, "[run]\nresolve = [\"DB_*\", \"NOT_SET\"]\n[profiles.none]\nrun.resolve = []\n").unwrap();
    let command = |more: &[&str]| {
        let mut command = run(&file);
        command.env("DB_PASSWORD", DB).env("TITLE", DB).arg("--config").arg(&config).args(more);
        command.args(["--", "printenv", "DB_PASSWORD", "TITLE"]);
        command
    };
    let told = contains("unresolved reference passed on as text: TITLE (");
    command(&[]).assert().success().stdout(format!("{PASSWORD}\n{DB}\n")).stderr(told);
    command(&["--resolve", "TITLE"]).assert().success().stdout(format!("{PASSWORD}\n{PASSWORD}\n")).stderr("");
    command(&["--config-profile", "none"]).assert().code(2);
    fs::write(&config, "[run]\nresolve = [\"[\"]\n").unwrap();
    command(&[]).assert().code(5).stderr(contains("[run] resolve: \"[\" is not a valid pattern"));
    let mut check = crate::s1crets();
    check.args(["config", "check", "--config"]).arg(&config);
    check.assert().code(5).stderr(contains("s1crets.toml:2: run.resolve: \"[\" is not a valid pattern"));
}

#[test]
fn the_warning_names_each_variable_once_and_prints_no_text() {
    let (folder, file) = example();
    let env_file = folder.path().join(".env");
    fs::write(&env_file, "REPLACED=x\n").unwrap();
    let command = || {
        let mut command = run(&file);
        command.env("A\n::error::B\u{1b}[2J", "file://canary").env("REPLACED", DB).env("LEFT_OUT", DB);
        command.arg("--env-file").arg(&env_file).args(["--deny", "LEFT_OUT"]);
        command
    };
    let warning = "s1crets: warning: unresolved reference passed on as text: A\\n::error::B\\u{1b}[2J \
                   (to read one, add --resolve NAME)\n";
    command().args(["--", "true"]).assert().success().stderr(warning);
    let output = command().args(["--json", "--", "true"]).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stderr).unwrap();
    assert!(json["warning"]["message"].as_str().unwrap().contains("A\n::error::B"), "{json}");
}

/// With --files the name would become a path in the folder of secrets.
#[test]
fn a_variable_with_an_invalid_name_is_not_resolved() {
    let (folder, file) = example();
    let mut command = run(&file);
    let name = format!("..{}/planted", folder.path().display());
    command.env(&name, DB).args(["--files", "--resolve", "*", "--", "printenv", &name]);
    command.assert().success().stdout(format!("{DB}\n")).stderr(contains("/planted (to read one, add --resolve"));
    assert!(!folder.path().join("planted").exists());
}

/// Anyone who can write the secret chose that text.
#[test]
fn a_secret_that_looks_like_a_reference_is_not_resolved() {
    let (_folder, file) = example();
    fs::write(&file, json!({ "secrets": { "a": { "x": DB }, "app/db": { "password": PASSWORD } } }).to_string())
        .unwrap();
    let mut command = run(&file);
    command.args(["--from", "file://a", "--env", "Y=file://a#x", "--resolve", "*", "--", "printenv", "X", "Y"]);
    command.assert().success().stdout(format!("{DB}\n{DB}\n")).stderr("");
}

/// A user who expects variables to be resolved without being named gets an error, not a program without its secrets.
#[test]
fn without_a_source_of_secrets_nothing_starts() {
    let (folder, file) = example();
    let [literal, config] = ["literal.env", "s1crets.toml"].map(|name| folder.path().join(name));
    fs::write(&literal, "MODE=x\n").unwrap();
    fs::write(&config, format!("[secrets]\nDB = \"{DB}\"\n")).unwrap();
    let start = |more: &[&str]| {
        let mut command = run(&file);
        command.env("DB_PASSWORD", DB).args(more).args(["--", "echo", "started"]);
        command.assert()
    };
    for more in [&[][..], &["--redact"], &["--files"], &["--keep", "*"], &["--allow", "*"]] {
        start(more).code(2).stdout("").stderr(contains("use --resolve NAME;").and(contains(DB).not()));
    }
    let [literal, config] = [&literal, &config].map(|path| path.to_str().unwrap());
    for more in [
        ["--env-file", literal],
        ["--config", config],
        ["--env", "A=file://app/db"],
        ["--resolve", "NONE_*"],
        ["--pure", "--redact"],
    ] {
        start(&more).success().stdout("started\n");
    }
    start(&["--from", "file://app/db", "--prefix", "DB_"]).success().stdout("started\n");
}
