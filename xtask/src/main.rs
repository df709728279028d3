//! The project's own chores: `cargo xtask help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore tells what it does")]

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
The chores of s1crets.

    cargo xtask setup             prepares what the tests need, once
    cargo xtask test [ARGUMENTS]  prepares, starts the servers and runs all tests;
                                  the arguments go to `cargo test`
    cargo xtask layers [--graph]  Check that no module of src/ imports from a higher
                                  layer, and find import cycles. With --graph, print
                                  the number of imports between modules instead
    cargo xtask fuzz [SECONDS]    runs each fuzz target for so long (default 60)
    cargo xtask bench [NAME...]   measures what s1crets costs beside its rivals: all, or
                                  these groups (hot, cold, calls, expiry, outage, memory,
                                  disk, command, redaction)
    cargo xtask dist              builds the release command, its completions and
                                  its man pages into target/dist
    cargo xtask help              prints this";

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
    let Some((chore, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(ExitCode::from(2));
    };
    match (chore.as_str(), rest) {
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
            eprintln!("xtask: no such chore: {}\n\n{HELP}", arguments.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}
