//! The cache in front of a provider.

mod cached;
#[cfg(all(feature = "disk-cache", unix))]
#[allow(dead_code, reason = "what puts it behind the memory follows")]
pub(crate) mod disk;
mod health;
mod key;
mod policy;
mod shelf;
mod stats;
#[cfg(test)]
mod tests;

pub use cached::Cached;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, Swept};
pub use policy::CachePolicy;
pub use stats::CacheStats;
