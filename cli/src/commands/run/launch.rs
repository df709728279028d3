//! Builds and execs the command of `run`, and turns its end into an exit status.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
};

use crate::{args::Global, core_dumps, report, report::Failure};

/// The status a shell gives for a command that can't be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The status a shell gives for a command that does not exist.
const NOT_FOUND: u8 = 127;
/// A shell adds this to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// The command with its arguments and exactly these variables.
pub(super) fn command(typed: &[OsString], variables: &BTreeMap<OsString, OsString>) -> Command {
    let mut command = Command::new(&typed[0]);
    command.args(&typed[1..]).env_clear().envs(variables);
    command
}

/// Replaces this process with the command. Returns only if that fails.
pub(super) fn exec(mut command: Command, global: &Global) -> ExitCode {
    let error = core_dumps::with_original_limit(|| command.exec());
    not_started(command.get_program(), error, global)
}

/// Reports that the command could not be started. Returns the status of a shell.
pub(super) fn not_started(program: &OsStr, error: io::Error, global: &Global) -> ExitCode {
    let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
    report::failure(&Failure::io(format!("can't run {}", program.to_string_lossy()), error), global);
    ExitCode::from(status)
}

/// The status of the command, or 128 plus the signal that ended it.
pub(super) fn status_of(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| SIGNALLED + status.signal().unwrap_or_default());
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The status for a signal that arrives before the command starts.
pub(super) fn status_of_signal(signal: i32) -> ExitCode {
    u8::try_from(SIGNALLED + signal).map_or(ExitCode::FAILURE, ExitCode::from)
}
