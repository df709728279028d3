//! `cargo xtask bench`: measures s1crets and its baselines in the same run.

use std::{
    env::consts::EXE_SUFFIX,
    io,
    path::PathBuf,
    process::{Command, ExitCode},
};

use s1crets_testbed::{MOTO_VARIABLE, Moto};

use crate::{
    setup,
    workspace::{cargo, root, run_command, target},
};

/// Groups that time whole runs of the command. Each is a package of its own.
const COMMAND_GROUPS: [&str; 2] = ["disk", "command"];

/// The group that times the command's redaction. It is a package of its own, and needs no server.
const REDACTION: &str = "redaction";

/// The variable that tells [`COMMAND_GROUPS`] the path of the command.
const COMMAND_VARIABLE: &str = "S1CRETS_BENCH_COMMAND";

pub(crate) fn run(groups: &[String]) -> io::Result<ExitCode> {
    let (redaction, others): (Vec<_>, Vec<_>) =
        groups.iter().map(String::as_str).partition(|group| *group == REDACTION);
    if groups.is_empty() || !redaction.is_empty() {
        run_command(&mut bench("run", REDACTION))?;
    }
    if groups.is_empty() || !others.is_empty() {
        setup::prepare()?;
        bench_with_servers(&others)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the named groups of the command and of the library; all of them if none is named.
fn bench_with_servers(groups: &[&str]) -> io::Result<()> {
    let (command, library): (Vec<_>, Vec<_>) = groups.iter().partition(|group| COMMAND_GROUPS.contains(group));
    if groups.is_empty() || !library.is_empty() {
        bench_library(&library)?;
    }
    match (groups, command.as_slice()) {
        ([], _) => bench_command(&COMMAND_GROUPS),
        (_, []) => Ok(()),
        (_, command) => bench_command(command),
    }
}

fn bench_library(groups: &[&str]) -> io::Result<()> {
    let moto = Moto::try_start()?;
    run_command(bench("run", "library").arg("--").args(groups).env(MOTO_VARIABLE, moto.endpoint()))
}

fn bench_command(groups: &[&str]) -> io::Result<()> {
    run_command(cargo().args(["build", "--release", "--locked", "--package", "s1crets-cli"]))?;
    let command: PathBuf = target().join("release").join(format!("s1crets{EXE_SUFFIX}"));
    for group in groups {
        // `run` builds only one program of the package, and that one starts the others.
        run_command(&mut bench("build", group))?;
        run_command(bench("run", group).env(COMMAND_VARIABLE, &command))?;
    }
    Ok(())
}

/// Builds or runs a package of the bench workspace. It is separate from the project's workspace, so
/// that the baselines are no dependencies of the project.
fn bench(action: &str, package: &str) -> Command {
    let mut command = cargo();
    command.args([action, "--release", "--locked", "--manifest-path"]).arg(root().join("benches/Cargo.toml"));
    command.arg("--target-dir").arg(target().join("bench")).args(["--package", &format!("s1crets-bench-{package}")]);
    command
}
