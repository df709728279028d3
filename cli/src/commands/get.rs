//! `s1crets get`.

use super::wait;
use crate::{
    args::{Get, Global, Version},
    client_setup,
    exit::Exit,
    masks,
    output::{self, Style},
    path_arg::{self, PathArg},
    report::Failure,
};

pub(crate) fn run(global: &Global, args: &Get) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let PathArg { provider, path, keypath } = PathArg::parse(&client, global, &args.target.path, &args.target.keys)?;
    let mut call = client.get(&provider, &path).keypath(keypath).decrypt(!args.no_decrypt).cached(!global.no_cache);
    if let Some(default) = &args.default {
        call = call.default(default.as_str());
    }
    let Version { version_number, label, version_id, version_stage } = &args.version;
    if let Some(number) = version_number {
        call = call.version(*number);
    }
    if let Some(label) = label {
        call = call.label(label);
    }
    if let Some(id) = version_id {
        call = call.version_id(id);
    }
    if let Some(stage) = version_stage {
        call = call.version_stage(stage);
    }
    let secret = wait(call.into_future()).map_err(|failure| path_arg::with_syntax_hint(failure, &args.target.path))?;
    // A default is no secret.
    if args.default.as_ref().is_none_or(|default| default.as_bytes() != secret.expose_bytes()) {
        masks::tell(global, [(path.as_str(), &secret)])?;
    }
    output::secret(&secret, Style { json: global.json, newline: !args.no_newline, binary: args.binary })?;
    Ok(Exit::Found)
}
