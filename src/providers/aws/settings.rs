//! Settings of the AWS providers in `s1crets.toml`.

use std::{num::NonZeroU32, ops::RangeInclusive, time::Duration};

use serde::Deserialize;

use crate::{
    aws_session::{
        config::{AwsConfig, Role},
        resolve::is_url,
    },
    config::{Form, GeneralSettings, Section, span, timeout},
    error::{Error, Result},
    retry::RetryPolicy,
};

/// The environment variables that say where AWS providers connect and as whom.
pub(crate) const VARIABLES: &[&str] = &[
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// The keys of a table of type `aws.sm` or `aws.ps`.
pub(crate) const FORM: Form = Form::of::<AwsSettings>();

/// A provider of AWS.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
struct AwsSettings {
    /// Attempts in total.
    retry: Option<NonZeroU32>,
    /// The time to connect, and again to wait for a response, of one attempt.
    #[serde(deserialize_with = "timeout")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::config::Timeout>"))]
    timeout: Option<Duration>,
    /// The region.
    region: Option<String>,
    /// The profile of the shared config files. Its credentials win over those of the environment.
    profile: Option<String>,
    /// The endpoint of all services.
    endpoint_url: Option<String>,
    /// The endpoint of Secrets Manager or Parameter Store alone.
    service_endpoint_url: Option<String>,
    /// The endpoint of STS alone.
    sts_endpoint_url: Option<String>,
    /// Roles to assume, each with the credentials of the one before.
    roles: Option<Vec<RoleSettings>>,
}

/// One of the roles of an AWS provider.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct RoleSettings {
    /// The role's ARN.
    arn: String,
    /// The name of the session. Default: `s1crets`.
    session_name: Option<String>,
    /// The lifetime of the credentials, from 15 minutes to 12 hours. Default: 1 hour.
    #[serde(default, deserialize_with = "span::up_to::<LONGEST_SESSION, _>")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::config::Span<LONGEST_SESSION>>"))]
    duration: Option<Duration>,
    /// The external id that the role's trust policy demands.
    external_id: Option<String>,
}

impl AwsConfig {
    /// # Errors
    /// `Config` if a setting is unknown or malformed.
    pub(crate) fn read(section: &Section, general: &GeneralSettings) -> Result<Self> {
        let settings: AwsSettings = section.read()?;
        for (key, url) in [
            ("endpoint_url", &settings.endpoint_url),
            ("service_endpoint_url", &settings.service_endpoint_url),
            ("sts_endpoint_url", &settings.sts_endpoint_url),
        ] {
            if url.as_deref().is_some_and(|url| !is_url(url)) {
                return Err(Error::config(format!("`{key}` is not a URL: write it as http://HOST:PORT")));
            }
        }
        let roles = settings.roles.unwrap_or_default().into_iter().map(Role::from_settings);
        Ok(Self {
            region: settings.region,
            profile: settings.profile,
            credentials: None,
            roles: roles.collect::<Result<_>>()?,
            endpoint_url: settings.endpoint_url,
            service_endpoint_url: settings.service_endpoint_url,
            sts_endpoint_url: settings.sts_endpoint_url,
            retry_policy: RetryPolicy::from_settings(
                settings.retry.or(general.retry),
                settings.timeout.or(general.timeout),
            ),
        })
    }
}

/// The range of [STS](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
const SESSION_DURATIONS: RangeInclusive<Duration> =
    Duration::from_secs(15 * 60)..=Duration::from_secs(LONGEST_SESSION as u64);
const LONGEST_SESSION: u32 = 12 * 60 * 60;

impl Role {
    fn from_settings(settings: RoleSettings) -> Result<Self> {
        if !settings.arn.starts_with("arn:") {
            return Err(Error::config("the `arn` of a role is such as arn:aws:iam::123456789012:role/reader"));
        }
        if settings.duration.is_some_and(|duration| !SESSION_DURATIONS.contains(&duration)) {
            return Err(Error::config("the `duration` of a role is from 15 minutes to 12 hours"));
        }
        let default = Self::new(settings.arn);
        Ok(Self {
            session_name: settings.session_name.unwrap_or(default.session_name),
            duration: settings.duration.unwrap_or(default.duration),
            external_id: settings.external_id,
            arn: default.arn,
        })
    }
}
