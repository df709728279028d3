//! The providers that come with the library.

#[cfg(feature = "__aws")]
pub mod aws;
