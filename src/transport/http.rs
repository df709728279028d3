//! The HTTP client of one server: sends a request with all its attempts, and follows redirects.
//!
//! # Retries
//! An attempt fails without a response ([`Failure`]), or its status asks for another one
//! ([`StatusAction`]). It is repeated while the policy has attempts left, after a wait that grows
//! and varies ([`Backoff`](crate::retry::Backoff)). Two rules hold for every request:
//! - One that the server may have acted on is sent again only if it is idempotent.
//! - `Retry-After` lengthens the wait. If it asks for more than the longest attempt, the call ends:
//!   the caller would not wait that long.
//!
//! # Redirects
//! They are followed here, not by reqwest, by the rules of [`redirect`](super::redirect).
//!
//! # Memory
//! Response bodies are read into buffers that are wiped when dropped, up to [`LONGEST_BODY`]. One
//! that would take many times its size when it is parsed is refused.
//! Request bodies are [`Bytes`] that their owner wipes ([`wiped`](super::wiped)).

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use reqwest::{
    Client, Method, StatusCode,
    header::{HeaderMap, LOCATION},
};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::{
    address::{Address, host_and_port},
    client::{self, ServerConfig},
    failure::{Failure, Hop, Target},
    json_size::has_too_many_values,
    proxy::ProxyUrl,
    proxy_error::ProxyProblem,
    redirect::{MOST_REDIRECTS, RefusedRedirect, is_redirect},
    retry_after::retry_after,
};
use crate::{error::Result, retry::RetryPolicy};

/// A listing of a hundred thousand names takes some megabytes. A longer body is not held in memory.
const LONGEST_BODY: usize = 64 * 1024 * 1024;

/// The buffer for a body of promised length is allocated at once up to this: few bodies are longer.
const LONGEST_PREALLOCATION: usize = 1024 * 1024;

/// What a server of Go, as Vault and OpenBao are, responds with status 400 if it listens with TLS.
const WANTS_TLS: &[u8] = b"Client sent an HTTP request to an HTTPS server";

/// Clients that are kept for timeouts other than the server's default. Each has its own
/// connections.
const MOST_CLIENTS: usize = 8;

/// An HTTP client for one server.
pub(crate) struct HttpClient {
    config: ServerConfig,
    /// Where requests go. Its host is the TLS server name, if one is set.
    address: Address,
    /// The URL of the proxy, without user name and password.
    proxy: Option<String>,
    /// The timeout whose client is always kept.
    timeout: Duration,
    /// By timeout, as reqwest sets it per client.
    clients: Mutex<HashMap<Duration, Client>>,
}

/// One request, which may be sent several times.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// What follows the server's address: an encoded path, with its query.
    pub(crate) target: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// Whether it may be sent again if the server may already have acted on it.
    pub(crate) idempotent: bool,
    /// Which responses ask for another attempt, by their status.
    pub(crate) on_status: fn(&Response) -> StatusAction,
    /// Called ahead of each attempt but the first; `false` ends the call.
    pub(crate) may_retry: &'a (dyn Fn() -> bool + Send + Sync),
}

/// What a response's status means for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusAction {
    /// It is the answer.
    Return,
    /// The server did nothing: try again.
    Retry,
    /// The server may have acted, as behind a gateway: try again if the request is idempotent.
    RetryIdempotent,
}

/// A response with its whole body.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
    retry_after: Option<Duration>,
}

/// A failed attempt, and whether the server may have acted on the request.
struct Attempt {
    failure: Failure,
    maybe_done: bool,
}

impl HttpClient {
    /// Reads the certificates that the settings name. No connection is made.
    ///
    /// # Errors
    /// `Config` if a file can't be read, or a setting is malformed.
    pub(crate) fn new(config: ServerConfig, address: Address, timeout: Duration) -> Result<Self> {
        let client = client::build(&config, &address, timeout)?;
        let clients = Mutex::new(HashMap::from([(timeout, client)]));
        let address = match config.name_in_url(&address) {
            Some(name) => address.clone().with_host(name)?,
            None => address,
        };
        let proxy = config.proxy.as_ref().map(ProxyUrl::without_user);
        Ok(Self { config, address, proxy, timeout, clients })
    }

    /// Sends a request with all its attempts. A response of any status is returned once
    /// [`on_status`](Request::on_status) or the policy allows no further attempt.
    pub(crate) async fn send(&self, request: &Request<'_>, policy: RetryPolicy) -> Result<Response, Failure> {
        let mut made = 0;
        loop {
            made += 1;
            let result = self.attempt(request, policy).await;
            let wait = match &result {
                Ok(response) => response.wait(request, made, policy),
                Err(attempt) => attempt.wait(request, made, policy),
            };
            match wait.filter(|_| made < policy.attempts().get() && (request.may_retry)()) {
                Some(wait) => sleep(wait).await,
                None => return result.map_err(|attempt| attempt.failure),
            }
        }
    }

