use std::{fs, os::unix::fs::MetadataExt};

use predicates::prelude::*;

use super::{UNTRUSTED, set_mode, write};
use crate::{in_folder, in_trusted, s1crets};

const SECRETS: &str = r#"{"secrets": {"app": {"type": "simple", "value": "v"}}, "vault": {"url": "u", "token": "t"}}"#;
const CONFIG: &str = "provider = \"file\"\n[providers.file]\npath = \"secrets.json\"\n";

/// A folder with a config file that reads the secret `app` from a file beside it.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), CONFIG);
    fs::write(folder.path().join("secrets.json"), SECRETS).unwrap();
    folder
}

#[test]
fn trust_ends_when_the_content_changes() {
    let folder = repository();
    in_trusted(folder.path()).args(["get", "app", "value"]).assert().success().stdout("v\n");
    write(folder.path(), &format!("{CONFIG}# one more line\n"));
    let changed = predicate::str::contains("has changed since it was trusted");
    in_folder(folder.path()).args(["get", "app", "value"]).assert().code(5).stdout("").stderr(changed);
    // As it was, it is trusted again; and so is the new one once that is trusted.
    write(folder.path(), CONFIG);
    in_folder(folder.path()).args(["get", "app", "value"]).assert().success();
    write(folder.path(), &format!("{CONFIG}# one more line\n"));
    in_trusted(folder.path()).args(["get", "app", "value"]).assert().success();
}

#[test]
fn trust_does_not_move_with_the_content() {
    let (folder, other) = (repository(), repository());
    let elsewhere = |file: &str| {
        let mut command = in_trusted(folder.path());
        command.current_dir(other.path()).args(["get", "app", "value"]);
        command.assert().code(5).stderr(predicate::str::contains(file).and(predicate::str::contains(UNTRUSTED)));
    };
    elsewhere("s1crets.toml");
    // A link to the trusted file would have its paths start from the other folder.
    fs::remove_file(other.path().join("s1crets.toml")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("s1crets.toml"), other.path().join("s1crets.toml")).unwrap();
    elsewhere(other.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn trust_holds_by_whichever_path_the_folder_is_reached() {
    let (folder, links) = (repository(), tempfile::tempdir().unwrap());
    let link = links.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    in_trusted(folder.path()).current_dir(&link).args(["get", "app", "value"]).assert().success().stdout("v\n");
}

#[test]
fn untrust_removes_trust_and_the_list_shows_the_state() {
    let folder = repository();
    let file = folder.path().canonicalize().unwrap().join("s1crets.toml");
    let list = |state: &str| {
        let told = format!("{state:<8} {}\n", file.display());
        in_folder(folder.path()).args(["config", "trust", "--list"]).assert().success().stdout(told);
    };
    in_folder(folder.path()).args(["config", "trust", "--list"]).assert().success().stdout("");
    in_trusted(folder.path());
    list("trusted");
    write(folder.path(), "");
    list("changed");
    fs::remove_file(&file).unwrap();
    list("gone");
    let json = in_folder(folder.path()).args(["config", "trust", "--list", "--json"]).assert().success();
    json.stdout(predicate::str::contains("\"state\":\"gone\""));
    // A file that is gone can be untrusted by its name.
    let told = format!("no longer trusted: {}\n", file.display());
    in_folder(folder.path()).args(["config", "untrust"]).arg(&file).assert().success().stdout(told);
    in_folder(folder.path()).args(["config", "trust", "--list"]).assert().success().stdout("");

    write(folder.path(), CONFIG);
    in_trusted(folder.path()).args(["get", "app", "value"]).assert().success();
    in_folder(folder.path()).args(["config", "untrust"]).assert().success();
    in_folder(folder.path()).args(["get", "app", "value"]).assert().code(5);
    let told = predicate::str::starts_with("was not trusted: ");
    in_folder(folder.path()).args(["config", "untrust"]).assert().success().stdout(told);
}

#[test]
fn records_are_private_and_ignored_where_others_can_write_them() {
    let folder = repository();
    in_trusted(folder.path());
    let store = folder.path().join("state/s1crets/trusted");
    let record = fs::read_dir(&store).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&store), mode(&record)), (0o700, 0o600));
    set_mode(&store, 0o777);
    in_folder(folder.path()).args(["get", "app", "value"]).assert().code(5).stderr(predicate::str::contains(UNTRUSTED));
    let told = predicate::str::contains("others can write to");
    in_folder(folder.path()).args(["config", "trust"]).assert().code(5).stderr(told);
    set_mode(&store, 0o700);
    in_folder(folder.path()).args(["get", "app", "value"]).assert().success();
    // Garbage in place of a record is no trust.
    for garbage in ["", "sha256 ", "sha256 00\n/x", "\u{0}\n\n"] {
        fs::write(&record, garbage).unwrap();
        in_folder(folder.path())
            .args(["get", "app", "value"])
            .assert()
            .code(5)
            .stderr(predicate::str::contains(UNTRUSTED));
    }
}

