//! Vault from a shell: what `bao kv put` wrote is read, and `bao kv get` reads what `update` wrote.

use std::process::Command;

use assert_cmd::Command as Tested;
use s1crets_testbed::OpenBao;

/// The command with nothing of this process's environment that could name another server.
fn s1crets(bao: &OpenBao) -> Tested {
    let mut command = Tested::cargo_bin("s1crets").expect("built");
    for (name, _) in std::env::vars() {
        if ["VAULT_", "BAO_", "S1CRETS_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("VAULT_ADDR", bao.address()).env("VAULT_TOKEN", bao.root_token()).env("HOME", "/nonexistent");
    command
}

fn bao(bao: &OpenBao, arguments: &[&str]) -> String {
    let mut command = Command::new(OpenBao::program());
    let command = command.args(arguments).env("BAO_ADDR", bao.address()).env("BAO_TOKEN", bao.root_token());
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_command_and_bao_read_each_other() {
    let server = OpenBao::dev();
    bao(&server, &["kv", "put", "secret/myapp/database", "user=app", "password=hunter2"]);
    let get = ["get", "--provider", "vault.kv", "secret/myapp/database", "password"];
    s1crets(&server).args(get).assert().success().stdout("hunter2\n");
    s1crets(&server).args(["get", "vault.kv://secret/myapp/database#user"]).assert().success().stdout("app\n");

    let update = ["update", "--provider", "vault.kv", "secret/myapp/database", "--key", "password"];
    s1crets(&server).args(update).write_stdin("hunter3").assert().success();
    let field = |name: &str| bao(&server, &["kv", "get", &format!("-field={name}"), "secret/myapp/database"]);
    assert_eq!((field("password").trim_end(), field("user").trim_end()), ("hunter3", "app"));

    let exists = |path: &str| s1crets(&server).args(["exists", "--provider", "vault.kv", path]).assert();
    exists("secret/myapp/database").code(0);
    exists("secret/myapp").code(0);
    exists("secret/nothing").code(1);
    let listed = s1crets(&server).args(["get-by-path", "--provider", "vault.kv", "secret/myapp"]).assert().success();
    let listed = String::from_utf8(listed.get_output().stdout.clone()).expect("UTF-8");
    assert!(listed.starts_with("secret/myapp/database "), "{listed}");
}

#[test]
fn the_exit_status_tells_refused_from_missing_and_away() {
    let server = OpenBao::dev();
    let get = ["get", "--provider", "vault.kv", "secret/none"];
    s1crets(&server).args(get).assert().code(1);
    let refused = s1crets(&server).args(get).env("VAULT_TOKEN", "s.s1crets-canary").assert().code(3);
    assert!(!String::from_utf8_lossy(&refused.get_output().stderr).contains("canary"));
    s1crets(&server).args(get).env("VAULT_ADDR", "http://127.0.0.1:1").env("S1CRETS_RETRY", "1").assert().code(4);
    s1crets(&server).args(["get", "--provider", "vault.kv", "secret/../x"]).assert().code(2);
}

#[test]
fn who_has_no_token_is_not_logged_in() {
    let mut command = crate::s1crets();
    command.env("VAULT_ADDR", "http://127.0.0.1:1").args(["get", "vault.kv://secret/app"]);
    command.assert().code(3).stdout("").stderr(predicates::str::contains("vault login"));
}

/// The token that an AppRole login gets is nowhere to be read off, and neither is one that was
/// given.
#[test]
fn a_reference_reaches_neither_tokens_nor_policies() {
    let server = OpenBao::dev();
    bao(&server, &["auth", "enable", "userpass"]);
    bao(&server, &["write", "auth/userpass/users/bob", "password=x", "token_policies=app"]);
    bao(&server, &["auth", "enable", "approle"]);
    bao(&server, &["write", "auth/approle/role/ci", "token_policies=default"]);
    let role = bao(&server, &["read", "-field=role_id", "auth/approle/role/ci/role-id"]);
    let secret = bao(&server, &["write", "-f", "-field=secret_id", "auth/approle/role/ci/secret-id"]);
    let given = || s1crets(&server);
    let logged_in = || {
        let mut command = s1crets(&server);
        command.env_remove("VAULT_TOKEN").env("VAULT_ROLE_ID", role.trim()).env("VAULT_SECRET_ID", secret.trim());
        command
    };
    for spelling in ["auth/token/lookup-self", "%61uth/token/lookup-self", "auth%2Ftoken%2Flookup-self"] {
        let reference = format!("vault.kv://{spelling}#id");
        let bare = format!("vault.kv://{spelling}");
        for arguments in [
            vec!["get", &reference],
            vec!["get", "--json", &reference],
            vec!["exists", &bare],
            vec!["get-by-path", &bare],
            vec!["explain", &reference],
            vec!["export", "--format", "json", "--from", &bare],
            vec!["run", "--env", &format!("TOKEN={reference}"), "--", "env"],
        ] {
            for mut command in [given(), logged_in()] {
                let refused = command.args(&arguments).assert().code(2);
                let output = refused.get_output();
                let all = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
                assert!(all.contains("auth is Vault's login API, not a KV secrets engine"), "{arguments:?}: {all}");
                assert!(!all.contains(server.root_token()) && !all.contains("s."), "{arguments:?}: {all}");
            }
        }
    }
    for path in ["auth/userpass/users/bob", "sys/policies/acl/default", "identity/entity/name/bob"] {
        let update = ["update", &format!("vault.kv://{path}"), "--key", "token_policies"];
        given().args(update).write_stdin("root").assert().code(2);
    }
    let policies = bao(&server, &["read", "-field=token_policies", "auth/userpass/users/bob"]);
    assert_eq!(policies.trim(), "[app]");
}
