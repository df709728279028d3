//! From what was typed to whom to ask for what.

use s1crets::{Client, Config, KeyPath, Reference};

use crate::{args::Global, report::Failure};

/// A provider, a path and steps into the value.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) provider: String,
    pub(crate) path: String,
    pub(crate) keypath: KeyPath,
}

/// The client by the config file, the environment and the options.
pub(crate) fn client(global: &Global) -> Result<Client, Failure> {
    let config = match &global.config {
        Some(file) => Config::from_file_and_env(file)?,
        None => Config::from_env()?,
    };
    let mut builder = Client::builder().with_config(config);
    if let Some(region) = &global.region {
        builder = builder.with_region(region);
    }
    if let Some(arn) = &global.role_arn {
        builder = builder.with_role_arn(arn);
    }
    if let Some(url) = &global.endpoint_url {
        builder = builder.with_endpoint_url(url);
    }
    if let Some(path) = &global.file {
        builder = builder.with_file(path);
    }
    if let Some(attempts) = global.retry {
        builder = builder.with_retry(attempts);
    }
    if let Some(timeout) = global.timeout {
        builder = builder.with_timeout(timeout);
    }
    Ok(builder.build()?)
}

/// Whom to ask for a bare path: the provider that was named, else the default.
pub(crate) fn provider<'a>(client: &'a Client, global: &'a Global) -> &'a str {
    let named = global.provider.as_deref().or(global.file.as_ref().map(|_| "file"));
    named.unwrap_or(client.default_provider())
}

impl Target {
    /// A bare path of the provider that was named, or a reference, with more steps behind it.
    pub(crate) fn new(client: &Client, global: &Global, path: &str, keys: &[String]) -> Result<Self, Failure> {
        if !Reference::looks_like(path) {
            let provider = provider(client, global).to_owned();
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
