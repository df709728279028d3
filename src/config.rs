//! `s1crets.toml` and the environment, as settings.

use std::{
    collections::BTreeMap,
    env, fmt, fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use crate::{
    cache::CachePolicy,
    error::{Error, ErrorKind, Result},
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

/// The name of the config file where none is named.
pub const FILE_NAME: &str = "s1crets.toml";

/// Settings for a [`Client`](crate::Client), as `s1crets.toml` has them.
///
/// ```toml
/// provider = "aws.sm"        # the command's default
/// retry = 3                  # attempts in total
/// timeout = "5s"             # of one attempt; a bare number is seconds
///
/// [cache]
/// entries = 1000             # of single secrets and of listings each; 0 keeps nothing
/// ttl = "15m"
/// refresh_ahead = 0.8        # from this part of the ttl on, reads load it anew in the background; 1 turns it off
/// max_stale = "1h"           # served in an outage for that long after its time; 0 turns it off
/// negative_ttl = "5s"        # "not found" is remembered that long; 0 turns it off
/// reread_interval = "10s"    # between two loads of a secret that is reported as rejected
///
/// [providers."aws.sm"]       # settings of a provider under its own name
/// region = "eu-west-1"
///
/// [providers.billing]        # one more instance: billing://prod/db
/// type = "aws.sm"
/// region = "us-east-1"
/// roles = [{ arn = "arn:aws:iam::123456789012:role/reader", external_id = "x" }]
///
/// [providers.file]
/// path = "/var/local/secrets.json"
/// wait = "30s"
///
/// [providers."vault.kv"]
/// address = "https://vault.internal:8200"
/// auth = { method = "approle", role_id = "my-role", file = "/run/secret-id" }
/// ```
///
/// Unknown keys are errors. Later settings go first: those of the [`ClientBuilder`](crate::ClientBuilder), then the
/// environment, then the file, then the defaults.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The command's default provider.
    pub provider: Option<String>,
    /// Attempts in total.
    pub retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for an answer, of one attempt.
    #[serde(default, deserialize_with = "some_duration")]
    pub timeout: Option<Duration>,
    /// The cache in memory.
    #[serde(default)]
    pub cache: CacheSettings,
    /// Providers by name.
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderSettings>,
}

/// The `[cache]` table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheSettings {
    /// Entries at most; 0 keeps nothing.
    pub entries: Option<u64>,
    /// How long an answer is fresh.
    #[serde(default, deserialize_with = "some_duration")]
    pub ttl: Option<Duration>,
    /// From which part of `ttl` on an answer that is read is loaded anew in the background; 1 turns it off.
    #[serde(default, deserialize_with = "some_fraction")]
    pub refresh_ahead: Option<f64>,
    /// How long an answer is served in an outage after its time; 0 turns it off.
    #[serde(default, deserialize_with = "some_duration")]
    pub max_stale: Option<Duration>,
    /// How long it is remembered that there is no such secret; 0 turns it off.
    #[serde(default, deserialize_with = "some_duration")]
    pub negative_ttl: Option<Duration>,
    /// The least time between two loads of a secret that is reported as rejected.
    #[serde(default, deserialize_with = "some_duration")]
    pub reread_interval: Option<Duration>,
}

