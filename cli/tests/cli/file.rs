use std::{
    io::Read,
    process::{Command as Process, Stdio},
};

use predicates::prelude::*;

use crate::{example, in_trusted, s1crets};

#[test]
fn a_key_is_printed_unchanged_with_a_newline() {
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["get", "app/db", "password", "--file"]).arg(&file);
    command.assert().success().stdout("correct-horse-battery-staple\n").stderr("");
    command.arg("--no-newline").assert().success().stdout("correct-horse-battery-staple");
}

#[test]
fn json_values_are_printed_as_json() {
    let (_folder, file) = example();
    std::fs::write(&file, r#"{"secrets": {"a": {"n": 1.10, "t": true, "z": null, "l": [1, "é"], "o": {"x": 3}}}}"#)
        .unwrap();
    for (keys, printed) in [
        (&["n"][..], "1.10\n"),
        (&["t"], "true\n"),
        (&["z"], "null\n"),
        (&["l"], "[1,\"é\"]\n"),
        (&["l", "1"], "é\n"),
        (&["o"], "{\"x\":3}\n"),
        (&["o", "x"], "3\n"),
    ] {
        s1crets().arg("get").arg("--file").arg(&file).arg("a").args(keys).assert().success().stdout(printed);
    }
}

#[test]
fn a_reference_works_in_place_of_a_path() {
    let (_folder, file) = example();
    for arguments in [&["file://app/db#password"][..], &["file://app/db#/password"], &["file://app/db", "password"]] {
        let mut command = s1crets();
        command.env("S1CRETS_FILE", &file).arg("get").args(arguments);
        command.assert().success().stdout("correct-horse-battery-staple\n");
    }
}

#[test]
fn a_listing_prints_one_line_per_secret() {
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["get-by-path", "app", "--file"]).arg(&file);
    let lines = "app/api-token {\"type\":\"simple\",\"value\":\"example-token\"}\n";
    command.assert().success().stdout(predicate::str::starts_with(lines).and(predicate::str::contains("\napp/db {")));
    let output = command.arg("--json").assert().success();
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json["app/api-token"]["value"], r#"{"type":"simple","value":"example-token"}"#);
    // Nothing but the listing: no progress where there is no terminal.
    output.stderr("");
}

#[test]
fn a_listing_of_nothing_ends_with_1_as_run_does() {
    let (_folder, file) = example();
    let told = "s1crets: there is no secret below file://nope/\n";
    let list = |arguments: &[&str]| {
        let mut command = s1crets();
        command.args(arguments).env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
        command
    };
    list(&["get-by-path", "nope/"]).assert().code(1).stdout("").stderr(told);
    list(&["get-by-path", "file://nope/"]).assert().code(1).stdout("").stderr(told);
    list(&["run", "--from", "file://nope/", "--", "true"]).assert().code(1).stdout("").stderr(told);
    list(&["export", "--from", "file://nope/"]).assert().code(1).stdout("").stderr(told);
    let error = predicate::str::contains("\"kind\":\"not_found\"");
    list(&["get-by-path", "nope/", "--json"]).assert().code(1).stdout("{}\n").stderr(error);
}

/// `NAME VALUE`: the first space ends the name.
#[test]
fn a_name_of_a_listing_has_neither_spaces_nor_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let text = serde_json::json!({ "secrets": { "app/a b\nc\td\r": { "v": "1" }, "app/é": { "v": "2" } } });
    std::fs::write(&file, text.to_string()).unwrap();
    let mut command = s1crets();
    command.args(["get-by-path", "app", "--file"]).arg(&file);
    command.assert().success().stdout("app/a\\u{20}b\\nc\\td\\r {\"v\":\"1\"}\napp/é {\"v\":\"2\"}\n");
}

