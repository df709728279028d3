//! `export`: formats and output files.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command as Process};

use predicates::prelude::*;
use tempfile::TempDir;

use crate::{example, in_trusted, s1crets};

const PASSWORD: &str = "DB_PASSWORD=file://app/db#password";
const VALUE: &str = "correct-horse-battery-staple";

fn export(file: &Path) -> assert_cmd::Command {
    let mut command = s1crets();
    command.arg("export").env("S1CRETS_FILE", file).env("S1CRETS_PROVIDER", "file");
    command
}

#[test]
fn each_format_is_written_for_its_reader() {
    let (_folder, file) = example();
    for (format, out) in [
        ("sh", format!("export DB_PASSWORD='{VALUE}'\n")),
        ("fish", format!("set -gx DB_PASSWORD '{VALUE}'\n")),
        ("powershell", format!("${{env:DB_PASSWORD}} = '{VALUE}'\n")),
        ("dotenv", format!("DB_PASSWORD='{VALUE}'\n")),
        ("json", format!("{{\n  \"DB_PASSWORD\": \"{VALUE}\"\n}}\n")),
        ("yaml", format!("\"DB_PASSWORD\": \"{VALUE}\"\n")),
        ("systemd", format!("DB_PASSWORD=\"{VALUE}\"\n")),
        ("gitlab-dotenv", format!("DB_PASSWORD={VALUE}\n")),
        ("azure", format!("##vso[task.setvariable variable=DB_PASSWORD;issecret=true]{VALUE}\n")),
        ("teamcity", format!("##teamcity[setParameter name='env.DB_PASSWORD' value='{VALUE}']\n")),
    ] {
        export(&file).args(["--format", format, PASSWORD]).assert().success().stdout(out).stderr("");
    }
    let manifest = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"app\"\ntype: Opaque\ndata:\n  \"DB_PASSWORD\": \
                    \"Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ==\"\n";
    export(&file).args(["-f", "k8s-secret", "--name", "app", PASSWORD]).assert().success().stdout(manifest);
    export(&file).args(["-f", "k8s-secret", PASSWORD]).assert().code(2).stderr(predicate::str::contains("--name"));
}

#[test]
fn the_command_from_the_help_sets_the_variable() {
    let (_folder, file) = example();
    let binary = assert_cmd::cargo::cargo_bin("s1crets");
    let script = format!("eval \"$({} export {PASSWORD})\" && printf %s \"$DB_PASSWORD\"", binary.display());
    let output = Process::new("sh").args(["-c", &script]).env_clear().env("S1CRETS_FILE", &file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), VALUE);
}

#[test]
fn without_names_the_secrets_of_the_config_and_its_profile_are_exported() {
    let (folder, file) = example();
    let config = format!(
        "[providers.file]\npath = {file:?}\n[secrets]\nA = \"file://app/db#password\"\nB = \"file://app/db#username\"\n\
         [profiles.ci.secrets]\nB = \"file://app/db#password\"\n"
    );
    fs::write(folder.path().join("s1crets.toml"), config).unwrap();
    let mut command = in_trusted(folder.path());
    command.args(["export", "-f", "gitlab-dotenv"]);
    command.assert().success().stdout(format!("A={VALUE}\nB=app\n"));
    command.args(["--config-profile", "ci"]).assert().success().stdout(format!("A={VALUE}\nB={VALUE}\n"));
    s1crets().arg("export").assert().code(2).stderr(predicate::str::contains("nothing to export"));
}

