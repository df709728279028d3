//! [`AwsConfig`]: the settings of an AWS provider in code.

use std::{num::NonZeroU32, time::Duration};

use aws_credential_types::Credentials;

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::config::defaults::{DEFAULT_RETRY, DEFAULT_TIMEOUT};

/// The region, credentials, endpoints and retry policy of an AWS provider.
///
/// Values that are not set are found as the AWS SDK finds them. Credentials come from the
/// [default chain](https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html):
/// environment, profile, web identity, container, instance metadata. The region comes from the
/// environment, the profile, then instance metadata (version 2, with a short timeout). Endpoints
/// come from `AWS_ENDPOINT_URL` and its forms for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsConfig {
    /// The region of the service, and of STS.
    pub region: Option<String>,
    /// The profile of the shared config files that has the credentials. It wins over `AWS_PROFILE`,
    /// `AWS_ACCESS_KEY_ID` and every other variable, as with `aws --profile`. One that does not
    /// exist is an error. If it has no credentials, those of the container or the instance are
    /// used.
    pub profile: Option<String>,
    /// The credentials to start with, instead of those that the SDK finds. Nothing renews them.
    pub credentials: Option<Credentials>,
    /// Roles to assume, each with the credentials of the one before it.
    pub roles: Vec<Role>,
    /// The endpoint of every service, STS included.
    pub endpoint_url: Option<String>,
    /// The endpoint of Secrets Manager or Parameter Store alone.
    pub service_endpoint_url: Option<String>,
    /// The endpoint of STS alone.
    pub sts_endpoint_url: Option<String>,
    /// Attempts in total, the first one included, for STS as well. Default: 3, as in the AWS SDKs'
    /// [standard
    /// mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    pub retry: NonZeroU32,
    /// The time to connect, and again to wait for a response, of one attempt, for STS as well.
    /// Default: 5 s, as in the Python s1crets.
    pub timeout: Duration,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The name of the session, as CloudTrail shows it. Default: `s1crets`.
    pub session_name: String,
    /// The lifetime of the credentials: 900 s up to the role's own maximum, and at most an hour for
    /// a role that is assumed with another role's credentials
    /// ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)).
    /// Default: 3600 s.
    pub duration: Duration,
    /// The external id that the role's trust policy demands.
    pub external_id: Option<String>,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            region: None,
            profile: None,
            credentials: None,
            roles: Vec::new(),
            endpoint_url: None,
            service_endpoint_url: None,
            sts_endpoint_url: None,
            retry: DEFAULT_RETRY,
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

impl AwsConfig {
    /// Sets the region.
    #[must_use]
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Sets the profile that has the credentials.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<String>) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// Sets the credentials to start with. They are used as they are, or to assume the roles.
    ///
    /// ```
    /// use s1crets::providers::aws::{AwsConfig, Credentials};
    ///
    /// let credentials = Credentials::new("AKIA…", "the secret key", None, None, "vending machine");
    /// let config = AwsConfig::default().with_credentials(credentials);
    /// assert!(!format!("{config:?}").contains("the secret key"));
    /// ```
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Adds a role, assumed with the credentials of the role before it.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Sets the endpoint of every service, STS included.
    #[must_use]
    pub fn with_endpoint_url(self, url: impl Into<String>) -> Self {
        Self { endpoint_url: Some(url.into()), ..self }
    }

    /// Sets the attempts in total, the first one included. Default: 3.
    #[must_use]
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry: attempts, ..self }
    }

    /// Sets the time to connect, and again to wait for a response, of one attempt. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl Role {
    /// A role by its ARN, with the defaults.
    pub fn new(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), session_name: "s1crets".into(), duration: Duration::from_secs(3600), external_id: None }
    }

    /// Sets the session name. Default: `s1crets`.
    #[must_use]
    pub fn with_session_name(self, name: impl Into<String>) -> Self {
        Self { session_name: name.into(), ..self }
    }

    /// Sets the lifetime of the credentials, 900 s to 12 h. Default: 3600 s.
    #[must_use]
    pub fn with_duration(self, duration: Duration) -> Self {
        Self { duration, ..self }
    }

    /// Sets the external id. Default: none.
    #[must_use]
    pub fn with_external_id(self, id: impl Into<String>) -> Self {
        Self { external_id: Some(id.into()), ..self }
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl AwsConfig {
    /// Binds disk cache entries to everything that decides where the provider connects, and as
    /// whom. A new field has to be listed here to compile.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>) {
        let Self {
            region,
            profile,
            credentials,
            roles,
            endpoint_url,
            service_endpoint_url,
            sts_endpoint_url,
            retry: _,
            timeout: _,
        } = self;
        binding.value("region", region.as_ref());
        binding.value("profile", profile.as_ref());
        binding.value("access key given in code", credentials.as_ref().map(|key| key.access_key_id()));
        for Role { arn, session_name, duration: _, external_id } in roles {
            binding.value("roles.arn", Some(arn));
            binding.value("roles.session_name", Some(session_name));
            binding.value("roles.external_id", external_id.as_ref());
        }
        binding.value("endpoint_url", endpoint_url.as_ref());
        binding.value("service_endpoint_url", service_endpoint_url.as_ref());
        binding.value("sts_endpoint_url", sts_endpoint_url.as_ref());
        crate::cache_scope::aws::environment(binding, profile.as_deref());
    }
}
