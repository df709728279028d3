use predicates::prelude::*;

use crate::{example, s1crets};

#[test]
fn an_error_names_the_operation_and_the_reference() {
    let (_folder, file) = example();
    for (arguments, status, told) in [
        (&["get", "nope"][..], 1, "s1crets: get file://nope: secret not found: 'nope'\n"),
        (&["get", "app/db", "nope"], 1, "s1crets: get file://app/db#nope: no key \"nope\" in the JSON object\n"),
        (&["update", "nope", "{}"], 1, "s1crets: update file://nope: secret not found: 'nope'\n"),
    ] {
        s1crets().args(arguments).arg("--file").arg(&file).assert().code(status).stdout("").stderr(told);
    }
}

#[test]
fn usage_errors_exit_with_2() {
    let (_folder, file) = example();
    for arguments in [
        &["get"][..],
        &["frobnicate", "x"],
        &["get", "x", "--retry", "0"],
        &["get", "x", "--timeout", "soon"],
        &["get", "nope://x"],
        &["get", "file://a?b"],
        &["get", "file://app/db", "--provider", "file"],
        &["get", "file://app/db#a", "b"],
        &["get", "app/db", "--version-id", "x"],
        &["get", "app/db", "--version-id", "x", "--label", "y"],
        &["get-by-path", "file://app#key"],
        &["update", "x", "value", "--value-file", "y"],
        &["get", ""],
    ] {
        s1crets()
            .args(arguments)
            .arg("--file")
            .arg(&file)
            .assert()
            .code(2)
            .stdout("")
            .stderr(predicate::str::is_empty().not());
    }
}

#[test]
fn an_unknown_provider_lists_the_known_ones() {
    let known = "there is no provider \"vault\"; there are aws.ps, aws.sm, file, memory, vault.kv\n";
    let told = predicate::str::contains(format!("{known}  hint: did you mean `vault.kv`?\n"));
    s1crets().args(["get", "--provider", "vault", "x"]).assert().code(2).stderr(told);
}

#[test]
fn verbose_prints_the_causes() {
    let mut command = s1crets();
    command.args(["get", "x", "--file", "/nonexistent/secrets.json"]);
    command.assert().code(4).stderr(predicate::str::contains("caused by").not());
    command.arg("-v").assert().code(4).stderr(predicate::str::contains("\n  caused by: No such file or directory"));
}

#[test]
fn a_bare_path_that_looks_like_a_reference_gets_a_syntax_hint() {
    let (_folder, file) = example();
    for (typed, hint) in [
        ("app/db#password", "to read a key, use `app/db password` or PROVIDER://app/db#password"),
        ("nope:/prod/db", "write nope://prod/db"),
    ] {
        let mut get = s1crets();
        get.args(["get", typed, "--file"]).arg(&file).assert().code(1).stderr(predicate::str::contains(hint));
    }
    let mut get = s1crets();
    get.args(["get", "app/none", "--file"]).arg(&file).assert().code(1).stderr(predicate::str::contains("hint").not());
}

