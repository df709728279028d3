//! `s1crets completions`.

use clap::CommandFactory;

use crate::{
    args::{Args, Completions},
    exit::Exit,
    output,
    report::Failure,
};

pub(crate) fn run(args: &Completions) -> Result<Exit, Failure> {
    // Written to memory first: the generator panics where a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "s1crets", &mut script);
    output::print(|out| std::io::Write::write_all(out, &script))?;
    Ok(Exit::Found)
}
