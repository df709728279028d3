//! Metadata: what a backend reports about a secret besides its value, such as name, version, lease.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

/// What a backend reports about a secret besides its value. By default, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The backend's own name for the secret, which may differ from the path of the request.
    pub name: Option<String>,
    /// The backend's version, a number or an id as text; `None` if it has no versions.
    pub version: Option<String>,
    /// When this version was created; `None` if the backend does not report it.
    pub created: Option<SystemTime>,
    /// Key-value pairs that users attach to the secret (Vault's custom metadata). They are not
    /// redacted.
    pub custom: BTreeMap<String, String>,
    /// The lease of the value; `None` if the backend issued none.
    pub lease: Option<Lease>,
    /// How long the value is valid, counted from when it was requested; `None` if it does not
    /// expire.
    ///
    /// After that time a cache does not serve the value, not even as stale, and it never writes the
    /// value to disk. [`Secret::freshness`](crate::Secret::freshness) has the time that is left.
    pub valid_for: Option<Duration>,
}

/// A lease on a value: when it ends, the backend revokes the value, unless it is renewed before.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The backend's id of the lease, which renews or revokes it. `Debug` does not show it.
    pub id: String,
    /// How long the lease lasts, counted from when it was requested.
    pub duration: Duration,
    /// Whether the lease can be renewed.
    pub renewable: bool,
}

impl Metadata {
    /// Sets the backend's own name. Default: none.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the version. Default: none.
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// Sets when this version was created. Default: unknown.
    #[must_use]
    pub fn with_created(self, created: SystemTime) -> Self {
        Self { created: Some(created), ..self }
    }

    /// Sets the key-value pairs that users attached. Default: none.
    #[must_use]
    pub fn with_custom(self, custom: BTreeMap<String, String>) -> Self {
        Self { custom, ..self }
    }

    /// Sets the lease. Default: none.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// Sets how long the value is valid, counted from when it was requested. Default: it does not
    /// expire.
    #[must_use]
    pub fn with_valid_for(self, valid_for: Duration) -> Self {
        Self { valid_for: Some(valid_for), ..self }
    }

    /// How long the value is usable: the shorter of its lease and [`valid_for`](Self::valid_for).
    /// `None` if it has neither.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lease.as_ref().map(|lease| lease.duration).into_iter().chain(self.valid_for).min()
    }

    /// The bytes that this takes in memory, for a cache with a size limit. Overhead is not counted.
    pub(crate) fn size(&self) -> usize {
        let Self { name, version, custom, lease, created: _, valid_for: _ } = self;
        let texts = name.iter().chain(version).chain(custom.keys()).chain(custom.values());
        texts.chain(lease.as_ref().map(|lease| &lease.id)).map(String::len).sum()
    }
}

impl Lease {
    /// A lease with this id and duration.
    pub fn new(id: impl Into<String>, duration: Duration, renewable: bool) -> Self {
        Self { id: id.into(), duration, renewable }
    }
}

/// Without the id, because anyone with the id and a token of the same server can revoke the lease.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("duration", &self.duration)
            .field("renewable", &self.renewable)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_lease_and_validity_is_the_lifetime() {
        let [short, long] = [10, 20].map(Duration::from_secs);
        let plain = Metadata::default();
        assert_eq!(plain.lifetime(), None);
        assert_eq!(plain.clone().with_valid_for(long).lifetime(), Some(long));
        let leased = plain.with_lease(Lease::new("database/creds/app/x", long, true));
        assert_eq!(leased.lifetime(), Some(long));
        assert_eq!(leased.with_valid_for(short).lifetime(), Some(short));
    }

    #[test]
    fn debug_does_not_show_the_id_of_a_lease() {
        let lease = Lease::new("database/creds/app/xyzzy", Duration::from_secs(1), true);
        assert!(!format!("{lease:?}").contains("xyzzy"));
    }
}
