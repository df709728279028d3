//! From what was typed to whom to ask for what.

use s1crets::{
    Client, ClientBuilder, Config, ErrorKind, KeyPath, Reference,
    config::{ConfigFile, ConfigLoader, Setting},
};

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
    Ok(builder(global)?.build()?)
}

/// The loader of the config file that was named, or that is found from the current folder upwards.
pub(crate) fn loader(global: &Global) -> ConfigLoader {
    let mut loader = match &global.config {
        Some(file) => ConfigLoader::new().with_file(file),
        None if global.no_config => ConfigLoader::new().without_file(),
        None => ConfigLoader::new().with_parent_folders(),
    };
    if let Some(profile) = &global.config_profile {
        loader = loader.with_profile(profile);
    }
    loader
}

/// The loader for commands that show settings: it reads a file that nobody trusts too, which is returned
/// to be told of.
pub(crate) fn loader_to_show(global: &Global) -> Result<(ConfigLoader, Option<ConfigFile>), Failure> {
    let loader = loader(global).read()?;
    let untrusted = untrusted(&loader)?;
    Ok((loader.with_danger_untrusted(), untrusted))
}

/// The loader for commands that work without a file that nobody trusts: it leaves that file out, and
/// returns it to be told of.
pub(crate) fn loader_of_trusted(global: &Global) -> Result<(ConfigLoader, Option<ConfigFile>), Failure> {
    let loader = loader(global).read()?;
    Ok(match untrusted(&loader)? {
        // Its profiles are left out with it.
        Some(file) => (loader.without_file().without_profile(), Some(file)),
        None => (loader, None),
    })
}

fn untrusted(loader: &ConfigLoader) -> Result<Option<ConfigFile>, Failure> {
    Ok(loader.file()?.filter(|file| !file.trust().is_trusted()))
}

/// The settings by the config file and the environment, and the options over them.
pub(crate) fn builder(global: &Global) -> Result<ClientBuilder, Failure> {
    Ok(with_options(loader(global).load()?, global))
}

/// The options over the settings.
pub(crate) fn with_options(config: Config, global: &Global) -> ClientBuilder {
    let mut builder = Client::builder().with_config(config).with_one_shot(true);
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
    builder
}

/// Whom to ask for a bare path: the provider that was named, else the default.
pub(crate) fn provider<'a>(client: &'a Client, global: &'a Global) -> &'a str {
    let named = global.provider.as_deref().or(global.file.as_ref().map(|_| "file"));
    named.unwrap_or(client.default_provider())
}

/// The same by the settings alone, where there may be no client.
pub(crate) fn named_or_default(global: &Global, settings: &[Setting]) -> String {
    let named = global.provider.clone().or_else(|| global.file.as_ref().map(|_| "file".to_owned()));
    let default = || {
        settings.iter().find(|setting| setting.key() == "provider").and_then(|it| serde_json::from_str(&it.json()).ok())
    };
    named.or_else(default).unwrap_or_default()
}

/// The failure to find what was typed as a bare path, with how a key or a provider is written if there seems to be one in it.
pub(crate) fn meant(failure: Failure, typed: &str) -> Failure {
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
