//! The command's environment: merges all sources of variables, and loads the secrets that they
//! refer to.
//!
//! Sources are added in the order of their precedence, lowest first, so a later source replaces a
//! variable of an earlier one. References are loaded last, in one batch, so a replaced reference is
//! never read.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use s1crets::{Client, Config, Error, ErrorKind, Secret};

use super::{
    Run,
    classify::{EnvValue, is_reference},
    env_file,
    inherited::{Inheritance, Inherited},
    resolve_option::ResolveNames,
};
use crate::{
    args::Global,
    from_option::{self, Naming},
    name_patterns::NamePatterns,
    named_refs::{self, NamedRef},
    report,
    report::Failure,
    reserved_names::{AllowedNames, NameOrigin},
    variable_name,
};

/// The command's variables, by name.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Variables whose text was inherited or is a literal in an env file.
    pub(super) literals: BTreeMap<OsString, OsString>,
    /// Variables whose value comes from a provider.
    pub(super) secrets: BTreeMap<String, Secret>,
}

/// Where the value of a variable comes from.
#[derive(Debug)]
enum Source {
    Literal(OsString),
    /// The text of an inherited variable that is a reference, but that nobody asked to resolve.
    UnresolvedReference(OsString),
    Reference(String),
    /// A secret found by `--from`.
    Loaded(Secret),
}

impl Environment {
    /// Merges all sources and loads their secrets.
    ///
    /// # Errors
    /// [`Failure::Many`] with every name whose secret can't be read, or that is refused.
    pub(super) async fn resolve(
        client: &Client,
        global: &Global,
        args: &Run,
        config: &Config,
    ) -> Result<Self, Failure> {
        let mut sources = Sources { names: NameRules::parse(args)?, by_name: BTreeMap::new(), failures: Vec::new() };
        sources.inherit(client, args, config)?;
        for (name, reference) in args.configured(config) {
            variable_name::check(name)?;
            sources.add(name.into(), Source::Reference(reference.to_string()));
        }
        sources.load_from(client, global, args).await;
        for path in &args.env_file {
            for (name, value) in env_file::read(path)? {
                sources.add(name.into(), Source::classify(client, value.as_ref()));
            }
        }
        for typed in &args.env {
            let NamedRef { name, reference } = NamedRef::parse(client, global, typed)?;
            variable_name::check(&name)?;
            // Not filtered by --allow and --deny.
            sources.by_name.insert(name.into(), Source::Reference(reference));
        }
        sources.warn_about_references(global);
        sources.load(client, global).await
    }

    /// All variables, with the secrets in clear text.
    pub(super) fn in_clear(&self) -> Result<BTreeMap<OsString, OsString>, Failure> {
        let mut variables = self.literals.clone();
        let mut failures = Vec::new();
        for (name, secret) in &self.secrets {
            match secret.expose_bytes() {
                Ok(value) if value.contains(&0) => failures.push(Failure::unreadable(name, &nul_error())),
                Ok(value) => drop(variables.insert(name.into(), OsStr::from_bytes(value).to_owned())),
                Err(error) => failures.push(Failure::unreadable(name, &error)),
            }
        }
        if failures.is_empty() { Ok(variables) } else { Err(Failure::Many(failures)) }
    }
}

impl Source {
    fn classify(client: &Client, value: &OsStr) -> Self {
        match value.to_str().map(|value| EnvValue::classify(client, value)) {
            Some(EnvValue::Reference(reference)) => Self::Reference(reference.to_owned()),
            Some(EnvValue::Literal(literal)) => Self::Literal(literal.into()),
            None => Self::Literal(value.to_owned()),
        }
    }
}

/// The source of each variable, and the failures so far.
struct Sources {
    names: NameRules,
    by_name: BTreeMap<OsString, Source>,
    failures: Vec<Failure>,
}

impl Sources {
    /// Adds a variable, unless `--allow` and `--deny` leave it out.
    fn add(&mut self, name: OsString, source: Source) {
        if self.names.wants(&name.to_string_lossy()) {
            self.by_name.insert(name, source);
        }
    }

    fn inherit(&mut self, client: &Client, args: &Run, config: &Config) -> Result<(), Failure> {
        let resolve = ResolveNames::parse(&args.resolve, config)?;
        let inheritance = Inheritance::new(config, args.pure, &self.names.keep, &resolve);
        for Inherited { name, text, may_resolve } in inheritance.variables(client)? {
            let source = match may_resolve {
                true => Source::classify(client, &text),
                false if is_reference(client, &text) => Source::UnresolvedReference(text),
                false => Source::Literal(text),
            };
            self.add(name, source);
        }
        Ok(())
    }

