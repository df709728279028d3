//! `s1crets export`.

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use s1crets::{Client, Reference, Secret};

use super::wait;
use crate::{
    args::Global,
    client_setup,
    exit::Exit,
    export::{Document, Entry, Format},
    from_option::{self, Naming},
    masks,
    named_refs::{self, NamedRef},
    output, private,
    report::Failure,
    reserved::{Allowed, Named},
};

/// The variable by which GitHub Actions names the file of a job's variables.
const GITHUB_ENV: &str = "GITHUB_ENV";

#[derive(Debug, Args)]
#[command(after_help = "\
Without a NAME=REF and --from the [secrets] of the config file are exported. A NAME=REF takes the place of what --from \
finds under the same name. Any that is missing, and any name or value that the \
format has no way to say, stops it before anything is written, and all of them are told.

Examples:
  eval \"$(s1crets export DB_PASSWORD=aws.sm://prod/db#password)\"
  s1crets export --format systemd -o /run/app.env DB_PASSWORD=aws.sm://prod/db#password
  s1crets export --format k8s-secret --name app | kubectl apply -f -
  s1crets export --format github-env --config-profile ci")]
pub(crate) struct Export {
    /// A name and the reference to its value; a REF without a provider is of --provider
    #[arg(value_name = "NAME=REF")]
    pairs: Vec<String>,
    /// A name for each key of this JSON secret, or for each secret below this path, which a slash at its end says it is
    #[arg(long, value_name = "REF")]
    from: Vec<String>,
    /// What the names that --from makes begin with
    #[arg(long, value_name = "TEXT", requires = "from")]
    prefix: Option<String>,
    /// Of the names that --from makes, take those that match this pattern. A name that controls programs, such as
    /// PIP_INDEX_URL, is refused unless it matches; also as NAME=REF
    #[arg(long, value_name = "PATTERN")]
    names: Vec<String>,
    /// Of the secrets below the path of --from, take those that are JSON objects apart into their keys
    #[arg(long, requires = "from")]
    keys: bool,
    /// Who is to read it [default: sh, or json with --json]
    #[arg(short, long, value_enum)]
    format: Option<Format>,
    /// Kubernetes: the name of the Secret
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write it into this file, which its owner alone may read, instead of to standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &Export) -> Result<Exit, Failure> {
    let config = client_setup::loader(global).load()?;
    let secrets = config.secrets.clone();
    let client = client_setup::with_options(config, global).build()?;
    let format = args.format.unwrap_or(if global.json { Format::Json } else { Format::Sh });
    let values = wait(gather(&client, global, args, format, &secrets))?;
    let entries: Vec<_> = values.iter().map(|(name, secret)| Entry { name, secret }).collect();
    masks::tell(global, values.iter().map(|(name, secret)| (name.as_str(), secret)))?;
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

/// All that is to be exported, in the order of the names.
async fn gather(
    client: &Client,
    global: &Global,
    args: &Export,
    format: Format,
    configured: &BTreeMap<String, Reference>,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let typed = args.pairs.iter().map(|pair| NamedRef::parse(client, global, pair));
    let mut pairs = typed.collect::<Result<Vec<_>, _>>()?;
    let names = Names { allowed: Allowed::typed(&args.names)?, are_checked: format.sets_variables() };
    let (mut values, mut failures) = found(client, global, args, &names).await;
    if args.pairs.is_empty() && args.from.is_empty() {
        pairs.extend(configured.iter().map(|(name, reference)| NamedRef::new(name, reference.to_string())));
    }
    if pairs.is_empty() && args.from.is_empty() {
        let nothing = "nothing to export: give NAME=REF or --from, or have [secrets] in the config file";
        return Err(Failure::Usage(nothing.into()));
    }
    pairs.retain(|pair| names.check(&pair.name, Named::ByUser).map(|refused| failures.push(refused)).is_none());
    match named_refs::load_all(client, global, &pairs).await {
        Ok(found) => values.extend(found),
        Err(failure) => failures.push(failure),
    }
    if failures.is_empty() { Ok(values) } else { Err(Failure::Many(failures)) }
}

/// What `--from` finds, and what of it can't be read or must not be.
async fn found(
    client: &Client,
    global: &Global,
    args: &Export,
    names: &Names,
) -> (BTreeMap<String, Secret>, Vec<Failure>) {
    let naming = Naming { prefix: args.prefix.as_deref().unwrap_or_default(), keys: args.keys };
    let (mut values, mut failures) = (BTreeMap::new(), Vec::new());
    for from in &args.from {
        match from_option::variables(client, global, from, naming, |name| names.allowed.takes(name)).await {
            Ok(found) => {
                failures.extend(found.keys().filter_map(|name| names.check(name, Named::ByFrom(from))));
                values.extend(found);
            }
            Err(failure) => failures.push(failure),
        }
    }
    (values, failures)
}

/// Which names may be exported.
struct Names {
    allowed: Allowed,
    /// A key of a document controls nothing.
    are_checked: bool,
}

impl Names {
    fn check(&self, name: &str, named: Named<'_>) -> Option<Failure> {
        let refused = self.are_checked.then(|| self.allowed.check(name, name, named).err())?;
        refused.map(Failure::from)
    }
}
