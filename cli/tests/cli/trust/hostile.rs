use std::fs;

use predicates::prelude::*;
use s1crets_testbed::OpenBao;
use serde_json::json;

use super::{Attacker, UNTRUSTED, write};
use crate::{example, in_folder, in_trusted};

/// Every setting that would help an attacker.
fn hostile(attacker: &Attacker) -> String {
    let address = &attacker.address;
    format!(
        "provider = \"vault.kv\"\nretry = 1\n\
         [cache]\ndisk = true\npath = \"cache\"\nkey_file = \"key\"\n\
         [providers.\"vault.kv\"]\naddress = \"{address}\"\ndanger_skip_verify = true\n\
         auth = {{ method = \"jwt\", file = \"/etc/hostname\" }}\n\
         [providers.\"aws.sm\"]\nendpoint_url = \"{address}\"\nregion = \"eu-west-1\"\n\
         [secrets]\nLD_PRELOAD = \"file://app/db#password\"\n"
    )
}

#[test]
fn a_found_config_does_not_get_the_token_whatever_the_command() {
    let (attacker, server) = (Attacker::start(), OpenBao::dev());
    server.must("POST", "secret/data/app", &json!({ "data": { "password": "from-vault" } }));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &hostile(&attacker));
    fs::write(folder.path().join("t.tpl"), "{{ secret('secret/app#password') }}").unwrap();
    let command = |arguments: &[&str]| {
        let mut command = in_folder(folder.path());
        // Also in CI, where nobody is there to be asked.
        command.env("CI", "true").env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
        command.env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s").args(arguments);
        command
    };
    for arguments in [
        &["get", "vault.kv://secret/app#password"][..],
        &["get", "aws.sm://prod/db"],
        &["get-by-path", "secret"],
        &["exists", "secret/app"],
        &["update", "secret/app", "x", "--key", "password"],
        &["export", "A=vault.kv://secret/app#password"],
        &["render", "t.tpl"],
        &["explain", "secret/app"],
        &["run", "--env", "A=vault.kv://secret/app#password", "--", "env"],
        &["run", "--", "env"],
    ] {
        let assert = command(arguments).assert().code(5).stdout("");
        assert.stderr(predicate::str::contains(UNTRUSTED).count(1));
        // Two of the ways out; the third is `config trust`.
        if arguments[0] == "get" && arguments[1].starts_with("vault") {
            command(arguments).arg("--no-config").assert().success().stdout("from-vault\n");
            command(arguments).args(["--config", "/dev/null"]).assert().success().stdout("from-vault\n");
        }
    }
    assert_eq!(attacker.received(), "");
}

#[test]
fn the_ways_out_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "");
    let file = folder.path().canonicalize().unwrap().join("s1crets.toml");
    let told = format!(
        "s1crets: the config file {0} was found here, and is not trusted yet\n  hint: read it, then `s1crets config trust \
         {0}`; or name a file with --config or S1CRETS_CONFIG; or use none: --no-config\n",
        file.display()
    );
    in_folder(folder.path()).args(["get", "x"]).assert().code(5).stdout("").stderr(told);
}

/// It must check all that it can without the file, and must not use the file.
#[test]
fn commands_that_need_no_trust_do_not_obey_the_file() {
    let attacker = Attacker::start();
    let (folder, file) = example();
    write(folder.path(), &hostile(&attacker));
    fs::create_dir(folder.path().join("cache")).unwrap();
    let command = |arguments: &[&str]| {
        let mut command = in_folder(folder.path());
        command.env("XDG_CACHE_HOME", folder.path().join("own")).env("VAULT_TOKEN", "t").args(arguments);
        command
    };
    let own = folder.path().join("own/s1crets");
    let left_out = predicate::str::contains("s1crets.toml, because it is not trusted");
    let path = command(&["cache", "path"]).assert().success().stderr(left_out.clone());
    path.stdout(format!("{}\n", own.display()));
    command(&["cache", "clear"]).assert().success().stderr(left_out);

    let doctor = command(&["doctor", "--file"]).arg(&file).arg("file").assert().code(5);
    doctor.stdout(predicate::str::contains(UNTRUSTED).and(predicate::str::contains("ok   file: readable")));
    command(&["doctor", "vault.kv", "aws.sm"]).env("VAULT_ADDR", "http://127.0.0.1:1").assert().code(5);

    // These show what it would decide, and that it does not.
    let refused = predicate::str::contains("other commands refuse to use it");
    let shown = command(&["config", "show"]).assert().success().stderr(refused.clone());
    shown.stdout(predicate::str::contains(attacker.address.as_str()));
    command(&["config", "path"]).assert().success().stdout("s1crets.toml\n").stderr(refused.clone());
    command(&["config", "check"]).assert().success().stderr(refused);
    let json = command(&["config", "path", "--json"]).assert().success();
    json.stdout(predicate::str::contains("\"trust\":\"untrusted\""));

    for arguments in [&["completions", "bash"][..], &["man", "man"], &["--help"], &["get", "--help"], &["--version"]] {
        command(arguments).assert().success().stderr("");
    }
    assert_eq!(attacker.received(), "");
}