    /// Adds what `--from` finds.
    async fn load_from(&mut self, client: &Client, global: &Global, args: &Run) {
        let naming = Naming { prefix: args.prefix.as_deref().unwrap_or_default(), keys: args.keys };
        for from in &args.from {
            match from_option::variables(client, global, from, naming, |name| self.names.takes(name)).await {
                Ok(found) => {
                    for (name, secret) in found {
                        let refused = self.names.check_name(&name, NameOrigin::Listed(from)).err();
                        self.failures.extend(refused.map(Failure::from));
                        self.by_name.insert(name.into(), Source::Loaded(secret));
                    }
                }
                Err(failure) => self.failures.push(failure),
            }
        }
    }

    /// Warns once about all inherited references that are not resolved. Prints names only: anyone
    /// may have written the text.
    fn warn_about_references(&self, global: &Global) {
        let names = self.by_name.iter().filter(|(_, source)| matches!(source, Source::UnresolvedReference(_)));
        let names: Vec<_> = names.map(|(name, _)| name.to_string_lossy()).collect();
        if !names.is_empty() {
            let plural = if names.len() == 1 { "" } else { "s" };
            let names = names.join(", ");
            let message =
                format!("unresolved reference{plural} passed on as text: {names} (to read one, add --resolve NAME)");
            report::warning(&message, global);
        }
    }

    async fn load(self, client: &Client, global: &Global) -> Result<Environment, Failure> {
        let Self { names, by_name, mut failures } = self;
        let (mut environment, mut refs) = (Environment::default(), Vec::new());
        for (name, source) in by_name {
            match source {
                Source::Literal(value) | Source::UnresolvedReference(value) => {
                    environment.literals.insert(name, value);
                }
                Source::Loaded(secret) => {
                    environment.secrets.insert(name.to_string_lossy().into(), secret);
                }
                Source::Reference(reference) => {
                    let name = name.to_string_lossy();
                    match names.check_name(&name, NameOrigin::Typed) {
                        Ok(()) => refs.push(NamedRef::new(name, reference)),
                        Err(refused) => failures.push(refused.into()),
                    }
                }
            }
        }
        match named_refs::load_all(client, global, &refs).await {
            Ok(secrets) => environment.secrets.extend(secrets),
            Err(failure) => failures.push(failure),
        }
        if failures.is_empty() { Ok(environment) } else { Err(Failure::Many(failures)) }
    }
}

/// Which variables the command gets, by name.
struct NameRules {
    keep: NamePatterns,
    allow: NamePatterns,
    deny: NamePatterns,
    /// Names that control programs and that `--names` allows.
    allowed: AllowedNames,
    in_files: bool,
}

impl NameRules {
    fn parse(args: &Run) -> Result<Self, Failure> {
        let [keep, allow, deny] = [&args.keep, &args.allow, &args.deny].map(|patterns| NamePatterns::parse(patterns));
        let (keep, allow, deny, allowed) = (keep?, allow?, deny?, AllowedNames::parse(&args.names)?);
        Ok(Self { keep, allow, deny, allowed, in_files: args.files })
    }

    fn wants(&self, name: &str) -> bool {
        (self.allow.is_empty() || self.allow.matches(name)) && !self.deny.matches(name)
    }

    /// Whether `--from` makes a variable for a secret of this name.
    fn takes(&self, name: &str) -> bool {
        self.wants(name) && (self.allowed.selects(name) || self.allowed.selects(&variable(name, self.in_files)))
    }

    /// Refuses a name that controls programs, unless `--names` allows it.
    fn check_name(&self, name: &str, named: NameOrigin<'_>) -> Result<(), Error> {
        self.allowed.check(name, &variable(name, self.in_files), named)
    }
}

/// The name of the variable for a secret: with `--files` it holds the path of a file.
pub(super) fn variable(name: &str, in_files: bool) -> String {
    if in_files { format!("{name}_FILE") } else { name.to_owned() }
}

fn nul_error() -> Error {
    Error::new(ErrorKind::InvalidInput, "the value contains a NUL byte, which an environment variable can't hold")
        .with_hint("pass secrets in files with --files")
}
