//! Who a provider takes us for.

use std::time::{Duration, SystemTime};

/// Who a provider takes us for: names, never a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The name that the backend has for us: an ARN, or the display name of a token.
    pub name: String,
    /// What else it tells, by name, such as `policies`.
    pub details: Vec<(&'static str, String)>,
    /// When the credential ends; nothing if it does not, or nobody says.
    pub expires_in: Option<Duration>,
    /// The backend's clock when it answered, to the second, where it tells.
    pub server_time: Option<SystemTime>,
}

impl Identity {
    /// An identity by its name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with_detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    /// The same with the end of its credential.
    #[must_use]
    pub fn with_expires_in(self, expires_in: Option<Duration>) -> Self {
        Self { expires_in, ..self }
    }

    /// The same with the backend's clock.
    #[must_use]
    pub fn with_server_time(self, server_time: Option<SystemTime>) -> Self {
        Self { server_time, ..self }
    }
}
