//! `s1crets man`: writes the manual pages.

use std::{
    io,
    path::{Path, PathBuf},
};

use clap::{Args as ClapArgs, Command, CommandFactory, ValueHint};

use crate::{args::Args, exit::Exit, help, private, report::Failure};

#[derive(Debug, ClapArgs)]
#[command(after_long_help = "Example: s1crets man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Folder to write to
    #[arg(value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

pub(crate) fn run(args: &Man) -> Result<Exit, Failure> {
    let command = help::build(Args::command().disable_help_subcommand(true));
    write(&command, &args.folder)
        .map_err(|error| Failure::io(format!("can't write the manual pages to {}", args.folder.display()), error))?;
    Ok(Exit::Found)
}

/// Writes the pages of a command and its subcommands. `clap_mangen::generate_to` is not used
/// because it follows links.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write(subcommand, folder)?;
    }
    let (page, mut text) = (clap_mangen::Man::new(command.clone()), Vec::new());
    page.render(&mut text)?;
    private::write_public(folder, &page.get_filename(), &text)
}
