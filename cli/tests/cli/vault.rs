//! Vault from a shell: what `bao kv put` wrote is read, and `bao kv get` reads what `update` wrote.

use std::process::Command;

use assert_cmd::Command as Tested;
use predicates::prelude::*;
use s1crets_testbed::{Answer, Authority, BaoProxy, OpenBao, Stub, TlsFront};
use serde_json::json;

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

/// The same words and the same status from each command, and never a default.
#[test]
fn a_mistake_in_the_settings_is_told_by_every_command() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "v": "found" } }));
    let with_path = format!("{}/v1", server.address());
    for (variable, value, reference, words, remedy) in [
        ("VAULT_ADDR", with_path.as_str(), "vault.kv://secret/app", "there is no API of Vault below", "leave it out"),
        ("VAULT_NAMESPACE", "nobody", "vault.kv://secret/app", "namespace not found", "check VAULT_NAMESPACE"),
        ("VAULT_NAMESPACE", "", "vault.kv://nowhere/app", "no handler for route", "bao secrets list"),
    ] {
        for arguments in [
            &["get", reference] as &[_],
            &["get", reference, "--default", "x"],
            &["exists", reference],
            &["get-by-path", reference],
            &["update", reference, "--key", "v", "x"],
            &["explain", reference],
            &["run", "--env", &format!("V={reference}"), "--", "true"],
            &["run", "--from", reference, "--", "true"],
            &["export", "--from", reference],
        ] {
            let mut command = s1crets(&server);
            let output = command.env(variable, value).args(arguments).assert().code(5);
            let output = output.get_output();
            let told = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
            assert!(told.contains(words) && told.contains(remedy), "{arguments:?}: {told}");
            assert!(!told.contains("not_found"), "{arguments:?}: {told}");
        }
    }
}

#[test]
fn slashes_that_are_too_many_are_dropped_and_names_below_stay_short() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/team/db/user", &json!({ "data": { "v": "found" } }));
    for path in ["secret/team/db", "/secret/team/db", "secret//team/db", "secret/team//db/"] {
        let from = format!("vault.kv://{path}");
        s1crets(&server).args(["exists", &from]).assert().code(0);
        s1crets(&server)
            .args(["export", "--from", &from])
            .assert()
            .success()
            .stdout("export USER='{\"v\":\"found\"}'\n");
    }
    s1crets(&server).args(["get", "vault.kv:///secret//team/db/user#v"]).assert().success().stdout("found\n");
}

#[test]
fn through_a_proxy_with_auto_auth_no_command_needs_a_token() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "v": "found" } }));
    let proxy = BaoProxy::start(server.address(), Some(server.root_token()));
    let socket = format!("unix://{}", proxy.socket().display());
    for (variable, address) in [("VAULT_AGENT_ADDR", proxy.address()), ("BAO_AGENT_ADDR", &socket)] {
        let command = || {
            let mut command = s1crets(&server);
            command.env_remove("VAULT_TOKEN").env("VAULT_ADDR", "http://127.0.0.1:1").env(variable, address);
            command
        };
        command().args(["get", "vault.kv://secret/app#v"]).assert().success().stdout("found\n");
        let told = command().args(["explain", "vault.kv://secret/app"]).assert().success();
        let told = String::from_utf8(told.get_output().stdout.clone()).expect("UTF-8");
        assert!(told.contains("none: no token is sent, an agent or proxy adds its own"), "{told}");
        assert!(told.contains(variable) && told.contains("identity   "), "{told}");
        command()
            .args(["doctor", "--provider", "vault.kv"])
            .assert()
            .success()
            .stdout(predicate::str::contains("none: no token is sent"));
    }
}

/// Each run of the command would leave a token behind.
#[test]
fn the_token_of_a_login_is_revoked_at_the_end_where_the_config_says_so() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "v": "found" } }));
    server.must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    server.policy("reader", r#"path "secret/*" { capabilities = ["read", "list"] }"#);
    let role = json!({ "token_policies": ["reader"], "bind_secret_id": false, "token_bound_cidrs": ["127.0.0.0/8"] });
    server.must("POST", "auth/approle/role/app", &role);
    let id = server.must("GET", "auth/approle/role/app/role-id", &json!(null));
    let id = id["data"]["role_id"].as_str().expect("an id").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("s1crets.toml");
    let tokens = || {
        let all = server.must("GET", "auth/token/accessors?list=true", &json!(null));
        all["data"]["keys"].as_array().expect("a list").len()
    };
    let before = tokens();
    for (revoke, left) in [(true, 0), (false, 4)] {
        let auth = format!("auth = {{ method = \"approle\", role_id = \"{id}\" }}\nrevoke_at_shutdown = {revoke}\n");
        std::fs::write(&config, format!("[providers.\"vault.kv\"]\n{auth}")).expect("written");
        for arguments in [
            &["get", "vault.kv://secret/app#v"] as &[_],
            &["exists", "vault.kv://secret/app"],
            &["explain", "vault.kv://secret/app"],
            &["run", "--env", "V=vault.kv://secret/app#v", "--", "true"],
        ] {
            let mut command = s1crets(&server);
            command.env_remove("VAULT_TOKEN").env("S1CRETS_CONFIG", &config).args(arguments).assert().success();
        }
        assert_eq!(tokens() - before, left, "revoke_at_shutdown = {revoke}");
    }
}

