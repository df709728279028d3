//! Options of a call: version, decryption, cache use, keypath and retry policy.

use crate::{
    capabilities::Capabilities,
    error::{Error, Result},
    retry::RetryPolicy,
    secret::KeyPath,
};

/// A version of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// The current version.
    #[default]
    Current,
    /// The version with this number, from 1 (Parameter Store, memory).
    Number(u64),
    /// The version with this label (Parameter Store).
    Label(String),
    /// The version with this id (Secrets Manager).
    Id(String),
    /// The version at this stage, such as `AWSPREVIOUS` (Secrets Manager).
    Stage(String),
}

/// Options for reading a secret.
///
/// ```
/// use s1crets::{GetOptions, Version};
///
/// let options = GetOptions::new().with_version(Version::Stage("AWSPREVIOUS".into())).with_cached(false);
/// assert!(options.decrypt && !options.cached);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetOptions {
    /// The version to read. Default: the current one.
    pub version: Version,
    /// Whether a SecureString is decrypted (Parameter Store). Default: `true`.
    pub decrypt: bool,
    /// Whether a cache may answer. If not, the provider is asked, and its answer is cached.
    /// Default: `true`.
    pub cached: bool,
    /// Attempts, timeout and backoff. The provider's policy applies to parts that are not set.
    pub retry_policy: RetryPolicy,
}

/// Options for reading the secrets below a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListOptions {
    /// Whether all levels below the path are listed, or only the first one. Default: `true`.
    pub recursive: bool,
    /// Whether SecureStrings are decrypted (Parameter Store). Default: `true`.
    pub decrypt: bool,
    /// Whether the call fails if one secret can't be read. If not, its error is in
    /// [`Listing::failures`](crate::Listing::failures). Default: `true`.
    pub fail_on_error: bool,
    /// Whether a cache may answer. If not, the provider is asked, and its answer is cached.
    /// Default: `true`.
    pub cached: bool,
    /// Attempts, timeout and backoff. The provider's policy applies to parts that are not set.
    pub retry_policy: RetryPolicy,
}

/// Options for updating a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateOptions {
    /// The part of a map or of a JSON secret to replace. Default: empty, which replaces the whole
    /// value.
    pub keypath: KeyPath,
    /// The version that must still be the current one; otherwise the update fails with `Conflict`.
    /// Default: none, which replaces any version.
    pub if_version: Option<String>,
    /// Attempts, timeout and backoff. The provider's policy applies to parts that are not set.
    pub retry_policy: RetryPolicy,
}

impl Default for GetOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for ListOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl GetOptions {
    /// The defaults: the current version, decrypted, from the cache if it is there.
    pub const fn new() -> Self {
        Self { version: Version::Current, decrypt: true, cached: true, retry_policy: RetryPolicy::UNSET }
    }

    /// Sets the version to read. Default: the current one.
    #[must_use]
    pub fn with_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// Sets whether a SecureString is decrypted (Parameter Store). Default: `true`.
    #[must_use]
    pub fn with_decrypt(self, decrypt: bool) -> Self {
        Self { decrypt, ..self }
    }

    /// Sets whether a cache may answer. If not, the provider is asked, and its answer is cached.
    /// Default: `true`.
    #[must_use]
    pub fn with_cached(self, cached: bool) -> Self {
        Self { cached, ..self }
    }

    /// Sets attempts, timeout and backoff. Default: nothing, so the provider's policy applies; it
    /// also applies to each part that the policy leaves open.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses options that the provider would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        let refused = match self.version {
            Version::Current => None,
            Version::Number(_) => (!can.version_numbers).then_some("versions by number"),
            Version::Label(_) => (!can.version_labels).then_some("versions by label"),
            Version::Id(_) => (!can.version_ids).then_some("versions by id"),
            Version::Stage(_) => (!can.version_stages).then_some("versions by stage"),
        };
        match refused {
            Some(what) => Err(unsupported(what).with_hint(version_hint(can))),
            None if !self.decrypt && !can.decrypt => Err(unsupported("reading without decryption")),
            None => Ok(()),
        }
    }
}

