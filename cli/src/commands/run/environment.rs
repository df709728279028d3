//! The command's environment: who gives a variable, and what it holds in the end.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use s1crets::{Client, Config, Error, ErrorKind, Secret};

use super::{
    Run,
    classify::{Meaning, is_reference},
    env_file,
    inherited::{Inheritance, Inherited},
    resolve_option::Requested,
};
use crate::{
    args::Global,
    filter::Filter,
    from_option::{self, Naming},
    named_refs::{self, NamedRef},
    report,
    report::Failure,
    reserved::{Allowed, Named},
    variable_name,
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
    /// The text of an inherited variable that nobody asked to resolve, though it is a reference.
    LooksLikeOne(OsString),
    Reference(String),
    Found(Secret),
}

impl Environment {
    /// All that was asked for, or every name that is missing or refused.
    pub(super) async fn resolve(
        client: &Client,
        global: &Global,
        args: &Run,
        config: &Config,
    ) -> Result<Self, Failure> {
        let mut sources = Sources { wanted: Wanted::of(args)?, by_name: BTreeMap::new(), failures: Vec::new() };
        sources.inherit(client, args, config)?;
        for (name, reference) in &config.secrets {
            variable_name::check(name)?;
            sources.add(name.into(), Source::Reference(reference.to_string()));
        }
        sources.find(client, global, args).await;
        for path in &args.env_file {
            for (name, value) in env_file::read(path)? {
                sources.add(name.into(), Source::of(client, value.as_ref()));
            }
        }
        for typed in &args.env {
            let NamedRef { name, reference } = NamedRef::parse(client, global, typed)?;
            variable_name::check(&name)?;
            sources.put(name.into(), Source::Reference(reference));
        }
        sources.warn_of_references(global);
        Self::read(client, global, sources).await
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
        Sources { wanted, by_name, mut failures }: Sources,
    ) -> Result<Self, Failure> {
        let (mut environment, mut pairs) = (Self::default(), Vec::new());
        for (name, source) in by_name {
            if let Err(refused) = wanted.check(&name, &source) {
                failures.push(refused.into());
                continue;
            }
            match source {
                Source::Literal(value) | Source::LooksLikeOne(value) => drop(environment.given.insert(name, value)),
                Source::Reference(reference) => pairs.push(NamedRef::new(name.to_string_lossy(), reference)),
                Source::Found(secret) => drop(environment.secrets.insert(name.to_string_lossy().into(), secret)),
            }
        }
        match named_refs::load_all(client, global, &pairs).await {
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

/// What gives each variable, and what could not be read or must not be.
struct Sources {
    wanted: Wanted,
    by_name: BTreeMap<OsString, Source>,
    failures: Vec<Failure>,
}

impl Sources {
    fn put(&mut self, name: OsString, source: Source) {
        self.by_name.insert(name, source);
    }

    fn add(&mut self, name: OsString, source: Source) {
        if self.wanted.wants(&name.to_string_lossy()) {
            self.put(name, source);
        }
    }

    fn inherit(&mut self, client: &Client, args: &Run, config: &Config) -> Result<(), Failure> {
        let requested = Requested::of(&args.resolve, config)?;
        let inheritance = Inheritance::new(config, args.pure, &self.wanted.keep, &requested);
        for Inherited { name, text, is_read } in inheritance.variables(client)? {
            let source = match is_read {
                true => Source::of(client, &text),
                false if is_reference(client, &text) => Source::LooksLikeOne(text),
                false => Source::Literal(text),
            };
            self.add(name, source);
        }
        Ok(())
    }

    /// What `--from` finds.
    async fn find(&mut self, client: &Client, global: &Global, args: &Run) {
        let naming = Naming { prefix: args.prefix.as_deref().unwrap_or_default(), keys: args.keys };
        for from in &args.from {
            match from_option::variables(client, global, from, naming, |name| self.wanted.takes(name)).await {
                Ok(found) => {
                    for (name, secret) in found {
                        self.failures
                            .extend(self.wanted.check_name(&name, Named::ByFrom(from)).err().map(Failure::from));
                        self.put(name.into(), Source::Found(secret));
                    }
                }
                Err(failure) => self.failures.push(failure),
            }
        }
    }

    /// Once for all, by their names: what they hold is text of others.
    fn warn_of_references(&self, global: &Global) {
        let names = self.by_name.iter().filter(|(_, source)| matches!(source, Source::LooksLikeOne(_)));
        let names: Vec<_> = names.map(|(name, _)| name.to_string_lossy()).collect();
        if !names.is_empty() {
            let (names, what) = (names.join(", "), if names.len() == 1 { "a reference" } else { "references" });
            let message = format!("passed on as text, though it looks like {what}: {names} (--resolve NAME reads it)");
            report::warning(&message, global);
        }
    }
}

/// Which names the command gets.
struct Wanted {
    keep: Filter,
    allow: Filter,
    deny: Filter,
    /// By `--names`.
    allowed: Allowed,
    in_files: bool,
}

impl Wanted {
    fn of(args: &Run) -> Result<Self, Failure> {
        let [keep, allow, deny] = [&args.keep, &args.allow, &args.deny].map(|patterns| Filter::typed(patterns));
        let (keep, allow, deny, allowed) = (keep?, allow?, deny?, Allowed::typed(&args.names)?);
        Ok(Self { keep, allow, deny, allowed, in_files: args.files })
    }

    fn wants(&self, name: &str) -> bool {
        (self.allow.is_empty() || self.allow.matches(name)) && !self.deny.matches(name)
    }

    /// Whether `--from` makes a variable for a secret of this name.
    fn takes(&self, name: &str) -> bool {
        self.wants(name) && (self.allowed.takes(name) || self.allowed.takes(&given(name, self.in_files)))
    }

    /// Refuses a name that the user chose for a value of a provider. What `--from` finds is checked when it is found.
    fn check(&self, name: &OsStr, source: &Source) -> Result<(), Error> {
        match source {
            Source::Reference(_) => self.check_name(&name.to_string_lossy(), Named::ByUser),
            Source::Literal(_) | Source::LooksLikeOne(_) | Source::Found(_) => Ok(()),
        }
    }

    fn check_name(&self, name: &str, named: Named<'_>) -> Result<(), Error> {
        self.allowed.check(name, &given(name, self.in_files), named)
    }
}

/// The variable that the command gets for a secret of this name.
pub(super) fn given(name: &str, in_files: bool) -> String {
    if in_files { format!("{name}_FILE") } else { name.to_owned() }
}

fn nul() -> Error {
    Error::new(ErrorKind::InvalidInput, "the value holds a NUL byte, which no environment variable can")
        .with_hint("--files hands values over as files")
}
