//! A connection: one server, one login, shared by everything that talks to it.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    auth::Login,
    config::VaultConfig,
    error,
    health::{self, Health},
    http::{Bearer, Http},
    identity,
    request::Call,
    response::Reply,
    token::{self, Refusal, TokenManager},
};
use crate::{
    error::{Error, Result},
    provider::Identity,
    retry::RetryPolicy,
};

/// A connection to a Vault or OpenBao server. Cheap to clone; clones share the token, and what keeps it alive.
///
/// It logs in at the first call. From then on work in the background, on the runtime of that call, renews the token or
/// gets a new one ahead of its end; a read never waits for that. When the last clone is dropped the work ends at once.
/// Where the runtime ends before the connection, the next call starts the work again on its own.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    http: Arc<Http>,
    keeper: Arc<TokenManager>,
    revoke_at_shutdown: bool,
}

/// How a connection stands, without a secret in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VaultStatus {
    /// How it logs in: `token`, `approle`, …
    pub method: &'static str,
    /// Whether there is a token that has not come to its end, as far as is known here.
    pub logged_in: bool,
    /// When it ends; `None` for one that doesn't, or of which that isn't known.
    pub expires_in: Option<Duration>,
    /// Whether it will be renewed rather than replaced.
    pub renewable: bool,
    /// How many calls it is good for, where that is limited.
    pub uses_left: Option<u64>,
    /// The last failure to log in or to renew, until one succeeds.
    pub last_error: Option<Error>,
    /// How many logins there were.
    pub logins: u64,
    /// How many renewals there were.
    pub renewals: u64,
}

impl Vault {
    /// A connection by these settings. No call is made yet.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if a setting is malformed, or a file that it names can't be read.
    pub fn new(config: VaultConfig) -> Result<Self> {
        if let Some(warning) = config.unverified() {
            tracing::warn!(target: "s1crets::tls", "{warning}");
        }
        let revoke_at_shutdown = config.revoke_at_shutdown;
        let login: Box<dyn Login> = config.auth.clone().into_login();
        let http = Arc::new(Http::new(config)?);
        let keeper = Arc::new(TokenManager::new(http.clone(), login));
        Ok(Self(Arc::new(Inner { http, keeper, revoke_at_shutdown })))
    }

    /// Logs in now, rather than at the first call.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the login is refused.
    pub async fn log_in(&self) -> Result<()> {
        self.0.keeper.token().await.map(drop)
    }

    /// How the connection stands.
    pub fn status(&self) -> VaultStatus {
        let snapshot = self.0.keeper.snapshot();
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

    /// How the server is.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) and [`Timeout`](crate::ErrorKind::Timeout) if it can't be asked.
    pub async fn health(&self) -> Result<Health> {
        health::ask(&self.0.http).await
    }

    /// Who the server takes our token for: its display name, policies and end, never the token.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied) if its policies forbid it to ask.
    pub async fn identity(&self) -> Result<Identity> {
        identity::ask(self).await
    }

    /// Ends the connection for all its clones: the work in the background, and, if the settings say so, the token that
    /// a login got. Later calls fail.
    ///
    /// # Errors
    /// If the token can't be revoked; it then lives to its end.
    pub async fn shutdown(&self) -> Result<()> {
        match self.0.keeper.shut() {
            Some(token) if self.0.revoke_at_shutdown => token::revoke(&self.0.http, &token).await,
            _ => Ok(()),
        }
    }

    /// The namespace of every call, without slashes at its ends.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.0.http.namespace()
    }

    /// A request's retry policy, with the connection's own for what it leaves open.
    pub(crate) fn policy(&self, policy: RetryPolicy) -> RetryPolicy {
        self.0.http.policy(policy)
    }

    /// Makes one call; a reply of any status but those of a refused token is an answer. If the token was dead, it is
    /// made once more with a new one.
    pub(crate) async fn call(&self, call: &Call, policy: RetryPolicy) -> Result<Reply> {
        let Inner { http, keeper, .. } = &*self.0;
        let policy = http.policy(policy);
        let token = keeper.token().await?;
        let asked = Instant::now();
        let reply = http.exchange(call, Bearer::Token(&token), policy).await?;
        // Only Vault's own refusal says anything of the token.
        if reply.status != 403 || !reply.is_vaults() {
            return Ok(reply);
        }
        match keeper.refused(&token, asked).await? {
            Refusal::Policy => Ok(reply),
            Refusal::Dead(fresh) => http.exchange(call, Bearer::Token(&fresh), policy).await,
        }
    }

    /// As [`call`](Self::call), where every status but success is an error.
    pub(crate) async fn demand(&self, call: &Call, policy: RetryPolicy) -> Result<Reply> {
        let reply = self.call(call, policy).await?;
        if reply.is_success() { Ok(reply) } else { Err(error::from_reply(&reply, call)) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("http", &self.0.http).field("status", &self.status()).finish_non_exhaustive()
    }
}
