//! `s1crets exists`.

use super::wait;
use crate::{
    args::{Exists, Global},
    client_setup,
    exit::Exit,
    output,
    path_arg::PathArg,
    report::Failure,
};

pub(crate) fn run(global: &Global, args: &Exists) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.target.path, &args.target.keys)?;
    let exists = wait(client.path_exists(&provider, &path).keypath(keypath).into_future())?;
    output::exists(exists, global.json)?;
    Ok(if exists { Exit::Found } else { Exit::NotFound })
}