impl ListOptions {
    /// The defaults: all levels, decrypted, from the cache if they are there, and no failures.
    pub fn new() -> Self {
        Self { recursive: true, decrypt: true, fail_on_error: true, cached: true, retry_policy: RetryPolicy::default() }
    }

    /// Sets whether all levels below the path are listed, or only the first one. Default: `true`.
    #[must_use]
    pub fn with_recursive(self, recursive: bool) -> Self {
        Self { recursive, ..self }
    }

    /// Sets whether SecureStrings are decrypted (Parameter Store). Default: `true`.
    #[must_use]
    pub fn with_decrypt(self, decrypt: bool) -> Self {
        Self { decrypt, ..self }
    }

    /// Sets whether the call fails if one secret can't be read. If not, its error is in
    /// [`Listing::failures`](crate::Listing::failures). Default: `true`.
    #[must_use]
    pub fn with_fail_on_error(self, fail_on_error: bool) -> Self {
        Self { fail_on_error, ..self }
    }

    /// Sets whether a cache may answer. If not, the provider is asked, and its answer is cached.
    /// Default: `true`.
    #[must_use]
    pub fn with_cached(self, cached: bool) -> Self {
        Self { cached, ..self }
    }

    /// Sets attempts, timeout and backoff. Default: nothing, so the provider's policy applies; it
    /// also applies to each part that the policy leaves open.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses options that the provider would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        if !self.decrypt && !can.decrypt {
            return Err(unsupported("reading without decryption"));
        }
        Ok(())
    }
}

impl UpdateOptions {
    /// The defaults: the whole value is replaced, whatever its version.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the part of a map or of a JSON secret to replace. Default: the whole value.
    #[must_use]
    pub fn with_keypath(self, keypath: impl Into<KeyPath>) -> Self {
        Self { keypath: keypath.into(), ..self }
    }

    /// Sets the version that must still be the current one; otherwise the update fails with
    /// `Conflict`. Default: none, which replaces any version.
    #[must_use]
    pub fn with_if_version(self, version: impl Into<String>) -> Self {
        Self { if_version: Some(version.into()), ..self }
    }

    /// Sets attempts, timeout and backoff. Default: nothing, so the provider's policy applies; it
    /// also applies to each part that the policy leaves open.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Refuses an update that the provider can't make, and options that it would ignore.
    pub(crate) fn check(&self, can: Capabilities) -> Result<()> {
        if !can.update {
            return Err(unsupported("updates"));
        }
        if self.if_version.is_some() && !can.update_if_version {
            return Err(unsupported("updates that depend on the current version"));
        }
        Ok(())
    }
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("this provider does not support {what}"))
}

/// How a version can be selected.
fn version_hint(can: Capabilities) -> String {
    let ways = [
        (can.version_numbers, "number"),
        (can.version_labels, "label"),
        (can.version_ids, "id"),
        (can.version_stages, "stage"),
    ];
    let ways: Vec<_> = ways.into_iter().filter_map(|(is_supported, way)| is_supported.then_some(way)).collect();
    match ways.as_slice() {
        [] => "read the current version; this provider selects no others".to_owned(),
        ways => format!("select a version by its {}", ways.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_the_provider_would_ignore_is_refused_with_a_hint() {
        let by_stage = GetOptions::new().with_version(Version::Stage("AWSPREVIOUS".into()));
        let parameter_store = Capabilities::new().with_version_numbers(true).with_version_labels(true);
        let error = by_stage.check(parameter_store).expect_err("no stages");
        assert_eq!(error.to_string(), "this provider does not support versions by stage");
        assert_eq!(error.hint(), Some("select a version by its number or label"));
        assert!(by_stage.check(Capabilities::new().with_version_stages(true)).is_ok());

        let raw = GetOptions::new().with_decrypt(false);
        assert!(raw.check(Capabilities::new()).is_err() && raw.check(Capabilities::new().with_decrypt(true)).is_ok());
        let conditional = UpdateOptions::new().with_if_version("1");
        let update = Capabilities::new().with_update(true);
        assert!(conditional.check(update).is_err());
        assert!(conditional.check(update.with_update_if_version(true)).is_ok());
    }
}
