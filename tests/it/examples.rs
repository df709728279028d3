//! The programs in `examples/` do what they say. `cargo test` builds them.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

fn example(name: &str) -> Command {
    // target/debug/deps/it-… -> target/debug/examples/name
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{} is not built: run all tests, or `cargo build --examples`", program.display());
    let mut command = Command::new(program);
    command.env_clear();
    command
}

#[test]
fn get_reads_the_example_file() {
    let output = example("get").output().unwrap();
    let printed = "user: app\nkeys to accept: 2\nregion: eu-west-1\n\
                   not_found: get file://app/nope#password: secret not found: 'app/nope'\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), printed);
}

#[test]
fn watch_connects_again_when_its_secret_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secrets.json");
    let entry = |user: &str| {
        format!(r#"{{"secrets":{{"app/db":{{"type":"credential","username":"{user}","password":"p"}}}}}}"#)
    };
    std::fs::write(&file, entry("one")).unwrap();
    let mut watching = example("watch").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "connected as one");
    std::fs::write(&file, entry("two")).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "connected as two again");
    watching.kill().unwrap();
    watching.wait().unwrap();
}
