//! `s1crets update`: gives a secret a new value, read from stdin, a file or an argument.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use s1crets::SecretValue;
use serde_json::json;
use zeroize::Zeroizing;

use super::wait_and_shut_down;
use crate::{
    args::Global,
    client_setup,
    exit::Exit,
    output,
    path_arg::{self, PathArg},
    report::Failure,
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
    /// it in its history.
    value: Option<String>,
    /// Read the new value from a file; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "value", value_hint = ValueHint::FilePath)]
    value_file: Option<PathBuf>,
    /// Change only this key of a JSON secret or map; repeat it to go deeper
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// Store the value as JSON, not as text
    #[arg(long)]
    as_json: bool,
    /// Update only if this is still the current version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Update) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.path, &args.key)?;
    let mut call = client.update(&provider, &path, new_value(args)?).keypath(keypath);
    if let Some(version) = &args.if_version {
        call = call.if_version(version);
    }
    let updated = wait_and_shut_down(&client, call.into_future())
        .map_err(|failure| path_arg::with_syntax_hint(failure, &args.path))?;
    if global.json {
        output::line(&json!({ "name": updated.name, "version": updated.version }))?;
    }
    Ok(Exit::Found)
}

fn new_value(args: &Update) -> Result<SecretValue, Failure> {
    let bytes = match (&args.value, &args.value_file) {
        (Some(value), _) => return text_or_json(value.clone(), args.as_json),
        (None, Some(file)) if file != Path::new("-") => {
            let unreadable = |error| Failure::io(format!("can't read the new value from {}", file.display()), error);
            File::open(file).and_then(read_all).map_err(unreadable)?
        }
        (None, _) => from_stdin()?,
    };
    match std::str::from_utf8(&bytes) {
        Ok("" | "\n") => Err(Failure::Usage("the new value is empty; pass '' as VALUE to empty the secret".into())),
        Ok(text) => text_or_json(text.strip_suffix('\n').unwrap_or(text).to_owned(), args.as_json),
        Err(_) => Ok(SecretValue::binary(bytes.to_vec())),
    }
}

fn text_or_json(text: String, json: bool) -> Result<SecretValue, Failure> {
    match json {
        true => Ok(SecretValue::json_text(text)?),
        false => Ok(SecretValue::text(text)),
    }
}

fn from_stdin() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::Usage("no new value; pipe it to stdin or use --value-file".into()));
    }
    read_all(stdin).map_err(|error| Failure::io("can't read the new value from stdin", error))
}

fn read_all(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    /// Above what any backend accepts, so the buffer does not grow and leave an unwiped copy
    /// behind.
    const CAPACITY: usize = 128 * 1024;
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}
