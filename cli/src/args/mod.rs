//! The command-line interface: options and commands, as clap parses them.
//!
//! The options of one command lie in its file below `commands/`. A doc comment here is help text:
//! its first paragraph is what `-h` and the overview show, `--help` shows all of it.

mod global;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use self::global::Global;
#[cfg(unix)]
use crate::commands::{CacheCommand, Run};
use crate::commands::{
    Completions, ConfigCommand, Doctor, Exists, Explain, Export, Get, GetByPath, Man, Render, Update,
};

/// Read and update secrets in AWS, Vault, OpenBao or a local file
///
/// A PATH is a name in the default provider, or a reference: PROVIDER://PATH, PROVIDER://PATH#KEY,
/// PROVIDER://PATH#KEY#KEY to go deeper, or PROVIDER://PATH#/json/pointer. Providers are aws.sm (AWS
/// Secrets Manager), aws.ps (AWS Parameter Store), vault.kv (Vault and OpenBao KV), file, and the
/// names in [providers] of the config file.
#[derive(Debug, Parser)]
#[command(
    name = "s1crets",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Example: s1crets get prod/db password",
    after_long_help = AFTER_LONG_HELP,
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_LONG_HELP: &str = "\
Exit status:
  0  found, or done
  1  no such secret or key
  2  usage error, or a value that can't be masked or that the format can't represent
  3  access denied, or not authenticated
  4  unreachable, throttled or timed out
  5  configuration and all other errors
After several failures, the status is the highest of theirs.

Examples:
  s1crets get prod/db password
  s1crets get aws.ps:///prod/db/host
  s1crets run --env DB_PASSWORD=aws.sm://prod/db#password -- ./migrate";

// Deferred: clap builds the options of a command only once that command is parsed, which keeps
// startup short.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Print a secret, or one value of a JSON secret or map
    ///
    /// Text and JSON are printed unchanged, with a trailing newline, and binary values without one. A
    /// map of named values is printed as JSON, if all of them are text.
    Get(Get),
    /// Print all secrets below a path, one `NAME VALUE` per line
    ///
    /// Path levels end at a slash: prod/data does not match prod/database. Control characters and
    /// spaces in names are escaped. With --json, names are exact, and a value of several lines
    /// stays on one line. If there is nothing below the path, the exit status is 1.
    GetByPath(GetByPath),
    /// Check whether a secret, a path or a key exists
    ///
    /// Exits with status 0 if it exists and with 1 if it does not. Prints nothing unless --json is
    /// given.
    Exists(Exists),
    /// Set a new value for an existing secret, or for one key of it
    ///
    /// Pass the value on stdin or with --value-file, so that it doesn't show up in the process
    /// list. One newline at the end of text is dropped, because `get` prints one. Empty input is an
    /// error, as it usually means that the command before the pipe failed; pass '' as VALUE to
    /// empty a secret.
    Update(Update),
    /// Write secrets as variables for a shell, a CI system or another program
    ///
    /// Exports [secrets] of the config file, what --from finds, and each NAME=REF. If several set
    /// the same name, the later one wins, as in `run`. If a secret is missing, or the format can't
    /// represent a name or a value, nothing is written and all such errors are printed.
    Export(Export),
    /// Render a template that contains secrets
    ///
    /// All secrets are read before anything is written, in as few requests as the backends allow.
    /// If any are missing, nothing is written and all of them are listed.
    Render(Render),
    /// Inspect and clean the disk cache
    ///
    /// The disk cache is off unless the config file sets `disk = true` in [cache], or
    /// S1CRETS_CACHE_DISK=true is set. These commands work either way, and need no key.
    #[cfg(unix)]
    #[command(subcommand, after_long_help = "Example: s1crets cache stats")]
    Cache(CacheCommand),
    /// Explain how a secret is resolved, and how to fix failures, without printing it
    ///
    /// Prints the provider, its settings and where they come from, the identity the backend sees,
    /// and the size and age of the secret. Never prints a value or the keys of a JSON secret. The
    /// exit status is that of `get`.
    Explain(Explain),
    /// Check the configuration, and every provider it names
    ///
    /// Checks the config file, the permissions of the files it names, the disk cache, and for each
    /// provider whether it can be reached, as which identity, and whether the clocks agree.
    /// Warnings leave the exit status at 0.
    Doctor(Doctor),
    /// Show, check and trust the configuration
    #[command(subcommand, after_long_help = "Example: s1crets config show --origin")]
    Config(ConfigCommand),
    /// Run a program with secrets in its environment, or in files
    ///
    /// All secrets are read before the program starts, in as few requests as the backends allow. If
    /// any are missing, all of them are listed and the program is not started. Without --files and
    /// --redact, s1crets then execs the program.
    ///
    /// References in inherited variables are resolved only if --resolve, or `resolve` in [run] of
    /// the config file, names the variable, because others may have chosen its text. Credentials of
    /// s1crets and its providers are withheld (see --keep).
    ///
    /// If several sources set the same variable, the later one wins: the environment, [secrets] of
    /// the config file (unless --no-config-secrets leaves it out), --from, --env-file, --env.
    #[cfg(unix)]
    Run(Run),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write the manual pages to a folder
    ///
    /// Creates the folder if needed, and overwrites existing pages.
    Man(Man),
}

// No doc comment: clap would take it for the description of the command that flattens this.
#[derive(Debug, ClapArgs)]
pub(crate) struct PathAndKeys {
    /// Path of the secret, or a reference such as aws.sm://prod/db#password
    pub(crate) path: String,
    /// Keys that lead to a value in a JSON secret; a number is an index into an array
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
}
