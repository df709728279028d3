//! What a backend says about a secret beside its value: name, version, lease.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, SystemTime},
};

/// What a backend says about a secret beside its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The backend's own name for the secret, which may differ from the one asked for.
    pub name: Option<String>,
    /// The backend's version: a number, or an id, as text.
    pub version: Option<String>,
    /// When this version was created.
    pub created: Option<SystemTime>,
    /// Notes that users keep on the secret, where the backend has such notes (Vault's custom metadata).
    pub custom: BTreeMap<String, String>,
    /// The lease under which the backend issued the value, if it did.
    pub lease: Option<Lease>,
    /// How long the value is valid, counted from when it was requested; `None` if it does not expire.
    ///
    /// A cache keeps it no longer than this, serves it never stale past its end, and never writes it
    /// to disk. [`Secret::freshness`](crate::Secret::freshness) says how much of it is left.
    pub valid_for: Option<Duration>,
}

/// A lease: a value that the backend takes back when the lease ends, unless it is renewed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The backend's id of the lease, by which it is renewed or revoked.
    pub id: String,
    /// How long the lease runs, counted from when it was requested.
    pub duration: Duration,
    /// Whether the backend renews it on request.
    pub renewable: bool,
}

impl Metadata {
    /// Sets the backend's own name.
    #[must_use]
    pub fn with_name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(self, version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), ..self }
    }

    /// Sets when this version was created.
    #[must_use]
    pub fn with_created(self, created: SystemTime) -> Self {
        Self { created: Some(created), ..self }
    }

    /// Sets the users' notes.
    #[must_use]
    pub fn with_custom(self, custom: BTreeMap<String, String>) -> Self {
        Self { custom, ..self }
    }

    /// Sets the lease.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self }
    }

    /// Sets how long the value is valid, counted from when it was requested.
    #[must_use]
    pub fn with_valid_for(self, valid_for: Duration) -> Self {
        Self { valid_for: Some(valid_for), ..self }
    }

    /// How long the value lives, by its lease or by its own end, whichever is shorter; `None` if it
    /// has no end.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lease.as_ref().map(|lease| lease.duration).into_iter().chain(self.valid_for).min()
    }

    /// The bytes that this takes, for a cache that is bounded by bytes.
    pub(crate) fn size(&self) -> usize {
        let Self { name, version, custom, lease, created: _, valid_for: _ } = self;
        let texts = name.iter().chain(version).chain(custom.keys()).chain(custom.values());
        texts.chain(lease.as_ref().map(|lease| &lease.id)).map(String::len).sum()
    }
}

impl Lease {
    /// A lease by its id, how long it runs, and whether it can be renewed.
    pub fn new(id: impl Into<String>, duration: Duration, renewable: bool) -> Self {
        Self { id: id.into(), duration, renewable }
    }
}

/// Without the id: whoever has it, and a token of the same server, can revoke the lease.
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
