//! The command `s1crets`: reads and updates secrets in AWS, Vault, OpenBao or a local file.

mod args;
mod ci_masks;
mod client_setup;
mod commands;
#[cfg(unix)]
mod core_dumps;
mod diagnose;
mod encodings;
mod escape;
mod exit;
mod export;
mod from_option;
mod help;
mod log;
mod name_patterns;
mod named_refs;
mod output;
mod path_arg;
mod private;
mod quoting;
#[cfg(unix)]
mod redact;
mod render;
mod report;
mod reserved_names;
#[cfg(unix)]
mod signals;
mod staleness;
mod variable_name;
mod version;
mod whole_map;
mod wiping_buf;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::{args::Args, exit::Exit};

fn main() -> ExitCode {
    #[cfg(unix)]
    core_dumps::disable();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return help_or_usage_error(help::shorten(error)),
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

/// Prints the help, the version or the usage error that clap returns, as JSON if `--json` was
/// typed.
fn help_or_usage_error(error: clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayVersion && version::is_verbose() {
        return match version::print(&error.to_string()) {
            Ok(()) => Exit::Found.into(),
            Err(failure) => Exit::of(&failure).into(),
        };
    }
    // The arguments did not parse, so the option is looked up by hand.
    let is_json = std::env::args_os().take_while(|arg| arg != "--").any(|arg| arg == "--json");
    match is_json && error.use_stderr() {
        true => report::usage_as_json(&error),
        false => report::usage(&error),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8))
}