#[test]
fn exists_answers_by_its_exit_status_only() {
    let (_folder, file) = example();
    for (arguments, status) in [
        (&["app/db"][..], 0),
        (&["app"], 0),
        (&["ap"], 1),
        (&["app/db", "password"], 0),
        (&["app/db", "nope"], 1),
        (&["file://app/db#nope"], 1),
    ] {
        let mut command = s1crets();
        command.arg("exists").args(arguments).env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
        command.assert().code(status).stdout("").stderr("");
    }
}

#[test]
fn a_default_covers_a_missing_secret_and_a_missing_key() {
    let (_folder, file) = example();
    for arguments in [&["nope"][..], &["app/db", "nope"]] {
        let mut command = s1crets();
        command.arg("get").arg("--file").arg(&file).args(arguments).args(["--default", "x"]);
        command.assert().success().stdout("x\n");
    }
}

#[test]
fn update_reads_the_value_from_stdin_a_file_or_an_argument() {
    let (folder, file) = example();
    let value_file = folder.path().join("value");
    std::fs::write(&value_file, "from a file\n").unwrap();
    let key = ["--key", "password"];
    for (arguments, stdin, read) in [
        (vec!["app/db", "--key", "password"], "from stdin\n", "from stdin"),
        (vec!["file://app/db#password"], "by reference", "by reference"),
        (vec!["app/db", key[0], key[1], "--value-file", "-"], "two\n\n", "two\n"),
        (vec!["app/db", key[0], key[1], "--value-file", value_file.to_str().unwrap()], "", "from a file"),
        (vec!["app/db", "from an argument", key[0], key[1]], "", "from an argument"),
        (vec!["app/db", "", key[0], key[1]], "", ""),
    ] {
        let mut command = s1crets();
        command.arg("update").args(arguments).env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
        command.write_stdin(stdin).assert().success().stdout("").stderr("");
        let mut command = s1crets();
        command
            .args(["get", "-n", "app/db", "password", "--file"])
            .arg(&file)
            .assert()
            .success()
            .stdout(read.to_owned());
    }
}

#[test]
fn update_accepts_what_get_prints() {
    let (_folder, file) = example();
    let before = std::fs::read(&file).unwrap();
    let mut get = s1crets();
    let printed = get.args(["get", "app/db", "--file"]).arg(&file).assert().success().get_output().stdout.clone();
    let mut update = s1crets();
    update.args(["update", "app/db", "--file"]).arg(&file).write_stdin(printed).assert().success();
    let after: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(after, serde_json::from_slice::<serde_json::Value>(&before).unwrap());
}

#[test]
fn as_json_stores_json() {
    let (_folder, file) = example();
    let mut update = s1crets();
    update.args(["update", "app/db", "--key", "hosts", "--as-json", "--file"]).arg(&file);
    update.write_stdin("[\"a\", 1.10]").assert().success();
    let mut get = s1crets();
    get.args(["get", "app/db", "hosts", "--file"]).arg(&file).assert().success().stdout("[\"a\",1.10]\n");
    update.write_stdin("[").assert().code(2).stderr(predicate::str::contains("the new value is not JSON"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let (_folder, file) = example();
    let entry = format!("{{\"secrets\": {{\"big\": {{\"v\": \"{}\"}}}}}}", "x".repeat(1 << 20));
    std::fs::write(&file, entry).unwrap();
    let mut child = Process::new(assert_cmd::cargo::cargo_bin("s1crets"))
        .args(["get", "big", "--file"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn named_instances_come_from_the_config_file() {
    let (folder, file) = example();
    let config = folder.path().join("s1crets.toml");
    let text = format!("provider = \"app\"\n[providers.app]\ntype = \"file\"\npath = {:?}\n", file);
    std::fs::write(&config, text).unwrap();
    let named = |command: &mut assert_cmd::Command| {
        command.assert().success().stdout("correct-horse-battery-staple\n");
    };
    named(s1crets().args(["get", "app://app/db#password", "--config"]).arg(&config));
    named(s1crets().args(["get", "app/db", "password"]).env("S1CRETS_CONFIG", &config));
    // Found in the folder that the command runs in.
    named(in_trusted(folder.path()).args(["get", "app/db", "password"]));
}
