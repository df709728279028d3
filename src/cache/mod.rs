//! The cache in front of a provider.

mod batch;
mod breaker;
mod cacheable;
mod cached;
#[cfg(all(feature = "disk-cache", unix))]
pub(crate) mod disk;
mod entries;
mod key;
mod loader;
mod metrics;
mod policy;
mod provider_calls;
mod revalidate;
mod second_tier;
mod second_tier_reads;
mod stats;
mod store;
#[cfg(test)]
mod tests;

pub use cached::Cached;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, PruneStats};
pub(crate) use entries::LoadEvents;
pub use policy::CachePolicy;
pub(crate) use second_tier::SecondTier;
pub(crate) use second_tier_reads::{StaleUse, list_second_tier, read_second_tier};
pub use stats::CacheStats;
