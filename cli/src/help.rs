//! `--help` of the commands and their manual pages, without the global options.
//!
//! clap copies global options into every command, so each help would repeat all of them. Here they
//! are hidden in the commands, and a line points to `s1crets --help`. This needs a second parse with
//! all commands built; only a request for help pays for it.

use clap::{Arg, Command, CommandFactory, Error, error::ErrorKind};

use crate::args::Args;

const POINTER: &str =
    "Global options such as --provider, --config, --json and --verbose are described by `s1crets --help`.";

/// The help that was asked for, without global options if it is that of a command. Other errors
/// stay as they are.
pub(crate) fn shorten(error: Error) -> Error {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            build(Args::command()).try_get_matches().err().unwrap_or(error)
        }
        _ => error,
    }
}

/// Builds a command with its subcommands, whose help then leaves out global options.
pub(crate) fn build(mut command: Command) -> Command {
    command.build();
    command.mut_subcommands(hide_global_options)
}

fn hide_global_options(command: Command) -> Command {
    let long = command.get_after_long_help().map(|examples| format!("{POINTER}\n\n{examples}"));
    command
        .after_help(POINTER)
        .after_long_help(long.unwrap_or_else(|| POINTER.to_owned()))
        .mut_args(|arg: Arg| if arg.is_global_set() { arg.hide(true) } else { arg })
        .mut_subcommands(hide_global_options)
}
