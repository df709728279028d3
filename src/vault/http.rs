//! HTTP under a Vault connection: adds the namespace and the token, and reads replies.
//!
//! Attempts, redirects and TLS are the [transport](crate::transport)'s. What is Vault's own is here:
//! which statuses ask for another attempt, and that each attempt takes one use of the token.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::{
    config::VaultConfig,
    destination::Destination,
    error::{address_with_wrong_path, parse_address},
    failure::from_failure,
    request::ApiRequest,
    reserved,
    response::{Response, is_from_vault},
    token::LiveToken,
};
use crate::{
    error::{Error, Result},
    retry::RetryPolicy,
    transport::{self, HttpClient, Request, ServerConfig, StatusAction},
};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
pub(super) const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

/// One server, by one set of settings.
#[derive(Debug)]
pub(crate) struct Http {
    config: VaultConfig,
    client: HttpClient,
    /// Of every request: the namespace, and the mark that it is no browser's.
    headers: HeaderMap,
    /// The address as hints show it.
    address: Arc<str>,
    /// Whether the address has a path, below which the API was not seen yet.
    is_path_doubtful: AtomicBool,
}

/// The token of a request.
#[derive(Clone, Copy)]
pub(crate) enum Bearer<'a> {
    Nobody,
    Token(&'a LiveToken),
}

impl Http {
    pub(crate) fn new(config: VaultConfig) -> Result<Self> {
        if let Some(error) = &config.environment.malformed {
            return Err(error.clone());
        }
        let address = parse_address(&config.address)?;
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        // The root namespace has no name: `/` is as good as none.
        if let Some(namespace) = config.namespace.as_deref().filter(|namespace| !namespace.trim_matches('/').is_empty())
        {
            check_namespace(namespace)?;
            headers.insert(NAMESPACE, namespace_header(namespace)?);
        }
        let server =
            ServerConfig { address: config.address.clone(), tls: config.tls.clone(), proxy: config.proxy.clone() };
        let is_path_doubtful = AtomicBool::new(!address.path().is_empty());
        let client = HttpClient::new(server, address, config.retry_policy.timeout())?;
        let address = config.address.trim().into();
        Ok(Self { config, client, headers, address, is_path_doubtful })
    }

    /// The namespace of every request, without slashes at its ends.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.config.namespace.as_deref().map(|namespace| namespace.trim_matches('/'))
    }

    /// The client under the connection, and the URL that requests go to.
    #[cfg(feature = "vaultrs")]
    pub(super) fn reqwest(&self) -> Result<(reqwest::Client, reqwest::Url)> {
        self.client.reqwest()
    }

    #[cfg(feature = "vaultrs")]
    pub(super) fn skips_verification(&self) -> bool {
        self.config.tls.danger_skip_verify
    }

    /// A request's policy, with the connection's own for what it leaves open.
    pub(crate) fn policy(&self, policy: RetryPolicy) -> RetryPolicy {
        policy.or(self.config.retry_policy)
    }

    /// Sends one request with all its attempts. A reply of any status is returned, once no further
    /// attempt is to be made.
    ///
    /// # Errors
    /// Those of [`from_failure`] if there is no reply, and `Config` if the path of the address
    /// leads to no API.
    pub(crate) async fn exchange(
        &self,
        call: &ApiRequest,
        bearer: Bearer<'_>,
        policy: RetryPolicy,
    ) -> Result<Response> {
        let reply = self.send(call, bearer, policy).await?;
        if self.is_path_doubtful.load(Ordering::Relaxed) && refuses_by_path(&reply) {
            self.check_path(policy).await?;
        }
        Ok(reply)
    }

    /// Asks for the health of the server, which has no secret and takes no token: if that is not
    /// there, the path of the address is wrong. Otherwise a missing secret and a wrong path would
    /// look the same.
    ///
    /// # Errors
    /// `Config` if the server's own answer is that there is no such thing.
    async fn check_path(&self, policy: RetryPolicy) -> Result<()> {
        let call = ApiRequest::get("sys/health")?.in_root_namespace().impatient();
        match self.send(&call, Bearer::Nobody, policy).await {
            Ok(reply) if refuses_by_path(&reply) => Err(address_with_wrong_path(&self.address)),
            Ok(_) => {
                self.is_path_doubtful.store(false, Ordering::Relaxed);
                Ok(())
            }
            // The reply at hand says more than a failure to ask about it.
            Err(_) => Ok(()),
        }
    }

    /// Sends one request with all its attempts.
    async fn send(&self, call: &ApiRequest, bearer: Bearer<'_>, policy: RetryPolicy) -> Result<Response> {
        let mut headers = self.headers.clone();
        headers.extend(call.headers.clone());
        if call.in_root {
            headers.remove(NAMESPACE);
        }
        let namespace = headers.get(NAMESPACE).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let token = bearer.header();
        if let Some(token) = &token {
            headers.insert(TOKEN, token.clone());
        }
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(call.content_type));
        }
        let request = Request {
            method: call.method.clone(),
            target: &call.target,
            headers,
            body: call.body.clone(),
            idempotent: call.idempotent,
            on_status: if call.patient { action_of_status } else { |_| StatusAction::Return },
            may_retry: &|| bearer.take_use(),
        };
        let response = self.client.send(&request, policy).await;
        let response = response.map_err(|failure| from_failure(failure, policy, &self.config))?;
        let mut reply = Response::new(response.status, response.body);
        reply.sent = token;
        reply.destination = Some(Destination { address: self.address.clone(), namespace });
        Ok(reply)
    }
}

/// Whether a server says that there is nothing at a path, or nothing that this token may see.
fn refuses_by_path(reply: &Response) -> bool {
    matches!(reply.status, 400 | 403 | 404) && reply.is_from_vault()
}

/// Which statuses ask for another attempt
/// ([Vault's list](https://developer.hashicorp.com/vault/api-docs#http-status-codes)).
fn action_of_status(response: &transport::Response) -> StatusAction {
    match response.status {
        // 412: a replica that lags behind. 472, 473: a standby that doesn't serve.
        412 | 429 | 472 | 473 => StatusAction::Retry,
        // Vault does nothing while it is sealed. A gateway responds with 503 also if it lost the
        // connection to a server that has the request.
        503 if is_from_vault(&response.body) => StatusAction::Retry,
        503 => StatusAction::RetryIdempotent,
        // A gateway's own, or Vault's: the request may have been carried out.
        500 | 502 | 504 => StatusAction::RetryIdempotent,
        _ => StatusAction::Return,
    }
}

/// Refuses a namespace whose path is reserved for the server's own APIs.
///
/// # Errors
/// `Config`. Joined with the path of a secret, such a namespace would lead to one of those APIs.
pub(super) fn check_namespace(namespace: &str) -> Result<()> {
    match reserved::any(namespace) {
        Some(why) => Err(Error::config(format!("{namespace:?} is no namespace of Vault: {why}"))),
        None => Ok(()),
    }
}

/// The value of the namespace header: the namespace without slashes at its ends.
pub(super) fn namespace_header(namespace: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(namespace.trim_matches('/'))
        .map_err(|_| Error::config("the namespace can't be sent in a header"))
}

impl Bearer<'_> {
    fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Nobody => None,
            Self::Token(token) => token.header(),
        }
    }

    /// Takes one use of the token for another attempt, if it has one. The first attempt's use was
    /// taken with the token.
    fn take_use(self) -> bool {
        match self {
            Self::Nobody => true,
            Self::Token(token) => token.take(),
        }
    }
}
