//! `s1crets`: one way to ask for a secret, whoever keeps it, from a shell.

mod args;
mod client_setup;
mod commands;
#[cfg(unix)]
mod core_dumps;
mod diagnose;
mod escape;
mod exit;
mod export;
mod filter;
mod forms;
mod from_option;
mod log;
mod masks;
mod named_refs;
mod output;
mod path_arg;
mod private;
#[cfg(unix)]
mod redact;
mod render;
mod report;
mod reserved;
#[cfg(unix)]
mod signals;
mod spelling;
mod variable_name;
mod version;
mod wiped;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::{args::Args, exit::Exit};

/// What was typed is none of what can be, or asks for help: told as JSON to whoever asked for that.
fn untyped(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayVersion && version::is_verbose() {
        return match version::print(&error.to_string()) {
            Ok(()) => Exit::Found.into(),
            Err(failure) => Exit::of(&failure).into(),
        };
    }
    let is_json = std::env::args_os().take_while(|typed| typed != "--").any(|typed| typed == "--json");
    match is_json && error.use_stderr() {
        true => report::untyped(error),
        false => report::usage(error),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}

fn main() -> ExitCode {
    #[cfg(unix)]
    core_dumps::turn_off();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return untyped(&error),
    };
    log::start(args.global.verbose);
    match commands::run(&args) {
        Ok(code) => code,
        Err(failure) => {
            report::failure(&failure, &args.global);
            Exit::of(&failure).into()
        }
    }
}