#[test]
fn trust_first_prints_what_the_file_decides() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "[providers.\"vault.kv\"]\naddress = \"http://me:hunter2@evil\"\ndanger_skip_verify = true\n\
         auth = { method = \"jwt\", file = \"id\" }\n[secrets]\nLD_PRELOAD = \"file://a\"\n\
         [cache]\nkey_file = \"key\"\n[profiles.p]\nretry = 9\nprovider = \"file\"\n",
    );
    let here = folder.path().canonicalize().unwrap();
    let told = format!(
        "{0}/s1crets.toml decides:\n\
         \x20 where requests and tokens are sent:\n    providers.\"vault.kv\".address = \"http://***@evil\"  # {0}/s1crets.toml:2\n\
         \x20 which identity is used, and which files and variables it comes from:\n    \
         providers.\"vault.kv\".auth.file = \"{0}/id\"  # {0}/s1crets.toml:4\n    \
         providers.\"vault.kv\".auth.method = \"jwt\"  # {0}/s1crets.toml:4\n\
         \x20 which servers are trusted:\n    providers.\"vault.kv\".danger_skip_verify = true  # {0}/s1crets.toml:3\n\
         \x20 what programs get in their environment:\n    secrets.LD_PRELOAD = \"file://a\"  # {0}/s1crets.toml:6\n\
         \x20 which files hold secrets:\n    cache.key_file = \"{0}/key\"  # {0}/s1crets.toml:8\n\
         \x20 other settings:\n    provider = \"file\"  # {0}/s1crets.toml:11 (profile p)\n    \
         retry = 9  # {0}/s1crets.toml:10 (profile p)\n\
         trusted {0}/s1crets.toml\n",
        here.display()
    );
    let file = folder.path().join("s1crets.toml");
    s1crets()
        .env("XDG_STATE_HOME", here.join("state"))
        .args(["config", "trust"])
        .arg(file)
        .assert()
        .success()
        .stdout(told);
}

/// Until it is trusted, another user may have written the file: it must not overwrite what is printed about it.
#[test]
fn the_file_can_not_forge_the_output_of_trust() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "[providers.\"vault.kv\"]\naddress = \"https://x/\\u001b[2J\\u202e\\u009b\\n::add-mask::\"\n[secrets]\n\"A\\u001b[1A\" = \"file://a\"\n",
    );
    let shown = in_folder(folder.path()).args(["config", "trust"]).assert().success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
    assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
}

#[test]
fn only_found_and_readable_files_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], code: i32, told: &str| {
        let mut command = in_folder(folder.path());
        command.args(["config", "trust"]).args(arguments).assert().code(code).stderr(predicate::str::contains(told));
        assert!(!folder.path().join("state").exists());
    };
    refused(&[], 2, "no s1crets.toml in this folder or one above it");
    refused(&["other.toml"], 2, "only files named s1crets.toml are found");
    refused(&["none/s1crets.toml"], 2, "config file none/s1crets.toml does not exist");
    refused(&["--config", "x.toml"], 5, "can't read the config file x.toml");
    write(folder.path(), "retrys = 1");
    refused(&[], 5, "unknown key `retrys`");
    refused(&["--config", "s1crets.toml"], 2, "so it needs no trust");
}

#[test]
fn a_bare_file_name_can_be_trusted() {
    let folder = repository();
    in_folder(folder.path()).args(["config", "trust", "s1crets.toml"]).assert().success();
    in_folder(folder.path()).args(["get", "app", "value"]).assert().success();
    in_folder(folder.path()).args(["config", "untrust", "s1crets.toml"]).assert().success();
    in_folder(folder.path()).args(["get", "app", "value"]).assert().code(5);
}

