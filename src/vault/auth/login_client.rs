//! The client that a login method gets: calls without a token, within the connection's retry
//! policy.

use std::{num::NonZeroU32, time::Duration};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    retry::RetryPolicy,
    secret::Secret,
    vault::{
        Token, error,
        http::{Bearer, Http},
        request::{ApiRequest, json_object},
        response::Response,
        source::SecretSource,
        token::Grant,
    },
};

/// Calls to the server without a token, for a [`Login`](super::Login). Each makes the connection's
/// attempts.
#[derive(Debug)]
pub struct LoginClient<'a> {
    pub(super) http: &'a Http,
    pub(super) policy: RetryPolicy,
}

impl<'a> LoginClient<'a> {
    pub(in crate::vault) fn new(http: &'a Http, policy: RetryPolicy) -> Self {
        Self { http, policy }
    }

    /// Logs in at a path such as `auth/ldap/login/app`, with `body` as JSON, and returns the token.
    ///
    /// The attempt is repeated if its response was lost. The token of the lost response is never
    /// used and expires by itself.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if the server refuses the login;
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Timeout`](crate::ErrorKind::Timeout) or
    /// [`Throttled`](crate::ErrorKind::Throttled) if it can't be asked;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the response holds no token.
    pub async fn login<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Result<Grant> {
        self.send_login(ApiRequest::post(path, json_object(body)?)?).await
    }

    /// Reads a path that takes no token, such as `auth/oidc/oidc/auth_url` or a challenge.
    ///
    /// # Errors
    /// By the response's status, as [`Vault::read`](crate::vault::Vault::read).
    pub async fn read(&self, path: &str) -> Result<Response> {
        self.exchange(&ApiRequest::get(path)?).await
    }

    /// Writes `body` as JSON to a path that takes no token. It is sent once.
    ///
    /// # Errors
    /// By the response's status, as [`Vault::write`](crate::vault::Vault::write).
    pub async fn write<B: Serialize + ?Sized>(&self, path: &str, body: &B) -> Result<Response> {
        self.exchange(&ApiRequest::post(path, json_object(body)?)?).await
    }

    /// The credential that a source holds now. `what` names it in errors, such as `password`.
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated) if there is none,
    /// [`Config`](crate::ErrorKind::Config) if it holds a control character, and whatever a
    /// [`SecretFetcher`](crate::vault::SecretFetcher) fails with.
    pub async fn read_source(&self, what: &str, source: &SecretSource) -> Result<Secret> {
        let text = self.credential(what, source).await?;
        Ok(Secret::text(text.as_str(), crate::secret::Metadata::default()))
    }

    /// Attempts in total of each call, the first one included.
    pub fn attempts(&self) -> NonZeroU32 {
        self.policy.attempts()
    }

    /// The timeout of one attempt: calls to other services should keep to it too.
    pub fn timeout(&self) -> Duration {
        self.policy.timeout()
    }

    pub(super) async fn credential(&self, what: &str, source: &SecretSource) -> Result<Zeroizing<String>> {
        source.read(what, self.policy.longest_call()).await
    }

    #[cfg(feature = "__aws")]
    pub(super) fn policy(&self) -> RetryPolicy {
        self.policy
    }

    /// Logs in at `auth/MOUNT/REST`.
    pub(super) async fn login_at(&self, mount: &str, rest: &str, body: Zeroizing<String>) -> Result<Grant> {
        let request = ApiRequest::post(&format!("auth/{}/{rest}", mount.trim_matches('/')), body);
        // Mount and user name are settings, not input of the call that needs the login.
        self.send_login(request.map_err(|error| Error::config(error.message().to_owned()))?).await
    }

    async fn send_login(&self, request: ApiRequest) -> Result<Grant> {
        let request = request.idempotent();
        let response = self.http.exchange(&request, Bearer::Nobody, self.policy).await?;
        if !response.is_success() {
            return Err(error::from_login(&response, &request));
        }
        Grant::from_response(&response)
    }

    async fn exchange(&self, request: &ApiRequest) -> Result<Response> {
        let response = self.http.exchange(request, Bearer::Nobody, self.policy).await?;
        if response.is_success() { Ok(response) } else { Err(error::from_response(&response, request)) }
    }

    /// Unwraps a token that was made at `creation_path`; see
    /// [`Vault::unwrap_from`](crate::vault::Vault::unwrap_from).
    ///
    /// # Errors
    /// [`Unauthenticated`](crate::ErrorKind::Unauthenticated), as possible theft, for a token that
    /// the server doesn't know or that was made at another path.
    pub async fn unwrap_from(&self, token: Token, creation_path: &str) -> Result<Response> {
        super::wrapping::check_creation_path(self, &token, creation_path).await?;
        super::wrapping::unwrap(self, token).await
    }
}
