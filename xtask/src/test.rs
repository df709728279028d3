//! `cargo xtask test`: prepares, starts the servers and runs all tests.

use std::{io, process::ExitCode};

use s1crets_testbed::{MOTO_VARIABLE, Moto};

use crate::{
    setup,
    workspace::{cargo, exit_code, status},
};

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    setup::prepare()?;
    // One server for all test binaries; it ends with this function, or with this process.
    let moto = Moto::try_start()?;
    let mut command = cargo();
    command.args(["test", "--workspace", "--all-features"]).args(arguments).env(MOTO_VARIABLE, moto.endpoint());
    Ok(exit_code(status(&mut command)?))
}
