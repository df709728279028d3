use std::fs;

use predicates::prelude::*;

use super::write;
use crate::{in_folder, in_trusted, s1crets};

/// A folder whose config file reads a secret from a file beside it, with a folder two levels down.
fn nested() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("a/b");
    fs::create_dir_all(&below).unwrap();
    write(folder.path(), "provider = \"file\"\n[providers.file]\npath = \"secrets.json\"\n");
    let secrets = r#"{"secrets": {"app": {"type": "simple", "value": "v"}}, "vault": {"url": "u", "token": "t"}}"#;
    fs::write(folder.path().join("secrets.json"), secrets).unwrap();
    (folder, below)
}

#[test]
fn the_file_is_found_from_below_and_its_paths_start_from_it() {
    let (folder, below) = nested();
    let mut command = in_trusted(folder.path());
    command.current_dir(&below).args(["get", "app", "value"]).assert().success().stdout("v\n");
    let file = folder.path().canonicalize().unwrap().join("s1crets.toml");
    let mut command = in_folder(folder.path());
    command.current_dir(&below).args(["config", "path"]).assert().success().stdout(format!("{}\n", file.display()));
}

#[test]
fn paths_in_a_named_file_start_from_it_too_and_those_of_options_from_here() {
    let (_folder, below) = nested();
    let mut command = s1crets();
    command.current_dir(&below).args(["get", "app", "value", "--config", "../../s1crets.toml"]);
    command.assert().success().stdout("v\n");
    let mut command = s1crets();
    command.current_dir(&below).args([
        "get",
        "app",
        "value",
        "--config",
        "../../s1crets.toml",
        "--file",
        "secrets.json",
    ]);
    command.assert().code(4).stderr(predicate::str::contains("a/b/secrets.json"));
}

#[test]
fn the_search_ends_at_the_repository_and_at_the_home_folder() {
    let (folder, below) = nested();
    let not_found = |command: &mut assert_cmd::Command| {
        command.args(["config", "path"]).assert().code(1).stderr(predicate::str::contains("no config file found"));
    };
    let mut at_home = in_folder(folder.path());
    not_found(at_home.current_dir(&below).env("HOME", folder.path().join("a")));
    // A work tree of its own: `.git` is a file there.
    fs::write(folder.path().join("a/.git"), "gitdir: elsewhere").unwrap();
    not_found(in_folder(folder.path()).current_dir(&below));
    // The folder with `.git` is looked into itself.
    write(&folder.path().join("a"), "");
    let mut command = in_folder(folder.path());
    command.current_dir(&below).args(["config", "path"]).assert().success();
}

#[test]
fn the_nearest_file_counts_and_an_untrusted_one_is_not_passed_over() {
    let (folder, below) = nested();
    in_trusted(folder.path());
    write(&below, "retry = 9\n");
    let mut command = in_folder(folder.path());
    let told = predicate::str::contains("a/b/s1crets.toml was found here");
    command.current_dir(&below).args(["get", "app", "value"]).assert().code(5).stdout("").stderr(told);
}

#[test]
fn a_relative_config_home_leads_nowhere() {
    let (folder, _) = nested();
    write(&folder.path().join("conf/s1crets"), "provider = \"file\"\n");
    let mut command = in_folder(folder.path());
    command.env("XDG_CONFIG_HOME", "conf").args(["config", "path"]).current_dir(folder.path().join("a"));
    fs::remove_file(folder.path().join("s1crets.toml")).unwrap();
    command.assert().code(1);
    command.env("XDG_CONFIG_HOME", folder.path().join("conf")).assert().success().stderr("");
}