/// It is a mistake, so that neither `--default` nor `exists` answers, and nothing is called.
#[test]
fn a_misspelt_reference_brings_the_right_spelling_from_every_command() {
    let (folder, file) = example();
    std::fs::write(folder.path().join("t.j2"), "{{ secret('aws.sm:prod/db') }}").unwrap();
    for (arguments, hint) in [
        (&["get", "aws.sm:prod/db"][..], "write aws.sm://prod/db"),
        (&["get", "aws.sm:/prod/db"], "write aws.sm://prod/db"),
        (&["get", "aws.sm", "prod/db"], "write aws.sm://prod/db"),
        (&["get", "aws.sm", "/prod/db"], "write aws.sm://prod/db"),
        (&["get", "aws.sm", "prod/db", "password"], "write aws.sm://prod/db#password"),
        (&["get", "aws.sm"], "write aws.sm://PATH"),
        (&["get", "aws.ps", "/prod/db"], "write aws.ps:///prod/db"),
        (&["get", "ssm", "/prod/db"], "write aws.ps:///prod/db"),
        (&["get", "vault", "secret/app", "key"], "write vault.kv://secret/app#key"),
        (&["get", "file", "app/db"], "write file://app/db"),
        (&["get", "aws.ps:/prod/db"], "write aws.ps:///prod/db"),
        (&["get", "vault:secret/app#key"], "write vault.kv://secret/app#key"),
        (&["get", "aws.sm:prod/db", "--default", "x"], "write aws.sm://prod/db"),
        (&["exists", "aws.sm:prod/db"], "write aws.sm://prod/db"),
        (&["exists", "aws.sm", "prod/db"], "write aws.sm://prod/db"),
        (&["explain", "aws.sm", "prod/db"], "write aws.sm://prod/db"),
        (&["get-by-path", "aws.ps:/prod"], "write aws.ps:///prod"),
        (&["get-by-path", "aws.sm"], "write aws.sm://PATH"),
        (&["update", "aws.sm:prod/db", "x"], "write aws.sm://prod/db"),
        (&["update", "aws.sm", "prod/db"], "write aws.sm://PATH"),
        (&["run", "--env", "A=aws.sm:prod/db", "--", "true"], "write aws.sm://prod/db"),
        (&["run", "--from", "aws.sm:prod/db", "--", "true"], "write aws.sm://prod/db"),
        (&["export", "A=aws.sm:prod/db"], "write aws.sm://prod/db"),
        (&["export", "--from", "aws.sm:prod/db"], "write aws.sm://prod/db"),
        (&["export", "A=AWS.SM://prod/db"], "did you mean `aws.sm`?"),
        (&["export", "A=AWS.SM:prod/db"], "write aws.sm://prod/db"),
        (&["run", "--env", "A=AWS.SM://prod/db", "--", "true"], "did you mean `aws.sm`?"),
        (&["get", "AWS.SM://prod/db"], "did you mean `aws.sm`?"),
        (&["render", "t.j2"], "write aws.sm://prod/db"),
    ] {
        let mut command = s1crets();
        command.current_dir(folder.path()).args(arguments).arg("--file").arg(&file);
        if arguments.contains(&"--") {
            command = s1crets();
            command.args(&arguments[..1]).arg("--file").arg(&file).args(&arguments[1..]);
        }
        let told = predicate::str::contains(format!("hint: {hint}\n"));
        command.assert().code(2).stdout("").stderr(told);
    }
    // Paths and keys that may be meant are left alone.
    std::fs::write(&file, r#"{"secrets": {"file": {"key": "a"}, "file:3": {"key": "b"}}}"#).unwrap();
    for (arguments, value) in [(&["file", "key"][..], "a\n"), (&["file:3", "key"], "b\n")] {
        s1crets().arg("get").args(arguments).arg("--file").arg(&file).assert().success().stdout(value);
    }
}

#[test]
fn json_errors_have_a_stable_kind() {
    let (_folder, file) = example();
    let mut command = s1crets();
    let output = command.args(["get", "app/db", "nope", "--json", "--file"]).arg(&file).assert().code(1);
    let told: serde_json::Value = serde_json::from_slice(&output.get_output().stderr).unwrap();
    assert_eq!(told["error"]["kind"], "key_not_found");
}

#[test]
fn usage_errors_are_json_with_json() {
    for (typed, message, hint) in [
        (&["--json", "cache"][..], "a command or an argument is missing", None),
        (
            &["get", "x", "--timeout", "0", "--json"],
            "invalid value '0' for '--timeout <TIME>': expected a number of seconds above 0, or a duration such as 500ms or 2s",
            None,
        ),
        (&["get", "--json"], "the following required arguments were not provided: <PATH>", None),
        (
            &["get", "x", "--jsn", "--json"],
            "unexpected argument '--jsn' found",
            Some("a similar argument exists: '--json'"),
        ),
    ] {
        let output = s1crets().args(typed).assert().code(2).stdout("");
        let told: serde_json::Value = serde_json::from_slice(&output.get_output().stderr).unwrap();
        assert_eq!(told["error"]["kind"], "usage");
        assert_eq!(
            (told["error"]["message"].as_str(), told["error"]["hint"].as_str()),
            (Some(message), hint),
            "{told}"
        );
    }
    s1crets().args(["run", "--pure", "--", "x", "--json"]).arg("--help").assert().code(127);
    s1crets().args(["--json", "--help"]).assert().success().stdout(predicate::str::contains("Usage: s1crets"));
}

/// As in `cat key | s1crets update …`, where there is no such file.
#[test]
fn empty_input_does_not_empty_a_secret() {
    let (folder, file) = example();
    let before = std::fs::read(&file).unwrap();
    let update = |more: &[&str]| {
        let mut command = s1crets();
        command.args(["update", "app/db", "--key", "password", "--file"]).arg(&file).args(more);
        command
    };
    let told = predicate::str::contains("the new value is empty");
    for input in ["", "\n"] {
        update(&[]).write_stdin(input).assert().code(2).stderr(told.clone());
    }
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    update(&["--value-file", empty.to_str().unwrap()]).assert().code(2).stderr(told);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    s1crets().args(["update", "app/db", "", "--key", "password", "--file"]).arg(&file).assert().success();
    s1crets().args(["get", "app/db", "password", "--file"]).arg(&file).assert().success().stdout("\n");
}

#[test]
fn an_error_in_a_config_file_names_its_line() {
    let (folder, _) = example();
    let config = folder.path().join("s1crets.toml");
    std::fs::write(&config, "retry = 3\nretries = 4\n").unwrap();
    let told = "s1crets.toml:2: unknown key `retries`";
    s1crets().args(["get", "x", "--config"]).arg(&config).assert().code(5).stderr(predicate::str::contains(told));
    s1crets().args(["get", "x", "--config", "/nonexistent"]).assert().code(5);
}

#[test]
fn missing_credentials_and_region_give_a_hint() {
    let hint = predicate::str::contains("hint: set AWS_REGION");
    s1crets().args(["get", "x"]).assert().code(5).stderr(predicate::str::contains("no AWS region").and(hint));
    let hint = predicate::str::contains("hint: set AWS_PROFILE");
    let told = predicate::str::contains("no AWS credentials found").and(hint);
    s1crets().args(["get", "x", "--region", "eu-west-1"]).assert().code(3).stderr(told);
}

#[test]
fn an_unreachable_endpoint_exits_with_4() {
    let mut command = s1crets();
    command.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
    command.args(["get", "x", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1", "--retry", "1"]);
    command.assert().code(4).stderr(predicate::str::contains("the endpoint http://127.0.0.1:1 can't be reached"));
}

/// Anyone who names a secret, or responds in place of a server, must not add lines to a log or commands for the CI system.
#[test]
fn names_and_messages_from_outside_can_not_forge_output() {
    let (_folder, file) = example();
    let name = "app/a\u{1b}[2J\n::add-mask::x ##vso[task.complete]\u{202e}";
    let text = serde_json::json!({ "secrets": { name: { "v": "1" } } });
    std::fs::write(&file, text.to_string()).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = s1crets();
        command.env("S1CRETS_FILE", &file).env("S1CRETS_PROVIDER", "file").args(arguments);
        command
    };
    let escaped = "app/a\\u{1b}[2J\\n::add-mask::x\\u{20}#\\u{23}vso[task.complete]\\u{202e} {\"v\":\"1\"}\n";
    command(&["get-by-path", "app"]).assert().success().stdout(escaped);
    // As JSON, it is exact.
    let output = command(&["get-by-path", "app", "--json"]).assert().success();
    let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&json[name]["name"], &json[name]["value"]), (&name.into(), &r#"{"v":"1"}"#.into()));
    assert!(harmless(&printed), "{printed}");

    let hostile = "x\n::error::y\n##vso[task.complete]\u{1b}\u{9b}";
    for arguments in [
        &["get", hostile][..],
        &["get", hostile, "-vv"],
        &["get", hostile, "--json"],
        &["get", &format!("app/db#{hostile}")],
        &["get", "x", &format!("--{hostile}")],
        &["get", "x", &format!("--{hostile}"), "--json"],
        &["explain", hostile],
        &["explain", hostile, "--json"],
        &["doctor", hostile],
        &["doctor", hostile, "--json"],
        &["export", &format!("{hostile}=app/none")],
        &["update", hostile, "x"],
    ] {
        let output = command(arguments).output().unwrap();
        let printed = [output.stdout, output.stderr].map(|stream| String::from_utf8(stream).unwrap());
        assert!(!output.status.success() && printed.iter().all(|text| harmless(text)), "{arguments:?}: {printed:?}");
    }
}

/// No line is a command to a CI system, and nothing moves a terminal's cursor.
fn harmless(printed: &str) -> bool {
    printed.lines().all(|line| {
        !line.trim_start().starts_with("::")
            && !line.contains("##")
            && !line.contains(|character: char| character.is_control() || character == '\u{202e}')
    })
}

/// An argument may be the title of a merge request: in a usage error it begins no line.
#[test]
fn arguments_can_not_forge_lines_of_a_usage_error() {
    for typed in ["--x\n::error::forged\n##vso[x]", "--format=x\nforged"] {
        let output = s1crets().args(["export", typed]).assert().code(2);
        let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        assert!(!told.lines().any(|line| line.starts_with("::") || line.starts_with("forged")), "{told}");
        assert!(!told.contains("##vso["), "{told}");
    }
}
