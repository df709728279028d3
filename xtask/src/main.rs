//! Build, test and release tasks of the project: `cargo xtask help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "tasks print their progress and results")]

mod bench;
#[cfg(all(test, unix))]
mod ci;
mod dist;
mod fuzz;
mod layers;
mod setup;
mod test;
mod workspace;

use std::{env, io, process::ExitCode};

const HELP: &str = "\
Build, test and release tasks of s1crets.

    cargo xtask setup             Install the servers that the tests need (once)
    cargo xtask test [ARGUMENTS]  Start the servers and run all tests; `cargo test`
                                  gets the arguments
    cargo xtask layers [--graph]  Check that no module of src/ imports from a higher
                                  layer, and find import cycles. With --graph, print
                                  the number of imports between modules instead
    cargo xtask fuzz [SECONDS]    Run each fuzz target for that long (default 60)
    cargo xtask bench [NAME...]   Compare s1crets with baselines: all groups, or only
                                  those named (hot, cold, calls, expiry, outage,
                                  memory, disk, command, redaction)
    cargo xtask dist              Build the release command with completions and man
                                  pages into target/dist
    cargo xtask help              Print this help";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let Some((task, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    match (task.as_str(), rest) {
        ("test", rest) => test::run(rest),
        ("setup", []) => setup::run(),
        ("bench", groups) => bench::run(groups),
        ("fuzz", rest) => fuzz::run(rest),
        ("dist", []) => dist::run(),
        ("layers", []) => layers::run(),
        ("layers", [graph]) if graph == "--graph" => layers::graph(),
        ("help" | "--help" | "-h", _) => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("xtask: unknown task: {}\n\n{HELP}", arguments.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}
