//! Tests of the scripts in `.ci`, with a fake `cargo` that each test scripts.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
    time::{Duration, Instant},
};

use crate::workspace::root;

/// Runs `.ci/advisories` with shell commands in place of fetching the database and checking it.
fn advisories(fetch: &str, check: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let cargo = folder.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n'deny --version') ;;\n'deny fetch db') {fetch};;\n\
         'deny --offline check advisories') {check};;\n*) exit 99;;\nesac\n"
    );
    fs::write(&cargo, script).expect("written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("changed");
    let mut command = Command::new(root().join(".ci/advisories"));
    command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
    command.env("S1CRETS_ADVISORIES_TIMEOUT", "1").output().expect("started")
}

fn warns(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("advisories: NOT CHECKED")
}

#[test]
fn an_unreachable_advisory_database_is_a_warning_and_no_failure() {
    let output = advisories("exit 1", "exit 98");
    assert!(output.status.success() && warns(&output), "{output:?}");
}

#[test]
fn a_network_that_never_answers_does_not_block_the_run() {
    let start = Instant::now();
    let output = advisories("sleep 30", "exit 98");
    assert!(output.status.success() && warns(&output), "{output:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_advisory_fails_the_run() {
    let output = advisories("exit 0", "echo found; exit 1");
    assert!(!output.status.success() && !warns(&output), "{output:?}");
}

#[test]
fn a_run_without_advisories_prints_no_warning() {
    let output = advisories("exit 0", "exit 0");
    assert!(output.status.success() && !warns(&output), "{output:?}");
}
