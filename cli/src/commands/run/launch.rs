//! The command itself: what is started, and what its end means.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitCode, ExitStatus},
};

use crate::{args::Global, core_dumps, report, report::Failure};

/// What a shell says of a command that is there and can't be run.
const NOT_EXECUTABLE: u8 = 126;
/// What a shell says of a command that is not there.
const NOT_THERE: u8 = 127;
/// What a shell adds to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// The command with its arguments, and nothing but these variables.
pub(super) fn command(typed: &[OsString], variables: &BTreeMap<OsString, OsString>) -> Command {
    let mut command = Command::new(&typed[0]);
    command.args(&typed[1..]).env_clear().envs(variables);
    command
}

/// Becomes the command. Comes back only if that fails.
pub(super) fn exec(mut command: Command, global: &Global) -> ExitCode {
    let error = core_dumps::with_own_limit(|| command.exec());
    not_started(command.get_program(), error, global)
}

/// Tells that the command could not be started, and how that ends.
pub(super) fn not_started(program: &OsStr, error: io::Error, global: &Global) -> ExitCode {
    let status = if error.kind() == io::ErrorKind::NotFound { NOT_THERE } else { NOT_EXECUTABLE };
    report::failure(&Failure::io(format!("can't run {}", program.to_string_lossy()), error), global);
    ExitCode::from(status)
}

/// The command's own status; 128 and the signal if one ended it.
pub(super) fn ended(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| SIGNALLED + status.signal().unwrap_or_default());
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The same for a signal that ends us before there is a command.
pub(super) fn ended_by(signal: i32) -> ExitCode {
    u8::try_from(SIGNALLED + signal).map_or(ExitCode::FAILURE, ExitCode::from)
}
