//! s1crets leaves no core file with a secret if a signal kills it, and `run` starts its program with the original limit.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// More than a pipe holds: a command that prints it waits for its reader.
const LARGE: usize = 300 * 1024;

/// A folder with a fetcher file: a value that is large, and one that is not.
fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let entry = |value: &str| serde_json::json!({ "type": "simple", "value": value });
    let large = "s1crets-canary ".repeat(LARGE / 15);
    let text = serde_json::json!({ "secrets": { "big": entry(&large), "small": entry("s1crets-canary") } });
    fs::write(folder.path().join("secrets.json"), text.to_string()).unwrap();
    folder
}

/// The command, started by a shell that allows core files, in a folder of its own.
fn allowed(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin("s1crets");
    let script = format!("ulimit -Hc unlimited; ulimit -Sc unlimited; exec {} {arguments}", program.display());
    command.args(["-c", &script]).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", folder).env("S1CRETS_FILE", folder.join("secrets.json")).stdout(Stdio::piped());
    command
}

/// Kills the command once it holds secrets, and checks that there is no core file.
fn leaves_no_core(mut child: Child, folder: &Path, signal: &str) {
    // `run` lifts the limit while it starts its command, whose output may come before the limit is back.
    let is_zero = || {
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        core.split_whitespace().nth(4) == Some("0")
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_zero() {
        assert!(Instant::now() < deadline, "the limit of core files is not 0");
        thread::sleep(Duration::from_millis(10));
    }
    // Rust's own handler takes the first SIGSEGV, to detect a stack overflow.
    let status = (0..100).find_map(|_| {
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        thread::sleep(Duration::from_millis(50));
        child.try_wait().unwrap()
    });
    let status = status.expect("it ends");
    assert!(status.signal().is_some() && !status.core_dumped(), "{status:?}");
    let left = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("core")));
}

#[test]
fn a_crash_with_secrets_in_memory_leaves_no_core_file() {
    let folder = place();
    fs::write(folder.path().join("template"), "{{ secret('file://big#value') }}").unwrap();
    for arguments in ["get file://big value", "export --from file://big --format dotenv", "render template"] {
        for signal in ["-SEGV", "-ABRT", "-QUIT"] {
            let mut child = allowed(folder.path(), arguments).spawn().unwrap();
            // Once there is output, the secrets are in memory.
            let mut stdout = child.stdout.take().unwrap();
            stdout.read_exact(&mut [0]).unwrap_or_else(|error| panic!("{arguments}: {error}"));
            leaves_no_core(child, folder.path(), signal);
        }
    }
}

#[test]
fn a_crash_of_run_while_its_command_runs_leaves_no_core_file() {
    let folder = place();
    for way in ["--files --danger-files-on-disk", "--redact"] {
        let arguments = format!("run {way} --env V=file://small#value -- sh -c 'echo started; read x'");
        let mut command = allowed(folder.path(), &arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n", "{way}");
        leaves_no_core(child, folder.path(), "-SEGV");
    }
}

#[test]
fn run_starts_its_command_with_the_original_core_limit() {
    let folder = place();
    for way in ["", "--files --danger-files-on-disk", "--redact"] {
        for (soft, hard) in [("0", "unlimited"), ("7", "unlimited"), ("7", "9"), ("unlimited", "unlimited")] {
            let program = assert_cmd::cargo::cargo_bin("s1crets");
            let script = format!(
                "ulimit -Hc {hard}; ulimit -Sc {soft}; exec {} run {way} --env V=file://small#value -- sh -c 'ulimit -Sc; ulimit -Hc'",
                program.display()
            );
            let mut command = Command::new("sh");
            command.args(["-c", &script]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder.path());
            let output = command.env("S1CRETS_FILE", folder.path().join("secrets.json")).output().unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{soft}\n{hard}\n"), "{way}: {told}");
        }
    }
}
