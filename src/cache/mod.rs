//! The cache in front of a provider.

mod batch;
mod cached;
mod calls;
#[cfg(all(feature = "disk-cache", unix))]
#[allow(dead_code, reason = "what puts it behind the memory follows")]
pub(crate) mod disk;
mod health;
mod key;
mod metrics;
mod policy;
mod revalidate;
mod shelf;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod upstream;

pub use cached::Cached;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, Swept};
pub use policy::CachePolicy;
pub use stats::CacheStats;
