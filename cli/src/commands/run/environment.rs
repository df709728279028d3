//! The command's environment: who gives a variable, and what it holds in the end.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use s1crets::{Client, Config, Error, ErrorKind, Secret};

use super::{Run, env_file, filter::Filter, inherited, meaning::Meaning};
use crate::{
    args::Global,
    from::{self, Naming},
    name,
    report::Failure,
    resolve::{self, Pair},
};

/// The command's variables, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// What is no secret, or was none of ours to read.
    pub(super) given: BTreeMap<OsString, OsString>,
    /// What was asked for.
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// What stands for a variable until all is known. Later ones take the place of earlier ones.
#[derive(Debug)]
enum Source {
    Literal(OsString),
    Reference(String),
    Found(Secret),
}

impl Environment {
    /// All that was asked for, or every name that is missing.
    pub(super) async fn resolve(
        client: &Client,
        global: &Global,
        args: &Run,
        config: &Config,
    ) -> Result<Self, Failure> {
        let wanted = Wanted::of(args)?;
        let mut sources = BTreeMap::new();
        for (name, value) in inherited::variables(config, args.pure, &wanted.keep) {
            wanted.add(&mut sources, name, Source::of(client, &value));
        }
        for (name, reference) in &config.secrets {
            check(name)?;
            wanted.add(&mut sources, name.into(), Source::Reference(reference.to_string()));
        }
        let unlisted = wanted.add_found(&mut sources, client, global, args).await;
        for path in &args.env_file {
            for (name, value) in env_file::read(path)? {
                wanted.add(&mut sources, name.into(), Source::of(client, value.as_ref()));
            }
        }
        for typed in &args.env {
            let Pair { name, reference } = Pair::typed(client, global, typed)?;
            check(&name)?;
            sources.insert(name.into(), Source::Reference(reference));
        }
        Self::read(client, global, sources, unlisted).await
    }

    /// The environment as the command's, the values in clear.
    pub(super) fn in_clear(&self) -> Result<BTreeMap<OsString, OsString>, Failure> {
        let mut variables = self.given.clone();
        let mut failures = Vec::new();
        for (name, secret) in &self.secrets {
            match secret.expose_bytes().contains(&0) {
                true => failures.push(Failure::unreadable(name, &nul())),
                false => drop(variables.insert(name.into(), OsStr::from_bytes(secret.expose_bytes()).to_owned())),
            }
        }
        if failures.is_empty() { Ok(variables) } else { Err(Failure::Many(failures)) }
    }

    async fn read(
        client: &Client,
        global: &Global,
        sources: BTreeMap<OsString, Source>,
        mut failures: Vec<Failure>,
    ) -> Result<Self, Failure> {
        let (mut environment, mut pairs) = (Self::default(), Vec::new());
        for (name, source) in sources {
            match source {
                Source::Literal(value) => drop(environment.given.insert(name, value)),
                Source::Reference(reference) => pairs.push(Pair::new(name.to_string_lossy(), reference)),
                Source::Found(secret) => drop(environment.secrets.insert(name.to_string_lossy().into(), secret)),
            }
        }
        match resolve::all(client, global, &pairs).await {
            Ok(values) => environment.secrets.extend(values),
            Err(failure) => failures.push(failure),
        }
        if failures.is_empty() { Ok(environment) } else { Err(Failure::Many(failures)) }
    }
}

impl Source {
    fn of(client: &Client, value: &OsStr) -> Self {
        match value.to_str().map(|value| Meaning::of(client, value)) {
            Some(Meaning::Reference(reference)) => Self::Reference(reference.to_owned()),
            Some(Meaning::Literal(literal)) => Self::Literal(literal.into()),
            None => Self::Literal(value.to_owned()),
        }
    }
}

/// Which names the command gets.
struct Wanted {
    keep: Filter,
    allow: Filter,
    deny: Filter,
}

impl Wanted {
    fn of(args: &Run) -> Result<Self, Failure> {
        let [keep, allow, deny] = [&args.keep, &args.allow, &args.deny].map(|patterns| Filter::typed(patterns));
        Ok(Self { keep: keep?, allow: allow?, deny: deny? })
    }

    fn add(&self, sources: &mut BTreeMap<OsString, Source>, name: OsString, source: Source) {
        if self.wants(&name.to_string_lossy()) {
            sources.insert(name, source);
        }
    }

    fn wants(&self, name: &str) -> bool {
        (self.allow.is_empty() || self.allow.matches(name)) && !self.deny.matches(name)
    }

    /// What `--from` finds; gives back what could not be read.
    async fn add_found(
        &self,
        sources: &mut BTreeMap<OsString, Source>,
        client: &Client,
        global: &Global,
        args: &Run,
    ) -> Vec<Failure> {
        let naming = Naming { prefix: args.prefix.as_deref().unwrap_or_default(), keys: args.keys };
        let mut failures = Vec::new();
        for from in &args.from {
            match from::variables(client, global, from, naming).await {
                Ok(found) => {
                    for (name, secret) in found.into_iter().filter(|(name, _)| self.wants(name)) {
                        failures.extend(from::check(&given(&name, args.files), from).err());
                        sources.insert(name.into(), Source::Found(secret));
                    }
                }
                Err(failure) => failures.push(failure),
            }
        }
        failures
    }
}

/// The variable that the command gets for a secret of this name.
pub(super) fn given(name: &str, in_files: bool) -> String {
    if in_files { format!("{name}_FILE") } else { name.to_owned() }
}

fn check(name: &str) -> Result<(), Failure> {
    match name::is_valid(name) {
        true => Ok(()),
        false => Err(Failure::Usage(format!("{name:?} is no variable's name: {}", name::RULE))),
    }
}

fn nul() -> Error {
    Error::new(ErrorKind::InvalidInput, "the value holds a NUL byte, which no environment variable can")
        .with_hint("--files hands values over as files")
}
