//! Whole runs of programs, timed from start to exit.

use std::{
    env,
    error::Error,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How often each is run, in turns with what it is compared with.
pub const RUNS: usize = 101;

/// One run. A program that fails has no time.
pub fn time(mut command: Command) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let took = started.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The command s1crets, where `cargo xtask bench` says it is.
pub fn s1crets() -> Command {
    alone(env::var_os("S1CRETS_BENCH_COMMAND").map_or_else(|| PathBuf::from("s1crets"), PathBuf::from))
}

/// A program that was built beside this one.
pub fn rival(name: &str) -> Command {
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.join(name)));
    alone(beside.unwrap_or_else(|| PathBuf::from(name)))
}

/// In an environment of its own.
fn alone(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.current_dir("/");
    command
}