/// The same file, trusted: so the refusal is about trust, and about nothing else.
#[test]
fn a_trusted_config_decides() {
    let attacker = Attacker::start();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("[providers.\"vault.kv\"]\naddress = \"{}\"\nkv_version = 2\n", attacker.address));
    let mut command = in_trusted(folder.path());
    command.env("VAULT_TOKEN", "the-token").args(["get", "vault.kv://secret/app#password"]);
    command.assert().success().stdout("planted\n");
    assert!(attacker.received().contains("the-token"));
}

/// The AWS SDK takes `~` for a folder of that name where there is no home, and an empty or relative home for
/// a folder below the current one. What it finds there may name a program to run.
#[test]
fn without_a_home_no_aws_profile_of_the_current_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("pwned");
    for place in ["~/.aws", ".aws", "home/.aws"] {
        fs::create_dir_all(folder.path().join(place)).unwrap();
        let profile = format!("[default]\nregion = us-east-1\ncredential_process = touch {}\n", marker.display());
        fs::write(folder.path().join(place).join("config"), profile).unwrap();
    }
    for home in [None, Some(""), Some("."), Some("home")] {
        for arguments in [&["get", "aws.sm://x"][..], &["explain", "aws.sm://x"], &["doctor", "aws.sm"]] {
            let mut command = in_folder(folder.path());
            command.env_remove("HOME").env("PATH", "/usr/bin:/bin").envs(home.map(|home| ("HOME", home)));
            command.args(["--no-config", "--endpoint-url", "http://127.0.0.1:1", "--retry", "1"]).args(arguments);
            command.env("AWS_REGION", "us-east-1").assert().failure();
            assert!(!marker.exists(), "{home:?} {arguments:?}");
        }
    }
    // A file that is named is read, whatever the home.
    let mut named = in_folder(folder.path());
    named.env_remove("HOME").env("PATH", "/usr/bin:/bin").env("AWS_CONFIG_FILE", folder.path().join(".aws/config"));
    named.args(["get", "aws.sm://x", "--endpoint-url", "http://127.0.0.1:1", "--retry", "1"]).assert().failure();
    assert!(marker.exists());
}

#[test]
fn without_a_home_no_vault_token_of_the_current_folder_is_sent() {
    let attacker = Attacker::start();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".vault-token"), "strangers-token").unwrap();
    for home in [Some(""), Some("."), None] {
        let mut command = in_folder(folder.path());
        command.env_remove("HOME").envs(home.map(|home| ("HOME", home))).env("VAULT_ADDR", &attacker.address);
        command.args(["get", "vault.kv://secret/app"]).assert().code(3);
    }
    assert_eq!(attacker.received(), "");
}

/// Not even instance metadata is queried for the region.
#[test]
fn settings_are_shown_without_a_call() {
    let metadata = Attacker::start();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "");
    for arguments in [&["config", "show", "--origin"][..], &["config", "check"], &["config", "trust"]] {
        let mut command = in_folder(folder.path());
        command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.address);
        command.args(arguments).assert().success();
    }
    assert_eq!(metadata.received(), "");
}

