//! The providers that come with the library.

#[cfg(feature = "__aws")]
pub mod aws;
#[cfg(feature = "file")]
pub mod file;
pub mod memory;
#[cfg(feature = "vault")]
pub mod vault_kv;
