//! `s1crets export`: writes secrets as variables in the format of a shell, a CI system or another
//! program.

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use s1crets::{Client, Reference, Secret};

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
    let config = client_setup::loader(global).load()?;
    let secrets = config.secrets.clone();
    let client = client_setup::with_options(config, global).build()?;
    let format = args.format.unwrap_or(if global.json { Format::Json } else { Format::Sh });
    let values = wait_and_shut_down(&client, load_all(&client, global, args, format, &secrets))?;
    let entries =
        values.iter().map(|(name, secret)| Entry::new(name, secret).map_err(|it| Failure::unreadable(name, &it)));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
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

/// Loads all secrets to export, sorted by name.
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
    if args.pairs.is_empty() && args.from.is_empty() {
        pairs.extend(configured.iter().map(|(name, reference)| NamedRef::new(name, reference.to_string())));
    }
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
