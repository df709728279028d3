//! As the first process of a container, `run` inherits the orphans of its program, and reaps them.

use std::{
    env, fs,
    io::Read,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};

use super::signals::told_pid;
use crate::example;

/// Makes three orphans, and waits for the zombies that they become to go. Prints those that stay.
const SCRIPT: &str = r#"
for orphan in 1 2 3; do sh -c 'sleep 0.1 & exit'; done
sleep 0.3
for try in 1 2 3 4 5 6 7 8 9 10; do
    zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v of=$PPID '{ sub(/.*\) /, "") } $1 == "Z" && $2 == of')
    [ -z "$zombies" ] && break
    sleep 0.2
done
echo "zombies: $zombies"
exit 7
"#;

const WAYS: [&str; 2] = ["--files", "--redact"];

/// The arguments of `s1crets`.
fn arguments<'a>(way: &'a str, script: &'a str) -> [&'a str; 8] {
    ["run", way, "--env", "DB=file://app/db#password", "--", "sh", "-c", script]
}

fn with_environment<'a>(command: &'a mut Command, file: &Path) -> &'a mut Command {
    command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("S1CRETS_FILE", file)
}

/// A process that takes in orphans, as PID 1 does, and then becomes `s1crets`.
#[test]
fn body_of_a_process_that_takes_in_orphans() {
    let Some(way) = env::var_os("S1CRETS_TEST_WAY") else { return };
    let way = way.into_string().unwrap();
    set_child_subreaper(Some(getpid())).unwrap();
    panic!("{}", Command::new(assert_cmd::cargo::cargo_bin("s1crets")).args(arguments(&way, SCRIPT)).exec());
}

/// Takes no rights, so that it is tested everywhere.
#[test]
fn orphans_are_reaped_by_a_subreaper() {
    let (_folder, file) = example();
    for way in WAYS {
        let mut command = Command::new(env::current_exe().unwrap());
        with_environment(&mut command, &file).env("S1CRETS_TEST_WAY", way);
        let name = "run::zombies::body_of_a_process_that_takes_in_orphans";
        let output = command.args(["--exact", name, "--nocapture"]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.ends_with("zombies: \n"), "{way}: {output:?}");
        assert_eq!(output.status.code(), Some(7), "{way}");
    }
}

/// A command that runs another one as PID 1 of a PID namespace.
///
/// # Panics
/// If this system lets us make no namespace. Set `S1CRETS_TEST_WITHOUT_NAMESPACES=1` to leave out
/// the tests that need one.
fn as_first_process() -> Option<Command> {
    let namespace: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];
    let command = |options: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(options).args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
        command
    };
    let is_permitted = |options: &&[&str]| command(options).arg("true").output().is_ok_and(|it| it.status.success());
    let found = namespace.into_iter().find(is_permitted);
    if found.is_none() {
        let is_left_out = env::var_os("S1CRETS_TEST_WITHOUT_NAMESPACES").is_some_and(|set| set == "1");
        assert!(is_left_out, "no PID namespace can be made here; see `as_first_process`");
    }
    found.map(command)
}

#[test]
fn orphans_are_reaped_by_the_first_process_of_a_container() {
    let (_folder, file) = example();
    for way in WAYS {
        let Some(mut command) = as_first_process() else { return };
        let program = assert_cmd::cargo::cargo_bin("s1crets");
        let output = with_environment(command.arg(program).args(arguments(way, SCRIPT)), &file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "zombies: \n", "{way}: {output:?}");
        assert_eq!(output.status.code(), Some(7), "{way}");
    }
}

#[test]
fn signals_reach_the_program_of_the_first_process() {
    let (_folder, file) = example();
    let script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    for way in WAYS {
        let Some(mut command) = as_first_process() else { return };
        let program = assert_cmd::cargo::cargo_bin("s1crets");
        with_environment(command.arg(program).args(arguments(way, script)), &file).stdout(Stdio::piped());
        let (mut child, _) = told_pid(command.spawn().unwrap());
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let first = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        kill_process(first, Signal::TERM).unwrap();
        let mut rest = String::new();
        child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!((&*rest, child.wait().unwrap().code()), ("got it\n", Some(9)), "{way}");
    }
}
