//! The identity that the server sees: who the connection's token belongs to.

use super::connection::Vault;
use crate::{error::Result, provider::Identity};

/// Looks the connection's token up. Every token may ask that unless its policies forbid it.
pub(super) async fn ask(vault: &Vault) -> Result<Identity> {
    let token = vault.lookup_self().await?;
    let mut policies = [token.policies, token.identity_policies].concat();
    policies.dedup();
    let server_time = vault.health().await.ok().and_then(|health| health.server_time);
    Ok(Identity::new(token.display_name)
        .with_detail("policies", policies.join(", "))
        .with_detail("path", token.path)
        .with_detail("method", vault.status().method)
        .with_expires_in(token.ttl)
        .with_server_time(server_time))
}
