//! The cache in front of a provider.

mod batch;
mod behind;
mod cached;
mod calls;
#[cfg(all(feature = "disk-cache", unix))]
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

pub(crate) use behind::Behind;
pub use cached::Cached;
pub(crate) use cached::kept;
#[cfg(all(feature = "disk-cache", unix))]
pub use disk::{DiskCache, DiskKey, DiskStats, Swept};
pub use policy::CachePolicy;
pub use stats::CacheStats;
