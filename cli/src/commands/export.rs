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
    exit::Exit,
    export::{Document, Entry, Format},
    masks, output, private,
    report::Failure,
    resolve::{self, Pair},
    target,
};

/// The variable by which GitHub Actions names the file of a job's variables.
const GITHUB_ENV: &str = "GITHUB_ENV";

#[derive(Debug, Args)]
#[command(after_help = "\
Without a NAME=REF the [secrets] of the config file are exported. Any that is missing, and any name or value that the \
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
    /// Who is to read it
    #[arg(short, long, value_enum, default_value_t = Format::Sh)]
    format: Format,
    /// Kubernetes: the name of the Secret
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write it into this file, which its owner alone may read, instead of to standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

pub(crate) fn run(global: &Global, args: &Export) -> Result<Exit, Failure> {
    let config = target::loader(global).load()?;
    let secrets = config.secrets.clone();
    let client = target::with_options(config, global).build()?;
    let values = wait(gather(&client, global, args, &secrets))?;
    masks::tell(global, values.iter().map(|(name, secret)| (name.as_str(), secret)))?;
    let entries: Vec<_> = values.iter().map(|(name, secret)| Entry { name, secret }).collect();
    let text = args.format.write(&Document { entries: &entries, name: args.name.as_deref() })?;
    match &args.output {
        Some(file) => private::write(file, &text, private::MODE)?,
        None => match env::var_os(GITHUB_ENV).filter(|file| args.format == Format::GithubEnv && !file.is_empty()) {
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
    configured: &BTreeMap<String, Reference>,
) -> Result<BTreeMap<String, Secret>, Failure> {
    let typed = args.pairs.iter().map(|pair| Pair::typed(client, global, pair));
    let mut pairs = typed.collect::<Result<Vec<_>, _>>()?;
    if args.pairs.is_empty() {
        pairs.extend(configured.iter().map(|(name, reference)| Pair::new(name, reference.to_string())));
    }
    if pairs.is_empty() {
        return Err(Failure::Usage("nothing to export: give NAME=REF, or have [secrets] in the config file".into()));
    }
    Ok(resolve::all(client, global, &pairs).await?.into_iter().collect())
}
