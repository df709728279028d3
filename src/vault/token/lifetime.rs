//! How long a token lives, as the server says.

use std::time::Duration;

use crate::{
    error::Result,
    secret::Json,
    vault::response::{malformed_response, seconds},
};

/// How long a token lives, as the server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// The server was not asked yet.
    Unknown,
    /// It never expires.
    Endless,
    Limited {
        ttl: Duration,
        renewable: bool,
    },
}

impl Lifetime {
    /// Reads the `auth` of a login or a renewal.
    pub(in crate::vault) fn from_auth(auth: Json<'_>) -> Result<Self> {
        let ttl = seconds(auth, "lease_duration").ok_or_else(malformed_response)?;
        Ok(Self::new(ttl, auth.get("renewable").and_then(Json::as_bool)))
    }

    /// Reads the `data` of a lookup.
    pub(in crate::vault) fn from_lookup(data: Json<'_>) -> Result<Self> {
        let ttl = seconds(data, "ttl").ok_or_else(malformed_response)?;
        let batch = data.get("type").and_then(Json::as_str) == Some("batch");
        let renewable = data.get("renewable").and_then(Json::as_bool).filter(|_| !batch);
        Ok(Self::new(ttl, renewable))
    }

    pub(super) fn new(ttl: Duration, renewable: Option<bool>) -> Self {
        match ttl {
            Duration::ZERO => Self::Endless,
            ttl => Self::Limited { ttl, renewable: renewable.unwrap_or(false) },
        }
    }
}
