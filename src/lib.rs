//! stub

#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod cache;
mod client;
pub mod config;
#[cfg(feature = "unstable-conformance")]
pub mod conformance;
mod error;
mod json;
mod keypath;
mod options;
mod provider;
pub mod providers;
mod reference;
mod registry;
pub mod request;
mod secret;
mod simple;
mod typed;
mod value;
#[cfg(feature = "vault")]
pub mod vault;

pub use builder::ClientBuilder;
pub use cache::{CachePolicy, Cached};
pub use client::Client;
pub use config::Config;
pub use error::{Error, ErrorKind, Operation, Result};
pub use json::{Json, JsonKind};
pub use keypath::KeyPath;
pub use options::{Effort, GetOptions, ListOptions, UpdateOptions, Version};
pub use provider::{Capabilities, Listing, Provider, Updated};
pub use reference::Reference;
pub use secret::{Metadata, Secret};
pub use simple::{get, get_by_path, get_many, get_ref, path_exists, update};
pub use typed::{Credential, Versioned};
pub use value::SecretValue;