    async fn attempt(&self, request: &Request<'_>, policy: RetryPolicy) -> Result<Response, Attempt> {
        let client = self.client(policy.timeout()).map_err(|error| Attempt::unsent(Failure::Config(error)))?;
        match timeout(policy.longest_attempt(), self.follow(&client, request)).await {
            Ok(result) => result,
            Err(_) => {
                let proxy = self.proxy.clone();
                Err(Attempt { failure: Failure::Timeout { proxy }, maybe_done: true })
            }
        }
    }

    /// Sends the request to the server, or to the node that it redirects to.
    async fn follow(&self, client: &Client, request: &Request<'_>) -> Result<Response, Attempt> {
        let mut url = self.address.join(request.target).map_err(|error| Attempt::unsent(Failure::Config(error)))?;
        let call = self.address.call_of(&url).to_owned();
        // For messages: the host of the URL may be a name for TLS alone.
        let (target, server) = (Target::Server(self.config.address.trim().to_owned()), self.config.server());
        let proxy = self.proxy.as_deref();
        let mut hop = Hop { target, server, is_https: self.address.is_https(), proxy };
        let mut redirects = 0;
        loop {
            let mut builder = client.request(request.method.clone(), url.clone()).headers(request.headers.clone());
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let response = builder.send().await.map_err(|error| Attempt::failed(error, &hop))?;
            let status = response.status();
            // A proxy answers in the place of a server without TLS.
            if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && proxy.is_some() && !hop.is_https {
                return Err(Attempt::unsent(hop.proxy_failure(ProxyProblem::WantsLogin, None)));
            }
            if !is_redirect(status, response.headers().contains_key(LOCATION)) {
                return read(response, &hop).await;
            }
            if redirects == MOST_REDIRECTS {
                return Err(Attempt::unsent(Failure::Redirect(Box::new(RefusedRedirect::endless(status)))));
            }
            redirects += 1;
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let next = self.address.redirected(status, &url, &call, location.unwrap_or_default());
            url = next.map_err(|refused| Attempt::unsent(Failure::Redirect(Box::new(refused))))?;
            hop.target = Target::Redirected(url.origin().ascii_serialization());
            hop.server = host_and_port(&url);
        }
    }

    /// The client of the default timeout, and the URL that requests go to: for crates that send
    /// requests of their own. Redirects are not followed there.
    #[cfg(feature = "vaultrs")]
    pub(crate) fn reqwest(&self) -> Result<(Client, reqwest::Url)> {
        Ok((self.client(self.timeout)?, self.address.join("/")?))
    }

    fn client(&self, timeout: Duration) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&timeout) {
            return Ok(client.clone());
        }
        let client = client::build(&self.config, &self.address, timeout)?;
        if clients.len() > MOST_CLIENTS {
            clients.retain(|kept, _| *kept == self.timeout);
        }
        clients.insert(timeout, client.clone());
        Ok(client)
    }
}

impl Attempt {
    fn unsent(failure: Failure) -> Self {
        Self { failure, maybe_done: false }
    }

    fn failed(error: reqwest::Error, hop: &Hop<'_>) -> Self {
        let maybe_done = !error.is_connect() && !error.is_builder();
        // The URL holds the path, which the context of an error already names.
        Self { failure: hop.failure(error.without_url()), maybe_done }
    }

    /// How long to wait before the next attempt, if another one may be made.
    fn wait(&self, request: &Request<'_>, made: u32, policy: RetryPolicy) -> Option<Duration> {
        (self.failure.is_transient() && (request.idempotent || !self.maybe_done)).then(|| policy.backoff().wait(made))
    }
}

impl Response {
    /// How long to wait before the next attempt, if the status asks for one.
    fn wait(&self, request: &Request<'_>, made: u32, policy: RetryPolicy) -> Option<Duration> {
        let retry = match (request.on_status)(self) {
            StatusAction::Return => false,
            StatusAction::Retry => true,
            StatusAction::RetryIdempotent => request.idempotent,
        };
        let asked = self.retry_after.unwrap_or_default();
        (retry && asked <= policy.longest_attempt()).then(|| policy.backoff().wait(made).max(asked))
    }
}

async fn read(mut response: reqwest::Response, hop: &Hop<'_>) -> Result<Response, Attempt> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), SystemTime::now());
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
    // A promised length need not be true: the rest is allocated as it arrives.
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(LONGEST_PREALLOCATION)));
    while let Some(piece) = response.chunk().await.map_err(|error| Attempt::failed(error, hop))? {
        if body.len() + piece.len() > LONGEST_BODY {
            return Err(Attempt::unsent(Failure::TooLong));
        }
        reserve_wiped(&mut body, piece.len());
        body.extend_from_slice(&piece);
    }
    if status == 400 && !hop.is_https && body.starts_with(WANTS_TLS) {
        return Err(Attempt::unsent(Failure::SpeaksTls(hop.target.clone())));
    }
    if has_too_many_values(&body) {
        return Err(Attempt::unsent(Failure::TooManyValues));
    }
    Ok(Response { status, body, retry_after })
}

/// Makes room for more bytes. `Vec::reserve` would leave the old buffer behind unwiped.
fn reserve_wiped(body: &mut Zeroizing<Vec<u8>>, more: usize) {
    if body.capacity() - body.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + more) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("config", &self.config).finish_non_exhaustive()
    }
}
