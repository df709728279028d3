//! `cargo xtask bench`: what s1crets costs, beside its rivals.

use std::{
    env::consts::EXE_SUFFIX,
    io,
    path::PathBuf,
    process::{Command, ExitCode},
};

use s1crets_testbed::{MOTO_VARIABLE, Moto};

use crate::{
    setup,
    workspace::{cargo, must, root, target},
};

/// The groups that run the command, each a package of its name. All others are the library's.
const WHOLE_RUNS: [&str; 2] = ["disk", "command"];

/// The group that takes in modules of the command, a package of its name: it needs no command and no server.
const REDACTION: &str = "redaction";

/// Tells them where the command is.
const COMMAND_VARIABLE: &str = "S1CRETS_BENCH_COMMAND";

pub(crate) fn run(groups: &[String]) -> io::Result<ExitCode> {
    let (redaction, others): (Vec<_>, Vec<_>) =
        groups.iter().map(String::as_str).partition(|group| *group == REDACTION);
    if groups.is_empty() || !redaction.is_empty() {
        must(&mut bench("run", REDACTION))?;
    }
    if groups.is_empty() || !others.is_empty() {
        setup::prepare()?;
        beside_servers(&others)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn beside_servers(groups: &[&str]) -> io::Result<()> {
    let (whole, of_library): (Vec<_>, Vec<_>) = groups.iter().partition(|group| WHOLE_RUNS.contains(group));
    if groups.is_empty() || !of_library.is_empty() {
        library(&of_library)?;
    }
    let wanted: Vec<_> = WHOLE_RUNS.into_iter().filter(|group| groups.is_empty() || whole.contains(group)).collect();
    if !wanted.is_empty() {
        whole_runs(&wanted)?;
    }
    Ok(())
}

fn library(groups: &[&str]) -> io::Result<()> {
    let moto = Moto::try_start()?;
    must(bench("run", "library").arg("--").args(groups).env(MOTO_VARIABLE, moto.endpoint()))
}

fn whole_runs(groups: &[&str]) -> io::Result<()> {
    must(cargo().args(["build", "--release", "--locked", "--package", "s1crets-cli"]))?;
    let command: PathBuf = target().join("release").join(format!("s1crets{EXE_SUFFIX}"));
    for group in groups {
        // The bare programs stand beside the one that times them: it takes all of them to be built.
        must(&mut bench("build", group))?;
        must(bench("run", group).env(COMMAND_VARIABLE, &command))?;
    }
    Ok(())
}

/// A package of the benches. They are a workspace of their own, so that the rivals are no part of the project's tree.
fn bench(what: &str, package: &str) -> Command {
    let mut command = cargo();
    command.args([what, "--release", "--locked", "--manifest-path"]).arg(root().join("benches/Cargo.toml"));
    command.arg("--target-dir").arg(target().join("bench")).args(["--package", &format!("s1crets-bench-{package}")]);
    command
}
