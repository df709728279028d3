use std::{
    fs::{self, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::PathBuf,
};

use assert_cmd::Command;
use predicates::prelude::*;
use tempfile::TempDir;

use crate::s1crets;

/// A home, and the folder of its disk cache.
fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".cache/s1crets");
    (home, folder)
}

fn at_home(home: &TempDir) -> Command {
    let mut command = s1crets();
    command.env("HOME", home.path());
    command
}

/// A folder with a file that is no record, a lock that nobody holds, and a key of nobody's concern.
fn fill(folder: &PathBuf) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
    for name in ["r-1", "r-2", "l-1", "key"] {
        File::create(folder.join(name)).unwrap();
    }
}

#[test]
fn each_of_its_commands_has_help_with_an_example() {
    for command in [&["cache"][..], &["cache", "stats"], &["cache", "clear"], &["cache", "prune"], &["cache", "path"]] {
        s1crets().args(command).arg("--help").assert().success().stdout(predicate::str::contains("Example"));
    }
}

#[test]
fn path_tells_the_folder_that_the_settings_make() {
    let (home, folder) = home();
    let path = |command: &mut Command, told: &str| {
        command.args(["cache", "path"]).assert().success().stdout(format!("{told}\n")).stderr("");
    };
    path(&mut at_home(&home), folder.to_str().unwrap());
    path(at_home(&home).env("XDG_CACHE_HOME", "/x"), "/x/s1crets");
    path(at_home(&home).env("XDG_CACHE_HOME", "relative"), folder.to_str().unwrap());
    path(at_home(&home).env("S1CRETS_CACHE_PATH", "/y"), "/y");
    let config = home.path().join("config");
    fs::write(&config, "[cache]\npath = \"/z\"").unwrap();
    path(at_home(&home).arg("--config").arg(&config), "/z");
    let mut json = at_home(&home);
    json.env("S1CRETS_CACHE_PATH", "/y").args(["cache", "path", "--json"]);
    json.assert().success().stdout("{\"path\":\"/y\"}\n");
    assert!(!folder.exists(), "telling makes none");
}

#[test]
fn stats_tells_a_cache_that_is_not_there_yet() {
    let (home, folder) = home();
    let path = folder.display();
    let told = format!("path     {path}\nstate    off\nentries  0\nexpired  0\nbytes    0\n");
    at_home(&home).args(["cache", "stats"]).assert().success().stdout(told);
    let told = format!("{{\"bytes\":0,\"entries\":0,\"expired\":0,\"on\":true,\"path\":\"{path}\"}}\n");
    let mut command = at_home(&home);
    command.env("S1CRETS_CACHE_DISK", "true").args(["cache", "stats", "--json"]).assert().success().stdout(told);
}

#[test]
fn clear_and_prune_tell_what_they_removed() {
    let (home, folder) = home();
    fill(&folder);
    at_home(&home).args(["cache", "prune"]).assert().success().stdout("expired    2\nevicted    0\nleft over  1\n");
    fill(&folder);
    let told = "{\"evicted\":0,\"expired\":2,\"left_over\":1}\n";
    at_home(&home).args(["cache", "prune", "--json"]).assert().success().stdout(told);
    fill(&folder);
    at_home(&home).args(["cache", "clear"]).assert().success().stdout("removed  2\n");
    at_home(&home).args(["cache", "clear", "--json"]).assert().success().stdout("{\"removed\":0}\n");
    assert!(folder.join("key").exists());
}

#[test]
fn a_folder_that_others_may_look_into_is_not_touched() {
    let (home, folder) = home();
    fill(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let told = predicate::str::contains("others may look into it").and(predicate::str::contains("chmod 700"));
    at_home(&home).args(["cache", "clear"]).assert().code(5).stderr(told);
    assert!(folder.join("r-1").exists());
}

#[test]
fn a_malformed_setting_is_named() {
    let (home, _folder) = home();
    let mut command = at_home(&home);
    command.env("S1CRETS_CACHE_DISK", "maybe").args(["cache", "stats"]);
    command.assert().code(5).stderr(predicate::str::contains("S1CRETS_CACHE_DISK"));
}
