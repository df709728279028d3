//! `s1crets update`.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::Path,
};

use s1crets::SecretValue;
use zeroize::Zeroizing;

use super::wait;
use crate::{
    args::{Global, Update},
    client_setup,
    exit::Exit,
    output,
    path_arg::{self, PathArg},
    report::Failure,
};

pub(crate) fn run(global: &Global, args: &Update) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.path, &args.key)?;
    let mut call = client.update(&provider, &path, new_value(args)?).keypath(keypath);
    if let Some(version) = &args.if_version {
        call = call.if_version(version);
    }
    let updated = wait(call.into_future()).map_err(|failure| path_arg::with_syntax_hint(failure, &args.path))?;
    output::updated(&updated, global.json)?;
    Ok(Exit::Found)
}

/// More than any of the backends takes, so that the buffer never has to move and leave a copy behind.
const CAPACITY: usize = 128 * 1024;

/// The new value.
fn new_value(args: &Update) -> Result<SecretValue, Failure> {
    let bytes = match (&args.value, &args.value_file) {
        (Some(value), _) => return as_value(value.clone(), args.as_json),
        (None, Some(file)) if file != Path::new("-") => from_file(file)?,
        (None, _) => from_stdin()?,
    };
    match std::str::from_utf8(&bytes) {
        Ok("" | "\n") => Err(Failure::Usage("the new value is empty: give '' as VALUE to empty the secret".into())),
        Ok(text) => as_value(text.strip_suffix('\n').unwrap_or(text).to_owned(), args.as_json),
        Err(_) => Ok(SecretValue::binary(bytes.to_vec())),
    }
}

fn as_value(text: String, json: bool) -> Result<SecretValue, Failure> {
    match json {
        true => Ok(SecretValue::json_text(text)?),
        false => Ok(SecretValue::text(text)),
    }
}

fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let what = || format!("can't read the new value from {}", path.display());
    let file = File::open(path).map_err(|error| Failure::io(what(), error))?;
    read_all(file).map_err(|error| Failure::io(what(), error))
}

fn from_stdin() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Failure::Usage("no new value: pipe it in, or give --value-file".into()));
    }
    read_all(stdin).map_err(|error| Failure::io("can't read the new value from standard input", error))
}

fn read_all(mut from: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}
