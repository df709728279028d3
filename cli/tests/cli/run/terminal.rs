//! `run` on a terminal: colours, prompts, keys and the window's size.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::Path,
    process::Child,
};

use pty_process::{
    Size,
    blocking::{Command, open},
};
use rustix::{
    process::{Pid, Signal, kill_process},
    termios::{LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};

use super::PASSWORD;
use crate::example;

/// What runs on a terminal, and the person in front of it.
struct Person {
    terminal: File,
    shown: String,
    child: Child,
}

impl Person {
    fn starts(file: &Path, way: &[&str], script: &str) -> Self {
        let (terminal, theirs) = open().unwrap();
        terminal.resize(Size::new(24, 80)).unwrap();
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("s1crets"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", file).arg("run").args(way);
        command.args(["--env", "DB=file://app/db#password", "--", "sh", "-c", script]);
        let child = Command::from(command).spawn(theirs).unwrap();
        Self { terminal: OwnedFd::from(terminal).into(), shown: String::new(), child }
    }

    /// Looks at the screen until this is there.
    fn sees(&mut self, text: &str) {
        while !self.shown.contains(text) {
            assert!(self.looks(), "{text:?} never came: {:?}", self.shown);
        }
    }

    fn types(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// All that was shown, and how it ended.
    fn stays(mut self) -> (String, Option<i32>) {
        while self.looks() {}
        (self.shown, self.child.wait().unwrap().code())
    }

    fn looks(&mut self) -> bool {
        let mut piece = [0; 1000];
        let read = self.terminal.read(&mut piece).unwrap_or(0);
        self.shown += &String::from_utf8_lossy(&piece[..read]);
        read > 0
    }
}

const REDACT: &[&str] = &["--redact"];

/// A script on a terminal, in which `"$S1CRETS"` is the command.
fn in_a_shell(file: &Path, script: &str) -> Person {
    let (terminal, theirs) = open().unwrap();
    let mut command = std::process::Command::new("bash");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("S1CRETS_FILE", file).args(["-c", script]);
    command.env("S1CRETS", assert_cmd::cargo::cargo_bin("s1crets"));
    let child = Command::from(command).spawn(theirs).unwrap();
    Person { terminal: OwnedFd::from(terminal).into(), shown: String::new(), child }
}

#[test]
fn a_password_that_is_asked_for_beside_a_piped_input_can_be_given_unseen() {
    let (_folder, file) = example();
    let script = r#"echo piped | "$S1CRETS" run --redact --env DB=file://app/db#password -- \
        bash -c 'read -rsp "Password: " p </dev/tty; echo; test "$p" = pw && echo "right, $DB, $(cat)"'"#;
    let mut person = in_a_shell(&file, script);
    person.sees("Password: ");
    person.types("pw\r");
    let (shown, status) = person.stays();
    assert_eq!((shown.as_str(), status), ("Password: \r\nright, ***, piped\r\n", Some(0)));
}

/// The others of a pipeline use the terminal as well: it stays as it is, and its keys are theirs.
#[test]
fn the_terminal_of_a_pipeline_is_left_alone() {
    let (_folder, file) = example();
    let script = r#""$S1CRETS" run --redact --env DB=file://app/db#password -- \
        sh -c 'echo "one $DB"; sleep 0.3; echo two' | { read -r typed </dev/tty; echo "$typed"; cat; }"#;
    let mut person = in_a_shell(&file, script);
    person.types("keys\r");
    let (shown, status) = person.stays();
    assert_eq!((shown.as_str(), status), ("keys\r\nkeys\r\none ***\r\ntwo\r\n", Some(0)));
}

#[test]
fn in_the_background_the_output_comes_and_the_keys_are_the_shells() {
    let (_folder, file) = example();
    let script = r#"set -m; "$S1CRETS" run --redact --env DB=file://app/db#password -- sh -c 'echo "behind $DB"' & wait $!; read -r typed; echo "$typed"; exit 3"#;
    let mut person = in_a_shell(&file, script);
    person.sees("behind ***");
    person.types("keys\r");
    let (shown, status) = person.stays();
    assert!(shown.matches("keys\r\n").count() == 2 && status == Some(3), "{shown:?} {status:?}");
}

#[test]
fn the_command_has_a_terminal_and_values_are_taken_out() {
    let (_folder, file) = example();
    let script = r#"test -t 0 && test -t 1 && test -t 2 && echo "all three: $DB"; stty size; exit 5"#;
    let (shown, status) = Person::starts(&file, REDACT, script).stays();
    assert_eq!((shown.as_str(), status), ("all three: ***\r\n24 80\r\n", Some(5)));
}

#[test]
fn a_prompt_can_be_answered() {
    let (_folder, file) = example();
    let mut person = Person::starts(&file, REDACT, r#"printf 'Name: '; read name; echo "hello $name: $DB""#);
    person.sees("Name: ");
    person.types("Ada\r");
    let (shown, status) = person.stays();
    // The answer shows once, echoed by the command's terminal and not by ours as well.
    assert_eq!((shown.as_str(), status), ("Name: Ada\r\nhello Ada: ***\r\n", Some(0)));
}

#[test]
fn what_is_typed_unseen_stays_unseen() {
    let (_folder, file) = example();
    let script = r#"stty -echo; printf 'Password: '; read typed; stty echo; test "$typed" = "$DB" && echo right"#;
    let mut person = Person::starts(&file, REDACT, script);
    person.sees("Password: ");
    person.types(&format!("{PASSWORD}\r"));
    let (shown, status) = person.stays();
    assert!(status == Some(0) && shown.ends_with("right\r\n") && !shown.contains(PASSWORD), "{shown:?}");
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let (_folder, file) = example();
    for way in [REDACT, &["--files"]] {
        let script = "trap 'echo got it; n=$((n+1))' INT; echo ready; \
                      while [ -z \"$n\" ]; do sleep 0.05; done; sleep 0.3; exit $n";
        let mut person = Person::starts(&file, way, script);
        person.sees("ready");
        person.types("\u{3}");
        let (shown, status) = person.stays();
        assert_eq!((shown.matches("got it").count(), status), (1, Some(1)), "{way:?} {shown:?}");
    }
}

#[test]
fn the_windows_size_is_passed_on() {
    let (_folder, file) = example();
    let mut person =
        Person::starts(&file, REDACT, "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done");
    person.sees("ready");
    let size = Winsize { ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&person.terminal, size).unwrap();
    person.sees("50 132");
    person.stays();
}

/// As a shell does it with `fg`: keys would show, and the shell's terminal would keep lines to itself.
#[test]
fn the_terminal_passes_keys_on_again_after_a_stop() {
    let (_folder, file) = example();
    let mut person = Person::starts(&file, REDACT, "echo ready; read line; echo got $line");
    let cooked = tcgetattr(&person.terminal).unwrap();
    person.sees("ready");
    let pid = Pid::from_child(&person.child);
    kill_process(pid, Signal::STOP).unwrap();
    tcsetattr(&person.terminal, OptionalActions::Now, &cooked).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    while tcgetattr(&person.terminal).unwrap().local_modes.contains(LocalModes::ICANON) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    person.types("Ada\r");
    let (shown, status) = person.stays();
    assert_eq!((shown.as_str(), status), ("ready\r\nAda\r\ngot Ada\r\n", Some(0)));
}

#[test]
fn the_terminal_is_as_before_however_it_ends() {
    let (_folder, file) = example();
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let mut person = Person::starts(&file, REDACT, "echo ready; read line");
        let before = tcgetattr(&person.terminal).unwrap().local_modes;
        person.sees("ready");
        assert!(!tcgetattr(&person.terminal).unwrap().local_modes.contains(LocalModes::ECHO));
        match signal {
            Some(signal) => kill_process(Pid::from_child(&person.child), signal).unwrap(),
            None => person.types("\r"),
        }
        let status = person.child.wait().unwrap().code();
        assert_eq!(status, Some(signal.map_or(0, |signal| 128 + signal.as_raw())));
        let after = tcgetattr(&person.terminal).unwrap().local_modes;
        assert!(after.contains(LocalModes::ECHO | LocalModes::ICANON), "{before:?} {after:?}");
    }
}

/// Of a terminal that is gone the system tells the first process on it alone.
#[test]
fn a_terminal_that_is_closed_is_told_to_the_command() {
    let (folder, file) = example();
    for way in ["--redact", "--files"] {
        let mark = folder.path().join(way);
        let script =
            format!("trap 'echo told >{}; exit' HUP; echo ready; while :; do sleep 0.05; done", mark.display());
        let mut person = Person::starts(&file, &[way], &script);
        person.sees("ready");
        let Person { terminal, mut child, .. } = person;
        drop(terminal);
        child.wait().unwrap();
        assert_eq!(std::fs::read_to_string(&mark).ok().as_deref(), Some("told\n"), "{way}");
    }
}
