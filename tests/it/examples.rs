//! The programs in `examples/` do what they say. `cargo test` builds them.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use s1crets_testbed::OpenBao;
use serde_json::json;

use crate::vault::api::leasing_engine;

fn example(name: &str) -> Command {
    // target/debug/deps/it-… -> target/debug/examples/name
    let test = std::env::current_exe().unwrap();
    let program: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{} is not built: run all tests, or `cargo build --examples`", program.display());
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// The package outside the workspace: a provider, a login and a lease on the public API alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_vault_plugin_logs_in_provides_and_renews_a_lease() {
    let bao = OpenBao::dev();
    bao.must("POST", "sys/auth/people", &json!({ "type": "userpass" }));
    bao.policy(
        "plugin",
        r#"path "leased/creds/app" { capabilities = ["read"] }
           path "sys/leases/*" { capabilities = ["update"] }"#,
    );
    let user = json!({ "password": "a-password-of-tests", "token_policies": ["plugin"] });
    bao.must("POST", "auth/people/users/app", &user);
    let _management = leasing_engine(&bao, "leased").await;

    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/vault-plugin");
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/it-…: dependencies that the workspace has built the same way are reused.
    let target = test.ancestors().nth(3).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--frozen", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .args(["--", bao.address(), "app", "people"])
        .env("CARGO_TARGET_DIR", target)
        .env("VAULT_PLUGIN_PASSWORD", "a-password-of-tests")
        .output()
        .unwrap();
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(printed, "note: kept by the token\nrenewed: 3600s\nrevoked\n", "{errors}");
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
    assert_eq!(lines.next().unwrap().unwrap(), "reconnected as two");
    watching.kill().unwrap();
    watching.wait().unwrap();
}
