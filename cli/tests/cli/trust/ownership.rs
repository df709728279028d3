use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command as Process,
    time::Duration,
};

use predicates::prelude::*;

use super::{UNTRUSTED, set_mode, write};
use crate::{in_folder, in_trusted, s1crets};

/// A user without rights or files.
const STRANGER: u32 = 65_534;

/// Whether the tests run as root, which alone can change the owner of a file. Prints a skip otherwise: CI runs as root.
#[allow(clippy::print_stderr, reason = "a test that tests less says so")]
fn is_root(folder: &Path) -> bool {
    let is_root = fs::metadata(folder).unwrap().uid() == 0;
    if !is_root {
        eprintln!("NOT TESTED: files of other users, which only root can make");
    }
    is_root
}

#[test]
fn a_file_in_a_folder_that_everybody_can_write_to_is_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    let own = shared.join("own");
    write(&own, "");
    fs::remove_file(own.join("s1crets.toml")).unwrap();
    write(&shared, "retry = 9\n");
    in_folder(folder.path()).args(["config", "trust", "shared/s1crets.toml"]).assert().success();
    for mode in [0o777, 0o1777] {
        set_mode(&shared, mode);
        for here in [&shared, &own] {
            let mut command = in_folder(folder.path());
            let warning = predicate::str::contains("its folder is world-writable").count(1);
            command.current_dir(here).args(["config", "show", "--origin"]);
            command.assert().success().stderr(warning).stdout(predicate::str::contains("retry = 3  # default"));
        }
        // Nor can it be trusted.
        in_folder(folder.path()).args(["config", "trust", "shared/s1crets.toml"]).assert().code(2);
    }
    // The search goes on above it.
    write(folder.path(), "retry = 7\n");
    let mut command = in_trusted(folder.path());
    command.current_dir(&own).args(["config", "show"]);
    command.assert().success().stdout(predicate::str::contains("retry = 7"));
}

#[test]
fn a_found_file_that_everybody_can_write_is_refused_and_a_named_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "retry = 9\n");
    let file = folder.path().join("s1crets.toml");
    in_trusted(folder.path());
    set_mode(&file, 0o666);
    let refused = predicate::str::is_match("is world-writable\\n.*--no-config").unwrap();
    for arguments in [&["config", "show"][..], &["get", "x"], &["config", "trust"]] {
        in_folder(folder.path()).args(arguments).assert().code(5).stderr(refused.clone());
    }
    let told = predicate::str::contains("s1crets.toml is world-writable").count(1);
    let mut named = s1crets();
    named.args(["config", "show", "--config"]).arg(&file);
    named.assert().success().stdout(predicate::str::contains("retry = 9")).stderr(told);
    // By a group, as with an umask of 002, it may be written.
    set_mode(&file, 0o664);
    in_folder(folder.path()).args(["config", "show"]).assert().success().stderr("");
}

#[test]
fn a_found_file_or_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    write(folder.path(), "retry = 9\n");
    let file = folder.path().join("s1crets.toml");
    let refused = |of: &str| {
        let told = predicate::str::contains(format!("its {of} belongs to another user"));
        for arguments in [&["get", "x"][..], &["config", "trust"], &["run", "--", "true"]] {
            in_folder(folder.path()).args(arguments).assert().code(5).stdout("").stderr(told.clone());
        }
    };
    chown(&file, Some(STRANGER), None).unwrap();
    refused("file");
    chown(&file, Some(0), None).unwrap();
    chown(folder.path(), Some(STRANGER), None).unwrap();
    refused("folder");
    s1crets().args(["config", "show", "--config"]).arg(&file).assert().success();
}

