//! Env files, listings, names, missing secrets.

use std::fs;

use predicates::prelude::*;

use super::{environ, run};
use crate::example;

/// What a listing adds to the rest of the environment.
fn found(command: &mut assert_cmd::Command) -> Vec<String> {
    environ(command.args(["--pure", "--deny", "PATH", "--deny", "HOME"]).env_remove("HOME"))
}

#[test]
fn all_missing_secrets_are_listed_and_nothing_starts() {
    let (folder, file) = example();
    let touched = folder.path().join("touched");
    let env_file = folder.path().join(".env");
    fs::write(&env_file, "B=file://nope\nFINE=file://app/db\n").unwrap();
    let mut command = run(&file);
    command.env("C", "file://app/db#nope").arg("--env-file").arg(&env_file).args([
        "--env",
        "A=file://none#x",
        "--resolve",
        "C",
    ]);
    command.arg("--").arg("touch").arg(&touched);
    let told = "\
s1crets: A: get file://none#x: secret not found: 'none'
s1crets: B: get file://nope: secret not found: 'nope'
s1crets: C: get file://app/db#nope: no key \"nope\" in the JSON object
";
    command.assert().code(1).stdout("").stderr(told);
    assert!(!touched.exists());
}

#[test]
fn the_highest_status_of_several_failures_wins() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.args(["--env", "A=file://nope", "--env", "B=aws.sm://x", "--region", "eu-west-1", "--", "true"]);
    let both = predicate::str::contains("s1crets: A: ").and(predicate::str::contains("s1crets: B: "));
    command.assert().code(3).stderr(both);
}

#[test]
fn a_reference_without_a_provider_uses_the_named_one() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.args(["--provider", "file", "--env", "A=app/db#username", "--", "printenv", "A"]);
    command.assert().success().stdout("app\n");
}

#[test]
fn a_listing_makes_names_from_the_levels_below_the_path() {
    let (_folder, file) = example();
    fs::write(&file, r#"{"secrets": {"app/db/root-password": {"v": 1}, "app/é": {"w": "x"}, "appendix": {}}}"#)
        .unwrap();
    let mut command = run(&file);
    command.args(["--from", "file://app/", "--prefix", "App_"]);
    assert_eq!(found(&mut command), [r#"App_DB_ROOT_PASSWORD={"v":1}"#, r#"App__={"w":"x"}"#]);
    let mut command = run(&file);
    command.args(["--from", "file://app", "--keys", "--deny", "_*"]);
    assert_eq!(found(&mut command), ["DB_ROOT_PASSWORD_V=1"]);
}

#[test]
fn the_keys_of_a_secret_become_variables() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.args(["--from", "file://app/db", "--prefix", "DB_"]);
    assert_eq!(
        found(&mut command),
        ["DB_PASSWORD=correct-horse-battery-staple", "DB_TYPE=credential", "DB_USERNAME=app"]
    );
    fs::write(&file, r#"{"secrets": {"app": {"dev": {"a": 1.10, "b": [true, null], "c d": "\u0041"}, "n": 1}}}"#)
        .unwrap();
    let mut command = run(&file);
    command.args(["--from", "file://app#dev"]);
    assert_eq!(found(&mut command), ["A=1.10", "B=[true,null]", "C_D=A"]);
    let mut command = run(&file);
    command.args(["--from", "file://app#n", "--", "true"]);
    command.assert().code(2).stderr(predicate::str::contains("the secret is neither a JSON object nor a map"));
}

#[test]
fn invalid_names_are_refused() {
    let (folder, file) = example();
    fs::write(&file, r#"{"secrets": {"a/x-y": {}, "a/x_y": {}, "b/1": {}}}"#).unwrap();
    let env_file = folder.path().join(".env");
    fs::write(&env_file, "A=1\nB C=canary\n").unwrap();
    let path = env_file.to_str().unwrap();
    for (arguments, told) in [
        (&["--env", "A-B=file://a/x-y"][..], "invalid variable name \"A-B\""),
        (&["--env", "A"], "\"A\" is not of the form NAME=REFERENCE"),
        (&["--env", "A="], "is not of the form NAME=REFERENCE"),
        (&["--from", "file://a/"], "\"x-y\" and \"x_y\" both give the variable name X_Y"),
        (&["--from", "file://b/"], "\"1\" gives the invalid variable name \"1\"; set a --prefix"),
        (&["--env-file", path], ".env: line 2: a name consists of letters, digits and '_'"),
        (&["--pure", "--deny", "["], "\"[\" is not a valid pattern"),
    ] {
        let mut command = run(&file);
        command.args(arguments).args(["--", "true"]).assert().code(2).stdout("").stderr(predicate::str::contains(told));
    }
    let mut command = run(&file);
    command.args(["--from", "file://nothing/", "--", "true"]);
    command.assert().code(1).stderr("s1crets: there is no secret below file://nothing/\n");
    let mut command = run(&file);
    command.args(["--env-file", "/nonexistent", "--", "true"]).assert().code(5);
}

#[test]
fn a_nul_byte_is_refused_with_the_name_of_its_variable() {
    let (_folder, file) = example();
    fs::write(&file, r#"{"secrets": {"a": {"key": "canary\u0000"}}}"#).unwrap();
    let mut command = run(&file);
    command.args(["--env", "KEY=file://a#key", "--", "true"]);
    let told = "s1crets: KEY: the value contains a NUL byte, which an environment variable can't hold\n  \
                hint: pass secrets in files with --files\n";
    command.assert().code(2).stderr(told);
}
