//! What can be typed.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

#[cfg(unix)]
use crate::commands::Run;
use crate::commands::{Export, Render};

/// One way to ask for a secret, whoever keeps it
#[derive(Debug, Parser)]
#[command(name = "s1crets", version, max_term_width = 100, arg_required_else_help = true, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
A PATH may be a reference: PROVIDER://PATH, PROVIDER://PATH#KEY or PROVIDER://PATH#/json/pointer.

Exit status: 0 found, 1 not found, 2 usage, 3 denied or not logged in, 4 unreachable, throttled or timed out, \
5 anything else.

Example: s1crets get prod/db password";

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Who keeps the secret: aws.sm, aws.ps, vault.kv, file, or a name from the config file [default: the config's, or aws.sm]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Config file to use, instead of an s1crets.toml that is found here, in a folder above, or in the user's config folder
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Use no config file
    #[arg(long, global = true, conflicts_with = "config")]
    pub(crate) no_config: bool,
    /// The profile of the config file to lay over it [default: S1CRETS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) config_profile: Option<String>,
    /// AWS: the region
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// AWS: a role to assume
    #[arg(long, global = true, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// AWS: the endpoint of every service
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) endpoint_url: Option<String>,
    /// The fetcher's file or CSI directory of the provider `file`, which becomes the default provider
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) file: Option<PathBuf>,
    /// Attempts in total [default: 3]
    #[arg(long, global = true, value_name = "ATTEMPTS")]
    pub(crate) retry: Option<NonZeroU32>,
    /// Time to connect, and again to wait for an answer, of one attempt: seconds, or such as 500ms [default: 5]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Ask the provider itself, whatever a cache holds
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// In a CI system, don't mask values in its log, and don't refuse values whose masks would not reach it
    #[arg(long, global = true)]
    pub(crate) no_mask: bool,
    /// Print JSON, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Tell the causes of an error; twice: log what is done. With --version: how the command was built
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

// Deferred: the options of a command are made when that command is asked for.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Print a secret, or a part of a JSON secret
    Get(Get),
    /// Print every secret below a path, a line `NAME VALUE` each
    GetByPath(GetByPath),
    /// Exit with 0 if a secret or path, or a key of a secret, exists, and with 1 if not
    Exists(Exists),
    /// Give an existing secret, or one key of it, a new value
    Update(Update),
    /// Write secrets by name, as a shell, a CI system or a program reads them
    Export(Export),
    /// Fill secrets into a template
    Render(Render),
    /// Look after the cache on disk
    #[cfg(unix)]
    #[command(subcommand, after_help = CACHE_HELP)]
    Cache(CacheCommand),
    /// Tell all about a secret but its value: who is asked, by which settings, as whom, what comes, and what would mend it
    Explain(Explain),
    /// Check the settings and each provider: reachable, as whom, clocks, files that others may read
    Doctor(Doctor),
    /// Show, find and check the settings
    #[command(subcommand, after_help = "Example: s1crets config show --origin")]
    Config(ConfigCommand),
    /// Run a command with secrets in its environment, or in files
    #[cfg(unix)]
    Run(Run),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Write the manual pages into a folder
    Man(Man),
}

// What is asked for. No doc comment: it would take the place of the command's own description.
#[derive(Debug, ClapArgs)]
pub(crate) struct Target {
    /// The secret's name, or a reference such as aws.sm://prod/db#password
    pub(crate) path: String,
    /// Steps into a JSON secret: keys, or indices of arrays
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Text is printed as it is, with a newline behind it; bytes and JSON as they are.

Examples:
  s1crets get prod/db password
  s1crets get --provider aws.ps /prod/db/root
  s1crets get file://app/db#/hosts/0/name")]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What to print if there is no such secret or key
    #[arg(long, value_name = "TEXT")]
    pub(crate) default: Option<String>,
    #[command(flatten)]
    pub(crate) version: Version,
    /// Don't decrypt a SecureString (Parameter Store)
    #[arg(long)]
    pub(crate) no_decrypt: bool,
    /// Print no newline behind text
    #[arg(short, long)]
    pub(crate) no_newline: bool,
    /// Print bytes to a terminal too
    #[arg(long)]
    pub(crate) binary: bool,
}

// Which version.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct Version {
    /// The version with this number (Parameter Store)
    #[arg(long, value_name = "N")]
    pub(crate) version_number: Option<u64>,
    /// The version with this label (Parameter Store)
    #[arg(long, value_name = "LABEL")]
    pub(crate) label: Option<String>,
    /// The version with this id (Secrets Manager)
    #[arg(long, value_name = "ID")]
    pub(crate) version_id: Option<String>,
    /// The version at this stage, such as AWSPREVIOUS (Secrets Manager)
    #[arg(long, value_name = "STAGE")]
    pub(crate) version_stage: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Levels end at a slash: prod/data does not hold prod/database. With --json a value of several lines stays one, and a \
