//! From the config file and the environment.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use super::{settings::Config, variables::env_vars};
use crate::{
    error::{Error, ErrorKind, Result},
    reference::check_provider,
};

/// The name of the config file where none is named.
pub const FILE_NAME: &str = "s1crets.toml";

impl Config {
    /// The config file, if there is one, and the [variables](env_vars) over it.
    ///
    /// The file is the one that `S1CRETS_CONFIG` names, else `s1crets.toml` in the current folder, else
    /// `s1crets/s1crets.toml` in the user's config folder (`XDG_CONFIG_HOME`, or `~/.config`).
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the file can't be read or a setting is malformed.
    pub fn from_env() -> Result<Self> {
        let file = match env::var_os(env_vars::CONFIG) {
            Some(named) => Some(PathBuf::from(named)),
            None => default_places().into_iter().find(|place| place.is_file()),
        };
        let config = file.map_or(Ok(Self::default()), |file| Self::from_file(&file))?;
        config.with_env(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// A config file, and the other variables over it.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_file_and_env(file: &Path) -> Result<Self> {
        Self::from_file(file)?.with_env(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// A config file alone.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it can't be read or a setting is malformed.
    pub fn from_file(file: &Path) -> Result<Self> {
        let named = file.display();
        let text = fs::read_to_string(file).map_err(|error: io::Error| {
            Error::config(format!("can't read the config file {named}")).with_source(error)
        })?;
        Self::parse(&text).map_err(|error| Error::config(format!("in {named}: {}", error.message())))
    }

    /// The text of a config file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is not TOML, or a setting is unknown or malformed.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| malformed(text, &error))?;
        for name in config.providers.keys().chain(&config.provider) {
            check_provider(name).map_err(|error| Error::config(error.message().to_owned()))?;
        }
        Ok(config)
    }
}

fn default_places() -> Vec<PathBuf> {
    let user = env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let user = user.or_else(|| Some(env::home_dir()?.join(".config")));
    let mut places = vec![PathBuf::from(FILE_NAME)];
    places.extend(user.map(|folder| folder.join("s1crets").join(FILE_NAME)));
    places
}

/// The parser's words and the line, without the line's text.
fn malformed(text: &str, error: &toml::de::Error) -> Error {
    let message = error.message().to_owned();
    let line = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    Error::new(
        ErrorKind::Config,
        match line {
            Some(line) => format!("line {line}: {message}"),
            None => message,
        },
    )
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::*;
    use crate::cache::CachePolicy;

    #[test]
    fn all_settings_are_read() {
        let config = Config::parse(
            r#"
            provider = "aws.ps"
            retry = 5
            timeout = 1.5
            [cache]
            entries = 10
            ttl = "1m"
            [providers."aws.sm"]
            region = "eu-west-1"
            [providers.billing]
            type = "aws.sm"
            roles = [{ arn = "a", duration = 900, external_id = "x" }]
            [providers.file]
            path = "/tmp/x"
            wait = "30 seconds"
            "#,
        )
        .expect("settings");
        assert_eq!((config.retry, config.timeout), (NonZeroU32::new(5), Some(Duration::from_millis(1500))));
        assert_eq!(config.cache_policy(), CachePolicy::default().with_entries(10).with_ttl(Duration::from_secs(60)));
        let billing = &config.providers["billing"];
        assert_eq!(billing.kind.as_deref(), Some("aws.sm"));
        assert_eq!(billing.roles.as_ref().expect("roles")[0].duration, Some(Duration::from_secs(900)));
        assert_eq!(config.providers["file"].wait, Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_is_unknown_or_malformed_is_told_with_its_line() {
        for (text, line, why) in [
            ("retries = 3", 1, "unknown field `retries`"),
            ("\nretry = 0", 2, "nonzero"),
            ("timeout = -1", 1, "a number of seconds"),
            ("timeout = \"soon\"", 1, "a number of seconds"),
            ("timeout = inf", 1, "a number of seconds"),
            ("[cache]\nttl = true", 2, "a number of seconds"),
            ("[cache]\nrefresh_ahead = 1.5", 2, "a number from 0 to 1"),
            ("[providers.x]\nregio = \"y\"", 2, "unknown field `regio`"),
            ("retry = ", 1, ""),
        ] {
            let error = Config::parse(text).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Config);
            let message = error.message();
            assert!(message.starts_with(&format!("line {line}: ")) && message.contains(why), "{text}: {message}");
        }
        assert!(Config::parse("[providers.\"A B\"]").is_err());
    }
}
