//! The variables, over the config file.

use super::{settings::Config, values::parse_duration};
use crate::{
    error::{Error, Result},
    reference::check_provider,
};

/// The variables that [`Config::from_env`] reads.
pub mod env_vars {
    /// The config file, instead of the places where it is looked for.
    pub const CONFIG: &str = "S1CRETS_CONFIG";
    /// The default provider of the command.
    pub const PROVIDER: &str = "S1CRETS_PROVIDER";
    /// The path of the fetcher's file, or of the CSI directory.
    pub const FILE: &str = "S1CRETS_FILE";
    /// Attempts in total.
    pub const RETRY: &str = "S1CRETS_RETRY";
    /// The timeout of one attempt: a number of seconds, or such as `500ms`.
    pub const TIMEOUT: &str = "S1CRETS_TIMEOUT";
    /// Entries of the cache; 0 turns it off.
    pub const CACHE_ENTRIES: &str = "S1CRETS_CACHE_ENTRIES";
    /// How long the cache keeps an answer: a number of seconds, or such as `15m`.
    pub const CACHE_TTL: &str = "S1CRETS_CACHE_TTL";
}

impl Config {
    pub(super) fn with_env(mut self, var: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut parsed = |name, read: &mut dyn FnMut(&mut Self, &str) -> Option<()>| match var(name) {
            Some(value) => read(&mut self, &value)
                .ok_or_else(|| Error::config(format!("the variable {name} has a value that can't be read"))),
            None => Ok(()),
        };
        parsed(env_vars::PROVIDER, &mut |config, value| {
            check_provider(value).ok()?;
            config.provider = Some(value.into());
            Some(())
        })?;
        parsed(env_vars::RETRY, &mut |config, value| {
            config.retry = Some(value.parse().ok()?);
            Some(())
        })?;
        parsed(env_vars::TIMEOUT, &mut |config, value| {
            config.timeout = Some(parse_duration(value)?);
            Some(())
        })?;
        parsed(env_vars::CACHE_ENTRIES, &mut |config, value| {
            config.cache.entries = Some(value.parse().ok()?);
            Some(())
        })?;
        parsed(env_vars::CACHE_TTL, &mut |config, value| {
            config.cache.ttl = Some(parse_duration(value)?);
            Some(())
        })?;
        parsed(env_vars::FILE, &mut |config, value| {
            config.providers.entry("file".into()).or_default().path = Some(value.into());
            Some(())
        })?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, path::Path, time::Duration};

    use super::*;

    #[test]
    fn variables_go_before_the_file() {
        let file = Config::parse("retry = 5\nprovider = \"file\"\n[providers.file]\npath = \"/a\"\nwait = 1")
            .expect("settings");
        let config = file
            .with_env(|name| match name {
                env_vars::RETRY => Some("7".into()),
                env_vars::FILE => Some("/b".into()),
                env_vars::CACHE_TTL => Some("90".into()),
                _ => None,
            })
            .expect("variables");
        assert_eq!((config.retry, config.provider.as_deref()), (NonZeroU32::new(7), Some("file")));
        assert_eq!(config.providers["file"].path.as_deref(), Some(Path::new("/b")));
        assert_eq!(config.providers["file"].wait, Some(Duration::from_secs(1)));
        assert_eq!(config.cache_policy().ttl, Duration::from_secs(90));
    }

    #[test]
    fn a_malformed_variable_is_named() {
        let error =
            Config::default().with_env(|name| (name == env_vars::TIMEOUT).then(|| "soon".into())).expect_err("no time");
        assert!(error.message().contains(env_vars::TIMEOUT), "{error}");
    }
}
