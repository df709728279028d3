//! `s1crets update`: gives a secret a new value, read from stdin, a file or an argument.

mod current;
mod new_value;

use std::path::PathBuf;

use clap::{Args, ValueHint};
use s1crets::{Client, Updated};
use serde_json::json;

use self::{
    current::Current,
    new_value::{NewValue, has_unread_stdin},
};
use super::wait_and_shut_down;
use crate::{
    args::Global,
    client_setup,
    exit::Exit,
    output,
    path_arg::{self, PathArg},
    report::{self, Failure},
};

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  openssl rand -hex 16 | s1crets update prod/db --key password
  s1crets update prod/tls --value-file key.pem")]
pub(crate) struct Update {
    /// Path of the secret, or a reference such as aws.sm://prod/db#password
    path: String,
    /// New value (unsafe: prefer stdin)
    ///
    /// Any user of this machine can read an argument in the list of processes, and the shell keeps
    /// it in its history. `-`, and what begins with `@` or `file://`, is refused, as other commands
    /// read a file then.
    value: Option<String>,
    /// Read the new value from a file, byte for byte; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "value", value_hint = ValueHint::FilePath)]
    value_file: Option<PathBuf>,
    /// Change only this key of a JSON secret or map; repeat it to go deeper
    ///
    /// A number stays a number, and a boolean a boolean, if the new text is one. Any other text
    /// becomes a string.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Store the value as JSON, not as text
    #[arg(long)]
    as_json: bool,
    /// Write the whole value even if it replaces a JSON object by something else
    ///
    /// Without it, s1crets reads the current value first, and refuses to replace a JSON object by a
    /// value that is not one. Needed, too, if the current value can't be read with these
    /// credentials.
    #[arg(long, conflicts_with = "key")]
    replace: bool,
    /// Update only if this is still the current version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Update) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let target = PathArg::parse(&client, global, &args.path, &args.key)?;
    let new = NewValue::read(args)?;
    let updated = wait_and_shut_down(&client, update(&client, global, &target, new, args));
    // Asked at the end, as the command before a pipe may have been slower to start.
    if args.value.is_some() && has_unread_stdin() {
        let message = "standard input has data, which is not read because VALUE is given; to use it, omit VALUE";
        report::warning(message, global);
    }
    let updated = updated.map_err(|failure| path_arg::with_syntax_hint(failure, &args.path))?;
    if global.json {
        output::line(&json!({ "name": updated.name, "version": updated.version }))?;
    }
    Ok(Exit::Found)
}

async fn update(
    client: &Client,
    global: &Global,
    target: &PathArg,
    new: NewValue,
    args: &Update,
) -> Result<Updated, Failure> {
    let current = Current::look(client, target, &new, args).await?;
    if let Some(warning) = current.check(target, &new, args)? {
        report::warning(warning, global);
    }
    let value = new.into_value(&current, args.as_json)?;
    let PathArg { provider, path, keypath } = target;
    let mut call = client.update(provider, path, value).keypath(keypath.clone());
    if let Some(version) = &args.if_version {
        call = call.if_version(version);
    }
    Ok(call.await?)
}
