//! The program's environment, read from `/proc/PID/environ`.

use std::fs;

use super::{PASSWORD, environ, run};
use crate::example;

const DB: &str = "file://app/db#password";

#[test]
fn the_command_gets_what_was_asked_for_and_nothing_else() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.args(["--env", &format!("DB={DB}"), "-e", "USER_NAME=file://app/db#/username"]);
    let expected = [
        "AWS_EC2_METADATA_DISABLED=true",
        &format!("DB={PASSWORD}"),
        "HOME=/nonexistent",
        "PATH=/usr/bin:/bin",
        "USER_NAME=app",
    ];
    assert_eq!(environ(&mut command), expected);
}

#[test]
fn pure_leaves_little_and_keep_keeps_by_name() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.env("LANG", "C").env("LC_TIME", "C").env("TERM", "dumb").env("EDITOR", "vi").env("APP_MODE", "x");
    command.env("STRAY", DB).args(["--pure", "--keep", "APP_*", "--env", &format!("DB={DB}")]);
    let expected = [
        "APP_MODE=x",
        &format!("DB={PASSWORD}"),
        "HOME=/nonexistent",
        "LANG=C",
        "LC_TIME=C",
        "PATH=/usr/bin:/bin",
        "TERM=dumb",
    ];
    assert_eq!(environ(&mut command), expected);
}

#[test]
fn allow_and_deny_win_over_keep_but_not_over_env() {
    let (_folder, file) = example();
    for filter in [["--deny", "APP_*"], ["--allow", "DB"]] {
        let mut command = run(&file);
        command.env("APP_MODE", "x").args(["--pure", "--keep", "APP_MODE", "--deny", "PATH", "--deny", "HOME"]);
        command.args(filter).args(["--env", &format!("APP_DB={DB}"), "--env", &format!("DB={DB}")]);
        assert_eq!(environ(&mut command), [format!("APP_DB={PASSWORD}"), format!("DB={PASSWORD}")]);
    }
}

#[test]
fn credentials_of_ours_and_of_the_providers_stay_behind() {
    let (_folder, file) = example();
    let credentials = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "VAULT_TOKEN",
        "VAULT_TOKEN_FILE",
        "VAULT_ROLE_ID",
        "VAULT_SECRET_ID",
        "VAULT_CLIENT_KEY",
        "BAO_TOKEN",
        "BAO_CLIENT_KEY",
        "BAO_SECRET_ID",
        "S1CRETS_RETRY",
        // GitHub's runner hands an ID token to whoever has these two, and AWS or Vault take that for a login.
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    ];
    let with_credentials = || {
        let mut command = run(&file);
        command.envs(credentials.map(|name| (name, "1")));
        command.env("AWS_REGION", "eu-west-1").env("VAULT_ADDR", "http://127.0.0.1:1").args(["--resolve", "*"]);
        command
    };
    let rest = ["AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=eu-west-1", "HOME=/nonexistent", "PATH=/usr/bin:/bin"];
    let rest = [&rest[..], &["VAULT_ADDR=http://127.0.0.1:1"]].concat();
    assert_eq!(environ(&mut with_credentials()), rest);

    let mut kept = with_credentials();
    kept.args(["--keep", "VAULT_TOKEN", "--keep", "AWS_SES*", "--keep", "*_CLIENT_KEY", "--keep", "ACTIONS_*"]);
    let kept: Vec<_> = environ(&mut kept).into_iter().filter(|variable| !rest.contains(&variable.as_str())).collect();
    let expected = [
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN=1",
        "ACTIONS_ID_TOKEN_REQUEST_URL=1",
        "AWS_SESSION_TOKEN=1",
        "BAO_CLIENT_KEY=1",
        "VAULT_CLIENT_KEY=1",
        "VAULT_TOKEN=1",
    ];
    assert_eq!(kept, expected);

    // Asked for by name, it is no longer ours.
    let mut asked = with_credentials();
    asked.args(["--env", &format!("VAULT_TOKEN={DB}")]);
    assert!(environ(&mut asked).contains(&format!("VAULT_TOKEN={PASSWORD}")));
}

#[test]
fn a_reference_stands_wherever_a_value_stands() {
    let (folder, file) = example();
    let env_file = folder.path().join(".env");
    fs::write(&env_file, format!("FROM_FILE={DB}\nLITERAL_IN_FILE='\\{DB}'\nEMPTY=\n")).unwrap();
    let mut command = run(&file);
    command.env("INHERITED", DB).env("LITERAL", format!("\\{DB}")).env("URL", "file:///etc/hosts");
    command.env("PART", format!("see {DB}")).env("UNKNOWN", "https://host/x").env("CELERY_BROKER_URL", "memory://");
    command.arg("--env-file").arg(&env_file).args(["--resolve", "*", "--deny", "AWS_*", "--deny", "HOME"]);
    let expected = [
        "CELERY_BROKER_URL=memory://",
        "EMPTY=",
        &format!("FROM_FILE={PASSWORD}"),
        &format!("INHERITED={PASSWORD}"),
        &format!("LITERAL={DB}"),
        &format!("LITERAL_IN_FILE={DB}"),
        &format!("PART=see {DB}"),
        "PATH=/usr/bin:/bin",
        "UNKNOWN=https://host/x",
        "URL=file:///etc/hosts",
    ];
    assert_eq!(environ(&mut command), expected);
}

