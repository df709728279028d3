//! The client, its builder and requests, handles, the process-wide client, and the blocking API.

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod client;
#[cfg(all(feature = "disk-cache", unix))]
mod disk_scope;
mod dispatch;
mod get_refs;
mod global;
mod handle;
mod instances;
mod load_config;
mod registry;
pub mod request;
mod stack;
mod target;

pub use builder::ClientBuilder;
pub use client::Client;
pub use get_refs::GetRefs;
pub use global::{at, get, get_by_path, get_ref, get_refs, path_exists, update};
pub use handle::{Handle, HandleChanges, HandleRef};
