//! docs/cli.md, command by command: its files are written as they stand there, and what each command prints is compared.

use std::{fs, path::Path, process::Command};

use s1crets_testbed::{AwsSeed, Moto, OpenBao};
use serde_json::json;

use crate::root;

/// A region that no other test uses, so that the names of the page are free.
const REGION: &str = "ca-central-1";

#[test]
fn every_command_of_the_page_prints_what_is_written() {
    let page = fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    fs::copy(root().join("examples/secrets.json"), folder.path().join("examples/secrets.json")).unwrap();
    AwsSeed::new(Moto::shared().endpoint(), REGION).create_secret("prod/db", r#"{"password": "from-aws"}"#);
    let vault = OpenBao::dev();
    vault.must("POST", "secret/data/app", &json!({ "data": { "token": "from-vault" } }));
    let mut run = 0;
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').unwrap();
        match info.split_once(' ') {
            Some((_, file)) => fs::write(folder.path().join(file), format!("{text}\n")).unwrap(),
            None => {
                assert_eq!(info, "console", "a block is a file, or commands");
                for example in format!("\n{text}").split("\n$ ").skip(1) {
                    let (command, expected) = example.split_once('\n').unwrap_or((example, ""));
                    let printed = printed(folder.path(), &vault, command);
                    assert!(is_like(&printed, expected.trim_end()), "$ {command}\n{printed}\nis not\n{expected}");
                    run += 1;
                }
            }
        }
    }
    assert!(run > 20, "the page has commands: {run}");
}

fn printed(folder: &Path, vault: &OpenBao, command: &str) -> String {
    let program = assert_cmd::cargo::cargo_bin("s1crets");
    let mut shell = Command::new("sh");
    shell.env_clear().current_dir(folder).args(["-c", &format!("exec 2>&1; {command}")]);
    shell.env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display())).env("HOME", folder);
    shell.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", REGION);
    shell.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_ENDPOINT_URL", Moto::shared().endpoint());
    shell.env("VAULT_ADDR", vault.address()).env("VAULT_TOKEN", vault.root_token());
    String::from_utf8(shell.output().unwrap().stdout).unwrap().trim_end().to_owned()
}

/// Whether a text is as it is written, where `…` stands for whatever is left of a word or a line.
fn is_like(text: &str, written: &str) -> bool {
    let mut lines = written.lines();
    let same = text.lines().all(|line| {
        lines.next().is_some_and(|written| match written.split_once('…') {
            Some((before, after)) => {
                line.len() >= before.len() + after.len() && line.starts_with(before) && line.ends_with(after)
            }
            None => line == written,
        })
    });
    same && lines.next().is_none()
}
