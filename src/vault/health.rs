//! How the server is.

use std::time::SystemTime;

use super::{
    http::{Bearer, Http},
    request::ApiRequest,
    response::{malformed_response, seconds},
};
use crate::{error::Result, retry::RetryPolicy, secret::Json};

/// What a server says of itself; no token is needed to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether it serves, and if not, why.
    pub state: HealthState,
    /// Its version, as `2.7.2`.
    pub version: Option<String>,
    /// Its clock when it answered, to the second.
    pub server_time: Option<SystemTime>,
}

/// The states of [`sys/health`](https://developer.hashicorp.com/vault/api-docs/system/health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// It is unsealed and active.
    Active,
    /// It is unsealed, and sends callers on to the active node.
    Standby,
    /// It is unsealed, serves reads and sends the rest on.
    PerformanceStandby,
    /// It is the secondary of a disaster recovery pair.
    DisasterRecovery,
    /// It is sealed: nothing can be read until it is unsealed.
    Sealed,
    /// It holds nothing yet.
    NotInitialized,
}

pub(super) async fn ask(http: &Http) -> Result<Health> {
    let call = ApiRequest::get("sys/health")?.impatient();
    let reply = http.exchange(&call, Bearer::Nobody, http.policy(RetryPolicy::default())).await?;
    let state = match reply.status {
        200 => HealthState::Active,
        429 => HealthState::Standby,
        472 => HealthState::DisasterRecovery,
        473 => HealthState::PerformanceStandby,
        501 => HealthState::NotInitialized,
        503 => HealthState::Sealed,
        _ => return Err(super::error::from_response(&reply, &call)),
    };
    // A gateway says 503 too: a server's own answer says what it is.
    let body = reply.json().filter(|json| json.get("initialized").is_some());
    let body = match body {
        Some(body) => body,
        None if reply.is_success() => return Err(malformed_response()),
        None => return Err(super::error::from_response(&reply, &call)),
    };
    let server_time = seconds(body, "server_time_utc").and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Ok(Health { state, server_time, version: body.get("version").and_then(Json::as_str).map(str::to_owned) })
}
