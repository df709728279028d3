//! The cache in front of a provider.

mod batch;
mod breaker;
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
mod stats;
mod store;
#[cfg(test)]
mod tests;

pub use cached::Cached;
pub(crate) use cached::read_second_tier;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, PruneStats};
pub(crate) use entries::LoadEvents;
pub use policy::CachePolicy;
pub(crate) use second_tier::SecondTier;
pub use stats::CacheStats;
