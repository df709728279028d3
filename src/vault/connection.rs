//! Vault connection: one server and one login, shared by everything that talks to it.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    config::VaultConfig,
    error,
    health::{self, Health},
    http::{Bearer, Http},
    identity,
    request::ApiRequest,
    response::Response,
    token::{LiveToken, Refusal, TokenManager},
};
use crate::{
    clock::Instant,
    error::{Error, Result},
    provider::Identity,
    retry::RetryPolicy,
};

/// A connection to a Vault or OpenBao server. Cheap to clone; clones share the token and its
/// renewal.
///
/// It logs in at the first call. A background task on the runtime of that call then renews the
/// token, or replaces it ahead of its end; a read never waits for that. The task ends when the last
/// clone is dropped. If its runtime ends first, the next call starts the task again.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    http: Arc<Http>,
    manager: Arc<TokenManager>,
}

/// The state of a connection, without a secret in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VaultStatus {
    /// The login method: `token`, `approle`, …
    pub method: &'static str,
    /// Whether there is a token that has not expired, as far as is known here.
    pub logged_in: bool,
    /// How long the token still lives; `None` if it never expires, or that isn't known yet.
    pub expires_in: Option<Duration>,
    /// Whether the token will be renewed rather than replaced.
    pub renewable: bool,
    /// How many calls the token is still good for; `None` if that is not limited.
    pub uses_left: Option<u64>,
    /// The last failure to log in or to renew, until one succeeds.
    pub last_error: Option<Error>,
    /// The number of logins so far.
    pub logins: u64,
    /// The number of renewals so far.
    pub renewals: u64,
}

impl Vault {
    /// Opens a connection with these settings. No call is made yet.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if a setting is malformed, or a file that it names
    /// can't be read.
    pub fn new(config: VaultConfig) -> Result<Self> {
        let warning = config.unverified();
        let vault = Self::silently(config)?;
        if let Some(warning) = warning {
            tracing::warn!(target: "s1crets::tls", "{warning}");
        }
        Ok(vault)
    }

    /// As [`new`](Self::new), without the warning of [`VaultConfig::unverified`].
    pub(super) fn silently(config: VaultConfig) -> Result<Self> {
        let revoke_at_shutdown = config.revoke_at_shutdown;
        let login = config.auth.clone().into_login();
        let http = Arc::new(Http::new(config)?);
        let manager = Arc::new(TokenManager::new(http.clone(), login, revoke_at_shutdown));
        Ok(Self(Arc::new(Inner { http, manager })))
    }

    /// Logs in now rather than at the first call.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the login is refused.
    pub async fn log_in(&self) -> Result<()> {
        self.0.manager.token().await.map(drop)
    }

    /// The state of the connection.
    pub fn status(&self) -> VaultStatus {
        let snapshot = self.0.manager.snapshot();
        VaultStatus {
            method: snapshot.method,
            logged_in: snapshot.logged_in,
            expires_in: snapshot.expires.map(|expires| expires.saturating_duration_since(Instant::now())),
            renewable: snapshot.renewable,
            uses_left: snapshot.uses_left,
            last_error: snapshot.last_error,
            logins: snapshot.logins,
            renewals: snapshot.renewals,
        }
    }

    /// The state of the server.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) and [`Timeout`](crate::ErrorKind::Timeout) if
    /// it can't be asked.
    pub async fn health(&self) -> Result<Health> {
        self.0.manager.check_open()?;
        health::ask(&self.0.http).await
    }

    /// The identity that the server sees: the token's display name, policies and expiry, never the
    /// token.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied) if its policies forbid it to ask.
    pub async fn identity(&self) -> Result<Identity> {
        identity::ask(self).await
    }

    /// Shuts the connection down for all its clones: the background task, and the token of a login
    /// if [`revoke_at_shutdown`](VaultConfig::revoke_at_shutdown) says so. Later calls fail as
    /// `Unavailable`, those without a token too. To drop all clones revokes nothing.
    ///
    /// A login under way is waited for as long as a call may take, and its token revoked too. A
    /// token that the server no longer knows counts as revoked.
    ///
    /// # Errors
    /// Those of [`revoke_self`](Self::revoke_self) if the token can't be revoked: it then lives to
    /// its end, or until another call of this method revokes it.
    /// [`Timeout`](crate::ErrorKind::Timeout) if the login under way takes too long; it revokes its
    /// token when it ends.
    pub async fn shutdown(&self) -> Result<()> {
        self.0.manager.shut_down().await
    }

    /// The namespace of every call, without slashes at its ends.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.0.http.namespace()
    }

    /// A request's retry policy, with the connection's own for what it leaves open.
    pub(crate) fn policy(&self, policy: RetryPolicy) -> RetryPolicy {
        self.0.http.policy(policy)
    }

    /// Sends one request and returns the response, whatever its status. If the token was dead, the
    /// request is sent once more with a new one.
    pub(crate) async fn send(&self, request: &ApiRequest, policy: RetryPolicy) -> Result<Response> {
        self.send_with_token(request, policy).await.map(|(response, _)| response)
    }

    /// As [`send`](Self::send), with the token that the response is for.
    pub(super) async fn send_with_token(
        &self,
        request: &ApiRequest,
        policy: RetryPolicy,
    ) -> Result<(Response, Arc<LiveToken>)> {
        let Inner { http, manager, .. } = &*self.0;
        let policy = http.policy(policy);
        let token = manager.token().await?;
        let asked = Instant::now();
        let response = http.exchange(request, Bearer::Token(&token), policy).await?;
        // A proxy's 403 says nothing about the token.
        if response.status != 403 || !response.is_from_vault() {
            return Ok((response, token));
        }
        match manager.refused(&token, asked).await? {
            Refusal::Policy => Ok((response, token)),
            Refusal::Dead(fresh) => {
                let response = http.exchange(request, Bearer::Token(&fresh), policy).await?;
                if response.status == 403 && response.is_from_vault() {
                    manager.login_was_no_help();
                }
                Ok((response, fresh))
            }
        }
    }

    /// As [`send`](Self::send), where every status but success is an error.
    pub(crate) async fn send_ok(&self, request: &ApiRequest, policy: RetryPolicy) -> Result<Response> {
        let response = self.send(request, policy).await?;
        if response.is_success() { Ok(response) } else { Err(error::from_response(&response, request)) }
    }

    pub(super) fn http(&self) -> &Http {
        &self.0.http
    }

    pub(super) fn manager(&self) -> &Arc<TokenManager> {
        &self.0.manager
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.manager.close();
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("http", &self.0.http).field("status", &self.status()).finish_non_exhaustive()
    }
}
