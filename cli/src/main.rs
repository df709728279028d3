//! `s1crets`: one way to ask for a secret, whoever keeps it, from a shell.

mod args;
mod commands;
mod diagnose;
mod exit;
mod export;
mod forms;
mod from;
mod log;
mod masks;
mod name;
mod output;
mod private;
#[cfg(unix)]
mod redact;
mod render;
mod report;
mod resolve;
mod service_message;
#[cfg(unix)]
mod signals;
mod target;
mod value;
mod wiped;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Args, exit::Exit};

fn main() -> ExitCode {
    let args = Args::parse();
    log::start(args.global.verbose);
    match commands::run(&args) {
        Ok(code) => code,
        Err(failure) => {
            report::failure(&failure, &args.global);
            Exit::of(&failure).into()
        }
    }
}