#[test]
fn who_has_no_token_is_not_logged_in() {
    let mut command = crate::s1crets();
    command.env("VAULT_ADDR", "http://127.0.0.1:1").args(["get", "vault.kv://secret/app"]);
    command.assert().code(3).stdout("").stderr(predicates::str::contains("vault login"));
}

/// A proxy in between, or the server itself, must not give commands to the CI system that reads the log.
#[test]
fn the_words_of_a_server_and_the_names_in_it_give_no_command_to_a_ci_system() {
    let server = OpenBao::dev();
    let name = "##vso[task.setvariable variable=x]::y";
    let path = "secret/data/ci/%23%23vso%5Btask.setvariable%20variable=x%5D::y";
    server.must("POST", path, &serde_json::json!({ "data": { "v": "1" } }));
    let output = s1crets(&server).args(["get-by-path", "vault.kv://secret/ci"]).assert().success();
    let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert_eq!(printed, "secret/ci/#\\u{23}vso[task.setvariable\\u{20}variable=x]::y {\"v\":\"1\"}\n");
    let output = s1crets(&server).args(["get-by-path", "vault.kv://secret/ci", "--json"]).assert().success();
    let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(json[format!("secret/ci/{name}")]["value"], r#"{"v":"1"}"#);
    assert!(!printed.contains("##"), "{printed}");

    let words = r#"{"errors":["no\n##vso[task.complete]\n::error::x"]}"#;
    let answers = answering(words);
    for more in [&[][..], &["--json"]] {
        let mut get = s1crets(&server);
        get.env("VAULT_ADDR", &answers).args(["get", "vault.kv://secret/x"]).args(more);
        let output = get.assert().failure();
        let told = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        assert!(told.contains("vso[task.complete]") && !told.contains("##vso["), "{told}");
        assert!(!told.lines().any(|line| line.trim_start().starts_with("::")), "{told}");
    }
}

/// A server that refuses everything, in these words: its address. It answers as long as the tests run.
fn answering(words: &str) -> String {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}",
        words.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// Whoever does not verify is told so by every command that connects, at any verbosity, and by
/// `explain` and `doctor`.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_verification_warns_on_standard_error_every_time() {
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "v": "x" } }));
    let folder = tempfile::tempdir().unwrap();
    let front = TlsFront::start(&Authority::create(folder.path()), server.address()).await;
    let (config, reference) = (folder.path().join("s1crets.toml"), "vault.kv://secret/app#v");
    let settings = format!(
        "[providers.\"vault.kv\"]\naddress = \"{}\"\ndanger_skip_verify = true\nretry = 1\n[secrets]\nV = \"{reference}\"\n",
        front.endpoint()
    );
    std::fs::write(&config, settings).unwrap();
    let token = server.root_token().to_owned();
    let asked = |args: &[&str], address: Option<&str>| {
        let mut command = crate::s1crets();
        command.args(args).env("S1CRETS_CONFIG", &config).env("VAULT_TOKEN", &token).env("PATH", "/usr/bin:/bin");
        command.envs(address.map(|address| ("VAULT_ADDR", address)));
        tokio::task::spawn_blocking(move || command.assert())
    };
    let warned = predicate::str::contains("are NOT verified at https://127.0.0.1:").count(1);
    for args in [
        &["get", reference][..],
        &["get", reference, "--json"],
        &["get", reference],
        &["exists", reference],
        &["get-by-path", "vault.kv://secret/"],
        &["export"],
        &["run", "--", "true"],
        &["explain", reference],
        &["doctor", "vault.kv"],
    ] {
        asked(args, None).await.unwrap().success().stderr(warned.clone());
    }
    let explained = predicate::str::contains("\nwarning    certificates of Vault are NOT verified at https://");
    asked(&["explain", reference], None).await.unwrap().stdout(explained);
    let examined = predicate::str::contains("warn vault.kv: certificates of Vault are NOT verified at https://");
    asked(&["doctor", "vault.kv"], None).await.unwrap().success().stdout(examined);
    let shown = predicate::str::contains("# warning: vault.kv: certificates of Vault are NOT verified at https://");
    asked(&["config", "show"], None).await.unwrap().success().stdout(shown);
    // The file did not name this server: its certificate is checked, and that is told too.
    let second = tempfile::tempdir().unwrap();
    let other = TlsFront::start(&Authority::create(second.path()), server.address()).await;
    let refused = asked(&["get", reference], Some(other.endpoint())).await.unwrap().code(5).stdout("");
    refused.stderr(predicate::str::contains("`danger_skip_verify`").and(predicate::str::contains("is not followed")));
}

