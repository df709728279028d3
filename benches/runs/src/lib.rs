//! Times whole runs of programs, from start to exit.

use std::{
    env,
    error::Error,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How often each program is run, alternating with those that it is compared with.
pub const RUNS: usize = 101;

/// Runs a program and returns how long it took. Fails if the program does.
pub fn time(mut command: Command) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let took = started.elapsed();
    if status.success() { Ok(took) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The median. Panics if there are no times.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The command `s1crets`, from the path that `cargo xtask bench` gives.
pub fn s1crets() -> Command {
    isolated(env::var_os("S1CRETS_BENCH_COMMAND").map_or_else(|| PathBuf::from("s1crets"), PathBuf::from))
}

/// A program of the same package.
pub fn rival(name: &str) -> Command {
    let beside = env::current_exe().ok().and_then(|path| Some(path.parent()?.join(name)));
    isolated(beside.unwrap_or_else(|| PathBuf::from(name)))
}

/// A command that inherits no environment.
fn isolated(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.current_dir("/");
    command
}
