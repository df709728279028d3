//! Options that every command takes.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{Args, ValueHint};

// No doc comment: clap would take it for the description of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Use this provider for a PATH that names none [default: from the config file, else aws.sm]
    ///
    /// One of aws.sm, aws.ps, vault.kv and file, or a name in [providers] of the config file.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Use this config file
    ///
    /// Without it, S1CRETS_CONFIG names the file. Without both, the nearest s1crets.toml is used,
    /// once it is trusted (`s1crets config trust`): in this folder, in one above it up to the
    /// repository or the home folder, or in the user's config folder.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Use no config file
    #[arg(long, global = true, conflicts_with = "config")]
    pub(crate) no_config: bool,
    /// Apply this profile of the config file [default: S1CRETS_PROFILE]
    ///
    /// The settings in [profiles.NAME] override those of the file itself.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) config_profile: Option<String>,
    /// Use this AWS region
    ///
    /// Overrides the config file, AWS_REGION and the AWS profile.
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Assume this AWS role
    #[arg(long, global = true, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// Use this AWS endpoint for every service
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) endpoint_url: Option<String>,
    /// Read this secrets file or CSI mount; makes `file` the default provider
    #[arg(long, global = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) file: Option<PathBuf>,
    /// Make up to this many attempts per request, at least 1 [default: 3]
    ///
    /// Counts the first attempt: 1 means no retries.
    #[arg(long, global = true, value_name = "ATTEMPTS")]
    pub(crate) retry: Option<NonZeroU32>,
    /// Limit the time of each attempt, in seconds or as a duration such as 500ms [default: 5]
    ///
    /// Limits the time to connect, and separately the time to wait for the response. Must be above
    /// 0.
    #[arg(long, global = true, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Read from the provider even if the value is cached
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// Use expired values this long while a provider can't be reached; 0 uses none [default: 1h]
    ///
    /// The time counts from the value's expiry, which is `ttl` in [cache] after its load. In
    /// seconds, or as a duration such as 30m. A warning tells that a value is stale.
    #[arg(long, global = true, value_name = "TIME", value_parser = max_stale)]
    pub(crate) max_stale: Option<Duration>,
    /// Answer from the disk cache only, and call no provider
    ///
    /// Expired values are used for as long as --max-stale allows. A secret that the disk cache does
    /// not hold is an error. The provider `file` works as usual.
    #[arg(long, global = true, conflicts_with = "no_cache")]
    pub(crate) offline: bool,
    /// Don't mask values in the log of a CI system
    ///
    /// By default, all values are masked in the logs of GitHub Actions, Forgejo, Gitea, Azure
    /// Pipelines and Buildkite before they are printed, and s1crets fails if the masks can't reach
    /// the log.
    #[arg(long, global = true)]
    pub(crate) no_mask: bool,
    /// Print JSON, including errors
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the causes of errors; -vv also logs each step
    ///
    /// With --version, prints how s1crets was built.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

fn max_stale(text: &str) -> Result<Duration, &'static str> {
    match (s1crets::config::parse_max_stale(text), s1crets::config::parse_duration(text)) {
        (Some(max_stale), _) => Ok(max_stale),
        (None, Some(_)) => Err("a bare number is seconds, up to 31 days; for longer times add a unit, as in 60d"),
        (None, None) => Err("expected a number of seconds, or a duration such as 30m or 1h"),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    match (s1crets::config::parse_timeout(text), s1crets::config::parse_duration(text)) {
        (Some(timeout), _) => Ok(timeout),
        (None, Some(implausible)) if !implausible.is_zero() => {
            Err("a bare number is seconds, up to 300; for other times add a unit, as in 500ms or 10m")
        }
        (None, _) => Err("expected a number of seconds above 0, or a duration such as 500ms or 2s"),
    }
}
