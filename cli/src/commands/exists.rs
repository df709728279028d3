//! `s1crets exists`: tells by its exit status whether a secret, a path or a key exists.

use clap::Args;
use serde_json::json;

use super::wait_and_shut_down;
use crate::{
    args::{Global, PathAndKeys},
    client_setup,
    exit::Exit,
    output,
    path_arg::PathArg,
    report::Failure,
};

#[derive(Debug, Args)]
#[command(after_long_help = "Example: s1crets exists --provider aws.ps /prod/db/root && echo OK")]
pub(crate) struct Exists {
    #[command(flatten)]
    target: PathAndKeys,
}

pub(crate) fn run(global: &Global, args: &Exists) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.target.path, args.target.keys())?;
    let exists = wait_and_shut_down(&client, client.path_exists(&provider, &path).keypath(keypath).into_future())?;
    if global.json {
        output::line(&json!({ "exists": exists }))?;
    }
    Ok(if exists { Exit::Found } else { Exit::NotFound })
}
