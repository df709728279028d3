//! `run`: what the program gets, and what it doesn't.

mod environment; // /proc/PID/environ, read and compared
mod files; // values in files: where, for how long, readable by whom
mod names; // env files, listings, names, missing secrets
mod redact; // the program's output, without values
mod reserved_names; // names that a value from a provider must not have
mod resolve; // variables of the environment that look like references
mod signals; // how the program ends, and which signals reach it
mod terminal; // the same on a terminal
#[cfg(target_os = "linux")]
mod zombies; // children that the program leaves behind

use std::path::Path;

use assert_cmd::Command;

use crate::s1crets;

const PASSWORD: &str = "correct-horse-battery-staple";

/// `s1crets run` on a fetcher file.
fn run(file: &Path) -> Command {
    let mut command = s1crets();
    command.env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", file).arg("run");
    command
}

/// The environment that the program would have, sorted.
fn environ(command: &mut Command) -> Vec<String> {
    let output = command.args(["--", "cat", "/proc/self/environ"]).assert().success().stderr("");
    let environ = output.get_output().stdout.clone();
    let mut variables: Vec<_> =
        environ.split(|byte| *byte == 0).map(|one| String::from_utf8_lossy(one).into_owned()).collect();
    assert_eq!(variables.pop().as_deref(), Some(""));
    variables.sort();
    variables
}
