//! Reads from the second tier without the cache in front of it: for a client whose provider is not
//! open yet, can't be opened, or is not to be asked.

use super::{
    cacheable::Cacheable,
    key::{self, Key, ListingKey},
    policy::{CachePolicy, Verdict},
    second_tier::{SecondTier, Storable},
};
use crate::{
    clock::Instant,
    error::ErrorKind,
    options::{GetOptions, ListOptions},
    provider::Listing,
    secret::{Secret, Source, freshness::Provenance},
};

/// When an expired value from the second tier will do, for a caller whose provider is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StaleUse {
    /// While another process has just seen the provider fail.
    InOutage,
    /// Always: the provider has failed in this way, or is not to be asked at all.
    Always(Option<ErrorKind>),
}

/// A secret from the second tier, for a caller whose provider is not open.
pub(crate) fn read_second_tier(
    second_tier: &SecondTier,
    policy: &CachePolicy,
    path: &str,
    options: &GetOptions,
    stale: StaleUse,
) -> Option<Secret> {
    let may_read = options.cached && key::is_valid(path);
    may_read.then(|| restored(second_tier, policy, &*key::of_secret(path, options), stale))?
}

/// A listing from the second tier, for a caller whose provider is not open.
pub(crate) fn list_second_tier(
    second_tier: &SecondTier,
    policy: &CachePolicy,
    path: &str,
    options: &ListOptions,
    stale: StaleUse,
) -> Option<Listing> {
    let may_read = options.cached && key::is_valid(path);
    may_read.then(|| restored(second_tier, policy, &ListingKey::new(path, options), stale))?
}

fn restored<T: Cacheable + Storable>(
    second_tier: &SecondTier,
    policy: &CachePolicy,
    key: &(impl Key + ?Sized),
    stale: StaleUse,
) -> Option<T> {
    if !second_tier.exists() || !policy.keeps() {
        return None;
    }
    let (value, loaded) = second_tier.restore::<T>(key)?;
    let deadlines = policy.deadlines(loaded, None, 0.0);
    let error = match (deadlines.verdict(Instant::now()), stale) {
        (Verdict::Fresh | Verdict::Due, _) => None,
        (Verdict::Stale, StaleUse::InOutage) => Some(second_tier.outage()?.kind),
        (Verdict::Stale, StaleUse::Always(error)) => error,
        (Verdict::Dead, _) => return None,
    };
    let provenance = Provenance { loaded, expires: deadlines.expires, end: None, source: Source::Disk, error };
    Some(value.with_provenance(provenance))
}
