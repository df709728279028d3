//! `cargo xtask test`: installs and starts the servers, then runs all tests.

use std::{
    io,
    process::{Command, ExitCode},
};

use s1crets_testbed::{MOTO_VARIABLE, Moto, python};

use crate::{
    setup,
    workspace::{cargo, exit_code, status},
};

/// Runs a command with the default action for every signal. Under `nohup` and in many CI runners
/// some signals are ignored, and a shell can't trap those: tests of signals would wait forever.
/// Rust can't reset them without unsafe code, and the servers need Python anyway.
#[cfg(unix)]
const WITH_DEFAULT_SIGNALS: &str = "\
import os, signal, sys
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])";

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    setup::prepare()?;
    // One server for all test binaries. It ends when this function returns or the process dies.
    let moto = Moto::try_start()?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--all-features"]).args(arguments);
    let mut tests = with_default_signals(&tests)?;
    tests.env(MOTO_VARIABLE, moto.endpoint());
    Ok(exit_code(status(&mut tests)?))
}

#[cfg(unix)]
fn with_default_signals(command: &Command) -> io::Result<Command> {
    let mut wrapped = Command::new(python::require()?);
    wrapped.args(["-c", WITH_DEFAULT_SIGNALS]).arg(command.get_program()).args(command.get_args());
    wrapped.current_dir(command.get_current_dir().unwrap_or(".".as_ref()));
    Ok(wrapped)
}

#[cfg(not(unix))]
fn with_default_signals(command: &Command) -> io::Result<Command> {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args()).current_dir(command.get_current_dir().unwrap_or(".".as_ref()));
    Ok(copy)
}
