//! Who the server takes our token for.

use std::time::Duration;

use super::{connection::Vault, error, request::Call, response::seconds};
use crate::{
    error::Result,
    provider::Identity,
    retry::RetryPolicy,
    secret::{Json, JsonKind},
};

/// Asks the server of the token that the connection has; every token may ask that unless its policies forbid it.
pub(super) async fn ask(vault: &Vault) -> Result<Identity> {
    let call = Call::get("auth/token/lookup-self")?;
    let reply = vault.call(&call, RetryPolicy::default()).await?;
    if !reply.is_success() {
        return Err(error::from_identity(&reply, &call));
    }
    let data = reply.data()?;
    let text = |key: &str| data.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let policies = ["policies", "identity_policies"].map(|key| data.get(key)).into_iter().flatten();
    let mut policies: Vec<_> = policies
        .filter(|list| list.kind() == JsonKind::Array)
        .flat_map(|list| list.elements().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    policies.dedup();
    // Zero is a token that does not end.
    let expires_in = seconds(data, "ttl").filter(|ttl| *ttl > Duration::ZERO);
    let server_time = vault.health().await.ok().and_then(|health| health.server_time);
    Ok(Identity::new(text("display_name"))
        .with_detail("policies", policies.join(", "))
        .with_detail("path", text("path"))
        .with_detail("method", vault.status().method)
        .with_expires_in(expires_in)
        .with_server_time(server_time))
}
