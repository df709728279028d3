//! `s1crets get-by-path`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::wait;
use crate::{
    args::{GetByPath, Global},
    client_setup, escape,
    exit::Exit,
    masks,
    output::{self, Style},
    path_arg::PathArg,
    report::{self, Failure},
};

pub(crate) fn run(global: &Global, args: &GetByPath) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.path, &[])?;
    if !keypath.is_empty() {
        return Err(Failure::Usage("a listing has no keys: leave out what is behind '#'".into()));
    }
    let call = client
        .get_by_path(&provider, &path)
        .recursive(!args.no_recursive)
        .decrypt(!args.no_decrypt)
        .fail_on_error(!args.keep_going)
        .cached(!global.no_cache);
    let spinner = spinner(&provider, &path);
    let listing = wait(call.into_future());
    spinner.finish_and_clear();
    let listing = listing?;
    masks::tell(global, listing.iter())?;
    output::listing(&listing, Style { json: global.json, newline: true, binary: args.binary })?;
    let mut exit = Exit::Found;
    for (name, error) in listing.failures() {
        exit = Exit::of_kind(error.kind());
        report::failure(&Failure::unreadable(name, error), global);
    }
    Ok(exit)
}

/// Turns on a terminal while a listing takes its time; draws nothing elsewhere.
fn spinner(provider: &str, path: &str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    spinner.set_style(ProgressStyle::default_spinner());
    spinner.set_message(escape::text(&format!("listing {provider}://{path}")).into_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
