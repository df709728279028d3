//! `s1crets man`.

use std::{io, path::Path};

use clap::{Command, CommandFactory};

use crate::{
    args::{Args, Man},
    exit::Exit,
    private,
    report::Failure,
};

pub(crate) fn run(args: &Man) -> Result<Exit, Failure> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    write(&command, &args.folder)
        .map_err(|error| Failure::io(format!("can't write the manual pages into {}", args.folder.display()), error))?;
    Ok(Exit::Found)
}

/// The pages of a command and its subcommands. Not by `clap_mangen::generate_to`, which writes to wherever a link leads.
fn write(command: &Command, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write(subcommand, folder)?;
    }
    let (page, mut text) = (clap_mangen::Man::new(command.clone()), Vec::new());
    page.render(&mut text)?;
    private::write_public(folder, &page.get_filename(), &text)
}
