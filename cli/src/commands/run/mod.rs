//! `s1crets run`: runs a program with secrets in its environment, or in files.
//!
//! Without `--files` and `--redact` the process execs the program. With them it stays as the
//! parent: it forwards signals, redacts the output, and removes the files when the program has
//! ended.

mod classify;
mod env_file;
mod environment;
mod inherited;
mod launch;
mod proxy_passwords;
mod pty;
mod redact_output;
mod resolve_option;
mod secret_files;
mod supervise;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::{Args, ValueHint};
use s1crets::{Config, Error, ErrorKind, Reference};

use self::{
    environment::Environment, redact_output::Started, secret_files::Files, supervise::Running, supervise::Supervisor,
};
use super::wait_and_shut_down;
use crate::{
    args::Global,
    ci_masks::{self, Purpose},
    client_setup, core_dumps,
    redact::Matcher,
    report::Failure,
    staleness,
};

const NO_SOURCE: &str =
    "no secrets for the program; use --env, --env-file, --from, --resolve or [secrets] of the config file";
const RESOLVE_HINT: &str = "to resolve a reference in a variable of the environment, use --resolve NAME; to start the program with a \
                            clean environment only, use --pure";

#[derive(Debug, Args)]
#[command(after_long_help = "\
Exit status: that of the program; 128 plus the signal that ended it; 127 if it does not exist; 126 if it can't be executed.

Examples:
  s1crets run --env DB_PASSWORD=aws.sm://prod/db#password -- ./migrate
  s1crets run --env-file .env --pure -- ./server --port 8080
  s1crets run --from aws.ps:///prod/app/ --prefix APP_ -- ./server
  s1crets run --from vault.kv://secret/app --files -- ./server
  s1crets run --env-file .env --redact -- ./deploy.sh
  DB_PASSWORD=aws.sm://prod/db#password s1crets run --resolve DB_PASSWORD -- ./migrate")]
pub(crate) struct Run {
    /// Set a variable to the secret at a reference; repeat it for more
    ///
    /// A REF without a provider is read from the default provider.
    #[arg(short, long, value_name = "NAME=REF")]
    env: Vec<String>,
    /// Set the variables of a file with NAME=value lines
    ///
    /// A value that is a reference to a known provider, such as aws.sm://prod/db#password, is
    /// resolved. With a backslash in front it is literal text, as file:///… always is. Nothing is
    /// expanded: $NAME and $(command) are text.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    env_file: Vec<PathBuf>,
    /// Set a variable for each key of this JSON secret, or for each secret below this path
    ///
    /// If both exist, the keys of the secret are used; end REF with a slash to list the path.
    #[arg(long, value_name = "REF")]
    from: Vec<String>,
    /// Put this text in front of the names made by --from
    #[arg(long, value_name = "TEXT", requires = "from")]
    prefix: Option<String>,
    /// Use the keys of JSON objects below the path of --from, not the objects
    #[arg(long, requires = "from")]
    keys: bool,
    /// Use only the names made by --from that match this pattern
    ///
    /// A name that controls programs, such as PIP_INDEX_URL, is refused unless a pattern matches
    /// it, also with --env, --resolve, env files and [secrets].
    #[arg(long, value_name = "PATTERN")]
    names: Vec<String>,
    /// Leave out [secrets] of the config file
    #[arg(long)]
    no_config_secrets: bool,
    /// Resolve this variable of the environment if it holds a reference
    ///
    /// Takes a name, which must be set, or a pattern such as DB_*.
    #[arg(long, value_name = "NAME")]
    resolve: Vec<String>,
    /// Start with a clean environment
    ///
    /// Keeps only PATH, HOME, USER, LOGNAME, SHELL, PWD, TERM, COLORTERM, NO_COLOR, LANG, LANGUAGE,
    /// LC_*, TZ, TMPDIR, and variables that are resolved.
    #[arg(long)]
    pure: bool,
    /// Keep a variable that --pure would remove, or a credential that is always withheld
    ///
    /// Takes a name or a pattern. The credentials are those of s1crets and its providers, such as
    /// AWS_SECRET_ACCESS_KEY and VAULT_TOKEN.
    #[arg(long, value_name = "NAME")]
    keep: Vec<String>,
    /// Pass on only variables that match this pattern, and those of --env
    ///
    /// --keep does not lift this.
    #[arg(long, value_name = "PATTERN")]
    allow: Vec<String>,
    /// Remove variables that match this pattern, except those of --env
    ///
    /// Removes them even if --keep names them.
    #[arg(long, value_name = "PATTERN")]
    deny: Vec<String>,
    /// Pass secrets in files, and their paths in NAME_FILE
    ///
    /// The files are in a private in-memory folder, which is removed when the program ends.
    #[arg(long)]
    files: bool,
    /// Use the temporary folder on disk if there is no in-memory folder
    #[arg(long, requires = "files")]
    danger_files_on_disk: bool,
    /// Replace secrets in the output of the program with ***
    ///
    /// Secrets in common encodings, such as base64 and JSON, are replaced too.
    #[arg(long)]
    redact: bool,
    /// Program to run, and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

impl Run {
    /// `[secrets]` of the config file, unless it is left out.
    fn configured<'a>(&self, config: &'a Config) -> impl Iterator<Item = (&'a String, &'a Reference)> + use<'a> {
        let is_left_out = self.no_config_secrets;
        config.secrets.iter().filter(move |_| !is_left_out)
    }

    /// Fails if no source of secrets is given. Otherwise somebody who expects references in the
    /// environment to be resolved by themselves would run the program with references instead of
    /// secrets.
    fn check_sources(&self, config: &Config) -> Result<(), Failure> {
        let typed = [&self.env, &self.from, &self.resolve].iter().any(|given| !given.is_empty());
        let configured = self.configured(config).next().is_some()
            || config.run.resolve.as_ref().is_some_and(|names| !names.is_empty());
        match typed || configured || !self.env_file.is_empty() || self.pure {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::InvalidInput, NO_SOURCE).with_hint(RESOLVE_HINT).into()),
        }
    }
}

