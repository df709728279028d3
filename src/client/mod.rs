//! The client: its builder, its requests, the process-wide one, and the blocking one.

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod client;
#[cfg(all(feature = "disk-cache", unix))]
mod disk_scope;
mod get_refs;
mod global;
mod handle;
mod load_config;
mod registry;
pub mod request;
mod stack;

pub use builder::ClientBuilder;
pub use client::Client;
pub use get_refs::GetRefs;
pub use global::{get, get_by_path, get_many, get_ref, get_refs, path_exists, update};
pub use handle::{Handle, HandleChanges, HandleRef};
