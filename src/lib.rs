//! stub

mod error;
mod json;
mod keypath;
mod options;
mod provider;
pub mod providers;
mod reference;
mod secret;
mod typed;
mod value;

pub use error::{Error, ErrorKind, Operation, Result};
pub use json::{Json, JsonKind};
pub use keypath::KeyPath;
pub use options::{Effort, GetOptions, ListOptions, UpdateOptions, Version};
pub use provider::{Capabilities, Listing, Provider, Updated};
pub use reference::Reference;
pub use secret::{Metadata, Secret};
pub use typed::{Credential, Versioned};
pub use value::SecretValue;
