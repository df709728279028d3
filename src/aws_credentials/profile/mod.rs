//! Profiles of the AWS shared files: which one is selected, and how it gets its credentials.

pub(crate) mod chain;
pub(crate) mod profiles;
pub(crate) mod selection;
mod settings;
pub(crate) mod sources;
