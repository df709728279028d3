//! `cargo xtask fuzz`: runs each fuzz target for a while.

use std::{
    fs,
    io::{self, Error},
    process::{ExitCode, Stdio},
};

use crate::workspace::{cargo, must, root};

const DEFAULT_SECONDS: u64 = 60;

const ADVICE: &str = "cargo-fuzz is needed: `cargo install --locked cargo-fuzz`";

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let seconds = seconds(arguments)?;
    check_cargo_fuzz()?;
    for target in targets()? {
        eprintln!("xtask: fuzzing {target} for {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        // The sanitizers are flags of an unstable compiler, which the stable one has as well.
        must(cargo().args(["fuzz", "run", &target, "--", &limit]).env("RUSTC_BOOTSTRAP", "1"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn seconds(arguments: &[String]) -> io::Result<u64> {
    match arguments {
        [] => Ok(DEFAULT_SECONDS),
        [seconds] => seconds.parse().map_err(|_| Error::other(format!("{seconds} is no number of seconds"))),
        _ => Err(Error::other("fuzz takes one number of seconds")),
    }
}

fn check_cargo_fuzz() -> io::Result<()> {
    let mut version = cargo();
    version.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if version.status()?.success() { Ok(()) } else { Err(Error::other(ADVICE)) }
}

/// Each file of the folder is a target of its name. In order, so that runs can be compared.
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