#[test]
fn the_users_own_config_is_trusted_while_nobody_else_can_write_to_it() {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/s1crets");
    write(&config, "provider = \"file\"\n");
    let file = config.join("s1crets.toml");
    let get = || {
        let mut command = s1crets();
        command.env("HOME", home.path()).args(["get", "app", "value", "--file", "none.json"]).assert()
    };
    // It is read; the secret's file is not there.
    get().code(4).stderr(predicate::str::contains("none.json"));
    // By a group, be it the user's own: others can be in it, and an access control list shows as one.
    set_mode(&file, 0o664);
    get().code(5).stderr(predicate::str::contains(UNTRUSTED));
    set_mode(&file, 0o644);
    get().code(4);
    // A home that is a checkout, as with `HOME=$PWD` in a container, of whatever kind.
    for mark in [".git", ".hg", ".jj", ".svn"] {
        fs::create_dir(home.path().join(mark)).unwrap();
        get().code(5).stderr(predicate::str::contains(UNTRUSTED));
        fs::remove_dir(home.path().join(mark)).unwrap();
    }
    if is_root(home.path()) {
        set_mode(&file, 0o664);
        chown(&file, None, Some(STRANGER)).unwrap();
        get().code(5).stderr(predicate::str::contains(UNTRUSTED));
        chown(&file, None, Some(0)).unwrap();
        set_mode(&file, 0o644);
    }
    // A folder on the way in which others could put another one in its place.
    set_mode(&home.path().join(".config"), 0o777);
    get().code(5).stderr(predicate::str::contains(UNTRUSTED));
    set_mode(&home.path().join(".config"), 0o755);
    // A link, as tools for dotfiles make them, to a file that is as safe.
    let dotfiles = home.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    fs::rename(&file, dotfiles.join("s1crets.toml")).unwrap();
    std::os::unix::fs::symlink(dotfiles.join("s1crets.toml"), &file).unwrap();
    get().code(4).stderr(predicate::str::contains("none.json"));
    fs::create_dir(dotfiles.join(".git")).unwrap();
    get().code(5).stderr(predicate::str::contains(UNTRUSTED));
    fs::remove_dir(dotfiles.join(".git")).unwrap();
    get().code(4);
    set_mode(&dotfiles, 0o777);
    get().code(5).stderr(predicate::str::contains(UNTRUSTED));
}

/// As in a container image that runs as another user.
#[test]
fn a_file_that_only_root_can_write_is_trusted_by_others() {
    let folder = tempfile::tempdir().unwrap();
    if !is_root(folder.path()) {
        return;
    }
    set_mode(folder.path(), 0o755);
    write(folder.path(), "retry = 9\n");
    let program = folder.path().join("s1crets");
    fs::copy(assert_cmd::cargo::cargo_bin("s1crets"), &program).unwrap();
    let stderr = || {
        let mut child = Process::new(&program);
        child.env_clear().env("HOME", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
        child.current_dir(folder.path()).uid(STRANGER).gid(STRANGER);
        child.args(["get", "app", "value", "--file", "none.json"]);
        String::from_utf8(child.output().unwrap().stderr).unwrap()
    };
    assert!(stderr().contains("none.json"), "{}", stderr());
    // A checkout that root made is somebody else's text all the same.
    fs::create_dir(folder.path().join(".git")).unwrap();
    assert!(stderr().contains(UNTRUSTED), "{}", stderr());
    fs::remove_dir(folder.path().join(".git")).unwrap();
    // Root itself is not in an image: it may be in anybody's folder.
    let root = in_folder(folder.path()).args(["get", "app", "value"]).assert().code(5);
    root.stderr(predicate::str::contains(UNTRUSTED));
    let file = folder.path().join("s1crets.toml");
    set_mode(&file, 0o664);
    chown(&file, None, Some(STRANGER)).unwrap();
    assert!(stderr().contains(UNTRUSTED), "{}", stderr());
}

#[test]
fn a_pipe_is_an_error_and_no_wait_unless_it_is_a_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("s1crets.toml");
    assert!(Process::new("mkfifo").arg(&pipe).status().unwrap().success());
    let told = predicate::str::contains("it is no plain file");
    let mut found = in_folder(folder.path());
    found.timeout(Duration::from_secs(20)).args(["get", "x"]).assert().code(5).stderr(told.clone());
    let mut named = s1crets();
    named.timeout(Duration::from_secs(20)).args(["get", "x", "--config"]).arg(&pipe);
    named.assert().code(5).stderr(told);

    let program = assert_cmd::cargo::cargo_bin("s1crets");
    let script = "(sleep 0.2; echo 'retry = 9') | \"$0\" config show --config /dev/fd/0 | grep '^retry'";
    let output = Process::new("sh").args(["-c", script]).arg(program).env_clear().env("PATH", "/usr/bin:/bin").output();
    assert_eq!(String::from_utf8(output.unwrap().stdout).unwrap(), "retry = 9\n");
}
