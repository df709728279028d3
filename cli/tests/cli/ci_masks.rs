//! CI masks: values are registered with the CI system before they are printed.

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::{self, Output, Stdio},
};

use assert_cmd::Command;
use predicates::prelude::*;
use tempfile::TempDir;

use crate::{example, s1crets};

const PASSWORD: &str = "correct-horse-battery-staple";

fn on(system: &str, arguments: &[&str]) -> Command {
    let (folder, file) = example();
    let mut command = s1crets();
    command.env(system, "true").env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", file).args(arguments);
    // The command outlives this function, so the folder is left to it.
    std::mem::forget(folder);
    command
}

#[test]
fn every_command_registers_masks_before_it_prints() {
    for arguments in [
        &["get", "file://app/db#password"][..],
        &["get-by-path", "file://app"],
        &["export", "DB=file://app/db#password"],
        &["run", "--env", "DB=file://app/db#password", "--", "true"],
    ] {
        for (system, line) in [("GITHUB_ACTIONS", "::add-mask::"), ("TF_BUILD", "##vso[task.setsecret]")] {
            let mask = predicate::str::contains(format!("{line}{PASSWORD}\n"));
            let base64 = predicate::str::contains(format!("{line}Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==\n"));
            let output = on(system, arguments).assert().success().stderr(mask.and(base64));
            let message = String::from_utf8(output.get_output().stderr.clone()).unwrap();
            // Another program may have ended within a line, in which GitHub's runner reads no
            // command.
            let masks = if system == "GITHUB_ACTIONS" { message.strip_prefix('\n') } else { Some(message.as_str()) };
            assert!(masks.is_some_and(|masks| masks.lines().all(|mask| mask.starts_with(line))), "{message}");
        }
    }
}

#[test]
fn masks_do_not_go_to_standard_output() {
    on("GITHUB_ACTIONS", &["get", "file://app/db#password"]).assert().success().stdout(format!("{PASSWORD}\n"));
}

#[test]
fn nothing_is_masked_in_other_systems_or_with_no_mask() {
    for (system, arguments) in [("GITHUB_ACTIONS", &["--no-mask"][..]), ("GITLAB_CI", &[]), ("JENKINS_URL", &[])] {
        on(system, &["get", "file://app/db#password"]).args(arguments).assert().success().stderr("");
    }
    // A default value is not a secret.
    on("GITHUB_ACTIONS", &["get", "file://nope", "--default", "none"]).assert().success().stderr("");
}

#[test]
fn each_line_of_a_value_is_masked_and_short_values_are_reported() {
    let (_folder, file) = example();
    fs::write(&file, r#"{"secrets": {"a": {"key": "first%line\r\nsecond:line\n", "pin": "421"}}}"#).unwrap();
    let get = |key: &str| {
        let mut command = s1crets();
        command.env("GITHUB_ACTIONS", "true").env("S1CRETS_FILE", &file).args(["get", &format!("file://a#{key}")]);
        String::from_utf8(command.assert().success().get_output().stderr.clone()).unwrap()
    };
    let message = get("key");
    for line in ["first%25line%0D%0Asecond:line", "first%25line", "second:line", "first%2525line"] {
        assert!(message.contains(&format!("::add-mask::{line}\n")), "{line}: {message}");
    }
    assert_eq!(get("pin"), "s1crets: warning: a is shorter than 4 bytes: it is not masked\n");
}

#[test]
fn buildkite_gets_values_on_standard_input_of_its_agent_and_never_as_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("buildkite-agent");
    let script = format!("#!/bin/sh\necho \"$@\" > {0}/arguments; cat > {0}/input\n", folder.path().display());
    fs::write(&agent, script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let mut command = on("BUILDKITE", &["get", "file://app/db#password"]);
    command.env("PATH", path).assert().success().stdout(format!("{PASSWORD}\n")).stderr("");
    let recorded = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(recorded("arguments"), "redactor add --format json\n");
    let input: serde_json::Value = serde_json::from_str(&recorded("input")).unwrap();
    assert!(input.as_object().unwrap().values().any(|value| value == PASSWORD), "{input}");
}

#[test]
fn nothing_is_printed_if_a_mask_cannot_be_registered() {
    let message = predicate::str::contains("can't mask values in the log of Buildkite");
    on("BUILDKITE", &["get", "file://app/db#password"]).assert().code(5).stdout("").stderr(message);
}

/// The commands that print values, and `run`, which would create the file `started`.
const COMMANDS: [&[&str]; 5] = [
    &["get", "file://app/db#password"],
    &["get-by-path", "file://app"],
    &["export", "DB=file://app/db#password"],
    &["run", "--env", "DB=file://app/db#password", "--", "touch", "started"],
    &["render", "template"],
];

/// Runs a command in a job, with this standard error.
fn run_with_stderr(system: &str, arguments: &[&str], folder: &TempDir, stderr: impl Into<Stdio>) -> Output {
    fs::write(folder.path().join("template"), "{{ secret('file://app/db#password') }}\n").unwrap();
    let mut command = process::Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    command.env_clear().env(system, "true").env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    command.env("S1CRETS_FILE", folder.path().join("secrets.json")).current_dir(folder.path());
    command.args(arguments).stderr(stderr).output().unwrap()
}

/// The mask would be lost, and whatever prints the value next would show it.
#[test]
fn a_standard_error_outside_the_log_stops_every_command() {
    let (folder, _) = example();
    let log = folder.path().join("log");
    let null = || File::options().write(true).open("/dev/null").unwrap();
    for arguments in COMMANDS {
        for system in ["GITHUB_ACTIONS", "TF_BUILD"] {
            let discarded = run_with_stderr(system, arguments, &folder, null());
            let to_zero =
                run_with_stderr(system, arguments, &folder, File::options().write(true).open("/dev/zero").unwrap());
            let to_file = run_with_stderr(system, arguments, &folder, File::create(&log).unwrap());
            for output in [discarded, to_zero, to_file] {
                assert_eq!(output.status.code(), Some(2), "{system}: {arguments:?}");
                assert!(output.stdout.is_empty() && !folder.path().join("started").exists(), "{arguments:?}");
            }
            let message = fs::read_to_string(&log).unwrap();
            assert!(message.contains("standard error is a file") && message.contains("--no-mask"), "{message}");
            assert!(!message.contains(PASSWORD), "{message}");
        }
    }
}

#[test]
fn a_closed_standard_error_stops_every_command() {
    let (folder, _) = example();
    let command = assert_cmd::cargo::cargo_bin("s1crets");
    for arguments in COMMANDS {
        fs::write(folder.path().join("template"), "{{ secret('file://app/db#password') }}\n").unwrap();
        let mut shell = process::Command::new("/bin/sh");
        shell.env_clear().env("GITHUB_ACTIONS", "true").env("PATH", "/usr/bin:/bin").current_dir(folder.path());
        shell.env("S1CRETS_FILE", folder.path().join("secrets.json"));
        let output = shell.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(&command).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !folder.path().join("started").exists(), "{arguments:?}");
    }
}

