//! The server and the namespace that a request was sent to, as hints show them.

use std::{fmt, sync::Arc};

/// Where a request was sent. `Display` is such as `https://vault:8200, namespace team1`.
///
/// The address holds no user name and no password: those that do are refused.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(super) address: Arc<str>,
    /// Without slashes at its ends; `None` for the root namespace.
    pub(super) namespace: Option<String>,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        match &self.namespace {
            Some(namespace) => write!(f, ", namespace {namespace}"),
            None => Ok(()),
        }
    }
}
