use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use predicates::prelude::*;
use tempfile::TempDir;

use crate::{example, s1crets};

const VALUE: &str = "correct-horse-battery-staple";

/// A folder with a fetcher's file and a template in it, and the command that renders it.
fn render(template: &str) -> (TempDir, PathBuf, assert_cmd::Command) {
    let (folder, file) = example();
    fs::write(folder.path().join("t.j2"), template).unwrap();
    let mut command = s1crets();
    command.current_dir(folder.path()).args(["render", "t.j2"]);
    command.env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file");
    (folder, file, command)
}

fn keep(file: &Path, secrets: &str) {
    fs::write(file, format!("{{\"secrets\": {secrets}}}")).unwrap();
}

#[test]
fn a_template_gets_values_by_reference_and_by_path() {
    let template = "# {# nothing #}\nuser = {{ secret('app/db#username') }}\npassword = {{ secret('file://app/db#password') | json }}\n\
                    {% for name, value in secrets('file://app') | items %}{{ name }}: {{ value | length > 0 }}\n{% endfor %}";
    let (_folder, _, mut command) = render(template);
    let out = format!("# \nuser = app\npassword = \"{VALUE}\"\napi-token: True\ndb: True\n");
    command.assert().success().stdout(predicate::str::starts_with(out)).stderr("");
}

#[test]
fn filters_write_a_value_by_the_rules_of_what_is_around_it() {
    let template = "{{ secret('a#v') | json }} {{ secret('a#v') | base64 }} {{ secret('a#v') | url }} {{ secret('a#v') | shell }} {{ secret('a#v') }}\n\
                    {{ [1, 'x', none, true] | json }} {{ {'a': 1.5} | json }} {{ secret('a#b') | base64 }}";
    let (_folder, file, mut command) = render(template);
    keep(&file, r#"{"a": {"v": "a'b \"<&>é/\n", "b": "x"}}"#);
    let out = "\"a'b \\\"<&>é/\\n\" YSdiICI8Jj7DqS8K a%27b%20%22%3C%26%3E%C3%A9%2F%0A 'a'\\''b \"<&>é/\n' a'b \"<&>é/\n\n\
               [1,\"x\",null,true] {\"a\":1.5} eA==";
    command.assert().success().stdout(out);
}

#[test]
fn what_depends_on_a_secret_is_read_in_a_later_run() {
    let template = "{% if secret('mode#v') == 'on' %}{{ secret(secret('which#v')) }}{% else %}{{ secret('never') }}{% endif %}\
                    {% for name in secrets('list') %}|{{ secret('list/' ~ name ~ '#v') }}{% endfor %}";
    let (_folder, file, mut command) = render(template);
    keep(
        &file,
        r#"{"mode": {"v": "on"}, "which": {"v": "b#v"}, "b": {"v": "bee"}, "list/x": {"v": "ex"}, "list/y": {"v": "why"}}"#,
    );
    command.assert().success().stdout("bee|ex|why");
}

#[test]
fn a_reference_that_is_made_of_a_value_is_not_told() {
    let (_folder, _, mut command) = render("{{ secret('app/' ~ secret('app/db#password')) }}");
    let told = predicate::str::contains("makes of a secret").and(predicate::str::contains("correct-horse").not());
    command.assert().code(1).stdout("").stderr(told);
}

#[test]
fn all_that_is_missing_is_told_at_once_and_nothing_is_written() {
    let template =
        "{{ secret('nope') }}{{ secret('app/db#nope') }}{{ secrets('nowhere') }}{{ secret('nope') }}{{ 1 + 'x' }}";
    let (folder, _, mut command) = render(template);
    fs::write(folder.path().join("out"), "old").unwrap();
    let output = command.args(["-o", "out"]).assert().code(1).stdout("").get_output().stderr.clone();
    let told = String::from_utf8(output).unwrap();
    assert_eq!(told.matches("file://nope: ").count(), 1, "{told}");
    assert!(told.contains("file://app/db#nope") && told.contains("there is no secret below nowhere"), "{told}");
    assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "old");
    command.arg("--check").assert().code(1);
}

#[test]
fn a_check_prints_and_writes_nothing() {
    let (folder, _, mut command) = render("{{ secret('app/db#password') }}");
    command.args(["--check", "-o", "out"]).assert().success().stdout("").stderr("");
    assert!(!folder.path().join("out").exists());
}

#[test]
fn a_file_is_private_written_once_and_left_when_it_is_the_same() {
    let (folder, file, mut command) = render("{{ secret('app/db#password') }}\n");
    command.args(["-o", "out"]).assert().success().stdout("");
    let out = folder.path().join("out");
    let before = fs::metadata(&out).unwrap();
    assert_eq!((fs::read_to_string(&out).unwrap(), before.mode() & 0o7777), (format!("{VALUE}\n"), 0o600));
    command.assert().success();
    let after = fs::metadata(&out).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
    keep(&file, r#"{"app/db": {"password": "new"}}"#);
    command.args(["--mode", "640"]).assert().success();
    assert_eq!(
        (fs::read_to_string(&out).unwrap(), fs::metadata(&out).unwrap().permissions().mode() & 0o777),
        ("new\n".into(), 0o640)
    );
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn an_error_tells_file_and_line_and_never_a_value() {
    for (template, told) in [
        ("a\n{{ secret('app/db#password') + 1 }}", "t.j2:2: invalid operation"),
        ("{% set x = secret('app/db#password') %}\n\n{{ x.y.z }}", "t.j2:3: undefined value in `"),
        ("{{ secret('app/db#password') | nope }}", "t.j2:1: unknown filter: filter nope is unknown"),
        ("{% set x = secret('app/db#password') %}{{ x() }}", "t.j2:1: "),
        ("{{ secret('app/db#password')[secret('app/db#password')] }}", "t.j2:1: undefined value"),
        ("{{ secret('app/db#password') | int }}", "t.j2:1: invalid operation"),
        ("{{ unknown }}", "t.j2:1: undefined value in `unknown`"),
        ("\n{% if %}", "t.j2:2: syntax error: "),
        ("{{ debug() }}", "t.j2:1: "),
        ("{% include 'x' %}", "t.j2:1: syntax error: "),
        ("{{ secret(1) }}", "t.j2:1: "),
    ] {
        let (_folder, _, mut command) = render(template);
        for verbose in ["--json", "-v", "-vvv"] {
            let output = command.arg(verbose).assert().code(2).stdout("").get_output().stderr.clone();
            let output = String::from_utf8(output).unwrap();
            assert!(output.contains(told), "{template}: {output}");
            assert!(!output.contains("correct-horse"), "{template}: {output}");
        }
    }
}

#[test]
fn standard_input_is_a_template_too() {
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["render", "-"]).env("S1CRETS_FILE", &file);
    command
        .write_stdin("{{ secret('file://app/db#password') | shell }}")
        .assert()
        .success()
        .stdout(format!("'{VALUE}'"));
    command
        .write_stdin("{{ x }}")
        .assert()
        .code(2)
        .stderr(predicate::str::contains("standard input:1: undefined value"));
}

#[test]
fn no_file_name_turns_escaping_on() {
    for name in ["page.html", "data.json", "data.xml.j2"] {
        let (folder, file) = example();
        keep(&file, r#"{"a": {"v": "<&\"'>"}}"#);
        fs::write(folder.path().join(name), "{{ secret('file://a#v') }}").unwrap();
        let mut command = s1crets();
        command.current_dir(folder.path()).args(["render", name]).env("S1CRETS_FILE", &file);
        command.assert().success().stdout("<&\"'>");
    }
}