#[test]
fn without_masks_any_standard_error_will_do() {
    let (folder, file) = example();
    let null = || File::options().write(true).open("/dev/null").unwrap();
    for arguments in COMMANDS {
        let output = run_with_stderr("GITHUB_ACTIONS", &[&["--no-mask"], arguments].concat(), &folder, null());
        assert!(output.status.success(), "{arguments:?}");
        // Other systems take no masks.
        assert!(run_with_stderr("GITLAB_CI", arguments, &folder, null()).status.success(), "{arguments:?}");
    }
    fs::write(file, r#"{"secrets": {"a": {"pin": "421"}}}"#).unwrap();
    let short = run_with_stderr("GITHUB_ACTIONS", &["get", "file://a#pin"], &folder, null());
    assert_eq!(short.stdout, b"421\n", "there is nothing to mask");
    let default = run_with_stderr("GITHUB_ACTIONS", &["get", "file://nope", "--default", "none"], &folder, null());
    assert_eq!(default.stdout, b"none\n", "a default is not a secret");
}

/// Runners read output from a pipe, a socket or a terminal. Some programs capture the output of a
/// child in an unlinked file.
#[test]
fn masks_are_written_to_any_standard_error_that_a_runner_can_read() {
    let (folder, _) = example();
    let get = |stderr: Stdio| run_with_stderr("GITHUB_ACTIONS", &["get", "file://app/db#password"], &folder, stderr);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let socket = get(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
    drop(ours);
    let unnamed = get(tempfile::tempfile().unwrap().into());
    let piped = get(Stdio::piped());
    for output in [socket, unnamed, piped] {
        assert!(output.status.success() && output.stdout == format!("{PASSWORD}\n").as_bytes(), "{output:?}");
    }
}

/// Each line and encoding is a mask of its own, so they would take gigabytes. Unit tests of the
/// encodings check which values are too large.
#[test]
fn a_value_that_is_too_large_to_mask_is_refused_before_anything_is_printed() {
    let (_folder, file) = example();
    let value = "0123456789abcdef".repeat((33 << 20) / 16);
    fs::write(&file, serde_json::json!({ "secrets": { "big": { "v": value } } }).to_string()).unwrap();
    let get = |option: &str| {
        let mut command = on("GITHUB_ACTIONS", &["get", "file://big#v", option]);
        command.env("S1CRETS_FILE", &file).assert()
    };
    let message =
        predicate::str::contains("big can't be masked: with its lines and encodings it takes more than 256 MiB");
    get("--no-newline").code(2).stdout("").stderr(message.and(predicate::str::contains("--no-mask")));
    get("--no-mask").success().stdout(format!("{value}\n"));
}
