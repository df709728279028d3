//! The typed Vault API: read, write, list, delete, unwrap, and the calls about the connection's own
//! token.

use std::{fmt, num::NonZeroU32, time::Duration};

use futures::future::BoxFuture;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{
    auth::{LoginClient, check_creation_path, unwrap},
    connection::Vault,
    error,
    request::{ApiRequest, json_object},
    response::{AuthInfo, Response, malformed_response},
    token::{self, Lifetime, Token},
    token_info::TokenInfo,
};
use crate::{
    clock::Instant,
    error::{Error, Result},
    retry::RetryPolicy,
};

/// A request to the API, sent by `.await`. Made by [`Vault::read`] and its like.
///
/// # Errors
/// | what happened | [`ErrorKind`](crate::ErrorKind) |
/// | --- | --- |
/// | a path with `..`, an empty segment or a `/` at an end; a body that is no object; status 400 but for the below | `InvalidInput` |
/// | status 400 for a check-and-set that another write came before | `Conflict` |
/// | the login is refused, a static token is dead, or no token was sent (400, 403) | `Unauthenticated` |
/// | a proxy asks for a user name and a password, or for others (407) | `Unauthenticated` |
/// | the token is alive and its policies deny the request | `AccessDenied` |
/// | status 404 from the server | `NotFound` |
/// | status 404 for a mount or a namespace that doesn't exist; an address with a wrong path | `Config` |
/// | status 404 from something that is not Vault; a success that is not JSON | `Corrupt` |
/// | status 405; a path that the engine doesn't have | `Unsupported` |
/// | status 429 after all attempts | `Throttled` |
/// | sealed, no leader, 5xx, no connection, no proxy; a locked or sealed namespace, or an upgrade of the mount, also by 400 | `Unavailable` |
/// | a certificate that is not accepted, TLS where there is none, a redirect elsewhere | `Config` |
/// | no response in time | `Timeout` |
///
/// Messages hold what the server says, unless that repeats a value of the request.
///
/// # Attempts
/// A request that the server did not act on (no connection, 412, 429, 472, 473, 503) is repeated by
/// the retry policy. One whose response was lost, or that ended in 500, 502 or 504, is repeated
/// only if it is [idempotent](Self::idempotent). If the token turns out to be dead, the connection
/// logs in and sends the request once more: the server did nothing for the dead token.
///
/// The token goes to the connection's server, and to the node that a standby redirects to (307, to
/// the same path, never from https to http). Any other redirect that leads to another server is an
/// error.
#[must_use = "a request does nothing until it is awaited"]
pub struct Request<'a> {
    vault: &'a Vault,
    request: Result<ApiRequest>,
    policy: RetryPolicy,
}

