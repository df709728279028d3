//! From what was typed to whom to ask for what.

use s1crets::{Client, ErrorKind, KeyPath, Reference, config::Setting};

use crate::{args::Global, report::Failure};

/// A provider, a path and steps into the value.
#[derive(Debug)]
pub(crate) struct PathArg {
    pub(crate) provider: String,
    pub(crate) path: String,
    pub(crate) keypath: KeyPath,
}

impl PathArg {
    /// A bare path of the provider that was named, or a reference, with more steps behind it.
    pub(crate) fn parse(client: &Client, global: &Global, path: &str, keys: &[String]) -> Result<Self, Failure> {
        if !Reference::looks_like(path) {
            let provider = default_provider(client, global).to_owned();
            return Ok(Self { provider, path: path.to_owned(), keypath: KeyPath::from(keys) });
        }
        if global.provider.is_some() {
            return Err(Failure::Usage("a reference names its provider; --provider can't be given beside it".into()));
        }
        let reference: Reference = path.parse()?;
        let keypath = match (reference.keypath().is_empty(), keys) {
            (_, []) => reference.keypath().clone(),
            (true, keys) => KeyPath::from(keys),
            (false, _) => return Err(Failure::Usage("keys can't be given beside a reference that has its own".into())),
        };
        Ok(Self { provider: reference.provider().into(), path: reference.path().into(), keypath })
    }
}

/// Whom to ask for a bare path: the provider that was named, else the default.
pub(crate) fn default_provider<'a>(client: &'a Client, global: &'a Global) -> &'a str {
    let named = global.provider.as_deref().or(global.file.as_ref().map(|_| "file"));
    named.unwrap_or(client.default_provider())
}

/// The same by the settings alone, where there may be no client.
pub(crate) fn default_provider_by_settings(global: &Global, settings: &[Setting]) -> String {
    let named = global.provider.clone().or_else(|| global.file.as_ref().map(|_| "file".to_owned()));
    let default = || {
        settings.iter().find(|setting| setting.key() == "provider").and_then(|it| serde_json::from_str(&it.json()).ok())
    };
    named.or_else(default).unwrap_or_default()
}

/// The failure to find what was typed as a bare path, with how a key or a provider is written if there seems to be one in it.
pub(crate) fn with_syntax_hint(failure: Failure, typed: &str) -> Failure {
    let Failure::Secret(error) = failure else { return failure };
    if error.kind() != ErrorKind::NotFound || error.hint().is_some() || Reference::looks_like(typed) {
        return error.into();
    }
    match (typed.split_once('#'), typed.split_once(":/")) {
        (Some((path, key)), _) => {
            error.with_hint(format!("a key is given as in `{path} {key}`, or PROVIDER://{path}#{key}"))
        }
        (None, Some((provider, path))) => error.with_hint(format!("a reference is written as in {provider}://{path}")),
        (None, None) => error,
    }
    .into()
}
