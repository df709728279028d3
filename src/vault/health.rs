//! Health of a server: active, standby, sealed, its version and its clock.

use std::time::SystemTime;

use super::{
    http::{Bearer, Http},
    request::ApiRequest,
    response::{malformed_response, seconds},
};
use crate::{error::Result, retry::RetryPolicy, secret::Json};

/// Health of a server. Asking takes no token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether it serves requests, and otherwise why not.
    pub state: HealthState,
    /// Its version, such as `2.7.2`.
    pub version: Option<String>,
    /// Its time when it answered, in whole seconds.
    pub server_time: Option<SystemTime>,
}

/// The states of [`sys/health`](https://developer.hashicorp.com/vault/api-docs/system/health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// It is unsealed and active.
    Active,
    /// It is unsealed, and redirects requests to the active node.
    Standby,
    /// It is unsealed, serves reads, and forwards the rest to the active node.
    PerformanceStandby,
    /// It is a secondary for disaster recovery, and serves nothing.
    DisasterRecovery,
    /// It is sealed: nothing can be read until it is unsealed.
    Sealed,
    /// It was never initialized.
    NotInitialized,
}

pub(super) async fn ask(http: &Http) -> Result<Health> {
    let call = ApiRequest::get("sys/health")?.in_root_namespace().impatient();
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
    // A gateway sends 503 too. Only a server's own body says whether it is initialized.
    let body = reply.json().filter(|json| json.get("initialized").is_some());
    let body = match body {
        Some(body) => body,
        None if reply.is_success() => return Err(malformed_response()),
        None => return Err(super::error::from_response(&reply, &call)),
    };
    let server_time = seconds(body, "server_time_utc").and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    Ok(Health { state, server_time, version: body.get("version").and_then(Json::as_str).map(str::to_owned) })
}