/// A home folder that is a checkout, as with `HOME=$PWD` in a container, could bring records along: git makes
/// files that others may read, and ours never are.
#[test]
fn a_record_that_others_can_read_is_ignored() {
    let folder = repository();
    in_trusted(folder.path());
    let record = fs::read_dir(folder.path().join("state/s1crets/trusted")).unwrap().next().unwrap().unwrap().path();
    for mode in [0o644, 0o640, 0o660, 0o606] {
        set_mode(&record, mode);
        in_folder(folder.path()).args(["get", "app"]).assert().code(5).stderr(predicate::str::contains(UNTRUSTED));
    }
    set_mode(&record, 0o600);
    in_folder(folder.path()).args(["get", "app"]).assert().success();
}

#[test]
fn a_folder_name_can_not_forge_lines_or_a_command_in_the_hint() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = folder.path().join("a `touch pwned`'\nforged");
    write(&hostile, "");
    let mut command = in_folder(folder.path());
    let refused = command.current_dir(&hostile).args(["get", "x"]).assert().code(5);
    let told = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    assert!(told.contains(r"config trust '/") && told.contains(r"a `touch pwned`'\''\nforged/s1crets.toml'"), "{told}");
    for arguments in
        [&["config", "trust"][..], &["config", "trust", "--list"], &["config", "path"], &["config", "untrust"]]
    {
        let mut command = in_folder(folder.path());
        let shown = command.current_dir(&hostile).args(arguments).assert().success();
        let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        assert!(!shown.lines().any(|line| line.starts_with("forged")), "{shown}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_name_that_is_not_utf8_is_shown_without_a_panic() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    write(&odd, "[providers.\"vault.kv\"]\nca_file = \"ca.pem\"\n");
    for arguments in [
        &["config", "trust"][..],
        &["config", "trust", "--json"],
        &["config", "trust", "--list", "--json"],
        &["config", "path", "--json"],
        &["config", "show", "--origin"],
        &["config", "show", "--json"],
        &["cache", "path", "--json"],
        &["config", "untrust", "--json"],
    ] {
        let mut command = in_folder(folder.path());
        let shown = command.current_dir(&odd).env("XDG_CACHE_HOME", &odd).args(arguments).assert().success();
        let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        assert!(!shown.is_empty(), "{arguments:?}");
        if arguments[1] == "trust" && !arguments.contains(&"--list") || arguments[1] == "show" {
            assert!(shown.contains("ca_file"), "{arguments:?}: {shown}");
        }
    }
}

/// Commands that work without the file work without its profiles.
#[test]
fn a_selected_profile_does_not_stop_commands_that_work_without_trust() {
    let folder = repository();
    for arguments in [&["cache", "path"][..], &["doctor", "memory"]] {
        let mut command = in_folder(folder.path());
        let cache = folder.path().join("cache");
        command.env("S1CRETS_PROFILE", "none").env("XDG_CACHE_HOME", &cache).args(arguments);
        let told = command.assert();
        let output = told.get_output();
        let all = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
        assert!(!all.contains("there is no profile") && all.contains("not trusted"), "{all}");
    }
}

/// A checkout that is the home folder could bring a private record of its own, but not the number of the
/// folder that it is made in.
#[test]
fn a_record_does_not_apply_to_a_folder_that_was_replaced() {
    let (above, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repository = above.path().join("repository");
    let command = |arguments: &[&str]| {
        let mut command = s1crets();
        command.current_dir(&repository).env("XDG_STATE_HOME", state.path()).args(arguments);
        command.assert()
    };
    write(&repository, "retry = 9\n");
    command(&["config", "trust"]).success();
    command(&["config", "show"]).success().stderr("");
    // The same path and content, in a folder made anew. The old one is kept, and so is its number.
    fs::rename(&repository, above.path().join("old")).unwrap();
    write(&repository, "retry = 9\n");
    command(&["get", "x"]).code(5).stderr(predicate::str::contains("has changed since it was trusted"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_could_not_be_shown_is_not_trusted() {
    let folder = repository();
    for more in [&[][..], &["--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        command.current_dir(folder.path()).env("XDG_STATE_HOME", folder.path().join("state"));
        command.args(["config", "trust"]).args(more).stdout(full);
        assert_eq!(command.status().unwrap().code(), Some(5));
        in_folder(folder.path()).args(["get", "app"]).assert().code(5).stderr(predicate::str::contains(UNTRUSTED));
    }
}