name is exact; without, control characters in a name are escaped.

Example: s1crets get-by-path --provider aws.ps /prod")]
pub(crate) struct GetByPath {
    /// The path, or a reference such as aws.ps:///prod
    pub(crate) path: String,
    /// Only the first level
    #[arg(long)]
    pub(crate) no_recursive: bool,
    /// Don't decrypt SecureStrings (Parameter Store)
    #[arg(long)]
    pub(crate) no_decrypt: bool,
    /// Print what can be read, and report the rest
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print bytes to a terminal too
    #[arg(long)]
    pub(crate) binary: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: s1crets exists --provider aws.ps /prod/db/root && echo OK")]
pub(crate) struct Exists {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
One newline at the end of the input is dropped, as `get` adds one; of bytes nothing is. A secret is emptied by an empty VALUE \
alone: of an input with nothing in it, a command before it has failed.

Examples:
  openssl rand -hex 16 | s1crets update prod/db --key password
  s1crets update prod/tls --value-file key.pem")]
pub(crate) struct Update {
    /// The secret's name, or a reference such as aws.sm://prod/db#password
    pub(crate) path: String,
    /// The new value. Anybody on this machine can read it in the list of processes, and the shell keeps it in its
    /// history: leave it out, and give the value on standard input
    pub(crate) value: Option<String>,
    /// Take the new value from a file; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "value", value_hint = ValueHint::FilePath)]
    pub(crate) value_file: Option<PathBuf>,
    /// Change only this key of a JSON secret; again for a step further down
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// The value under the key is JSON, not text
    #[arg(long)]
    pub(crate) as_json: bool,
    /// Only if this is still the current version
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<String>,
}

#[cfg(unix)]
const CACHE_HELP: &str = "\
It is off unless `disk = true` stands in the config file's [cache], or S1CRETS_CACHE_DISK=true. These commands work either \
way, and without its key.

Examples:
  s1crets cache stats
  s1crets cache clear";

#[cfg(unix)]
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print how much it holds
    #[command(after_help = "Example: s1crets cache stats --json")]
    Stats,
    /// Remove all that it holds; processes that use it drop what they hold in memory too
    #[command(after_help = "Example: s1crets cache clear")]
    Clear,
    /// Remove what is past its time, what is beyond `entries`, and what killed processes left; happens by itself too
    #[command(after_help = "Example: s1crets cache prune")]
    Prune,
    /// Print its folder
    #[command(after_help = "Example: ls -l $(s1crets cache path)")]
    Path,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Printed are names, sizes and times: never a value, nor the keys of a JSON secret. The exit status is that of `get`.

Example: s1crets explain aws.sm://prod/db#password")]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Exit status: 0 if nothing failed, warnings or not; else that of the worst failure.

Examples:
  s1crets doctor
  s1crets doctor vault.kv --json")]
pub(crate) struct Doctor {
    /// These providers alone [default: those that the config file names, and the default one]
    #[arg(value_name = "PROVIDER")]
    pub(crate) providers: Vec<String>,
}

const TRUST_HELP: &str = "\
An s1crets.toml that is found decides where tokens are sent and what commands get in their environment, so it is used only once \
you trust it. The trust is for this path and this content: it ends when the file changes. Not covered are the files that it \
refers to. A file named by --config or S1CRETS_CONFIG needs no trust.

Examples:
  s1crets config trust
  s1crets config trust --list";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in force, as TOML, and which credential each provider logs in with. User names and passwords of
    /// URLs are left out
    #[command(after_help = "Example: s1crets config show --origin --config-profile prod")]
    Show {
        /// Tell where each came from: default, file and line, profile, variable, AWS profile or command line
        #[arg(long)]
        origin: bool,
    },
    /// Print which config file is read
    #[command(after_help = "Example: s1crets config path")]
    Path,
    /// Trust a config file that is found, after printing what it decides
    #[command(after_help = TRUST_HELP)]
    Trust {
        /// File to trust [default: the one that is found]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// List the trusted files, and those that have changed since
        #[arg(long, conflicts_with = "file")]
        list: bool,
    },
    /// Stop trusting a config file
    #[command(after_help = "Example: s1crets config untrust s1crets.toml")]
    Untrust {
        /// File to stop trusting [default: the one that is found]
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
    /// Read the config file with all its profiles and set up its providers, without calling them
    #[command(after_help = "Example: s1crets config check --config deploy/s1crets.toml")]
    Check,
    /// Print the JSON Schema of the config file, for editors and checkers
    #[command(after_help = "Example: s1crets config schema > s1crets.schema.json")]
    Schema,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: s1crets completions bash > /etc/bash_completion.d/s1crets")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: s1crets man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The folder
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed = s1crets::config::parse_duration(text).filter(|duration| !duration.is_zero());
    parsed.ok_or("a number of seconds above 0, or a time such as 500ms or 2s")
}
