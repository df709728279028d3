//! How long a token lives, as the server says.

use std::time::Duration;

use crate::{
    error::Result,
    secret::Json,
    vault::response::{malformed_response, seconds, text_of},
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
        if ttl.is_zero() && expires(data) {
            // Less than a second is left.
            return Ok(Self::Limited { ttl, renewable: false });
        }
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

/// Whether the token of a lookup expires at all. A TTL of 0 alone does not tell: it is also what is
/// left of a token in its last second.
pub(in crate::vault) fn expires(data: Json<'_>) -> bool {
    text_of(data, "expire_time").is_some()
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::vault::{response::Response, token_info::TokenInfo};

    fn look_up(data: &str) -> (Lifetime, Option<Duration>) {
        let response = Response::new(200, Zeroizing::new(format!(r#"{{"data":{data}}}"#).into_bytes()));
        let data = response.data().expect("data");
        (Lifetime::from_lookup(data).expect("a lifetime"), TokenInfo::from_data(data).ttl)
    }

    #[test]
    fn a_token_in_its_last_second_is_not_taken_for_one_that_never_expires() {
        let last = r#"{"ttl":0,"renewable":true,"expire_time":"2026-11-29T08:20:39.98Z"}"#;
        let ending = Lifetime::Limited { ttl: Duration::ZERO, renewable: false };
        assert_eq!(look_up(last), (ending, Some(Duration::ZERO)));
        for endless in [r#"{"ttl":0,"expire_time":null}"#, r#"{"ttl":0}"#] {
            assert_eq!(look_up(endless), (Lifetime::Endless, None));
        }
        let minute = Duration::from_secs(60);
        let limited = Lifetime::Limited { ttl: minute, renewable: true };
        assert_eq!(look_up(r#"{"ttl":60,"renewable":true}"#), (limited, Some(minute)));
    }
}