/// One of the `[providers.NAME]` tables. Which keys apply depends on the provider's type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ProviderSettings {
    /// Which provider this is an instance of; by default the one of its name.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Attempts in total.
    pub retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for an answer, of one attempt.
    #[serde(default, deserialize_with = "some_duration")]
    pub timeout: Option<Duration>,
    /// AWS: the region.
    pub region: Option<String>,
    /// AWS: the profile of the shared config files.
    pub profile: Option<String>,
    /// AWS: the endpoint of all services.
    pub endpoint_url: Option<String>,
    /// AWS: the endpoint of the store alone.
    pub service_endpoint_url: Option<String>,
    /// AWS: the endpoint of STS alone.
    pub sts_endpoint_url: Option<String>,
    /// AWS: roles to assume, each by the one before.
    pub roles: Option<Vec<RoleSettings>>,
    /// File: the fetcher's file, or the CSI directory.
    pub path: Option<PathBuf>,
    /// File: how long to wait for it at the start.
    #[serde(default, deserialize_with = "some_duration")]
    pub wait: Option<Duration>,
    /// File: the first wait between two looks at the start, doubled each time.
    #[serde(default, deserialize_with = "some_duration")]
    pub backoff: Option<Duration>,
    /// Vault: the server's address.
    pub address: Option<String>,
    /// Vault: the namespace.
    pub namespace: Option<String>,
    /// Vault: a file of certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Vault: a folder of such files.
    pub ca_path: Option<PathBuf>,
    /// Vault: the client's certificate.
    pub client_cert: Option<PathBuf>,
    /// Vault: its key.
    pub client_key: Option<PathBuf>,
    /// Vault: the name that the server's certificate must have.
    pub server_name: Option<String>,
    /// Vault: takes any certificate, so that whoever is in between can read every secret.
    pub danger_skip_verify: Option<bool>,
    /// Vault: how to log in.
    pub auth: Option<VaultAuthSettings>,
    /// Vault: whether the token of a login is revoked when the connection is shut down.
    pub revoke_at_shutdown: Option<bool>,
    /// Vault: the version of every KV mount, 1 or 2, whatever the server says.
    pub kv_version: Option<u8>,
    /// Vault: the versions of single mounts, by their paths: the server is not asked about these.
    pub mounts: Option<BTreeMap<String, u8>>,
}

/// The `auth` table of a Vault provider. Which keys apply depends on the method. No key holds a secret: they name the
/// file or the variable that does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VaultAuthSettings {
    /// `token`, `approle`, `userpass`, `kubernetes`, `jwt`, `cert`, `aws_iam` or `aws_ec2`.
    pub method: String,
    /// Where the method is mounted, if not under its usual name.
    pub mount: Option<String>,
    /// Kubernetes, JWT, certificate, AWS: the role.
    pub role: Option<String>,
    /// AppRole: the role's id.
    pub role_id: Option<String>,
    /// AppRole: whether the secret id is a wrapping token.
    pub wrapped: Option<bool>,
    /// userpass: the user's name.
    pub username: Option<String>,
    /// The file that holds the token, secret id, password or JWT.
    pub file: Option<PathBuf>,
    /// The variable that holds it.
    pub env: Option<String>,
    /// AWS IAM: the region of STS.
    pub region: Option<String>,
    /// AWS IAM: the value of `X-Vault-AWS-IAM-Server-ID`.
    pub server_id: Option<String>,
    /// AWS IAM: the profile.
    pub profile: Option<String>,
    /// AWS EC2: the file that keeps the nonce.
    pub nonce_file: Option<PathBuf>,
}

/// One of the roles of an AWS provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RoleSettings {
    /// The role's ARN.
    pub arn: String,
    /// The name of the session.
    pub session_name: Option<String>,
    /// How long the credentials live.
    #[serde(default, deserialize_with = "some_duration")]
    pub duration: Option<Duration>,
    /// What the trust policy demands.
    pub external_id: Option<String>,
}

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

    /// The cache's policy, defaults filled in.
    pub fn cache_policy(&self) -> CachePolicy {
        let default = CachePolicy::default();
        let CacheSettings { entries, ttl, refresh_ahead, max_stale, negative_ttl, reread_interval } = self.cache;
        CachePolicy {
            entries: entries.unwrap_or(default.entries),
            ttl: ttl.unwrap_or(default.ttl),
            refresh_ahead: refresh_ahead.unwrap_or(default.refresh_ahead),
            max_stale: max_stale.unwrap_or(default.max_stale),
            negative_ttl: negative_ttl.unwrap_or(default.negative_ttl),
            reread_interval: reread_interval.unwrap_or(default.reread_interval),
        }
    }

    fn with_env(mut self, var: impl Fn(&str) -> Option<String>) -> Result<Self> {
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

/// A time span as the settings have it: a number of seconds, or such as `500ms`, `15m` or `5 seconds`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
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

fn some_fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let fraction = f64::deserialize(deserializer)?;
    match (0.0..=1.0).contains(&fraction) {
        true => Ok(Some(fraction)),
        false => Err(de::Error::invalid_value(de::Unexpected::Float(fraction), &"a number from 0 to 1")),
    }
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    struct Span;

    impl Visitor<'_> for Span {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of seconds, or a time span such as \"500ms\" or \"15m\"")
        }

        fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
            let seconds =
                u64::try_from(seconds).map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))?;
            Ok(Duration::from_secs(seconds))
        }

        fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
            Duration::try_from_secs_f64(seconds).map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            parse_duration(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Span).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

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