#[test]
fn export_and_run_take_the_secrets_of_the_config_or_leave_them_out_alike() {
    let (folder, file) = example();
    let config = folder.path().join("config.toml");
    let text = "[secrets]\nA = \"app/db#password\"\nB = \"app/db#username\"\nUSERNAME = \"app/none\"\n";
    fs::write(&config, format!("provider = \"file\"\n[providers.file]\npath = {file:?}\n{text}")).unwrap();
    let both = |arguments: &[&str], expected: &[&str]| {
        let mut export = s1crets();
        export.args(["export", "-f", "gitlab-dotenv", "--config"]).arg(&config).args(arguments);
        export
            .assert()
            .success()
            .stdout(expected.iter().map(|line| format!("{line}\n")).collect::<String>())
            .stderr("");
        let mut run = s1crets();
        run.args(["run", "--pure", "--config"]).arg(&config);
        for argument in arguments {
            run.args(if argument.contains('=') { vec!["--env", argument] } else { vec![*argument] });
        }
        let output = run.args(["--", "/usr/bin/env"]).assert().success().stderr("");
        let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
        let mut lines: Vec<_> = printed.lines().filter(|line| !line.starts_with("HOME=")).collect();
        lines.sort_unstable();
        assert_eq!(lines, expected, "{arguments:?}");
    };
    let (a, b) = (format!("A={VALUE}"), "B=app");
    // USERNAME can't be read, and need not be: it is replaced.
    both(&["USERNAME=app/db#username"], &[&a, b, "USERNAME=app"]);
    both(&["USERNAME=app/db#username", "B=app/db#password"], &[&a, &format!("B={VALUE}"), "USERNAME=app"]);
    both(
        &["--from", "app/db", "--prefix", ""],
        &[&a, b, &format!("PASSWORD={VALUE}"), "TYPE=credential", "USERNAME=app"],
    );
    both(&["--no-config-secrets", "C=app/db#username"], &["C=app"]);
    for command in [&["export"][..], &["run", "--", "true"]] {
        let mut without = s1crets();
        without.args(&command[..1]).arg("--no-config-secrets").arg("--config").arg(&config).args(&command[1..]);
        without.assert().code(2).stdout("");
    }
}

/// As with `--provider` and `--file` for any other path without a provider.
#[test]
fn a_bare_path_in_the_config_is_one_of_the_default_provider() {
    let (folder, file) = example();
    let config = folder.path().join("config.toml");
    fs::write(&config, "[secrets]\nA = \"app/db#password\"\n").unwrap();
    for options in [&["--file", file.to_str().unwrap()][..], &["--provider", "file"]] {
        let mut command = s1crets();
        command.args(["export", "-f", "gitlab-dotenv", "--config"]).arg(&config).args(options);
        command.env("S1CRETS_FILE", &file).assert().success().stdout(format!("A={VALUE}\n"));
    }
    let mut command = s1crets();
    command.args(["config", "show", "--config"]).arg(&config);
    command.assert().success().stdout(predicate::str::contains("secrets.A = \"aws.sm://app/db#password\"\n"));
}

#[test]
fn a_format_given_as_the_output_file_is_refused() {
    let (folder, file) = example();
    let in_folder = |arguments: &[&str]| {
        let mut command = export(&file);
        command.current_dir(folder.path()).arg(PASSWORD).args(arguments);
        command
    };
    for format in ["json", "yaml", "dotenv", "sh", "k8s-secret", "JSON"] {
        let told = predicate::str::contains(format!("--output takes a file, and {format} is a format"));
        let hint =
            predicate::str::contains(format!("hint: to select the format, use --format {}", format.to_lowercase()));
        in_folder(&["-o", format]).assert().code(2).stdout("").stderr(told.and(hint));
        assert!(!folder.path().join(format).exists());
    }
    in_folder(&["-o", "./json"]).assert().success();
    assert!(fs::read_to_string(folder.path().join("json")).unwrap().starts_with("export "));
    in_folder(&["-f", "yaml", "-o", "yaml"]).assert().success();
    assert!(folder.path().join("yaml").exists());
}

#[test]
fn from_exports_the_keys_of_a_secret_and_a_pair_overrides_them() {
    let (_folder, file) = example();
    let mut command = export(&file);
    command.args(["-f", "gitlab-dotenv", "--from", "app/db", "--prefix", "DB_", "DB_USERNAME=file://app/db#password"]);
    let shown = predicate::str::contains(format!("DB_PASSWORD={VALUE}\n"));
    command.assert().success().stdout(shown.and(predicate::str::contains(format!("DB_USERNAME={VALUE}\n"))));
}

