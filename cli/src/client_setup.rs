//! Sets up the config loader and the client from the config file, the environment and the global
//! options.

use s1crets::{
    Client, ClientBuilder, Config,
    config::{ConfigFile, ConfigLoader},
};

use crate::{args::Global, path_arg, report::Failure};

/// The client for the config file, the environment and the options.
pub(crate) fn client(global: &Global) -> Result<Client, Failure> {
    Ok(builder(global)?.build()?)
}

/// The builder of that client.
pub(crate) fn builder(global: &Global) -> Result<ClientBuilder, Failure> {
    Ok(with_options(config(global)?, global))
}

/// The settings of the config file and the environment, for the client and for the command itself.
pub(crate) fn config(global: &Global) -> Result<Config, Failure> {
    Ok(with_default_provider(loader(global).load()?, global))
}

/// Makes the provider of the options the default one, also of bare paths in `[secrets]`.
fn with_default_provider(config: Config, global: &Global) -> Config {
    match path_arg::provider_of_options(global) {
        Some(provider) => config.with_default_provider(provider),
        None => config,
    }
}

/// The loader of the config file named by `--config`, or found in this folder or one above it.
///
/// Loading fails if the file was found and the user does not trust it.
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

/// The loader for commands that only show settings: it reads an untrusted file too, and returns it
/// so that the caller can warn.
pub(crate) fn loader_with_untrusted(global: &Global) -> Result<(ConfigLoader, Option<ConfigFile>), Failure> {
    let loader = loader(global).read()?;
    let untrusted = untrusted(&loader)?;
    Ok((loader.with_danger_untrusted(), untrusted))
}

/// The loader for commands that work without the config file: it leaves out an untrusted file, and
/// returns it so that the caller can warn.
pub(crate) fn loader_without_untrusted(global: &Global) -> Result<(ConfigLoader, Option<ConfigFile>), Failure> {
    let loader = loader(global).read()?;
    Ok(match untrusted(&loader)? {
        // The profile goes with the file: nothing else defines it.
        Some(file) => (loader.without_file().without_profile(), Some(file)),
        None => (loader, None),
    })
}

fn untrusted(loader: &ConfigLoader) -> Result<Option<ConfigFile>, Failure> {
    Ok(loader.file()?.filter(|file| !file.trust().is_trusted()))
}

/// Applies the global options on top of the settings.
pub(crate) fn with_options(config: Config, global: &Global) -> ClientBuilder {
    let config = with_default_provider(config, global);
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
    if let Some(max_stale) = global.max_stale {
        builder = builder.with_max_stale(max_stale);
    }
    if global.offline {
        builder = builder.with_offline(true);
    }
    builder
}
