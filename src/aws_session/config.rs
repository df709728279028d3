//! Settings of an AWS provider: region, credentials, roles, endpoints, retry policy.

use std::{num::NonZeroU32, time::Duration};

use aws_credential_types::Credentials;

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::retry::RetryPolicy;

/// Settings of an AWS provider: region, credentials, roles, endpoints, retry policy.
///
/// A setting that is `None` is found as the AWS CLI and boto3 find it:
/// - credentials in the environment, by web identity, in the profile of `AWS_DEFAULT_PROFILE` or
///   `AWS_PROFILE`, from the container, from instance metadata. The first source that is configured
///   is used, and a profile that doesn't exist is an error;
/// - the region from the environment, the profile, then instance metadata, which has 500 ms to answer;
/// - endpoints from `AWS_ENDPOINT_URL` and its variants for one service, or the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AwsConfig {
    /// The region of the store and of STS.
    pub region: Option<String>,
    /// The profile of the shared config files that gives the credentials. It wins over
    /// `AWS_PROFILE`, `AWS_ACCESS_KEY_ID` and every other variable, as `aws --profile` does. A
    /// profile that doesn't exist is an error. If it names no credentials, those of the container
    /// or the instance are used.
    pub profile: Option<String>,
    /// The credentials to use instead of those that the SDK finds. They are never renewed.
    pub credentials: Option<Credentials>,
    /// Roles to assume, in order: the first with the credentials, each further one with the role
    /// before it.
    pub roles: Vec<Role>,
    /// The endpoint of every service, STS included, as `http://HOST:PORT`.
    pub endpoint_url: Option<String>,
    /// The endpoint of the store only. It wins over `endpoint_url`.
    pub service_endpoint_url: Option<String>,
    /// The endpoint of STS only. It wins over `endpoint_url`.
    pub sts_endpoint_url: Option<String>,
    /// Attempts, timeout and backoff of every call, those to STS included, unless a request sets its
    /// own. Default: 3 attempts of 5 s, with a backoff from 50 ms up to 20 s, and from 1 s if AWS
    /// throttles, as in the AWS SDKs'
    /// [standard mode](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    pub retry_policy: RetryPolicy,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The session name, which CloudTrail shows. Default: `s1crets`.
    pub session_name: String,
    /// How long the credentials are valid: from 15 minutes to the role's own maximum, at most 12 hours.
    /// A role that is assumed by another role has at most an hour
    /// ([AssumeRole](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html)). Default: 1 hour.
    pub duration: Duration,
    /// The external id that the role's trust policy requires of a third party.
    pub external_id: Option<String>,
}

impl AwsConfig {
    /// Sets the region.
    #[must_use]
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Takes the credentials of this profile.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<String>) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// Uses these credentials, directly or to assume the roles. They are never renewed.
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

    /// Adds a role, which is assumed with those before it.
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

    /// Sets attempts, timeout and backoff of every call.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Sets the number of attempts in total, the first one included. Default: 3.
    #[must_use]
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry_policy: self.retry_policy.with_attempts(attempts), ..self }
    }

    /// Sets the timeout of one attempt, to connect and again to receive. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { retry_policy: self.retry_policy.with_timeout(timeout), ..self }
    }
}

impl Role {
    /// A role with the default session name and duration.
    pub fn new(arn: impl Into<String>) -> Self {
        Self { arn: arn.into(), session_name: "s1crets".into(), duration: Duration::from_secs(3600), external_id: None }
    }

    /// Sets the session name, which CloudTrail shows. Default: `s1crets`.
    #[must_use]
    pub fn with_session_name(self, name: impl Into<String>) -> Self {
        Self { session_name: name.into(), ..self }
    }

    /// Sets how long the credentials are valid: 15 minutes to 12 hours. Default: 1 hour.
    #[must_use]
    pub fn with_duration(self, duration: Duration) -> Self {
        Self { duration, ..self }
    }

    /// Sets the external id that the role's trust policy requires.
    #[must_use]
    pub fn with_external_id(self, id: impl Into<String>) -> Self {
        Self { external_id: Some(id.into()), ..self }
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl AwsConfig {
    /// Binds records on disk to every setting that selects a server or an identity. A new field has
    /// to be listed here to compile.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>) {
        let Self {
            region,
            profile,
            credentials,
            roles,
            endpoint_url,
            service_endpoint_url,
            sts_endpoint_url,
            retry_policy: _,
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
