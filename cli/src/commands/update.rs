//! `s1crets update`.

use super::wait;
use crate::{
    args::{Global, Update},
    exit::Exit,
    output,
    report::Failure,
    target::{self, Target},
    value,
};

pub(crate) fn run(global: &Global, args: &Update) -> Result<Exit, Failure> {
    let client = target::client(global)?;
    let Target { provider, path, keypath } = Target::new(&client, global, &args.path, &args.key)?;
    let mut call = client.update(&provider, &path, value::read(args)?).keypath(keypath);
    if let Some(version) = &args.if_version {
        call = call.if_version(version);
    }
    let updated = wait(call.into_future()).map_err(|failure| target::meant(failure, &args.path))?;
    output::updated(&updated, global.json)?;
    Ok(Exit::Found)
}
