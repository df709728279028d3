//! `s1crets exists`.

use super::wait;
use crate::{
    args::{Exists, Global},
    exit::Exit,
    output,
    report::Failure,
    target::{self, Target},
};

pub(crate) fn run(global: &Global, args: &Exists) -> Result<Exit, Failure> {
    let client = target::client(global)?;
    let Target { provider, path, keypath } = Target::new(&client, global, &args.target.path, &args.target.keys)?;
    let exists = wait(client.path_exists(&provider, &path).keypath(keypath).into_future())?;
    output::exists(exists, global.json)?;
    Ok(if exists { Exit::Found } else { Exit::NotFound })
}
