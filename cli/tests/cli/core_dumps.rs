//! A command that a signal ends leaves no core file with a value; what `run` starts has the limit that it would have had.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
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

/// The command by a shell that lets it write core files, in a folder of its own.
fn allowed(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("sh");
    let program = assert_cmd::cargo::cargo_bin("s1crets");
    let script = format!("ulimit -Hc unlimited; ulimit -Sc unlimited; exec {} {arguments}", program.display());
    command.args(["-c", &script]).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("HOME", folder).env("S1CRETS_FILE", folder.join("secrets.json")).stdout(Stdio::piped());
    command
}

/// Ends it as a fault would, once it holds its values; it leaves nothing behind.
fn leaves_no_core(mut child: Child, folder: &Path, signal: &str) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // The first SIGSEGV is taken by Rust's own handler, which looks for a stack that overflowed.
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
fn a_command_that_crashes_with_values_in_memory_leaves_no_core_file() {
    let folder = place();
    fs::write(folder.path().join("template"), "{{ secret('file://big#value') }}").unwrap();
    for arguments in ["get file://big value", "export --from file://big --format dotenv", "render template"] {
        for signal in ["-SEGV", "-ABRT", "-QUIT"] {
            let mut child = allowed(folder.path(), arguments).spawn().unwrap();
            // The first byte is there: so is the rest.
            let mut stdout = child.stdout.take().unwrap();
            stdout.read_exact(&mut [0]).unwrap_or_else(|error| panic!("{arguments}: {error}"));
            leaves_no_core(child, folder.path(), signal);
        }
    }
}

#[test]
fn a_run_that_crashes_beside_its_command_leaves_no_core_file() {
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
fn what_run_starts_has_the_limit_of_core_files_that_it_would_have_had() {
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