#[test]
fn values_are_masked_before_they_are_exported() {
    let (folder, file) = example();
    let env = folder.path().join("github-env");
    let mut command = export(&file);
    command.args(["-f", "github-env", PASSWORD]).env("GITHUB_ACTIONS", "true").env("GITHUB_ENV", &env);
    command.assert().success().stderr(predicate::str::contains(format!("::add-mask::{VALUE}\n")));
}

#[test]
fn all_missing_secrets_are_reported_and_nothing_is_written() {
    let (folder, file) = example();
    let out = folder.path().join("out");
    let pairs = ["A=file://nope", PASSWORD, "B=file://app/db#nope"];
    let message = predicate::str::contains("A: get file://nope").and(predicate::str::contains("B: get file://app/db"));
    export(&file).args(pairs).arg("-o").arg(&out).assert().code(1).stdout("").stderr(message);
    assert!(!out.exists());
}

#[test]
fn an_output_file_is_private_whatever_the_umask() {
    let (folder, file) = example();
    let out = folder.path().join("app.env");
    export(&file).args(["-f", "systemd", PASSWORD, "-o"]).arg(&out).assert().success().stdout("");
    assert_eq!(fs::read_to_string(&out).unwrap(), format!("DB_PASSWORD=\"{VALUE}\"\n"));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn github_variables_are_appended_to_the_file_of_the_job() {
    let (folder, file): (TempDir, _) = example();
    let env = folder.path().join("github-env");
    fs::write(&env, "EARLIER=1\n").unwrap();
    export(&file).args(["-f", "github-env", PASSWORD]).env("GITHUB_ENV", &env).assert().success().stdout("");
    let text = fs::read_to_string(&env).unwrap();
    let (delimiter, rest) = text.strip_prefix("EARLIER=1\nDB_PASSWORD<<").unwrap().split_once('\n').unwrap();
    assert_eq!(rest, format!("{VALUE}\n{delimiter}\n"));
    // Without GITHUB_ENV it is printed, with another delimiter.
    let output = export(&file).args(["-f", "github-env", PASSWORD]).assert().success().get_output().stdout.clone();
    assert!(!String::from_utf8(output).unwrap().contains(delimiter));
}

#[test]
fn values_a_format_can_not_represent_are_refused_without_being_printed() {
    let (_folder, file) = example();
    for (pair, message) in [
        ("A-B=file://app/db#password", "A-B: the format sh can't represent this: a name consists of letters"),
        ("no reference", "is not of the form NAME=REFERENCE"),
        ("GITHUB_X=file://app/db#password", ""),
    ] {
        let command = &mut export(&file);
        match message {
            "" => command.args(["-f", "github-env", pair]).assert().code(2).stdout(""),
            message => command.arg(pair).assert().code(2).stdout("").stderr(predicate::str::contains(message)),
        };
    }
}

#[test]
fn the_json_option_selects_the_json_format_by_default() {
    let (_folder, file) = example();
    let json = format!("{{\n  \"DB_PASSWORD\": \"{VALUE}\"\n}}\n");
    export(&file).args(["--json", PASSWORD]).assert().success().stdout(json);
    export(&file)
        .args(["--json", "-f", "dotenv", PASSWORD])
        .assert()
        .success()
        .stdout(format!("DB_PASSWORD='{VALUE}'\n"));
}

#[test]
fn a_dash_means_standard_output_for_github_variables_too() {
    let (folder, file) = example();
    let job = folder.path().join("job.env");
    let mut command = export(&file);
    command.current_dir(folder.path()).env("GITHUB_ENV", &job).args(["-f", "github-env", "-o", "-", PASSWORD]);
    command.assert().success().stdout(predicate::str::contains(VALUE));
    assert!(!job.exists() && !folder.path().join("-").exists());
}
