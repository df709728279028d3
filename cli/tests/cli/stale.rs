//! Stale values: how they are told, how old they may be, and reads that call no provider.

use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;

use s1crets_testbed::{Fault, FaultProxy, OpenBao, unique};

use crate::{cache::Bench, example, s1crets};

/// A secret and a listing on disk that have expired at once.
fn expired(bench: &Bench) -> (String, String) {
    let (secret, root) = (unique("cli/stale"), unique("/cli/stale"));
    bench.seed.create_secret(&secret, r#"{"a":"x"}"#);
    bench.seed.put_parameter(&format!("{root}/b"), "y", "SecureString");
    short_lived(bench, &["get", &secret]).assert().success().stderr("");
    short_lived(bench, &["get-by-path", &format!("aws.ps://{root}/")]).assert().success().stderr("");
    (secret, root)
}

/// A command for which values expire at once, and which makes one attempt.
fn short_lived(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    command.env("S1CRETS_CACHE_TTL", "1ms").env("PATH", "/usr/bin:/bin").args(["--retry", "1"]);
    command
}

/// Warned of once, on stderr.
fn told(name: &str) -> impl Predicate<str> {
    let pattern = format!(
        r"^s1crets: warning: stale value: {}, \d+s old, from disk \(last refresh failed: unavailable\)\n$",
        name.replace('.', r"\.")
    );
    predicate::str::is_match(pattern).unwrap()
}

#[test]
fn every_command_that_uses_a_stale_value_says_so_once() {
    let bench = Bench::start();
    let (secret, root) = expired(&bench);
    bench.proxy.fault_any(Fault::server_error()).always();
    let reference = format!("aws.sm://{secret}#a");
    let listing = format!("aws.ps://{root}/");
    let pair = format!("A={reference}");
    for (arguments, name, stdout) in [
        (&["get", &secret, "a"][..], &*reference, "x\n".to_owned()),
        (&["get-by-path", &listing], &listing, format!("{root}/b y\n")),
        (&["export", "--format", "gitlab-dotenv", &pair], "A", "A=x\n".to_owned()),
        (&["export", "--format", "gitlab-dotenv", "--from", &listing], "B", "B=y\n".to_owned()),
    ] {
        short_lived(&bench, arguments).assert().success().stdout(stdout).stderr(told(name));
    }
    let mut run = bench.command(&["run", "--retry", "1", "--env", &pair, "--", "printenv", "A"]);
    run.env("S1CRETS_CACHE_TTL", "1ms").env("PATH", "/usr/bin:/bin");
    run.assert().success().stdout("x\n").stderr(told("A"));
    let template = format!("{{{{ secret('{reference}') }}}}");
    let mut render = short_lived(&bench, &["render", "-"]);
    render.write_stdin(template).assert().success().stdout("x").stderr(told(&reference));
    let mut explain = short_lived(&bench, &["explain", &secret]);
    let line = predicate::str::is_match(r"cache +from the disk, \d+s old, stale, last refresh failed: unavailable\n");
    explain.assert().stdout(line.unwrap());
}

#[test]
fn json_has_the_age_the_source_and_whether_the_value_is_stale() {
    let bench = Bench::start();
    let (secret, root) = expired(&bench);
    let read = |mut command: Command| -> (Value, String) {
        let output = command.arg("--json").assert().success().get_output().clone();
        (serde_json::from_slice(&output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (loaded, warning) = read(bench.command(&["get", &secret, "--no-cache"]));
    assert_eq!((&loaded["stale"], &loaded["source"], &*warning), (&false.into(), &"provider".into(), ""));
    let (cached, warning) = read(bench.command(&["get", &secret]));
    assert_eq!((&cached["stale"], &cached["source"], &*warning), (&false.into(), &"disk".into(), ""));
    bench.proxy.fault_any(Fault::server_error()).always();
    let (stale, warning) = read(short_lived(&bench, &["get", &secret]));
    assert_eq!((&stale["stale"], &stale["source"]), (&true.into(), &"disk".into()));
    assert!(stale["age_seconds"].is_u64(), "{stale}");
    let warning: Value = serde_json::from_str(&warning).unwrap();
    assert!(warning["warning"]["message"].as_str().unwrap().starts_with("stale value: aws.sm://"), "{warning}");
    let (listing, _) = read(short_lived(&bench, &["get-by-path", &format!("aws.ps://{root}/")]));
    assert_eq!(listing[format!("{root}/b")]["stale"], true, "{listing}");
    // A provider without a cache has no age to tell.
    let (_folder, file) = example();
    let mut command = s1crets();
    command.arg("get").arg("app/db").arg("--file").arg(&file);
    let (plain, _) = read(command);
    assert_eq!((&plain["stale"], &plain["age_seconds"], &plain["source"]), (&false.into(), &Value::Null, &Value::Null));
}

#[test]
fn max_stale_bounds_how_long_an_expired_value_is_used() {
    let bench = Bench::start();
    let (secret, _) = expired(&bench);
    bench.proxy.fault_any(Fault::server_error()).always();
    let get = || short_lived(&bench, &["get", &secret, "a"]);
    get().assert().success();
    get().args(["--max-stale", "1h"]).assert().success().stdout("x\n");
    get().env("S1CRETS_CACHE_MAX_STALE", "1h").assert().success().stdout("x\n");
    get().args(["--max-stale", "0"]).assert().code(4).stdout("");
    get().env("S1CRETS_CACHE_MAX_STALE", "0").assert().code(4).stdout("");
    get().env("S1CRETS_CACHE_MAX_STALE", "0").args(["--max-stale", "1h"]).assert().success();
    get().args(["--max-stale", "soon"]).assert().code(2).stderr(predicate::str::contains("such as 30m"));
    // A bare number that can only be meant as milliseconds is refused as in the variable.
    get().args(["--max-stale", "3600000"]).assert().code(2).stderr(predicate::str::contains("add a unit"));
    get().env("S1CRETS_CACHE_MAX_STALE", "3600000").assert().code(5);
    get().args(["--max-stale", "60d"]).assert().success();
}

#[test]
fn offline_answers_from_disk_alone() {
    let bench = Bench::start();
    let (secret, root) = expired(&bench);
    let calls = bench.proxy.total();
    let offline = |arguments: &[&str]| {
        let mut command = short_lived(&bench, arguments);
        command.arg("--offline");
        command
    };
    let told = |name: &str| {
        predicate::str::is_match(format!(r"^s1crets: warning: stale value: {name}, \d+s old, from disk\n$"))
    };
    let reference = format!("aws.sm://{secret}#a");
    offline(&["get", &secret, "a"]).assert().success().stdout("x\n").stderr(told(&reference).unwrap());
    let listing = format!("aws.ps://{root}/");
    offline(&["get-by-path", &listing]).assert().success().stdout(format!("{root}/b y\n"));
    offline(&["export", "--format", "gitlab-dotenv", &format!("A={reference}")]).assert().success().stdout("A=x\n");
    offline(&["exists", &secret]).assert().success();
    offline(&["exists", &listing]).assert().success();
    offline(&["get", &secret, "nope"]).assert().code(1);
    let mut variable = short_lived(&bench, &["get", &secret, "a"]);
    variable.env("S1CRETS_CACHE_OFFLINE", "true").assert().success().stdout("x\n");
    offline(&["get", &secret, "--max-stale", "0"]).assert().code(4);

    let missing = predicate::str::contains("the client is offline, and the cache on disk does not hold this secret");
    let hint = predicate::str::contains("hint: to call the provider, leave out --offline");
    for arguments in [&["get", "nope"][..], &["get", "nope", "--default", "d"], &["export", "A=aws.sm://nope"]] {
        offline(arguments).assert().code(4).stdout("").stderr(missing.clone().and(hint.clone()));
    }
    offline(&["exists", "nope"]).assert().code(4);
    let unlisted = predicate::str::contains("does not hold this listing");
    offline(&["get-by-path", "aws.ps:///nope/"]).assert().code(4).stderr(unlisted);
    let mut update = offline(&["update", &secret]);
    update.write_stdin("z").assert().code(4).stderr(predicate::str::contains("the provider is not called"));
    offline(&["get", &secret, "--no-cache"]).assert().code(2);
    offline(&["explain", &secret]).assert().success().stdout(predicate::str::contains("stale"));
    let skipped = predicate::str::contains("warn aws.sm: not called");
    offline(&["doctor", "aws.sm"]).assert().success().stdout(skipped);
    assert_eq!(bench.proxy.total(), calls, "nothing was called");
}

#[test]
fn offline_without_a_disk_cache_says_how_to_turn_one_on() {
    let mut command = s1crets();
    let told = predicate::str::contains("no cache on disk").and(predicate::str::contains("S1CRETS_CACHE_DISK=true"));
    command.args(["get", "prod/db", "--offline"]).assert().code(5).stderr(told);
    // A provider that calls no backend is as it is.
    let (_folder, file) = example();
    let mut command = s1crets();
    command.args(["get", "app/db", "username", "--offline", "--file"]).arg(&file);
    command.assert().success().stdout("app\n").stderr("");
}

/// Without the note on disk, each of them would make a request of its own.
#[test]
fn commands_one_after_another_do_not_each_wait_for_a_failing_provider() {
    let bench = Bench::start();
    let (secret, _) = expired(&bench);
    let calls = bench.proxy.total();
    bench.proxy.fault_any(Fault::server_error()).always();
    for _ in 0..10 {
        short_lived(&bench, &["get", &secret, "a"])
            .assert()
            .success()
            .stdout("x\n")
            .stderr(predicate::str::contains("stale"));
    }
    // At once, it is one. On a slow machine the waits, which double, end meanwhile.
    let calls = bench.proxy.total() - calls;
    assert!((1..=6).contains(&calls), "{calls}");
    bench.proxy.clear();
    short_lived(&bench, &["get", &secret, "--no-cache"]).assert().success().stderr("");
    short_lived(&bench, &["get", &secret, "a"]).assert().success().stderr("");
}

#[test]
fn a_vault_that_can_not_be_reached_is_answered_for_from_disk() {
    let server = OpenBao::shared();
    let path = unique("stale");
    server.must("POST", &format!("secret/data/{path}"), &serde_json::json!({ "data": { "token": "t" } }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let proxy = runtime.block_on(FaultProxy::start(server.plain_address()));
    let home = tempfile::tempdir().unwrap();
    let reference = format!("vault.kv://secret/{path}#token");
    let get = || {
        let mut command = s1crets();
        command.env("HOME", home.path()).env("S1CRETS_CACHE_DISK", "true").env("S1CRETS_CACHE_TTL", "1ms");
        command.env("VAULT_ADDR", proxy.endpoint()).env("VAULT_TOKEN", server.root_token());
        command.args(["get", &reference, "--retry", "1"]);
        command
    };
    get().assert().success().stdout("t\n").stderr("");
    proxy.fault_any(Fault::unavailable()).always();
    for _ in 0..3 {
        get().assert().success().stdout("t\n").stderr(told(&reference));
    }
    get().args(["--max-stale", "0"]).assert().code(4);
}
