//! What a login may do to the server.

use zeroize::Zeroizing;

use crate::{
    error::Result,
    retry::RetryPolicy,
    vault::{
        error,
        http::{Bearer, Http},
        request::Call,
        response::not_as_vault,
        token::Grant,
    },
};

/// The server, for somebody without a token.
pub(in crate::vault) struct Link<'a> {
    pub(super) http: &'a Http,
    pub(super) policy: RetryPolicy,
}

impl<'a> Link<'a> {
    pub(in crate::vault) fn new(http: &'a Http, policy: RetryPolicy) -> Self {
        Self { http, policy }
    }

    /// How long one try may take.
    #[cfg(feature = "__aws")]
    pub(super) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// Logs in at `auth/MOUNT/REST`.
    pub(super) async fn login(&self, mount: &str, rest: &str, body: Zeroizing<String>) -> Result<Grant> {
        // A login whose answer was lost left a token behind, which dies at its end: better than no login.
        let call = Call::post(&format!("auth/{}/{rest}", mount.trim_matches('/')), body)?.idempotent();
        let reply = self.http.exchange(&call, Bearer::Nobody, self.policy).await?;
        if !reply.is_success() {
            return Err(error::from_login(&reply, &call));
        }
        Grant::of_auth(reply.object("auth").ok_or_else(not_as_vault)?)
    }
}
