//! `run --redact`: the output of the program, with values replaced by `***`.

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use predicates::prelude::*;
use serde_json::json;

use super::{PASSWORD, run};
use crate::{canary::shows, example};

#[test]
fn no_value_is_printed_in_any_encoding() {
    let (_folder, file) = example();
    let value = "s3cr3t/välue \"with\" 'quotes' & <more>\nand-another-line\n";
    fs::write(&file, json!({ "secrets": { "a": { "v": value } } }).to_string()).unwrap();
    let script = r#"
import base64, json, os, shlex, sys, urllib.parse, html
v = os.environ["V"]
b = v.encode()
print(v)
for line in v.splitlines(): print("  |", line)
for shift in range(3):
    print(base64.b64encode(b"x" * shift + b + b"tail").decode(), base64.urlsafe_b64encode(b"x" * shift + b).decode())
print(b.hex(), b.hex().upper(), json.dumps(v), json.dumps(v, ensure_ascii=False), html.escape(v))
print(urllib.parse.quote(v), urllib.parse.quote(v, safe=""), urllib.parse.quote_plus(v), shlex.quote(v))
print(repr(v), ascii(v), repr(b), b, file=sys.stderr)
print("fine")
"#;
    let mut command = run(&file);
    command.args(["--redact", "--env", "V=file://a#v", "--", python().as_str(), "-c", script]);
    let output = command.assert().success().stdout(predicate::str::ends_with("fine\n"));
    let printed = [&output.get_output().stdout[..], &output.get_output().stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    for part in ["s3cr3t", "välue", "quotes", "another", "6e6f74686572", "6E6F74686572", "with"] {
        assert!(!printed.contains(part), "{part} in {printed}");
    }
    for part in ["s3cr3t/v", "and-another-line"] {
        assert!(!shows(printed.as_bytes(), part), "{part} in {printed}");
    }
}

#[test]
fn both_streams_keep_their_destinations() {
    let (_folder, file) = example();
    let mut command = run(&file);
    let script = r#"echo "out $DB."; echo "err $DB." >&2; exit 3"#;
    command.args(["--redact", "--env", "DB=file://app/db#password", "--", "sh", "-c", script]);
    command.assert().code(3).stdout("out ***.\n").stderr("err ***.\n");
}

#[test]
fn streams_to_one_destination_keep_their_order() {
    let (folder, file) = example();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file);
    command.args(["run", "--redact", "--env", "DB=file://app/db#password", "--", "sh", "-c"]);
    command.arg("for i in 1 2 3 4 5; do echo out $i $DB; echo err $i >&2; done");
    command.stdout(log.try_clone().unwrap()).stderr(log);
    assert!(command.status().unwrap().success());
    let expected: String = (1..6).map(|i| format!("out {i} ***\nerr {i}\n")).collect();
    assert_eq!(fs::read_to_string(folder.path().join("log")).unwrap(), expected);
}

#[test]
fn a_prompt_is_not_held_back() {
    let (_folder, file) = example();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    child.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).stdin(Stdio::piped());
    child.args(["run", "--redact", "--env", "DB=file://app/db#password", "--", "sh", "-c"]);
    let mut child = child.arg("printf 'Name: '; read name; echo $name").stdout(Stdio::piped()).spawn().unwrap();
    let mut prompt = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Name: ");
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_value_printed_in_pieces_is_redacted() {
    let (_folder, file) = example();
    let script = "for part in correct -horse- batter y-staple; do printf %s $part; sleep 0.05; done; echo .";
    let mut command = run(&file);
    command.args(["--redact", "--env", "DB=file://app/db#password", "--", "sh", "-c", script]);
    command.assert().success().stdout("***.\n");
}

/// The command needs its proxy, but the log must not show the password for it.
#[test]
fn the_password_of_a_proxy_is_redacted() {
    let (_folder, file) = example();
    let mut command = run(&file);
    command.env("HTTPS_PROXY", "http://me:p%40ss-wOrd@proxy:3128").env("all_proxy", "socks5://me:hunter2@proxy");
    command
        .env("NO_PROXY", "localhost")
        .env("SHORT_PROXY", "http://me:pin@proxy")
        .args(["--redact", "--pure", "--keep", "*"]);
    let script = "echo $HTTPS_PROXY $all_proxy $NO_PROXY; echo 'p@ss-wOrd'; printf me:hunter2 | base64";
    let message = "s1crets: warning: the password of SHORT_PROXY is shorter than 4 bytes: it is not redacted\n";
    let shown = "http://me:***@proxy:3128 socks5://me:***@proxy localhost\n***\n";
    let output = command.args(["--", "sh", "-c", script]).assert().success().stderr(message);
    let printed = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(printed.starts_with(shown) && !printed.contains("aHVudGVy"), "{printed}");
}