pub(crate) fn run(global: &Global, args: &Run) -> Result<ExitCode, Failure> {
    let config = client_setup::config(global)?;
    args.check_sources(&config)?;
    let client = client_setup::with_options(config.clone(), global).build()?;
    let environment = wait_and_shut_down(&client, Environment::resolve(&client, global, args, &config))?;
    staleness::warn(global, environment.secrets.iter().map(|(name, secret)| (name.as_str(), secret)));
    ci_masks::register(global, environment.secrets.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    if !args.files && !args.redact {
        return Ok(launch::exec(launch::command(&args.command, &environment.in_clear()?), global));
    }
    // Slow, so done while a signal still ends this process.
    let matcher = args.redact.then(|| matcher_for(global, &environment)).transpose()?;
    // Started before there are files, which a signal would otherwise leave behind.
    let supervisor = Supervisor::start().map_err(|error| Failure::io("can't watch for signals", error))?;
    let files = args.files.then(|| Files::write(&environment.secrets, args.danger_files_on_disk)).transpose()?;
    let variables = match &files {
        Some(files) => in_files(&environment, files),
        None => environment.in_clear()?,
    };
    let code = supervise(supervisor, global, &args.command, matcher, &variables)?;
    files.map_or(Ok(()), Files::remove)?;
    Ok(code)
}

/// The variables for `--files`: each secret is replaced by the path of its file.
fn in_files(environment: &Environment, files: &Files) -> BTreeMap<OsString, OsString> {
    let mut variables = environment.literals.clone();
    for name in environment.secrets.keys() {
        variables.insert(environment::variable(name, true).into(), files.path(name).into());
    }
    variables
}

/// Starts the program, and waits for it under the supervisor.
fn supervise(
    supervisor: Supervisor,
    global: &Global,
    typed: &[OsString],
    matcher: Option<Matcher>,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<ExitCode, Failure> {
    let command = launch::command(typed, variables);
    if let Some(signal) = supervisor.signal_before_start() {
        return Ok(launch::status_of_signal(signal));
    }
    let started = core_dumps::with_original_limit(|| match matcher {
        Some(matcher) => redact_output::start(command, matcher),
        None => start(command),
    });
    match started {
        Ok(Started { running, writers, raw_mode }) => {
            let status = supervisor.wait(running, writers);
            // Restores the terminal.
            drop(raw_mode);
            status
        }
        Err(error) => Ok(launch::not_started(&typed[0], error, global)),
    }
}

fn start(mut command: Command) -> io::Result<Started> {
    Ok(Started { running: Running::sharing_terminal(command.spawn()?), writers: Vec::new(), raw_mode: None })
}

/// What `--redact` searches for: the secrets and the passwords of proxies, with their encoded
/// forms.
fn matcher_for(global: &Global, environment: &Environment) -> Result<Matcher, Failure> {
    let proxies = proxy_passwords::passwords(&environment.literals);
    let secrets = environment.secrets.iter().chain(&proxies).map(|(name, secret)| (name.as_str(), secret));
    Ok(Matcher::new(&Purpose::Redact.encodings(global, secrets)?))
}
