//! `cargo xtask bench`: what s1crets costs, beside its rivals.

use std::{
    io,
    process::{Command, ExitCode},
};

use s1crets_testbed::{MOTO_VARIABLE, Moto};

use crate::{
    setup,
    workspace::{cargo, exit_code, root, status, target},
};

pub(crate) fn run(groups: &[String]) -> io::Result<ExitCode> {
    setup::prepare()?;
    let moto = Moto::try_start()?;
    let mut command: Command = cargo();
    // The package is a workspace of its own, so that the rivals are no part of the project's tree.
    command.args(["run", "--release", "--manifest-path"]).arg(root().join("benches/library/Cargo.toml"));
    command.arg("--target-dir").arg(target().join("bench"));
    command.arg("--").args(groups).env(MOTO_VARIABLE, moto.endpoint());
    Ok(exit_code(status(&mut command)?))
}
