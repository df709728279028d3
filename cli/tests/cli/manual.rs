use predicates::prelude::*;

use crate::{root, s1crets};

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        "get",
        "get-by-path",
        "exists",
        "update",
        "run",
        "export",
        "render",
        "explain",
        "doctor",
        "config",
        "completions",
        "man",
    ] {
        s1crets().args([command, "--help"]).assert().success().stdout(predicate::str::contains("Example"));
    }
}

/// By the library that is linked. The tests are built in the checkout, where `.cargo/config.toml` sets the switch unless it
/// is set already; cargo hands it on to the tests too.
#[test]
fn verbose_version_prints_whether_aws_lc_was_built_with_jitter_entropy() {
    let switch = std::env::var("AWS_LC_SYS_NO_JITTER_ENTROPY").unwrap_or_default();
    let state = if switch == "0" { "on" } else { "off" };
    let version = format!("s1crets {}\n", env!("CARGO_PKG_VERSION"));
    let told = format!("{version}AWS-LC jitter entropy: {state}\n");
    for typed in [&["--version", "--verbose"][..], &["--verbose", "--version"], &["-Vv"], &["-v", "-V"]] {
        s1crets().args(typed).assert().success().stdout(told.clone()).stderr("");
    }
    s1crets().arg("--version").assert().success().stdout(version);
}

/// A doc comment on a struct of shared options would replace the description of the command.
#[test]
fn the_help_of_a_command_starts_with_its_line_in_the_overview() {
    let overview = s1crets().arg("--help").assert().success();
    let overview = String::from_utf8(overview.get_output().stdout.clone()).unwrap();
    let commands = overview.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let mut checked = 0;
    for line in commands.lines() {
        // A description that goes on on the next line is indented further.
        let Some((command, said)) = line.trim_start().split_once("  ").filter(|_| !line.starts_with("   ")) else {
            continue;
        };
        if command == "help" {
            continue;
        }
        let help = s1crets().args([command, "--help"]).assert().success();
        let help = String::from_utf8(help.get_output().stdout.clone()).unwrap();
        assert!(help.starts_with(said.trim()), "{command}: {help}");
        checked += 1;
    }
    assert!(checked >= 13, "{overview}");
}

#[test]
fn global_options_are_described_once_by_the_help_of_the_program() {
    let help = |arguments: &[&str]| {
        let help = s1crets().args(arguments).assert().success();
        String::from_utf8(help.get_output().stdout.clone()).unwrap()
    };
    for short_or_long in ["-h", "--help"] {
        assert!(help(&[short_or_long]).contains("--config-profile"), "{short_or_long}");
        for command in [&["get"][..], &["run"], &["config"], &["config", "show"], &["cache", "stats"]] {
            let help = help(&[command, &[short_or_long]].concat());
            assert!(!help.contains("--config-profile <NAME>"), "{command:?}: {help}");
            assert!(help.contains("described by `s1crets --help`"), "{command:?}: {help}");
        }
    }
    assert!(!help(&["help", "get"]).contains("--config-profile <NAME>"));
    // They still work with every command.
    s1crets().args(["config", "path", "--no-config", "--json"]).assert().code(1).stderr("");
}

#[test]
fn short_help_is_shorter_than_long_help() {
    for command in ["get", "get-by-path", "update", "run", "export", "render", "doctor", "explain"] {
        let length = |option| s1crets().args([command, option]).assert().success().get_output().stdout.len();
        assert!(length("-h") < length("--help"), "{command}");
    }
    s1crets().arg("-h").assert().success().stdout(predicate::str::contains("Exit status").not());
    s1crets().arg("--help").assert().success().stdout(predicate::str::contains("Exit status:").count(1));
}

#[test]
fn the_help_of_update_warns_about_values_in_arguments() {
    let warning = predicate::str::contains("list of processes");
    s1crets().args(["update", "--help"]).assert().success().stdout(warning);
}

#[test]
fn completions_and_manual_pages_are_written() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        s1crets().args(["completions", shell]).assert().success().stdout(predicate::str::contains("get-by-path"));
    }
    let folder = tempfile::tempdir().unwrap();
    // The folder does not exist yet.
    let pages = folder.path().join("man1");
    s1crets().arg("man").arg(&pages).assert().success();
    let page = std::fs::read_to_string(pages.join("s1crets-get.1")).unwrap();
    assert!(page.contains("s1crets get prod/db password"), "{page}");
    assert!(!page.contains("config\\-profile"), "global options are in s1crets.1 only: {page}");
    assert!(std::fs::read_to_string(pages.join("s1crets.1")).unwrap().contains("config\\-profile"));
}

/// Every line that begins with `$ s1crets` in these pages is run on the example's file; what stands below it, up to the
/// next blank line or prompt, is what it prints.
#[test]
fn the_commands_of_the_pages_do_what_is_written() {
    let mut run = 0;
    for page in ["README.md", "docs/providers.md", "docs/providers/file.md", "docs/migrating.md", "docs/run.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            for example in block.split("$ ").skip(1).filter(|example| example.starts_with("s1crets ")) {
                let (command, printed) = example.split_once('\n').unwrap();
                check(page, command, printed.split("\n\n").next().unwrap().trim_end());
                run += 1;
            }
        }
    }
    assert!(run >= 5, "the pages have examples");
}

fn check(page: &str, command: &str, printed: &str) {
    let mut shell = assert_cmd::Command::new("sh");
    let path = assert_cmd::cargo::cargo_bin("s1crets");
    let path = format!("{}:/usr/bin:/bin", path.parent().unwrap().display());
    // A copy: an example may update it.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("examples")).unwrap();
    std::fs::copy(root().join("examples/secrets.json"), folder.path().join("examples/secrets.json")).unwrap();
    shell.env_clear().env("PATH", path).current_dir(folder.path()).args(["-c", &format!("exec 2>&1; {command}")]);
    let output = shell.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim_end(), printed, "{page}: {command}");
}
