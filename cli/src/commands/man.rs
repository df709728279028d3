//! `s1crets man`.

use clap::CommandFactory;

use crate::{
    args::{Args, Man},
    exit::Exit,
    report::Failure,
};

pub(crate) fn run(args: &Man) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Args::command(), &args.folder)
        .map_err(|error| Failure::io(format!("can't write the manual pages into {}", args.folder.display()), error))?;
    Ok(Exit::Found)
}
