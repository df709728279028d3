//! What the server knows about a token: the data of `auth/token/lookup-self`.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{
    response::{count_of, is_true, list_of, map_of, seconds, text_of, time_of},
    token::expires,
};
use crate::secret::Json;

/// What the server knows about a token, without the token. See
/// [`Vault::lookup_self`](crate::vault::Vault::lookup_self).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Names the token without giving it away: an administrator can look it up and revoke it.
    pub accessor: String,
    /// The name that the login method gave it, such as `approle` or `userpass-app`.
    pub display_name: String,
    /// The policies of the token itself.
    pub policies: Vec<String>,
    /// The policies of its identity entity and groups.
    pub identity_policies: Vec<String>,
    /// The path that created it, such as `auth/approle/login`.
    pub path: String,
    /// How long it still lives, in whole seconds; `None` for a token that never expires.
    pub ttl: Option<Duration>,
    /// When it expires, by the server's clock, unless it is renewed.
    pub expire_time: Option<SystemTime>,
    /// When it was created, by the server's clock.
    pub issue_time: Option<SystemTime>,
    /// The maximum TTL that the token itself sets, counted from `issue_time`.
    pub explicit_max_ttl: Option<Duration>,
    /// The TTL that each renewal grants without a maximum, for a periodic token.
    pub period: Option<Duration>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// How many calls it is still good for; `None` if that is not limited.
    pub uses_left: Option<u64>,
    /// `service` or `batch`.
    pub token_type: String,
    /// Its identity entity; empty if it has none.
    pub entity_id: String,
    /// Whether it outlives the token that created it.
    pub orphan: bool,
    /// What the login method noted, such as the user name or the role.
    pub metadata: BTreeMap<String, String>,
}

impl TokenInfo {
    pub(super) fn from_data(data: Json<'_>) -> Self {
        let text = |key| text_of(data, key).unwrap_or_default().to_owned();
        let duration = |key| seconds(data, key).filter(|duration| !duration.is_zero());
        Self {
            accessor: text("accessor"),
            display_name: text("display_name"),
            policies: list_of(data, "policies"),
            identity_policies: list_of(data, "identity_policies"),
            path: text("path"),
            ttl: seconds(data, "ttl").filter(|ttl| !ttl.is_zero() || expires(data)),
            expire_time: time_of(data, "expire_time"),
            issue_time: time_of(data, "issue_time"),
            explicit_max_ttl: duration("explicit_max_ttl"),
            period: duration("period"),
            renewable: is_true(data, "renewable"),
            uses_left: count_of(data, "num_uses"),
            token_type: text("type"),
            entity_id: text("entity_id"),
            orphan: is_true(data, "orphan"),
            metadata: map_of(data, "meta"),
        }
    }
}
