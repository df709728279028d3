//! How the program ends, and which signals reach it.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use predicates::prelude::*;
use rustix::process::{Pid, Signal, kill_process};

use super::run;
use crate::example;

/// How the command is started: as ourselves, or beside us.
const WAYS: [&[&str]; 3] = [&[], &["--files"], &["--redact"]];

#[test]
fn the_status_is_the_commands_own() {
    let (_folder, file) = example();
    for way in WAYS {
        for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137), ("kill -TERM $$", 143)] {
            let mut command = run(&file);
            let output = command.args(way).args(["--pure", "--", "sh", "-c", script]).output().unwrap();
            let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).map(|signal| 128 + signal);
            assert_eq!(output.status.code().or(signal), Some(status), "{way:?} {script}: {output:?}");
        }
    }
}

#[test]
fn a_command_that_can_not_be_started_ends_as_in_a_shell() {
    let (folder, file) = example();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    let plain = plain.to_str().unwrap();
    for way in WAYS {
        for (program, status) in [("no-such-command", 127), ("/nonexistent/x", 127), (plain, 126), ("/", 126)] {
            let told = predicate::str::starts_with(format!("s1crets: can't run {program}: "));
            let mut command = run(&file);
            command.args(way).args(["--pure", "--", program]).assert().code(status).stdout("").stderr(told);
        }
    }
}

#[test]
fn without_files_and_redaction_we_are_the_command() {
    let (_folder, file) = example();
    let child = start(&file, &[], "echo $$; read line");
    let (mut child, pid) = told_pid(child);
    assert_eq!(pid, child.id().to_string());
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn signals_reach_the_command() {
    let (_folder, file) = example();
    for way in WAYS {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2, Signal::ALARM]
        {
            let number = signal.as_raw();
            let script = format!("trap 'echo got {number}; exit 9' {number}; echo $$; while :; do sleep 0.05; done");
            let (mut child, _) = told_pid(start(&file, way, &script));
            kill_process(Pid::from_child(&child), signal).unwrap();
            let mut rest = String::new();
            child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
            assert_eq!((rest, child.wait().unwrap().code()), (format!("got {number}\n"), Some(9)), "{way:?}");
        }
    }
}

#[test]
fn a_signal_that_ends_the_command_is_told_by_the_status() {
    let (_folder, file) = example();
    let (mut child, _) = told_pid(start(&file, &["--redact"], "echo $$; exec sleep 60"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn what_is_ignored_stays_ignored() {
    let (_folder, file) = example();
    for way in WAYS {
        let mut child = Command::new("/bin/sh");
        child.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).stdin(Stdio::piped());
        child.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(assert_cmd::cargo::cargo_bin("s1crets")).arg("run");
        child.args(way).args(["--env", "DB=file://app/db", "--", "sh", "-c", "echo ready; read line; exit 9"]);
        let (mut child, _) = told_pid(child.stdout(Stdio::piped()).spawn().unwrap());
        kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(9), "{way:?}");
    }
}

pub(super) fn start(file: &std::path::Path, way: &[&str], script: &str) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", file).arg("run").args(way);
    command.args(["--env", "DB=file://app/db#password", "--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The first line that the command prints: where it tells its number.
pub(super) fn told_pid(mut child: Child) -> (Child, String) {
    let mut stdout = BufReader::with_capacity(1, child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    child.stdout = Some(stdout.into_inner());
    (child, line.trim().to_owned())
}
