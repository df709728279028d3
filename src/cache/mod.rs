//! The cache in front of a provider.

mod cached;
mod key;
mod policy;

pub use cached::Cached;
pub use policy::CachePolicy;
