use assert_cmd::Command;
use predicates::prelude::*;
use s1crets_testbed::{Authority, AwsSeed, Moto, TlsFront, unique};

use crate::s1crets;

const REGION: &str = "eu-west-1";

pub(crate) fn seed() -> AwsSeed {
    AwsSeed::new(Moto::shared().endpoint(), REGION)
}

pub(crate) fn on_moto() -> Command {
    let mut command = s1crets();
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", REGION);
    command.env("AWS_ENDPOINT_URL", Moto::shared().endpoint());
    command
}

/// The samples of the Python s1crets' own manual.
#[test]
fn the_commands_of_the_python_s1crets_work() {
    let (json, root) = (unique("secrets/json_test"), unique("/prod"));
    seed().create_secret(&json, r#"{"level1": {"level2": 3}}"#);
    seed().put_parameter(&format!("{root}/databases/mysql/dolphin"), "flipper", "SecureString");
    let mut get = on_moto();
    get.args(["get", &json, "level1", "level2"]).assert().success().stdout("3\n");
    let exists = |path: &str, status| {
        on_moto().args(["exists", "--provider", "aws.ps", path]).assert().code(status).stdout("");
    };
    exists(&format!("{root}/databases/mysql/dolphin"), 0);
    exists(&format!("{root}/databases"), 0);
    exists(&format!("{root}/data"), 1);
    let mut list = on_moto();
    list.args(["get-by-path", "--provider", "aws.ps", &root]);
    list.assert().success().stdout(format!("{root}/databases/mysql/dolphin flipper\n"));
}

#[test]
fn bytes_print_as_they_are() {
    let name = unique("cli/binary");
    seed().create_secret_binary(&name, &[0, 1, 0xff, b'\n']);
    let output = on_moto().args(["get", &name]).assert().success();
    assert_eq!(output.get_output().stdout, [0, 1, 0xff, b'\n']);
    let output = on_moto().args(["get", &name, "--json"]).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json["value_base64"], "AAH/Cg==");
    assert_eq!(json["name"], name);
}

#[test]
fn an_update_of_one_key_leaves_the_others() {
    let name = unique("cli/update");
    seed().create_secret(&name, r#"{"user":"app", "n": 1.10}"#);
    on_moto().args(["update", &name, "--key", "password"]).write_stdin("s3cr3t\n").assert().success();
    let printed = "{\"user\":\"app\", \"n\": 1.10, \"password\": \"s3cr3t\"}\n";
    on_moto().args(["get", &name]).assert().success().stdout(printed);
    let output = on_moto().args(["get", &name, "--json"]).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    let version = json["version"].as_str().unwrap();
    on_moto().args(["update", &name, "--if-version", version]).write_stdin("{}").assert().success();
    let told = predicate::str::contains("changed in the meantime");
    on_moto().args(["update", &name, "--if-version", version]).write_stdin("{}").assert().code(5).stderr(told);
}

#[test]
fn stages_and_numbers_choose_a_version() {
    let (secret, parameter) = (unique("cli/stage"), unique("/cli/number"));
    seed().create_secret(&secret, "one");
    seed().put_secret(&secret, "two");
    on_moto().args(["get", &secret, "--version-stage", "AWSPREVIOUS"]).assert().success().stdout("one\n");
    seed().put_parameter(&parameter, "one", "String");
    seed().put_parameter(&parameter, "two", "String");
    let mut get = on_moto();
    get.args(["get", "--provider", "aws.ps", &parameter, "--version-number", "1"]).assert().success().stdout("one\n");
}

/// Over TLS the server's certificate counts: that of whom the system trusts is taken, any other is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path());
    let front = TlsFront::start(&authority, Moto::shared().endpoint()).await;
    let name = unique("cli/tls");
    seed().create_secret(&name, "over TLS");
    let get = |certificates: std::path::PathBuf| {
        let mut get = on_moto();
        get.env("AWS_ENDPOINT_URL", front.endpoint()).env("SSL_CERT_FILE", certificates);
        get.args(["get", "--retry", "1", &name]);
        tokio::task::spawn_blocking(move || get.assert())
    };
    get(authority.certificate_file()).await.unwrap().success().stdout("over TLS\n");
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Authority::create(elsewhere.path()).certificate_file();
    get(other).await.unwrap().code(5).stdout("");
}

