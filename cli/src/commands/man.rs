//! `s1crets man`.

use std::fs;

use clap::CommandFactory;

use crate::{
    args::{Args, Man},
    exit::Exit,
    report::Failure,
};

pub(crate) fn run(args: &Man) -> Result<Exit, Failure> {
    fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Args::command(), &args.folder))
        .map_err(|error| Failure::io(format!("can't write the manual pages into {}", args.folder.display()), error))?;
    Ok(Exit::Found)
}