/// A URL parser ends the host at a backslash, so the request would not go to the host that a person reads after it.
#[test]
fn an_address_that_reads_otherwise_than_it_is_called_is_refused_and_shown_as_it_is() {
    let attacker = Attacker::start();
    for (key, table) in
        [("address", "vault.kv"), ("proxy", "vault.kv"), ("endpoint_url", "aws.sm"), ("sts_endpoint_url", "aws.ps")]
    {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("{}\\\\@good.corp:8200", attacker.address);
        write(folder.path(), &format!("[providers.\"{table}\"]\n{key} = \"{url}\"\n"));
        let host = attacker.address.trim_start_matches("http://");
        let trusted = in_folder(folder.path()).args(["config", "trust"]).assert().success();
        trusted.stdout(predicate::str::contains(host.to_owned()));
        let mut get = in_folder(folder.path());
        get.env("VAULT_TOKEN", "t").env("AWS_ACCESS_KEY_ID", "k").env("AWS_SECRET_ACCESS_KEY", "s");
        get.args(["get", &format!("{table}://secret/x")]).assert().code(5);
    }
    assert_eq!(attacker.received(), "");
}

/// Nobody replaces `~/` in `--config=~/x`, nor in the settings of a CI system: as it is written it leads into a
/// folder of that name in the current one.
#[test]
fn a_tilde_that_no_shell_replaced_does_not_lead_into_the_current_folder() {
    let (attacker, home) = (Attacker::start(), tempfile::tempdir().unwrap());
    let (folder, file) = example();
    let marker = folder.path().join("pwned");
    let planted = folder.path().join("~");
    write(&planted, "retry = 9\n[providers.file]\npath = \"secrets.json\"\n");
    fs::rename(&file, planted.join("secrets.json")).unwrap();
    fs::write(planted.join("token"), "strangers-token").unwrap();
    let profile = format!("[default]\nregion = us-east-1\ncredential_process = touch {}\n", marker.display());
    for place in ["~/.aws", "~ci/.aws"] {
        fs::create_dir_all(folder.path().join(place)).unwrap();
        fs::write(folder.path().join(place).join("config"), &profile).unwrap();
    }
    let command = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = in_folder(folder.path());
        command.env("HOME", home.path()).env("PATH", "/usr/bin:/bin").env("AWS_REGION", "us-east-1");
        command.envs(variables.iter().copied()).args(arguments);
        command
    };
    command(&[], &["config", "show", "--config=~/s1crets.toml"]).assert().code(5);
    command(&[("S1CRETS_CONFIG", "~/s1crets.toml")], &["config", "show"]).assert().code(5);
    command(&[("S1CRETS_FILE", "~/secrets.json")], &["get", "file://app/db#password"]).assert().failure().stdout("");
    command(&[], &["get", "file://app/db#password", "--file=~/secrets.json"]).assert().failure().stdout("");
    let path = format!("{}/cache\n", home.path().display());
    command(&[("S1CRETS_CACHE_PATH", "~/cache")], &["cache", "path"]).assert().success().stdout(path);
    let address = ("VAULT_ADDR", attacker.address.as_str());
    command(&[address, ("VAULT_TOKEN_FILE", "~/token")], &["get", "vault.kv://secret/app"]).assert().code(3);
    assert_eq!(attacker.received(), "");
    let get = &["get", "aws.sm://x", "--endpoint-url", "http://127.0.0.1:1", "--retry", "1"][..];
    for (name, value) in [
        ("AWS_CONFIG_FILE", "~ci/.aws/config"),
        ("AWS_CONFIG_FILE", "~/.aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~ci/.aws/config"),
    ] {
        command(&[(name, value)], get).assert().failure();
        assert!(!marker.exists(), "{name}={value}");
    }
    let token = [("AWS_WEB_IDENTITY_TOKEN_FILE", "~/token"), ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x")];
    command(&token, get).assert().code(5).stderr(predicate::str::contains("begins with `~`"));
}

/// The file was trusted with a home: without one its paths must not lead below its folder.
#[test]
fn a_tilde_in_a_trusted_file_needs_a_home() {
    let (folder, file) = example();
    fs::create_dir(folder.path().join("~")).unwrap();
    fs::rename(&file, folder.path().join("~/secrets.json")).unwrap();
    write(folder.path(), "provider = \"file\"\n[providers.file]\npath = \"~/secrets.json\"\n");
    in_trusted(folder.path());
    for home in [".", "home"] {
        let mut command = in_folder(folder.path());
        let told = predicate::str::contains("s1crets.toml:3: there is no home folder for `~/`");
        command.env("HOME", home).args(["get", "app/db"]).assert().code(5).stdout("").stderr(told);
    }
}
