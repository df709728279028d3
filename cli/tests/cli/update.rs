//! What `update` stores, byte for byte, and what it refuses.

use std::{
    path::Path,
    process::{Command as Process, Stdio},
};

use predicates::prelude::*;
use s1crets_testbed::{Fault, FaultProxy, Moto, OpenBao, unique};
use serde_json::{Value, json};

use crate::{
    aws::{on_moto, seed},
    example, s1crets,
};

const OBJECT: &str = r#"{"user":"app","password":"old"}"#;

/// The text or bytes of a secret in AWS, as AWS has it.
fn stored(name: &str) -> Vec<u8> {
    let secret = seed().call("secretsmanager.GetSecretValue", &json!({ "SecretId": name })).unwrap();
    match (&secret["SecretString"], &secret["SecretBinary"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(base64)) => {
            use base64::{Engine, engine::general_purpose::STANDARD};
            STANDARD.decode(base64).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn stored_text(name: &str) -> String {
    String::from_utf8(stored(name)).unwrap()
}

/// `printf x | s1crets update prod/db password`: who typed it meant a key.
#[test]
fn plain_text_does_not_replace_a_json_object_unless_that_is_asked_for() {
    let name = unique("update/object");
    seed().create_secret(&name, OBJECT);
    let refused = predicate::str::contains("the current value is a JSON object").and(predicate::str::contains(
        "hint: to change one key, add --key KEY; to replace the whole value, add --replace",
    ));
    for (arguments, stdin) in [
        (&["password"][..], "x"),
        (&[], "x"),
        (&[], "[1]"),
        (&["--as-json"], "[1]"),
        (&["--as-json"], "7"),
        (&[], "{broken"),
        (&[""], ""),
        (&["--value-file", "-"], "\u{fffd}"),
        (&["password", "--json"], ""),
    ] {
        let mut update = on_moto();
        update.args(["update", &name]).args(arguments).write_stdin(stdin);
        let told = update.assert().code(2).stdout("").get_output().stderr.clone();
        let told = String::from_utf8(told).unwrap();
        let is_refused = if arguments.contains(&"--json") { told.contains("JSON object") } else { refused.eval(&told) };
        assert!(is_refused && !told.contains("old"), "{told}");
        assert_eq!(stored_text(&name), OBJECT, "{arguments:?}");
    }
    // Another object is no loss of keys that anybody could see here.
    on_moto().args(["update", &name]).write_stdin("{\"user\": \"b\"}\n").assert().success().stderr("");
    assert_eq!(stored_text(&name), "{\"user\": \"b\"}");
    on_moto().args(["update", &name, "--replace"]).write_stdin("plain").assert().success().stderr("");
    assert_eq!(stored_text(&name), "plain");
    // Text over text, and an object over text, need nothing.
    on_moto().args(["update", &name]).write_stdin("text").assert().success();
    on_moto().args(["update", &name]).write_stdin(OBJECT).assert().success();
    assert_eq!(stored_text(&name), OBJECT);
    on_moto().args(["update", &name, "--replace", "--key", "user"]).write_stdin("x").assert().code(2);
    // An array is kept, too.
    on_moto().args(["update", &name, "--replace"]).write_stdin("[1, 2]").assert().success();
    let refused = predicate::str::contains("the current value is a JSON array").and(predicate::str::contains("items"));
    on_moto().args(["update", &name]).write_stdin("x").assert().code(2).stderr(refused);
    on_moto().args(["update", &name]).write_stdin("[3]").assert().success();
    assert_eq!(stored_text(&name), "[3]");
}

#[test]
fn a_parameter_that_is_a_json_object_is_kept_too() {
    let name = unique("/update/object");
    seed().put_parameter(&name, OBJECT, "SecureString");
    let update = |arguments: &[&str]| {
        let mut command = on_moto();
        command.args(["update", "--provider", "aws.ps", &name]).args(arguments).write_stdin("x\n");
        command.assert()
    };
    update(&[]).code(2).stderr(predicate::str::contains("add --key KEY"));
    update(&["--key", "password"]).success();
    on_moto().args(["get", &format!("aws.ps://{name}#password")]).assert().success().stdout("x\n");
    update(&["--replace"]).success();
    on_moto().args(["get", &format!("aws.ps://{name}")]).assert().success().stdout("x\n");
}

/// `file` and `vault.kv` hold nothing but objects, and say so themselves.
#[test]
fn where_every_secret_is_an_object_plain_text_is_refused_with_the_same_way_out() {
    let (_folder, file) = example();
    let before = std::fs::read(&file).unwrap();
    let server = OpenBao::dev();
    server.must("POST", "secret/data/app", &json!({ "data": { "password": "old" } }));
    for replace in [&[][..], &["--replace"]] {
        let mut update = s1crets();
        update.args(["update", "app/db", "password", "--file"]).arg(&file).args(replace);
        update.assert().code(2).stderr(predicate::str::contains("name its key: `--key value`"));
        let mut update = s1crets();
        update.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
        update.args(["update", "vault.kv://secret/app", "password"]).args(replace);
        update.assert().code(2).stderr(predicate::str::contains("name its key: `--key NAME`"));
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// An identity that may write and not read.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_read_only_replace_writes() {
    let (secret, parameter) = (unique("update/denied"), unique("/update/denied"));
    seed().create_secret(&secret, OBJECT);
    seed().put_parameter(&parameter, OBJECT, "String");
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    proxy.fault("GetSecretValue", Fault::access_denied()).always();
    proxy.fault("GetParameter", Fault::access_denied()).always();
    let endpoint = proxy.endpoint().to_owned();
    let runs = move || {
        for reference in [format!("aws.sm://{secret}"), format!("aws.ps://{parameter}")] {
            let update = |arguments: &[&str]| {
                let mut command = on_moto();
                command.env("AWS_ENDPOINT_URL", &endpoint).args(["update", &reference]).args(arguments);
                command.write_stdin("new\n").assert()
            };
            let told = format!("s1crets: update {reference}: the current value can't be read with these credentials");
            let hint = "hint: to write the new value without looking at the current one, add --replace";
            update(&[]).code(3).stderr(predicate::str::contains(told).and(predicate::str::contains(hint)));
            on_moto().args(["get", &reference]).assert().success().stdout(format!("{OBJECT}\n"));
            update(&["--replace"]).success().stderr("");
            on_moto().args(["get", &reference]).assert().success().stdout("new\n");
        }
    };
    tokio::task::spawn_blocking(runs).await.unwrap();
}

#[cfg(unix)]
#[test]
fn stdin_is_not_read_beside_a_value_and_what_waits_there_is_a_warning() {
    use std::{fs::File, io::Write};

    let (folder, file) = example();
    let input = folder.path().join("input");
    std::fs::write(&input, "from a file").unwrap();
    let (waiting, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"from a pipe").unwrap();
    let (ended, _) = std::io::pipe().unwrap();
    let (open, _open_writer) = std::io::pipe().unwrap();
    let mut read = File::open(&input).unwrap();
    std::io::Read::read_to_end(&mut read, &mut Vec::new()).unwrap();
    let warned = "s1crets: warning: standard input has data, which is not read because VALUE is given; \
                  to use it, omit VALUE\n";
    for (stdin, told) in [
        (Stdio::from(waiting), warned),
        (File::open(&input).unwrap().into(), warned),
        (ended.into(), ""),
        (open.into(), ""),
        (read.into(), ""),
        (Stdio::null(), ""),
    ] {
        let mut update = Process::new(assert_cmd::cargo::cargo_bin("s1crets"));
        update.env_clear().args(["update", "app/db", "value", "--key", "password", "--file"]).arg(&file);
        let output = update.stdin(stdin).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), told);
        s1crets().args(["get", "app/db", "password", "--file"]).arg(&file).assert().success().stdout("value\n");
    }
}

#[test]
fn a_value_that_other_commands_take_for_a_file_is_refused() {
    let (folder, file) = example();
    let before = std::fs::read(&file).unwrap();
    for (value, told, hint) in [
        ("@key.pem", "VALUE begins with @", "use --value-file FILE"),
        ("@", "VALUE begins with @", "pipe it to stdin"),
        ("file://key.pem", "VALUE is a URL of a file", "use --value-file FILE"),
        ("FILE://key.pem", "VALUE is a URL of a file", "use --value-file FILE"),
        ("fileb:///key.pem", "VALUE is a URL of a file", "use --value-file FILE"),
        ("-", "VALUE is `-`", "to read stdin, omit VALUE"),
    ] {
        let mut update = s1crets();
        update.args(["update", "app/db", value, "--key", "password", "--file"]).arg(&file).write_stdin("x");
        let told = predicate::str::contains(told).and(predicate::str::contains(hint));
        update.assert().code(2).stderr(told.and(predicate::str::contains("key.pem").not()));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }
    // The same texts as values, by stdin and by a file.
    for value in ["@home", "file://x", "-"] {
        let value_file = folder.path().join("value");
        std::fs::write(&value_file, value).unwrap();
        for from_file in [&[][..], &["--value-file", value_file.to_str().unwrap()]] {
            let mut update = s1crets();
            update.args(["update", "app/db", "--key", "password", "--file"]).arg(&file).args(from_file);
            update.write_stdin(value).assert().success();
            let mut get = s1crets();
            get.args(["get", "-n", "app/db", "password", "--file"]).arg(&file).assert().success().stdout(value);
        }
    }
}

#[test]
fn a_number_or_boolean_stays_one_under_a_key() {
    let (_folder, file) = example();
    let server = OpenBao::dev();
    let planted = json!({ "port": 5432, "tls": true, "name": "1", "none": null });
    server.must("POST", "secret/data/app", &json!({ "data": planted }));
    let secret = unique("update/kinds");
    seed().create_secret(&secret, &planted.to_string());
    std::fs::write(&file, json!({ "secrets": { "app": planted } }).to_string()).unwrap();
    for (key, value, stored) in [
        ("port", "5433\n", "5433"),
        ("port", "1.50", "1.50"),
        ("tls", "false", "false"),
        ("tls", "no", "\"no\""),
        ("port", "0123", "\"0123\""),
        ("name", "2", "\"2\""),
        ("none", "3", "\"3\""),
        ("new", "4", "\"4\""),
        ("port", "5434", "\"5434\""),
    ] {
        for reference in
            [format!("file://app#{key}"), format!("vault.kv://secret/app#{key}"), format!("aws.sm://{secret}#{key}")]
        {
            let command = || {
                let mut command = on_moto();
                command.env("S1CRETS_FILE", &file);
                command.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
                command
            };
            command().args(["update", &reference]).write_stdin(value).assert().success().stderr("");
            let whole = reference.split('#').next().unwrap();
            let output = command().args(["get", whole]).assert().success().get_output().stdout.clone();
            let whole: Value = serde_json::from_slice(&output).unwrap();
            assert_eq!(whole[key], serde_json::from_str::<Value>(stored).unwrap(), "{reference} {value}");
        }
    }
}

/// The last newline of a key file is part of it: without, OpenSSH fails with "error in libcrypto".
#[test]
fn a_file_is_stored_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("id_ed25519");
    if !generate_key(&key) {
        std::fs::write(&key, "-----BEGIN X-----\nYWJj\n-----END X-----\n").unwrap();
    }
    let bytes = std::fs::read(&key).unwrap();
    let (text, binary, object) = (unique("update/key"), unique("update/key"), unique("update/key"));
    seed().create_secret(&text, "old");
    seed().create_secret_binary(&binary, &[0xff]);
    seed().create_secret(&object, OBJECT);
    let parameter = unique("/update/key");
    seed().put_parameter(&parameter, "old", "SecureString");
    let (_file_folder, file) = example();
    for reference in [
        format!("aws.sm://{text}"),
        format!("aws.sm://{binary}"),
        format!("aws.sm://{object}#key"),
        format!("aws.ps://{parameter}"),
        "file://app/db#key".to_owned(),
    ] {
        // A file is stored as it is, and so are several lines from stdin.
        for from_stdin in [false, true] {
            let command = || {
                let mut command = on_moto();
                command.env("S1CRETS_FILE", &file);
                command
            };
            let mut update = command();
            update.args(["update", &reference]);
            match from_stdin {
                true => update.write_stdin(bytes.clone()),
                false => update.arg("--value-file").arg(&key),
            };
            update.assert().success().stderr("");
            let output = command().args(["get", "-n", &reference]).assert().success().get_output().stdout.clone();
            assert_eq!(output, bytes, "{reference}");
            assert!(is_a_key(folder.path(), &output), "{reference}");
        }
    }
}

#[test]
fn a_single_line_from_stdin_loses_its_newline_unless_the_secret_is_binary() {
    let (text, binary) = (unique("update/line"), unique("update/line"));
    seed().create_secret(&text, "old");
    seed().create_secret_binary(&binary, &[0xff]);
    for (given, expected) in [
        ("line\n", "line"),
        ("line\r\n", "line"),
        ("line", "line"),
        ("line\n\n", "line\n\n"),
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        ("{}\n", "{}"),
    ] {
        on_moto().args(["update", &text]).write_stdin(given).assert().success();
        assert_eq!(stored_text(&text), expected, "{given:?}");
        for replace in [&[][..], &["--replace"]] {
            on_moto().args(["update", &binary]).args(replace).write_stdin(given).assert().success();
            assert_eq!(stored_text(&binary), given, "bytes stay as they are");
        }
        // So that the next line replaces no object.
        seed().put_secret(&text, "old");
        on_moto().args(["update", &binary, "--replace", "reset"]).assert().success();
    }
    for empty in ["", "\n", "\r\n"] {
        let told = predicate::str::contains("the new value is empty");
        on_moto().args(["update", &text]).write_stdin(empty).assert().code(2).stderr(told);
    }
}

/// Makes a key, if ssh-keygen is installed.
fn generate_key(path: &Path) -> bool {
    let mut keygen = Process::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path);
    keygen.status().is_ok_and(|status| status.success())
}

/// Whether ssh-keygen reads a key; `true` without ssh-keygen.
fn is_a_key(folder: &Path, bytes: &[u8]) -> bool {
    let copy = folder.join("copy");
    std::fs::write(&copy, bytes).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    match Process::new("ssh-keygen").arg("-y").arg("-f").arg(&copy).output() {
        Ok(output) => output.status.success(),
        Err(_) => true,
    }
}
