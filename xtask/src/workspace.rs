//! Where things are, and how other programs are run.

use std::{
    env,
    ffi::OsString,
    io::{self, Error},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the workspace")
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(chosen) => root().join(chosen),
        None => root().join("target"),
    }
}

/// The cargo that runs this, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Runs it to its end, with this process's own input and output.
pub(crate) fn status(command: &mut Command) -> io::Result<ExitStatus> {
    let ended = command.status();
    ended.map_err(|error| Error::new(error.kind(), format!("{command:?}: {error}")))
}

/// As [`status`], for a step that must succeed.
pub(crate) fn must(command: &mut Command) -> io::Result<()> {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}

/// The child's exit code as this process's own. A child ended by a signal has none: that is 1.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