#[test]
fn of_several_places_the_last_counts() {
    let (folder, file) = example();
    let [first, second, config] = ["first", "second", "s1crets.toml"].map(|name| folder.path().join(name));
    fs::write(&first, "A=file\nB=first\nC=first\nD=first\n").unwrap();
    fs::write(&second, "B=second\n").unwrap();
    fs::write(&config, "[secrets]\nA = \"file://app/db#username\"\nTABLE = \"file://app/db#username\"\n").unwrap();
    let mut command = run(&file);
    command.env("A", "inherited").env("B", "inherited").env("TABLE", "inherited");
    command.arg("--config").arg(&config).arg("--env-file").arg(&first).arg("--env-file").arg(&second);
    command.args(["--env", "C=file://app/db#username", "--allow", "[ABT]*"]);
    // What is asked for by name needs no leave.
    let expected = ["A=file", "AWS_EC2_METADATA_DISABLED=true", "B=second", "C=app", "TABLE=app"];
    // PATH is left out too: the command is given by its path.
    let output = command.args(["--", "/usr/bin/env"]).assert().success();
    let mut variables: Vec<_> = std::str::from_utf8(&output.get_output().stdout).unwrap().lines().collect();
    variables.sort_unstable();
    assert_eq!(variables, expected);
}

#[test]
fn bytes_that_are_no_text_arrive_as_they_are() {
    use std::os::unix::ffi::OsStrExt;

    let name = s1crets_testbed::unique("cli/bytes");
    crate::aws::seed().create_secret_binary(&name, b"\xff\xfe\x01");
    let mut command = crate::aws::on_moto();
    command.env("PATH", "/usr/bin:/bin").env("OTHER", std::ffi::OsStr::from_bytes(b"\xfd"));
    command.args(["run", "--pure", "--keep", "OTHER", "--env", &format!("KEY=aws.sm://{name}")]);
    let output = command.args(["--", "printenv", "KEY", "OTHER"]).assert().success();
    assert_eq!(output.get_output().stdout, b"\xff\xfe\x01\n\xfd\n");
}

#[test]
fn a_variable_of_which_the_config_file_says_that_it_holds_a_credential_stays_behind() {
    let (folder, file) = example();
    let config = folder.path().join("s1crets.toml");
    let text = "cache.key_variable = 'APP_CACHE_KEY'\n[providers.vault]\ntype = 'vault.kv'\n\
                auth = { method = 'token', env = 'CI_VAULT_TOKEN' }\n\
                [profiles.prod.providers.vault]\nauth = { method = 'token', env = 'PROD_TOKEN' }\n";
    fs::write(&config, text).unwrap();
    let with_credentials = || {
        let mut command = run(&file);
        command
            .env("CI_VAULT_TOKEN", "1")
            .env("APP_CACHE_KEY", "2")
            .env("PROD_TOKEN", "3")
            .args(["--resolve", "*", "--config"])
            .arg(&config);
        command
    };
    let rest = ["AWS_EC2_METADATA_DISABLED=true", "HOME=/nonexistent", "PATH=/usr/bin:/bin"];
    assert_eq!(environ(&mut with_credentials()), rest);
    // Whichever of them holds: the others are credentials too.
    assert_eq!(environ(with_credentials().args(["--config-profile", "prod"])), rest);
    assert_eq!(environ(with_credentials().env("S1CRETS_CACHE_KEY", "other")), rest);
    let mut kept = with_credentials();
    assert_eq!(environ(kept.args(["--keep", "CI_*"]))[1], "CI_VAULT_TOKEN=1");
}

/// Of the same user, it could read what stayed behind where it is left: in the process beside it.
#[test]
#[cfg(target_os = "linux")]
fn the_command_can_not_read_the_credentials_of_the_one_beside_it() {
    let s1crets = assert_cmd::cargo::cargo_bin("s1crets");
    for way in ["--redact", "--files"] {
        // Whoever may trace any process may read it: root, mostly.
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = std::process::Command::new("setpriv");
                command.args(["--bounding-set", "-all", "--inh-caps", "-all"]).arg(&s1crets);
                command
            }
            false => std::process::Command::new(&s1crets),
        };
        command.env_clear().env("PATH", "/usr/bin:/bin").env("VAULT_TOKEN", "hvs.ours").args([
            "run",
            way,
            "--resolve",
            "*",
            "--",
        ]);
        let output = command.args(["sh", "-c", "cat /proc/$PPID/environ; echo $?"]).output().unwrap();
        let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((&*printed, told.contains("Permission denied")), ("1\n", true), "{way}: {told}");
    }
}