#[test]
fn values_too_short_to_redact_are_reported_by_name() {
    let (_folder, file) = example();
    fs::write(&file, r#"{"secrets": {"a": {"pin": "421"}}}"#).unwrap();
    let mut command = run(&file);
    command.args(["--redact", "--env", "PIN=file://a#pin", "--", "printenv", "PIN"]);
    let message = "s1crets: warning: PIN is shorter than 4 bytes: it is not redacted\n";
    command.assert().success().stdout("421\n").stderr(message);
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_command() {
    let (_folder, file) = example();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    child.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file);
    child.args(["run", "--redact", "--env", "DB=file://app/db#password", "--", "yes"]);
    let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 1000]).unwrap();
    drop(stdout);
    // SIGPIPE.
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn megabytes_of_other_output_pass_unchanged() {
    let (folder, file) = example();
    let noise: Vec<u8> = (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let text = [noise.as_slice(), PASSWORD.as_bytes(), &noise, STANDARD.encode(PASSWORD).as_bytes()].concat();
    fs::write(folder.path().join("noise"), text).unwrap();
    let mut command = run(&file);
    command.args(["--redact", "--env", "DB=file://app/db#password", "--", "cat"]).arg(folder.path().join("noise"));
    let output = command.assert().success();
    assert!(output.get_output().stdout == [noise.as_slice(), b"***", &noise, b"***"].concat());
}

#[test]
fn a_value_that_is_too_large_to_redact_is_refused_before_the_command_starts() {
    let (folder, file) = example();
    let value = "0123456789abcdef".repeat((33 << 20) / 16);
    fs::write(&file, json!({ "secrets": { "big": { "v": value } } }).to_string()).unwrap();
    let mut command = run(&file);
    command.args(["--redact", "--files", "--env", "BIG=file://big#v", "--", "touch", "started"]);
    let message = predicate::str::contains("BIG can't be redacted").and(predicate::str::contains("more than 256 MiB"));
    command.current_dir(folder.path()).assert().code(2).stdout("").stderr(message);
    assert!(!folder.path().join("started").exists());
}

/// The largest value that AWS stores. The program prints it whole, in lines and as a literal.
#[test]
fn a_large_value_is_redacted() {
    let (_folder, file) = example();
    let line = |index: u64| format!("{:016x}+{index:05}/=", index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let value: String = (0..2700).map(|index| line(index) + "\n").collect();
    fs::write(&file, json!({ "secrets": { "big": { "v": value.trim() } } }).to_string()).unwrap();
    let script = r#"
import json, os
path = os.environ["BIG_FILE"]
value = open(path).read()
print(value); print(value.replace("\n", "")); print(repr(value.encode())); print(json.dumps(value))
"#;
    let mut command = run(&file);
    command.args(["--redact", "--files", "--env", "BIG=file://big#v", "--", python().as_str(), "-c", script]);
    let output = command.assert().success();
    let printed = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(!printed.contains("+0") && printed.len() < 20_000, "{} bytes are left", printed.len());
}

/// A real interpreter: a version manager's shim would need a home folder.
fn python() -> String {
    ["/usr/bin/python3", "/usr/local/bin/python3"]
        .into_iter()
        .find(|path| fs::exists(path).unwrap_or(false))
        .map_or_else(from_path, str::to_owned)
}

fn from_path() -> String {
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let (_folder, file) = example();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file);
    command.args(["run", "--redact", "--env", "V=file://app/db#password", "--", "sh", "-c", "echo x"]);
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(5) && told.contains("can't pass on the output of the program: "), "{told}");
}

/// Some supervisors start jobs like that. Then the system would reap our child before we do.
#[test]
fn the_exit_status_is_known_even_if_sigchld_is_ignored() {
    let (_folder, file) = example();
    let script = r#"
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"#;
    let mut python = assert_cmd::Command::new(python());
    python.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).args(["-c", script]);
    python.arg(assert_cmd::cargo::cargo_bin("s1crets"));
    python.args(["run", "--redact", "--env", "V=file://app/db#password", "--", "sh", "-c", "exit 7"]);
    python.assert().code(7).stderr("");
}

/// Another process that shares the pipe may have made it non-blocking.
#[test]
fn a_slow_reader_gets_all_output() {
    let (_folder, file) = example();
    let script = r#"
import os, subprocess, sys, time
reading, writing = os.pipe()
os.set_blocking(writing, False)
child = subprocess.Popen(sys.argv[1:], stdout=writing)
os.close(writing)
time.sleep(0.3)
got = 0
while piece := os.read(reading, 65536):
    got += len(piece)
print(got, child.wait())
"#;
    let mut python = assert_cmd::Command::new(python());
    python.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", &file).args(["-c", script]);
    python.arg(assert_cmd::cargo::cargo_bin("s1crets"));
    python.args(["run", "--redact", "--env", "V=file://app/db#password", "--", "seq", "100000"]);
    python.assert().success().stdout("588895 0\n");
}
