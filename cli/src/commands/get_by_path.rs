//! `s1crets get-by-path`: prints all secrets below a path.

use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::wait_and_shut_down;
use crate::{
    args::Global,
    ci_masks, client_setup, escape,
    exit::Exit,
    output::{self, Style},
    path_arg::{self, PathArg},
    report::{self, Failure},
    staleness,
};

#[derive(Debug, Args)]
#[command(after_long_help = "Example: s1crets get-by-path --provider aws.ps /prod")]
pub(crate) struct GetByPath {
    /// Path to list, or a reference such as aws.ps:///prod
    path: String,
    /// List only the first level below the path
    #[arg(long)]
    no_recursive: bool,
    /// Don't decrypt SecureStrings (Parameter Store)
    #[arg(long)]
    no_decrypt: bool,
    /// Print the secrets that can be read even if others fail
    ///
    /// The errors go to stderr, and the exit status is the highest of theirs.
    #[arg(long)]
    keep_going: bool,
    /// Allow binary output to a terminal
    #[arg(long)]
    binary: bool,
}

pub(crate) fn run(global: &Global, args: &GetByPath) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let target = PathArg::parse(&client, global, &args.path, &[])?;
    let reference = target.to_string();
    let PathArg { provider, path, keypath } = target;
    if !keypath.is_empty() {
        let message = format!("can't list {}: a listing takes no keys; remove the part after '#'", args.path);
        return Err(Failure::Usage(message));
    }
    let call = client
        .get_by_path(&provider, &path)
        .recursive(!args.no_recursive)
        .decrypt(!args.no_decrypt)
        .fail_on_error(!args.keep_going)
        .cached(!global.no_cache);
    let spinner = spinner(&provider, &path);
    let listing = wait_and_shut_down(&client, call.into_future());
    spinner.finish_and_clear();
    let listing = listing?;
    ci_masks::register(global, listing.iter())?;
    // All of them were listed together, so they are of one age.
    staleness::warn(global, listing.iter().take(1).map(|(_, secret)| (reference.as_str(), secret)));
    output::listing(&listing, Style { json: global.json, newline: true, binary: args.binary })?;
    if listing.is_empty() && listing.failures().len() == 0 {
        return Err(path_arg::nothing_below(&reference).into());
    }
    let mut exit = Exit::Found;
    for (name, error) in listing.failures() {
        exit = exit.max(Exit::of_kind(error.kind()));
        report::failure(&Failure::unreadable(name, error), global);
    }
    Ok(exit)
}

/// Spins while a listing loads. Draws nothing unless stderr is a terminal.
fn spinner(provider: &str, path: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(ProgressStyle::default_spinner());
    spinner.set_message(escape::text(&format!("listing {provider}://{path}")).into_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
