//! [`Cacheable`]: what a cache holds, which is a secret or a listing.

use std::time::Duration;

use crate::{
    provider::Listing,
    secret::{Secret, freshness::Provenance},
};

/// What can be cached: a secret, or a listing.
pub(super) trait Cacheable: Clone + Send + Sync + 'static {
    /// The name of such values in metrics.
    const KIND: &'static str;

    /// Whether it is all of what was asked for. A listing with failures is not, and is not stored.
    fn is_complete(&self) -> bool;

    /// How long it lives by itself, counted from when it was requested; `None` if it has no end.
    fn lifetime(&self) -> Option<Duration>;

    /// What the cache noted when it served this; `None` for a value fresh from the provider.
    fn provenance(&self) -> Option<Provenance>;

    /// How many bytes it takes, about.
    fn bytes(&self) -> usize;

    /// The same value, with a reference count that only its own clones share.
    fn with_own_count(&self) -> Self;

    /// The same value with a note of where it came from.
    fn with_provenance(self, provenance: Provenance) -> Self;
}

impl Cacheable for Secret {
    const KIND: &'static str = "secret";

    fn is_complete(&self) -> bool {
        true
    }

    fn lifetime(&self) -> Option<Duration> {
        self.metadata().lifetime()
    }

    fn provenance(&self) -> Option<Provenance> {
        self.provenance()
    }

    fn with_own_count(&self) -> Self {
        Self::with_own_count(self)
    }

    fn bytes(&self) -> usize {
        self.size()
    }

    fn with_provenance(self, provenance: Provenance) -> Self {
        self.with_provenance(provenance)
    }
}

impl Cacheable for Listing {
    const KIND: &'static str = "listing";

    fn is_complete(&self) -> bool {
        self.failures().len() == 0
    }

    /// That of the secret that ends first.
    fn lifetime(&self) -> Option<Duration> {
        self.iter().filter_map(|(_, secret)| secret.metadata().lifetime()).min()
    }

    fn provenance(&self) -> Option<Provenance> {
        self.provenance()
    }

    /// A listing is read far less often than a secret, and its values are shared one by one.
    fn with_own_count(&self) -> Self {
        self.clone()
    }

    fn bytes(&self) -> usize {
        self.iter().map(|(name, secret)| name.len() + secret.bytes()).sum()
    }

    fn with_provenance(self, provenance: Provenance) -> Self {
        self.with_provenance(provenance)
    }
}