impl Vault {
    /// Reads a path such as `database/creds/app` or `secret/data/app`. Any path of the API can be
    /// read, `sys/` and `auth/` included.
    ///
    /// A read is repeated if its response was lost. Turn that off with
    /// [`idempotent(false)`](Request::idempotent) where each read issues a lease.
    pub fn read(&self, path: &str) -> Request<'_> {
        Request::new(self, ApiRequest::get(path))
    }

    /// Writes `body`, as a JSON object, to a path; `&()` is an empty body.
    ///
    /// A write is sent once, unless it is [`idempotent(true)`](Request::idempotent). The JSON text
    /// is wiped; the value behind `body` is yours to wipe, so borrow secrets into a struct rather
    /// than copy them into a `serde_json::Value`.
    ///
    /// ```no_run
    /// # async fn example(vault: s1crets::vault::Vault, lease_id: &str) -> s1crets::Result<()> {
    /// let body = serde_json::json!({ "lease_id": lease_id });
    /// vault.write("sys/leases/revoke", &body).idempotent(true).await?;
    /// # Ok(()) }
    /// ```
    pub fn write<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Request<'_> {
        Request::new(self, json_object(body).and_then(|body| ApiRequest::post(path, body)))
    }

    /// Lists the names below a path: the `keys` of the response's data.
    pub fn list(&self, path: &str) -> Request<'_> {
        Request::new(self, ApiRequest::list(path))
    }

    /// Deletes a path. It is sent once, unless it is [`idempotent(true)`](Request::idempotent).
    pub fn delete(&self, path: &str) -> Request<'_> {
        Request::new(self, ApiRequest::delete(path))
    }

    /// The connection's token of this moment, for programs that need one, after a login if there is
    /// none. It may be replaced at any time, so ask again for each use.
    ///
    /// Of a token with limited uses this takes one.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the login is refused,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for the login `none`, and those of a server
    /// that can't be asked.
    pub async fn token(&self) -> Result<Token> {
        self.manager().token().await?.to_token().ok_or_else(error::sends_no_token)
    }

    /// What the server knows about the connection's token: policies, TTL, limits.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied) if its policies forbid
    /// `auth/token/lookup-self`, and those of [`Request`].
    pub async fn lookup_self(&self) -> Result<TokenInfo> {
        let request = ApiRequest::get("auth/token/lookup-self")?;
        let response = self.send(&request, RetryPolicy::default()).await?;
        if !response.is_success() {
            return Err(error::from_identity(&response, &request));
        }
        Ok(TokenInfo::from_data(response.data()?))
    }

    /// Renews the connection's token now, and returns what was granted. The connection renews it by
    /// itself ahead of its end, so few programs need this.
    ///
    /// `increment` counts from now: a smaller one shortens the token's life. The server grants no
    /// more than the token's maximum. `None` asks for the TTL that was first granted.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the token can't be renewed,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for the login `none`, and those of
    /// [`Request`].
    pub async fn renew_self(&self, increment: Option<Duration>) -> Result<AuthInfo> {
        let manager = self.manager();
        let full_ttl = manager.held().and_then(|token| manager.full_ttl(&token));
        let request = token::renewal_request(increment.or(full_ttl))?;
        let asked = Instant::now();
        let (response, token) = self.send_with_token(&request, RetryPolicy::default()).await?;
        if token.is_absent() {
            return Err(error::sends_no_token());
        }
        if !response.is_success() {
            return Err(error::from_response(&response, &request));
        }
        let auth = response.object("auth").ok_or_else(malformed_response)?;
        manager.renewed(&token, Lifetime::from_auth(auth)?, asked, increment);
        let auth = response.auth()?.ok_or_else(malformed_response)?;
        // Only a token that expires can be renewed: 0 says that less than a second is left.
        Ok(AuthInfo { ttl: Some(auth.ttl.unwrap_or_default()), ..auth })
    }

    /// Revokes the connection's token, given or obtained, and with it all leases that it took. The
    /// next call logs in again; a static token can't be used any more.
    ///
    /// Does nothing if there is no token, if the server no longer knows it, or for the login
    /// `none`.
    ///
    /// # Errors
    /// [`AccessDenied`](crate::ErrorKind::AccessDenied) if its policies forbid
    /// `auth/token/revoke-self`, or something between here and the server blocks it, and those of
    /// a server that can't be asked. The token then lives on.
    pub async fn revoke_self(&self) -> Result<()> {
        self.manager().revoke_held().await
    }

    /// Unwraps a response that was wrapped by [`wrap_ttl`](Request::wrap_ttl) or by another client.
    /// The request is sent once: the server forgets a wrapping token when it responds.
    ///
    /// Prefer [`unwrap_from`](Self::unwrap_from) where you know the path that made the token.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated), as possible theft, if the server
    /// does not know the token: it has expired, or somebody else has unwrapped it.
    pub async fn unwrap(&self, token: &Token) -> Result<Response> {
        unwrap(&self.login_client()?, token.clone()).await
    }

    /// Unwraps a token that must have been made at `creation_path`, such as
    /// `auth/approle/role/*/secret-id`; `*` stands for one segment.
    ///
    /// A thief who unwraps a response can wrap it again and pass the new token on. The server
    /// records the path that made a token, so the thief's token fails this check. It is then not
    /// unwrapped.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated), as possible theft, if the server
    /// does not know the token, or it was made at another path.
    pub async fn unwrap_from(&self, token: &Token, creation_path: &str) -> Result<Response> {
        let client = self.login_client()?;
        check_creation_path(&client, token, creation_path).await?;
        unwrap(&client, token.clone()).await
    }

    fn login_client(&self) -> Result<LoginClient<'_>> {
        self.manager().check_open()?;
        Ok(LoginClient::new(self.http(), self.policy(RetryPolicy::default())))
    }
}

impl<'a> Request<'a> {
    fn new(vault: &'a Vault, request: Result<ApiRequest>) -> Self {
        Self { vault, request, policy: RetryPolicy::default() }
    }

    /// Adds a query parameter, such as `version` of KV version 2.
    pub fn query(self, name: &str, value: &str) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query = format!("{}={}", encode(name), encode(value));
        self.map(|request| Ok(request.with_query(&query)))
    }

    /// Sends the request to this namespace, by its full path such as `team1/app`. Default: the
    /// connection's.
    pub fn namespace(self, namespace: &str) -> Self {
        self.map(|request| request.in_namespace(namespace))
    }

    /// Asks the server to wrap the response for this long, in whole seconds, at least 1: the
    /// response then has a [`wrap_info`](Response::wrap_info) and no data.
    pub fn wrap_ttl(self, ttl: Duration) -> Self {
        self.map(|request| Ok(request.wrapped_for(ttl.as_secs().max(1))))
    }

    /// Sets whether the request may be sent again after its response was lost. Default: `true` for
    /// reads and lists, `false` for writes and deletes.
    pub fn idempotent(self, idempotent: bool) -> Self {
        self.map(|request| Ok(if idempotent { request.idempotent() } else { request.once() }))
    }

    /// Sets the number of attempts in total. 0 counts as 1. Default: the connection's.
    pub fn retry(self, attempts: u32) -> Self {
        let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        Self { policy: self.policy.with_attempts(attempts), ..self }
    }

    /// Sets how long one attempt may take to connect, and again to receive each part of the
    /// response. Default: the connection's.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { policy: self.policy.with_timeout(timeout), ..self }
    }

    /// Sets attempts, timeout and backoff in one. What it leaves open is the connection's.
    pub fn retry_policy(self, policy: RetryPolicy) -> Self {
        Self { policy: policy.or(self.policy), ..self }
    }

    fn map(self, change: impl FnOnce(ApiRequest) -> Result<ApiRequest>) -> Self {
        Self { request: self.request.and_then(change), ..self }
    }
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Result<Response>;
    type IntoFuture = BoxFuture<'a, Result<Response>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let response = self.vault.send_ok(&self.request?, self.policy).await?;
            // 204 has no body. A web page has one that is not JSON.
            if response.is_empty() || response.json().is_some() { Ok(response) } else { Err(malformed_response()) }
        })
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request.as_ref().ok();
        f.debug_struct("Request")
            .field("method", &request.map(|request| &request.method))
            .field("path", &request.map(ApiRequest::path))
            .field("error", &self.request.as_ref().err().map(Error::kind))
            .finish_non_exhaustive()
    }
}
