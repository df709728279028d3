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
    /// more; [`Failure::Secret`] if it is malformed, or the name of a provider is where the path should be.
    pub(crate) fn parse(client: &Client, global: &Global, path: &str, keys: &[String]) -> Result<Self, Failure> {
        if !is_reference(client, path) {
            refuse_provider_as_path(client, path, keys)?;
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

/// Whether a text is meant as a reference, so that the default provider must not be put in front of
/// it: it has a provider and `://`, or can only be one that lacks slashes, as in `aws.sm:prod/db`.
/// Parsing the latter fails, and the hint is the right spelling.
///
/// A bare path that is none of that, such as `file:3`, stays one.
pub(crate) fn is_reference(client: &Client, text: &str) -> bool {
    let is_misspelt = |(provider, rest): (&str, &str)| {
        let is_path = provider.contains('.') || rest.contains('/');
        is_path && (is_provider(client, provider) || text.parse::<Reference>().is_err_and(|it| it.hint().is_some()))
    };
    Reference::looks_like(text) || text.split_once(':').is_some_and(is_misspelt)
}

/// Refuses the name of a provider in place of a path, as in `get aws.sm prod/db`. No name of a
/// secret has a dot and is a provider's, and no key of one has a slash.
fn refuse_provider_as_path(client: &Client, typed: &str, keys: &[String]) -> Result<(), Error> {
    let is_path = |key: &String| key.contains('/');
    let provider = match is_provider(client, typed) {
        true if typed.contains('.') || keys.first().is_some_and(is_path) => typed,
        false if keys.first().is_some_and(is_path) => match client.similar_providers(typed)[..] {
            [only] => only,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let (rest, spelling) = match keys {
        [] => ("is missing", format!("{provider}://PATH")),
        [path, keys @ ..] => ("comes after it", reference(provider, path, keys)),
    };
    let message = format!("{typed:?} is a provider, and the path {rest}");
    Err(Error::new(ErrorKind::InvalidInput, message).with_hint(format!("write {spelling}")))
}

fn is_provider(client: &Client, name: &str) -> bool {
    client.providers().contains(&name)
}

/// The reference to a typed path. Only the name of a parameter begins with a slash.
fn reference(provider: &str, path: &str, keys: &[String]) -> String {
    let path = if provider == "aws.ps" { path } else { path.trim_start_matches('/') };
    match Reference::new(provider, path) {
        Ok(reference) => reference.with_keypath(KeyPath::from(keys)).to_string(),
        Err(_) => format!("{provider}://PATH"),
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
        (None, Some((provider, path))) => error.with_hint(format!("write {provider}://{path}")),
        (None, None) => error,
    }
    .into()
}
