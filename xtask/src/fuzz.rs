//! `cargo xtask fuzz`: runs each fuzz target for a given time.

use std::{
    fs,
    io::{self, Error},
    process::{ExitCode, Stdio},
};

use crate::workspace::{cargo, root, run_command};

const DEFAULT_SECONDS: u64 = 60;

const NOT_INSTALLED: &str = "cargo-fuzz is not installed: run `cargo install --locked cargo-fuzz`";

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let seconds = seconds(arguments)?;
    check_cargo_fuzz()?;
    for target in targets()? {
        eprintln!("xtask: fuzzing {target} for {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        // The sanitizers need unstable flags. RUSTC_BOOTSTRAP makes the stable compiler accept
        // them.
        run_command(cargo().args(["fuzz", "run", &target, "--", &limit]).env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn seconds(arguments: &[String]) -> io::Result<u64> {
    match arguments {
        [] => Ok(DEFAULT_SECONDS),
        [seconds] => seconds.parse().map_err(|_| Error::other(format!("{seconds:?} is not a whole number of seconds"))),
        _ => Err(Error::other("fuzz takes one argument, the number of seconds")),
    }
}

fn check_cargo_fuzz() -> io::Result<()> {
    let mut version = cargo();
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if version.status()?.success() { Ok(()) } else { Err(Error::other(NOT_INSTALLED)) }
}

/// The names of the fuzz targets, one for each file, sorted so that runs can be compared.
fn targets() -> io::Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| Error::other(format!("{}: {error}", folder.display())))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let (Some(stem), true) = (path.file_stem(), path.extension().is_some_and(|it| it == "rs")) {
            targets.push(stem.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    Ok(targets)
}
