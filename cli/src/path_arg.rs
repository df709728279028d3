//! Parses PATH and KEY arguments into the provider, path and keypath of a request.

use s1crets::{Client, ErrorKind, KeyPath, Reference, config::Setting};

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

    /// The text of the reference, for messages.
    pub(crate) fn reference(&self) -> String {
        match Reference::new(&self.provider, &self.path) {
            Ok(reference) => reference.with_keypath(self.keypath.clone()).to_string(),
            Err(_) => format!("{}://{}", self.provider, self.path.escape_debug()),
        }
    }
}

/// The provider of a bare path: `--provider`, or `file` with `--file`, or the configured default.
pub(crate) fn default_provider<'a>(client: &'a Client, global: &'a Global) -> &'a str {
    let named = global.provider.as_deref().or(global.file.as_ref().map(|_| "file"));
    named.unwrap_or(client.default_provider())
}

/// Like [`default_provider`], but from the settings, for callers whose client might not build.
pub(crate) fn default_provider_by_settings(global: &Global, settings: &[Setting]) -> String {
    let named = global.provider.clone().or_else(|| global.file.as_ref().map(|_| "file".to_owned()));
    let default = || {
        settings.iter().find(|setting| setting.key() == "provider").and_then(|it| serde_json::from_str(&it.json()).ok())
    };
    named.or_else(default).unwrap_or_default()
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
