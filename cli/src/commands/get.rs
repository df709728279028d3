//! `s1crets get`: prints one secret.

use clap::Args;
use s1crets::Secret;

use super::wait_and_shut_down;
use crate::{
    args::{Global, PathAndKeys},
    ci_masks, client_setup,
    exit::Exit,
    output::{self, Style},
    path_arg::{self, PathArg},
    report::Failure,
    staleness,
};

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  s1crets get prod/db password
  s1crets get --provider aws.ps /prod/db/root
  s1crets get file://app/db#/hosts/0/name")]
pub(crate) struct Get {
    #[command(flatten)]
    target: PathAndKeys,
    /// Print this text if the secret or key does not exist
    #[arg(long, value_name = "TEXT")]
    default: Option<String>,
    #[command(flatten)]
    version: VersionArgs,
    /// Don't decrypt a SecureString (Parameter Store)
    #[arg(long)]
    no_decrypt: bool,
    /// Omit the trailing newline
    #[arg(short, long)]
    no_newline: bool,
    /// Allow binary output to a terminal
    #[arg(long)]
    binary: bool,
}

// No doc comment: clap would take it for the description of the command.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct VersionArgs {
    /// Read the version with this number (Parameter Store, Vault KV 2)
    #[arg(long, value_name = "N")]
    version_number: Option<u64>,
    /// Read the version with this label (Parameter Store)
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Read the version with this ID (Secrets Manager)
    #[arg(long, value_name = "ID")]
    version_id: Option<String>,
    /// Read the version at this stage, such as AWSPREVIOUS (Secrets Manager)
    #[arg(long, value_name = "STAGE")]
    version_stage: Option<String>,
}

pub(crate) fn run(global: &Global, args: &Get) -> Result<Exit, Failure> {
    let client = client_setup::client(global)?;
    let target = PathArg::parse(&client, global, &args.target.path, &args.target.keys)?;
    let reference = target.to_string();
    let PathArg { provider, path, keypath } = target;
    let mut call = client.get(&provider, &path).keypath(keypath).decrypt(!args.no_decrypt).cached(!global.no_cache);
    if let Some(default) = &args.default {
        call = call.default(default.as_str());
    }
    let VersionArgs { version_number, label, version_id, version_stage } = &args.version;
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
    let secret = wait_and_shut_down(&client, call.into_future())
        .map_err(|failure| path_arg::with_syntax_hint(failure, &args.target.path))?;
    // The text of --default is no secret, so it is not masked.
    if !is_default(args.default.as_deref(), &secret) {
        ci_masks::register(global, [(path.as_str(), &secret)])?;
    }
    staleness::warn(global, [(reference.as_str(), &secret)]);
    output::secret(&secret, Style { json: global.json, newline: !args.no_newline, binary: args.binary })?;
    Ok(Exit::Found)
}

fn is_default(default: Option<&str>, secret: &Secret) -> bool {
    default.is_some_and(|default| secret.expose_bytes().is_ok_and(|value| value == default.as_bytes()))
}
