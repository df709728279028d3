//! Parses PATH and KEY arguments into the provider, path and keypath of a request.

use std::fmt;

use s1crets::{Client, Error, ErrorKind, KeyPath, Reference, config::Setting};

use crate::{args::Global, report::Failure};

/// The provider, path and keypath of a request.
#[derive(Debug)]
pub(crate) struct PathArg {
    pub(crate) provider: String,
    pub(crate) path: String,
    pub(crate) keypath: KeyPath,
}

impl PathArg {
    /// Parses a reference, or a bare path of the default provider, followed by keys.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a reference comes with `--provider`, or has keys and is followed by
    /// more.
    pub(crate) fn parse(client: &Client, global: &Global, path: &str, keys: &[String]) -> Result<Self, Failure> {
        if !Reference::looks_like(path) {
            let provider = default_provider(client, global).to_owned();
            return Ok(Self { provider, path: path.to_owned(), keypath: KeyPath::from(keys) });
        }
        if global.provider.is_some() {
            let message = format!("{path} names its provider; remove --provider, or use a path without a provider");
            return Err(Failure::Usage(message));
        }
        let reference: Reference = path.parse()?;
        let keypath = match (reference.keypath().is_empty(), keys) {
            (_, []) => reference.keypath().clone(),
            (true, keys) => KeyPath::from(keys),
            (false, _) => {
                let message = format!("{path} names its key; remove the keys that follow it, or the part after '#'");
                return Err(Failure::Usage(message));
            }
        };
        Ok(Self { provider: reference.provider().into(), path: reference.path().into(), keypath })
    }
}

impl fmt::Display for PathArg {
    /// The secret as a reference, where it can be written as one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, path, keypath } = self;
        match Reference::new(provider, path) {
            Ok(reference) => reference.with_keypath(keypath.clone()).fmt(f),
            Err(_) => write!(f, "{provider}://{}", path.escape_debug()),
        }
    }
}

/// The provider of a bare path: `--provider`, or `file` with `--file`, or the configured default.
pub(crate) fn default_provider<'a>(client: &'a Client, global: &'a Global) -> &'a str {
    provider_of_options(global).unwrap_or(client.default_provider())
}

/// The default provider that the options set, if they do.
pub(crate) fn provider_of_options(global: &Global) -> Option<&str> {
    global.provider.as_deref().or(global.file.as_ref().map(|_| "file"))
}

/// Like [`default_provider`], but from the settings, for callers whose client might not build.
pub(crate) fn default_provider_by_settings(global: &Global, settings: &[Setting]) -> String {
    let named = provider_of_options(global).map(str::to_owned);
    let default = || {
        settings.iter().find(|setting| setting.key() == "provider").and_then(|it| serde_json::from_str(&it.json()).ok())
    };
    named.or_else(default).unwrap_or_default()
}

/// The error for a path with nothing below it. A mistyped path must not pass for an empty one.
pub(crate) fn nothing_below(path: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no secret below {path}"))
}

/// Adds a hint on syntax to a "not found" error if the bare path looks as if it contained a key or
/// a provider.
pub(crate) fn with_syntax_hint(failure: Failure, path: &str) -> Failure {
    let Failure::Secret(error) = failure else { return failure };
    if error.kind() != ErrorKind::NotFound || error.hint().is_some() || Reference::looks_like(path) {
        return error.into();
    }
    match (path.split_once('#'), path.split_once(":/")) {
        (Some((path, key)), _) => {
            error.with_hint(format!("to read a key, use `{path} {key}` or PROVIDER://{path}#{key}"))
        }
        (None, Some((provider, path))) => error.with_hint(format!("write a reference as {provider}://{path}")),
        (None, None) => error,
    }
    .into()
}
