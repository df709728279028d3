//! `s1crets completions`: prints a completion script for a shell.

use std::io::Write;

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use crate::{args::Args, exit::Exit, output, report::Failure};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Example: s1crets completions bash > /etc/bash_completion.d/s1crets")]
pub(crate) struct Completions {
    /// Shell to print the script for
    shell: Shell,
}

pub(crate) fn run(args: &Completions) -> Result<Exit, Failure> {
    // Generated into memory first, because the generator panics when stdout is a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "s1crets", &mut script);
    output::print(|out| out.write_all(&script))?;
    Ok(Exit::Found)
}
