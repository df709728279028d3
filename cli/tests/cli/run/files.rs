//! Values in files: where, for how long, readable by whom.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use predicates::prelude::*;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{PASSWORD, run, signals::told_pid};
use crate::example;

/// A folder of memory of the test's own.
fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

fn leftovers(memory: &Path) -> Vec<PathBuf> {
    fs::read_dir(memory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_value_is_in_a_file_for_its_owner_alone_and_gone_afterwards() {
    let (_folder, file) = example();
    let memory = memory();
    let mut command = run(&file);
    command.env("XDG_RUNTIME_DIR", memory.path()).args(["--pure", "--files", "--env", "DB=file://app/db#password"]);
    let script =
        "printf %s \"${DB-unset} \"; stat -c %a \"$DB_FILE\" \"${DB_FILE%/*}\"; cat \"$DB_FILE\"; echo; echo $DB_FILE";
    let output = command.args(["--", "sh", "-c", script]).assert().success().stderr("");
    let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[..3], ["unset 600", "700", PASSWORD]);
    assert!(Path::new(lines[3]).starts_with(memory.path()), "{printed}");
    assert!(leftovers(memory.path()).is_empty());
}

#[test]
fn any_bytes_fit_in_a_file() {
    let name = s1crets_testbed::unique("cli/bytes");
    crate::aws::seed().create_secret_binary(&name, b"\0\xff\n");
    let mut command = crate::aws::on_moto();
    command.env("PATH", "/usr/bin:/bin").args(["run", "--files", "--env", &format!("KEY=aws.sm://{name}")]);
    let output = command.args(["--", "sh", "-c", "cat $KEY_FILE"]).assert().success();
    assert_eq!(output.get_output().stdout, b"\0\xff\n");
}

#[test]
fn the_files_go_when_a_signal_ends_the_command() {
    let (_folder, file) = example();
    let memory = memory();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    child.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).env("XDG_RUNTIME_DIR", memory.path());
    child.args(["run", "--files", "--env", "DB=file://app/db", "--", "sh", "-c", "echo $DB_FILE; exec sleep 60"]);
    let (mut child, path) = told_pid(child.stdout(std::process::Stdio::piped()).spawn().unwrap());
    assert!(Path::new(&path).exists());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(leftovers(memory.path()).is_empty());
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_one() {
    let (_folder, file) = example();
    let memory = memory();
    let begin = || {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file);
        command.env("XDG_RUNTIME_DIR", memory.path()).stdout(std::process::Stdio::piped());
        command.stdin(std::process::Stdio::piped());
        command.args(["run", "--files", "--env", "DB=file://app/db", "--", "sh", "-c", "echo $DB_FILE; read line"]);
        told_pid(command.spawn().unwrap())
    };
    let (mut killed, left) = begin();
    let (mut alive, kept) = begin();
    kill_process(Pid::from_child(&killed), Signal::KILL).unwrap();
    killed.wait().unwrap();
    assert!(Path::new(&left).exists());
    let (mut next, _) = begin();
    assert!(!Path::new(&left).exists() && Path::new(&kept).exists());
    for child in [&mut alive, &mut next] {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    assert!(leftovers(memory.path()).is_empty());
}

/// Each run reads its file once more after others have started.
#[test]
fn runs_that_start_at_once_keep_their_files() {
    let (_folder, file) = example();
    let memory = memory();
    for _ in 0..25 {
        let start = || {
            let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
            command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file);
            command.env("XDG_RUNTIME_DIR", memory.path()).stderr(std::process::Stdio::piped());
            command.args(["run", "--files", "--env", "DB=file://app/db", "--", "sh", "-c"]);
            command.arg("test -s $DB_FILE && sleep 0.02 && test -s $DB_FILE").spawn().unwrap()
        };
        let children: Vec<_> = (0..8).map(|_| start()).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(leftovers(memory.path()).is_empty());
}

#[test]
fn a_folder_of_anothers_is_left_alone() {
    let (_folder, file) = example();
    let memory = memory();
    let planted = memory.path().join("s1crets-run-planted");
    fs::create_dir(&planted).unwrap();
    fs::write(planted.join("young"), "").unwrap();
    let link = memory.path().join("s1crets-run-link");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    let mut command = run(&file);
    command.env("XDG_RUNTIME_DIR", memory.path()).args(["--files", "--env", "DB=file://app/db", "--", "true"]);
    command.assert().success();
    // Just made, by a run that has yet to lock it, for all one knows.
    assert!(planted.join("young").exists() && link.symlink_metadata().is_ok());
}

#[test]
fn memory_is_taken_also_where_the_disk_would_do() {
    let (folder, file) = example();
    let memory = memory();
    let mut command = run(&file);
    command.env("XDG_RUNTIME_DIR", memory.path()).env("TMPDIR", folder.path()).arg("--files");
    command.args(["--danger-files-on-disk", "--env", "DB=file://app/db", "--", "sh", "-c", "echo $DB_FILE"]);
    command.assert().success().stdout(predicate::str::starts_with(memory.path().to_str().unwrap()));
}

/// Many values, so that there is time in between.
#[test]
fn a_signal_while_the_files_are_written_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<_> = (0..20_000).map(|number| format!("\"key{number}\":\"value\"")).collect();
    let file = folder.path().join("secrets.json");
    fs::write(&file, format!("{{\"secrets\":{{\"many\":{{{}}}}}}}", keys.join(","))).unwrap();
    for moment in [1, 5_000, 19_000] {
        let memory = memory();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        child.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).env("XDG_RUNTIME_DIR", memory.path());
        let mark = folder.path().join("started");
        child.args(["run", "--files", "--from", "file://many", "--", "touch"]).arg(&mark);
        let mut child = child.spawn().unwrap();
        let written =
            || leftovers(memory.path()).first().map_or(0, |folder| fs::read_dir(folder).map_or(0, Iterator::count));
        while written() < moment {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself, with {} files", written());
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143), "at {moment}");
        assert!(leftovers(memory.path()).is_empty(), "at {moment}");
        assert!(!mark.exists(), "the command started all the same");
    }
}

#[test]
fn a_command_may_remove_its_files_itself() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.args(["--files", "--env", "DB=file://app/db", "--", "sh", "-c", "rm -r \"${DB_FILE%/*}\"; exit 7"]);
    command.assert().code(7).stderr("");
}
