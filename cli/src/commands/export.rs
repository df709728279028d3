//! `s1crets export`: writes secrets as variables in the format of a shell, a CI system or another
//! program.

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, ValueHint};
use s1crets::{Client, Error, ErrorKind, Reference, Secret};

use super::wait_and_shut_down;
use crate::{
    args::Global,
    ci_masks, client_setup,
    exit::Exit,
    export::{Document, Entry, Format},
    from_option::{self, Naming},
    named_refs::{self, NamedRef},
    output, private,
    report::Failure,
    reserved_names::{AllowedNames, NameOrigin},
    staleness,
};

/// The variable in which GitHub Actions passes the path of a job's environment file.
const GITHUB_ENV: &str = "GITHUB_ENV";

#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  eval \"$(s1crets export DB_PASSWORD=aws.sm://prod/db#password)\"
  s1crets export --format systemd -o /run/app.env DB_PASSWORD=aws.sm://prod/db#password
  s1crets export --format k8s-secret --name app | kubectl apply -f -
  s1crets export --format github-env --config-profile ci")]
pub(crate) struct Export {
    /// Variable name and the reference to its value
    ///
    /// A REF without a provider is read from the default provider.
    #[arg(value_name = "NAME=REF")]
    pairs: Vec<String>,
    /// Export each key of this JSON secret or map, or each secret below this path
    ///
    /// If both exist, the keys of the secret are exported; end REF with a slash to list the path.
    #[arg(long, value_name = "REF")]
    from: Vec<String>,
    /// Put this text in front of the names made by --from
    #[arg(long, value_name = "TEXT", requires = "from")]
    prefix: Option<String>,
    /// Export only the names made by --from that match this pattern
    ///
    /// A name that controls programs, such as PIP_INDEX_URL, is refused unless a pattern matches
    /// it, also as NAME=REF.
    #[arg(long, value_name = "PATTERN")]
    names: Vec<String>,
    /// Export the keys of JSON objects below the path of --from, not the objects
    #[arg(long, requires = "from")]
    keys: bool,
    /// Leave out [secrets] of the config file
    #[arg(long)]
    no_config_secrets: bool,
    /// Write this format [default: sh, or json with --json]
    #[arg(short, long, value_enum)]
    format: Option<Format>,
    /// Set the name of the Kubernetes Secret, for --format k8s-secret
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write to this file instead of stdout, with mode 600; `-` is stdout
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &Export) -> Result<Exit, Failure> {
    check_output(args)?;
    let config = client_setup::config(global)?;
    let secrets = if args.no_config_secrets { BTreeMap::new() } else { config.secrets.clone() };
    let client = client_setup::with_options(config, global).build()?;
    let format = args.format.unwrap_or(if global.json { Format::Json } else { Format::Sh });
    let values = wait_and_shut_down(&client, load_all(&client, global, args, format, &secrets))?;
    let entries =
        values.iter().map(|(name, secret)| Entry::new(name, secret).map_err(|it| Failure::unreadable(name, &it)));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    staleness::warn(global, values.iter().map(|(name, secret)| (name.as_str(), secret)));
    ci_masks::register(global, values.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    let text = format.write(&Document { entries: &entries, name: args.name.as_deref() })?;
    match &args.output {
        Some(file) => private::write(file, &text, private::MODE)?,
        None => match env::var_os(GITHUB_ENV).filter(|file| format == Format::GithubEnv && !file.is_empty()) {
            Some(file) => private::append(Path::new(&file), &text)?,
            None => output::print(|out| out.write_all(&text))?,
        },
    }
    Ok(Exit::Found)
}

/// Refuses the name of a format as the output file, unless a format is named as well. Other
/// programs select the format by `-o`.
fn check_output(args: &Export) -> Result<(), Failure> {
    let name = args.output.as_deref().and_then(Path::to_str).filter(|_| args.format.is_none());
    match name.filter(|name| Format::from_str(name, true).is_ok()) {
        Some(name) => {
            let error = Error::new(ErrorKind::InvalidInput, format!("--output takes a file, and {name} is a format"));
            let format = name.to_lowercase();
            let hint =
                format!("to select the format, use --format {format}; to write a file of that name, use ./{name}");
            Err(error.with_hint(hint).into())
        }
        None => Ok(()),
    }
}

/// Loads all secrets to export, sorted by name. A later source replaces a name of an earlier one:
/// `[secrets]` of the config file, `--from`, `NAME=REF`.
async fn load_all(
    client: &Client,
    global: &Global,
    args: &Export,
    format: Format,
    configured: &BTreeMap<String, Reference>,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let typed = args.pairs.iter().map(|pair| NamedRef::parse(client, global, pair));
    let mut pairs = typed.collect::<Result<Vec<_>, _>>()?;
    let names = Names { allowed: AllowedNames::parse(&args.names)?, are_checked: format.sets_variables() };
    let (mut values, mut failures) = load_from(client, global, args, &names).await;
    // What a later source replaces is not read.
    let is_replaced = |name: &str| values.contains_key(name) || pairs.iter().any(|pair| pair.name == name);
    let configured = configured.iter().filter(|(name, _)| !is_replaced(name));
    let configured: Vec<_> = configured.map(|(name, target)| NamedRef::new(name, target.to_string())).collect();
    pairs.extend(configured);
    if pairs.is_empty() && args.from.is_empty() {
        let nothing = "nothing to export; pass NAME=REF or --from, or add [secrets] to the config file";
        return Err(Failure::Usage(nothing.into()));
    }
    pairs.retain(|pair| names.check(&pair.name, NameOrigin::Typed).map(|refused| failures.push(refused)).is_none());
    match named_refs::load_all(client, global, &pairs).await {
        Ok(found) => values.extend(found),
        Err(failure) => failures.push(failure),
    }
    if failures.is_empty() { Ok(values) } else { Err(Failure::Many(failures)) }
}

/// Loads what `--from` finds. The failures are secrets that can't be read and names that are
/// refused.
async fn load_from(
    client: &Client,
    global: &Global,
    args: &Export,
    names: &Names,
) -> (BTreeMap<String, Secret>, Vec<Failure>) {
    let naming = Naming { prefix: args.prefix.as_deref().unwrap_or_default(), keys: args.keys };
    let (mut values, mut failures) = (BTreeMap::new(), Vec::new());
    for from in &args.from {
        match from_option::variables(client, global, from, naming, |name| names.allowed.selects(name)).await {
            Ok(found) => {
                failures.extend(found.keys().filter_map(|name| names.check(name, NameOrigin::Listed(from))));
                values.extend(found);
            }
            Err(failure) => failures.push(failure),
        }
    }
    (values, failures)
}

/// Checks whether a name may be exported.
struct Names {
    allowed: AllowedNames,
    /// Off for formats such as JSON, whose names set no variables.
    are_checked: bool,
}

impl Names {
    fn check(&self, name: &str, named: NameOrigin<'_>) -> Option<Failure> {
        let refused = self.are_checked.then(|| self.allowed.check(name, name, named).err())?;
        refused.map(Failure::from)
    }
}