/// The SDK's error of a request that it can't send prints the request.
#[test]
fn an_endpoint_that_is_none_is_told_without_the_request() {
    let mut update = on_moto();
    update
        .env("AWS_ENDPOINT_URL", "127.0.0.1:5661")
        .args(["update", "--json", "-v", "some/name"])
        .write_stdin("hunter2");
    let output = update.assert().failure().stdout("").get_output().stderr.clone();
    let told = String::from_utf8(output).unwrap();
    for part in ["SdkBody", "some/name\\\"", "SecretId", "hunter2"] {
        assert!(!told.contains(part), "{part}: {told}");
    }
    assert!(told.contains("AWS_ENDPOINT_URL is not a URL"), "{told}");
}

#[test]
fn an_answer_without_end_is_given_up() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut sent = 0_usize;
        let _ = client.read(&mut [0; 4096]);
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let piece = [&b"10000\r\n"[..], &[b'x'; 0x10000], b"\r\n"].concat();
        while sent < 1 << 30 && client.write_all(&piece).is_ok() {
            sent += piece.len();
        }
        sent
    });
    let mut get = on_moto();
    get.env("AWS_ENDPOINT_URL", endpoint).args(["get", "some/name", "--retry", "1", "--timeout", "30"]);
    get.assert().code(5).stdout("").stderr(predicate::str::contains("the answer is longer than any of AWS's"));
    let sent = server.join().unwrap();
    assert!(sent < 256 << 20, "{sent} bytes were taken");
}

#[test]
fn a_connection_that_breaks_is_told_with_whom_it_was_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let closing = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let mut get = on_moto();
    get.env("AWS_ENDPOINT_URL", &endpoint).args(["get", "some/name", "--retry", "1"]);
    get.assert()
        .code(4)
        .stdout("")
        .stderr(predicate::str::contains(&endpoint).and(predicate::str::contains("URL").not()));
    closing.join().unwrap();
}

/// Today's account by the environment, another one by the file: as with `aws --profile` the file's
/// is asked.
#[test]
fn the_files_profile_is_never_the_account_of_the_environment() {
    let name = unique("cli/profile");
    AwsSeed::new(Moto::shared().endpoint(), REGION).with_account("111111111111").create_secret(&name, "theirs");
    seed().create_secret(&name, "ours");
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        path
    };
    let profiles = write(
        "aws",
        "[profile prod]\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = base\n\
         [profile base]\naws_access_key_id = base\naws_secret_access_key = x\n",
    );
    let get = |profile: &str| {
        let config = write("s1crets.toml", &format!("[providers.\"aws.sm\"]\nprofile = \"{profile}\"\n"));
        let mut get = on_moto();
        get.env("AWS_CONFIG_FILE", &profiles).args(["get", &name, "--config"]).arg(config);
        get.assert()
    };
    get("prod").success().stdout("theirs\n");
    get("typo").code(5).stdout("").stderr(predicate::str::contains("no AWS profile \"typo\""));
    on_moto().args(["get", &name]).assert().success().stdout("ours\n");
}

#[test]
fn the_endpoint_option_goes_before_every_endpoint_of_the_file() {
    let (name, folder) = (unique("cli/endpoint"), tempfile::tempdir().unwrap());
    seed().create_secret(&name, "x");
    let config = folder.path().join("s1crets.toml");
    let away = "http://127.0.0.1:1";
    let text = format!(
        "[providers.\"aws.sm\"]\nretry = 1\nendpoint_url = \"{away}\"\nservice_endpoint_url = \"{away}\"\n\
         sts_endpoint_url = \"{away}\"\nroles = [{{ arn = \"arn:aws:iam::123456789012:role/reader\" }}]\n"
    );
    std::fs::write(&config, text).unwrap();
    let mut get = on_moto();
    get.args(["get", &name, "--config"]).arg(&config);
    get.assert().code(4);
    get.env("AWS_ENDPOINT_URL_STS", away).args(["--endpoint-url", Moto::shared().endpoint()]);
    get.assert().success().stdout("x\n");
}
