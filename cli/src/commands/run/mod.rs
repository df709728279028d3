//! `s1crets run`.

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

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf, process::ExitCode};

use clap::{Args, ValueHint};
use s1crets::{Config, Error, ErrorKind};

use self::{
    environment::Environment, redact_output::Started, secret_files::Files, supervise::Running, supervise::Supervisor,
};
use super::wait;
use crate::{
    args::Global,
    client_setup, core_dumps,
    masks::{self, Purpose},
    redact::Needles,
    report::Failure,
};

const NO_SOURCE: &str = "nothing to give the command: name secrets with --env, --env-file, --from or --resolve, or in [secrets] of \
                         the config file";
const RESOLVE_HINT: &str = "--resolve NAME reads a variable of the environment that holds a reference; --pure alone starts the command \
                            with a clean environment";

#[derive(Debug, Args)]
#[command(after_help = "\
All secrets are read before the command starts, in as few calls as their backends allow; if any is missing, all that are \
missing are told and the command is not started. Without --files and --redact, s1crets then becomes the command.

In an env file, a value that is all of it a reference to a known provider, such as aws.sm://prod/db#password, is resolved. \
With a backslash in front it is a literal; file:///… always is. Variables of the environment are passed on as they are, \
unless --resolve or [run] resolve of the config file names them: their text may be anybody's. If several places set a \
variable, the last one wins: the environment, [secrets] of the config file, --from, --env-file, --env.

Exit status: the command's own, 128 and the signal if one ended it, 127 if there is no such command, 126 if it can't be \
run, else as told by s1crets --help.

Examples:
  s1crets run --env DB_PASSWORD=aws.sm://prod/db#password -- ./migrate
  s1crets run --env-file .env --pure -- ./server --port 8080
  s1crets run --from aws.ps:///prod/app/ --prefix APP_ -- ./server
  s1crets run --from vault.kv://secret/app --files -- ./server
  s1crets run --env-file .env --redact -- ./deploy.sh
  DB_PASSWORD=aws.sm://prod/db#password s1crets run --resolve DB_PASSWORD -- ./migrate")]
pub(crate) struct Run {
    /// Give the command this variable; a REF without a provider is of --provider. Again for more
    #[arg(short, long, value_name = "NAME=REF")]
    env: Vec<String>,
    /// Give it the variables of a file of NAME=value lines. Nothing in there is expanded
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    env_file: Vec<PathBuf>,
    /// Give it a variable for each key of this JSON secret, or for each secret below this path, which a slash at its end
    /// says it is
    #[arg(long, value_name = "REF")]
    from: Vec<String>,
    /// What the names that --from makes begin with
    #[arg(long, value_name = "TEXT", requires = "from")]
    prefix: Option<String>,
    /// Of the secrets below the path of --from, take those that are JSON objects apart into their keys
    #[arg(long, requires = "from")]
    keys: bool,
    /// Of the names that --from makes, take those that match this pattern. A name that controls programs, such as
    /// PIP_INDEX_URL, has no value from a provider unless it matches; also with --env and the like
    #[arg(long, value_name = "PATTERN")]
    names: Vec<String>,
    /// Resolve this variable of the environment if it holds a reference. A name, which must be set, or a pattern
    #[arg(long, value_name = "NAME")]
    resolve: Vec<String>,
    /// Leave out the rest of the environment but what a program needs to run: PATH, HOME, USER, LOGNAME, SHELL, PWD, TERM,
    /// COLORTERM, NO_COLOR, LANG, LANGUAGE, LC_*, TZ, TMPDIR
    #[arg(long)]
    pure: bool,
    /// Keep a variable of the environment that is left out: by --pure, or because it is a credential of ours or of a
    /// provider, such as AWS_SECRET_ACCESS_KEY or VAULT_TOKEN. A name or a pattern
    #[arg(long, value_name = "NAME")]
    keep: Vec<String>,
    /// Leave out variables that match none of these patterns, but those of --env
    #[arg(long, value_name = "NAME")]
    allow: Vec<String>,
    /// Leave out variables that match one of these patterns, but those of --env
    #[arg(long, value_name = "NAME")]
    deny: Vec<String>,
    /// Hand secrets over in files: for each a file in a private folder of memory, and its path in NAME_FILE
    #[arg(long)]
    files: bool,
    /// Where no folder is memory, take the one for temporary files, on disk, rather than refuse
    #[arg(long, requires = "files")]
    danger_files_on_disk: bool,
    /// Take the values of secrets out of what the command prints, in the usual encodings too
    #[arg(long)]
    redact: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

impl Run {
    /// Whoever relies on variables that are resolved by themselves would run the command with references for secrets.
    fn check_sources(&self, config: &Config) -> Result<(), Failure> {
        let typed = [&self.env, &self.from, &self.resolve].iter().any(|given| !given.is_empty());
        let configured =
            !config.secrets.is_empty() || config.run.resolve.as_ref().is_some_and(|names| !names.is_empty());
        match typed || configured || !self.env_file.is_empty() || self.pure {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::InvalidInput, NO_SOURCE).with_hint(RESOLVE_HINT).into()),
        }
    }
}

