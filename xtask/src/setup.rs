//! `cargo xtask setup`: installs the servers that the tests need, once.

use std::{io, process::ExitCode};

use s1crets_testbed::python;

pub(crate) fn run() -> io::Result<ExitCode> {
    prepare()?;
    println!("the servers are installed in {}; `cargo test` finds them there", python::venv().display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn prepare() -> io::Result<()> {
    if !python::is_ready() {
        eprintln!("xtask: installing moto and OpenBao into {} (once, about a minute)", python::venv().display());
    }
    python::ensure()?;
    Ok(())
}
