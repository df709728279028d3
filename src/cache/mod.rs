//! The cache in front of a provider.

mod cached;
mod health;
mod key;
mod policy;
mod shelf;
mod stats;
#[cfg(test)]
mod tests;

pub use cached::Cached;
pub use policy::CachePolicy;
pub use stats::CacheStats;
