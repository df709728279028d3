use s1crets_testbed::{AwsSeed, Fault, FaultProxy, Moto, unique};

use crate::{example, s1crets};

/// Part of every value that these tests pass through the command.
const MARK: &str = "canary-c0ffee-mark";

/// Every way to fail, at the highest verbosity: the value is only in the output that was requested.
#[tokio::test(flavor = "multi_thread")]
async fn no_failure_shows_a_value() {
    let proxy = FaultProxy::start(Moto::shared().endpoint()).await;
    let name = unique("canary");
    AwsSeed::new(Moto::shared().endpoint(), "eu-west-1").create_secret(&name, &format!("{{\"key\":\"{MARK}\"}}"));
    let said = format!("1 validation error detected: Value '{MARK}' at 'secretString' failed to satisfy constraint");
    // Only an answer to what was sent can quote it.
    let quoting = ("PutSecretValue", Fault::aws_json("ValidationException", &said));
    let everywhere = [
        Fault::throttled(),
        Fault::server_error(),
        Fault::access_denied(),
        Fault::expired_token(),
        Fault::Truncate(30),
        Fault::Garbage,
        Fault::Respond { status: 500, content_type: "text/plain".into(), body: MARK.into() },
        Fault::Pass,
    ];
    let faults = everywhere.into_iter().map(|fault| ("", fault)).chain([quoting]);
    for (operation, fault) in faults {
        for arguments in [
            &["get", &name, "nope"][..],
            &["update", &name, "--key", "nope", "--value-file", "-"],
            &["update", &name, "--value-file", "-"],
            &["get-by-path", &name, "--keep-going"],
        ] {
            proxy.clear();
            match operation {
                "" => proxy.fault_any(fault.clone()).always(),
                operation => proxy.fault(operation, fault.clone()).always(),
            }
            let endpoint = proxy.endpoint().to_owned();
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            let run = move || {
                let mut command = s1crets();
                command
                    .env("AWS_ACCESS_KEY_ID", MARK)
                    .env("AWS_SECRET_ACCESS_KEY", MARK)
                    .env("AWS_SESSION_TOKEN", MARK);
                command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
                command.args(&arguments).args([
                    "-vvv",
                    "--retry",
                    "1",
                    "--region",
                    "eu-west-1",
                    "--endpoint-url",
                    &endpoint,
                ]);
                command.write_stdin(MARK).output().unwrap()
            };
            let output = tokio::task::spawn_blocking(run).await.unwrap();
            assert!(!shows_mark(&output.stderr), "{}", String::from_utf8_lossy(&output.stderr));
            if output.status.code() != Some(0) {
                assert!(!shows_mark(&output.stdout), "{}", String::from_utf8_lossy(&output.stdout));
            }
        }
    }
}

#[test]
fn no_temporary_file_and_no_argument_holds_a_value() {
    let (folder, file) = example();
    let mut update = s1crets();
    update.args(["update", "app/db", "--key", "password", "-vvv", "--file"]).arg(&file).env("TMPDIR", folder.path());
    let output = update.write_stdin(MARK).assert().success();
    assert!(!shows_mark(&output.get_output().stderr));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secrets.json"]);
}

/// Every way to pass a value on, at the highest verbosity: it is in no log, argument or environment of ours, and in no
/// file that remains.
#[cfg(unix)]
#[test]
fn run_hands_a_value_to_the_command_alone() {
    let (folder, file) = example();
    std::fs::write(&file, format!("{{\"secrets\": {{\"a\": {{\"v\": \"{MARK}\"}}}}}}")).unwrap();
    let ours = "tr '\\0' '\\n' < /proc/$PPID/cmdline; tr '\\0' '\\n' < /proc/$PPID/environ";
    for (way, script) in
        [(&[][..], "true"), (&["--files"], ours), (&["--redact"], ours), (&["--files", "--redact"], ours)]
    {
        let mut run = s1crets();
        run.env("PATH", "/usr/bin:/bin").env("TMPDIR", folder.path()).env("S1CRETS_FILE", &file);
        run.args(["run", "-vvv", "--env", "V=file://a#v"]).args(way).args(["--", "sh", "-c", script]);
        let output = run.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(!shows_mark(&output.stderr) && !shows_mark(&output.stdout), "{way:?} {output:?}");
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secrets.json"]);
    }
}

#[test]
fn the_detector_detects() {
    assert!(shows_mark(format!("x{MARK}y").as_bytes()));
    assert!(shows_mark(b"Y2FuYXJ5LWMwZmZlZS1tYXJr"));
    assert!(!shows_mark(b"nothing"));
}

fn shows_mark(output: &[u8]) -> bool {
    shows(output, MARK)
}

/// In clear, or in base64 at any of the three alignments.
pub(crate) fn shows(output: &[u8], value: &str) -> bool {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

    let output = String::from_utf8_lossy(output);
    let encoded = (0..3).map(|shift| {
        let text = format!("{}{value}", "x".repeat(shift));
        let encoded = STANDARD_NO_PAD.encode(text);
        // The first and last symbols mix with what stands beside.
        encoded[4..encoded.len() - 4].to_owned()
    });
    output.contains(value) || encoded.into_iter().any(|encoded| output.contains(&encoded))
}
