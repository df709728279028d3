//! Secrets and their parts: values, JSON and keypaths, references, metadata.

mod document;
#[cfg(any(feature = "vault", feature = "__aws"))]
pub(crate) mod echo;
pub(crate) mod freshness;
pub(crate) mod json;
pub(crate) mod keypath;
mod metadata;
pub(crate) mod provider_name;
pub(crate) mod reference;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
pub(crate) mod secret;
mod typed;
pub(crate) mod value;

pub use freshness::{Freshness, Source};
pub use json::{Json, JsonKind};
pub use keypath::KeyPath;
pub use metadata::{Lease, Metadata};
pub use reference::Reference;
pub use secret::Secret;
pub use typed::{Credential, Versioned};
pub use value::SecretValue;
