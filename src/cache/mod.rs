//! The cache in front of a provider.

mod batch;
mod breaker;
mod cached;
mod calls;
#[cfg(all(feature = "disk-cache", unix))]
pub(crate) mod disk;
mod entries;
mod key;
mod metrics;
mod policy;
mod revalidate;
mod second_tier;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod upstream;

pub use cached::Cached;
pub(crate) use cached::kept;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, PruneStats};
pub use policy::CachePolicy;
pub(crate) use second_tier::Behind;
pub use stats::CacheStats;