pub(crate) fn run(global: &Global, args: &Run) -> Result<ExitCode, Failure> {
    let config = client_setup::loader(global).load()?;
    args.check_sources(&config)?;
    let client = client_setup::with_options(config.clone(), global).build()?;
    let environment = wait(Environment::resolve(&client, global, args, &config))?;
    masks::tell(global, environment.secrets.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    if !args.files && !args.redact {
        return Ok(launch::exec(launch::command(&args.command, &environment.in_clear()?), global));
    }
    // What takes long is done while a signal still ends us.
    let needles = args.redact.then(|| needles(global, &environment)).transpose()?;
    // Before there is a file that a signal would leave behind.
    let supervisor = Supervisor::start().map_err(|error| Failure::io("can't watch for signals", error))?;
    let files = args.files.then(|| Files::write(&environment.secrets, args.danger_files_on_disk)).transpose()?;
    let variables = match &files {
        Some(files) => in_files(&environment, files),
        None => environment.in_clear()?,
    };
    let code = supervise(supervisor, global, &args.command, needles, &variables)?;
    files.map_or(Ok(()), Files::remove)?;
    Ok(code)
}

fn in_files(environment: &Environment, files: &Files) -> BTreeMap<OsString, OsString> {
    let mut variables = environment.given.clone();
    for name in environment.secrets.keys() {
        variables.insert(environment::given(name, true).into(), files.path(name).into());
    }
    variables
}

fn supervise(
    supervisor: Supervisor,
    global: &Global,
    typed: &[OsString],
    needles: Option<Needles>,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<ExitCode, Failure> {
    let command = launch::command(typed, variables);
    if let Some(signal) = supervisor.asked_to_end() {
        return Ok(launch::ended_by(signal));
    }
    let started = core_dumps::with_own_limit(|| match needles {
        Some(needles) => redact_output::start(command, needles),
        None => plain(command),
    });
    match started {
        Ok(Started { running, writers, raw }) => {
            let ended = supervisor.wait(running, writers);
            drop(raw);
            ended
        }
        Err(error) => Ok(launch::not_started(&typed[0], error, global)),
    }
}

fn plain(mut command: std::process::Command) -> io::Result<Started> {
    Ok(Started { running: Running::beside(command.spawn()?), writers: Vec::new(), raw: None })
}

fn needles(global: &Global, environment: &Environment) -> Result<Needles, Failure> {
    let proxies = proxy_passwords::passwords(&environment.given);
    let secrets = environment.secrets.iter().chain(&proxies).map(|(name, secret)| (name.as_str(), secret));
    Ok(Needles::new(&Purpose::Redact.forms(global, secrets)?))
}
