//! Options of a call: version, decryption, cache use and retry policy.

use crate::{
    capabilities::Capabilities,
    error::{Error, Result},
    retry::RetryPolicy,
    secret::KeyPath,
};

/// Which version of a secret is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// The one that the backend calls current.
    #[default]
    Current,
    /// A version by its number (Parameter Store).
    Number(u64),
    /// A version by a label that was put on it (Parameter Store).
    Label(String),
    /// A version by its id (Secrets Manager).
    Id(String),
    /// A version by its staging label, such as `AWSPREVIOUS` (Secrets Manager).
    Stage(String),
}

/// How one secret is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetOptions {
    /// Which version.
    pub version: Version,
    /// Whether a SecureString is decrypted (Parameter Store). Default: yes.
    pub decrypt: bool,
    /// Whether a cache may answer. Either way the answer is kept for others. Default: yes.
    pub cached: bool,
    /// Attempts, timeout and backoff; what is not set is taken from the provider.
    pub retry_policy: RetryPolicy,
}

/// How the secrets under a path are read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOptions {
    /// Whether names further down than one level count. Default: yes.
    pub recursive: bool,
    /// Whether SecureStrings are decrypted (Parameter Store). Default: yes.
    pub decrypt: bool,
    /// Whether one unreadable secret fails the call, rather than being reported beside the
    /// readable ones. Default: yes.
    pub fail_on_error: bool,
    /// Whether a cache may answer. Either way the answer is kept for others. Default: yes.
    pub cached: bool,
    /// Attempts, timeout and backoff; what is not set is taken from the provider.
    pub retry_policy: RetryPolicy,
}

/// How a secret is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateOptions {
    /// The part of a JSON secret to change; empty: the whole value.
    pub keypath: KeyPath,
    /// The version that must still be the current one, else the update is a conflict.
    pub if_version: Option<String>,
    /// Attempts, timeout and backoff; what is not set is taken from the provider.
    pub retry_policy: RetryPolicy,
}

impl Default for GetOptions {
    fn default() -> Self {
        Self { version: Version::Current, decrypt: true, cached: true, retry_policy: RetryPolicy::default() }
    }
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { recursive: true, decrypt: true, fail_on_error: true, cached: true, retry_policy: RetryPolicy::default() }
    }
}

impl GetOptions {
    /// The same for another version.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The same with or without decryption.
    #[must_use]
    pub fn with_decrypt(self, decrypt: bool) -> Self {
        Self { decrypt, ..self }
    }

    /// Sets attempts, timeout and backoff. What the policy leaves open is taken from the provider.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses what the provider would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        let refused = match self.version {
            Version::Current => None,
            Version::Number(_) => (!can.version_numbers).then_some("versions by number"),
            Version::Label(_) => (!can.version_labels).then_some("versions by label"),
            Version::Id(_) => (!can.version_ids).then_some("versions by id"),
            Version::Stage(_) => (!can.version_stages).then_some("version stages"),
        };
        let refused = refused.or((!self.decrypt && !can.decrypt).then_some("reading without decryption"));
        refused.map_or(Ok(()), |what| Err(lacks(what)))
    }
}

impl ListOptions {
    /// The same for all levels, or only for the first one.
    #[must_use]
    pub fn with_recursive(self, recursive: bool) -> Self {
        Self { recursive, ..self }
    }

    /// The same with unreadable secrets failing the call, or reported beside the others.
    #[must_use]
    pub fn with_fail_on_error(self, fail_on_error: bool) -> Self {
        Self { fail_on_error, ..self }
    }

    /// Sets attempts, timeout and backoff. What the policy leaves open is taken from the provider.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses what the provider would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        if !self.decrypt && !can.decrypt {
            return Err(lacks("reading without decryption"));
        }
        Ok(())
    }
}

impl UpdateOptions {
    /// The same for one part of a JSON secret.
    #[must_use]
    pub fn with_keypath(self, keypath: impl Into<KeyPath>) -> Self {
        Self { keypath: keypath.into(), ..self }
    }

    /// The same, if the current version is still this one.
    #[must_use]
    pub fn with_if_version(self, version: impl Into<String>) -> Self {
        Self { if_version: Some(version.into()), ..self }
    }

    /// Sets attempts, timeout and backoff. What the policy leaves open is taken from the provider.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses what the provider can't do or would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        if !can.update {
            return Err(lacks("update"));
        }
        if self.if_version.is_some() && !can.update_if_version {
            return Err(lacks("updates on condition of a version"));
        }
        Ok(())
    }
}

fn lacks(what: &str) -> Error {
    Error::unsupported(format!("this provider doesn't know {what}"))
}
