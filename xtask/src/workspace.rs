//! Paths of the workspace, and how tasks run other programs.

use std::{
    env,
    ffi::OsString,
    io::{self, Error},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

/// The folder of the workspace, which holds its `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder in the workspace")
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(chosen) => root().join(chosen),
        None => root().join("target"),
    }
}

/// The cargo that started this task, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Runs a command to its end. It inherits the input and output of this process.
pub(crate) fn status(command: &mut Command) -> io::Result<ExitStatus> {
    command.status().map_err(|error| Error::new(error.kind(), format!("{command:?}: {error}")))
}

/// Runs a command like [`status`], and fails if the command does.
pub(crate) fn run_command(command: &mut Command) -> io::Result<()> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}

/// The exit code of a child, for this process to exit with: 1 if a signal ended the child.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