/// A certificate that is not accepted is told by the same words wherever it is met, and is never
/// answered by a default.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_tells_a_bad_certificate_by_the_same_words() {
    let server = OpenBao::dev();
    let folder = tempfile::tempdir().unwrap();
    let front = TlsFront::start(&Authority::create(folder.path()), server.address()).await;
    let (config, reference) = (folder.path().join("s1crets.toml"), "vault.kv://secret/app#v");
    std::fs::write(&config, format!("[secrets]\nV = \"{reference}\"\n")).unwrap();
    let template = folder.path().join("template");
    std::fs::write(&template, format!("{{{{ secret(\"{reference}\") }}}}")).unwrap();
    let asked = |args: &[&str]| {
        let mut command = crate::s1crets();
        command.args(args).env("S1CRETS_CONFIG", &config).env("PATH", "/usr/bin:/bin");
        command.env("VAULT_ADDR", front.endpoint()).env("VAULT_TOKEN", server.root_token());
        command.env("VAULT_SKIP_VERIFY", "true");
        tokio::task::spawn_blocking(move || command.assert())
    };
    let host = front.endpoint().trim_start_matches("https://");
    let problem = format!("the certificate of {host} is not trusted: its issuer is not known here");
    for args in [
        &["get", reference][..],
        &["get", reference, "--default", "x"],
        &["exists", reference],
        &["export"],
        &["run", "--", "true"],
        &["render", template.to_str().unwrap()],
        &["explain", reference],
        &["doctor", "vault.kv"],
    ] {
        let answer = asked(args).await.unwrap().code(5);
        let output = answer.get_output();
        let text = String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned();
        for words in [&*problem, "VAULT_CACERT (BAO_CACERT)", "VAULT_SKIP_VERIFY is not followed"] {
            assert!(text.contains(words), "{args:?}: {words}\n{text}");
        }
    }
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
                // A service token of OpenBao is `s.` and 24 letters and digits.
                let is_token = |word: &str| word.starts_with("s.") && word.len() >= 26;
                let mut words = all.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.');
                assert!(!all.contains(server.root_token()) && !words.any(is_token), "{arguments:?}: {all}");
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

/// The first failure has a higher status than the last one.
#[test]
fn keep_going_exits_with_the_highest_status_of_all_failures() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("built");
    let stub = runtime.block_on(Stub::start(|request| match request.path.split('?').next().unwrap_or_default() {
        path if path.starts_with("/v1/sys/internal/ui/mounts/") => {
            Answer::new(200, json!({ "data": { "path": "kv/", "type": "kv", "options": { "version": "1" } } }))
        }
        "/v1/auth/token/lookup-self" => Answer::new(200, json!({ "data": { "ttl": 0, "renewable": false } })),
        "/v1/kv/app/corrupt" => Answer::new(200, "<html>"),
        "/v1/kv/app/denied" => Answer::new(403, json!({ "errors": ["permission denied"] })),
        "/v1/kv/app/fine" => Answer::new(200, json!({ "lease_duration": 2_764_800, "data": { "v": "the value" } })),
        _ => Answer::new(200, json!({ "data": { "keys": ["corrupt", "denied", "fine"] } })),
    }));
    let mut command = Tested::cargo_bin("s1crets").expect("built");
    command.env_clear().env("HOME", "/nonexistent").env("VAULT_ADDR", stub.endpoint()).env("VAULT_TOKEN", "t");
    let listed = command.args(["get-by-path", "--keep-going", "vault.kv://kv/app"]).assert();
    let errors = String::from_utf8_lossy(&listed.get_output().stderr).into_owned();
    let (corrupt, denied) = (errors.find("kv/app/corrupt: "), errors.find("kv/app/denied: "));
    assert!(corrupt.is_some() && corrupt < denied, "{errors}");
    listed.code(5).stdout(predicate::str::contains("the value"));
}
