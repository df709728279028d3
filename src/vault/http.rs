//! The HTTP client under a connection: timeouts, retries and redirects; tokens go in, wiped replies come out.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION},
};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::{
    address::Address,
    client,
    config::VaultConfig,
    error,
    request::Call,
    reserved,
    response::Reply,
    retry::{Patience, backoff, retry_after},
    token::Token,
};
use crate::{
    error::{Error, Result},
    options::Effort,
};

/// A listing of a hundred thousand names takes some megabytes; more than this is no answer to hold in memory.
const LONGEST_REPLY: usize = 64 * 1024 * 1024;

/// Few secrets are longer than this.
const LONGEST_PROMISE: usize = 1024 * 1024;

/// A standby names the active node, which may have stepped down meanwhile.
const MOST_REDIRECTS: usize = 3;

/// Clients of other timeouts than the connection's own that are kept.
const MOST_CLIENTS: usize = 8;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");

/// One server, by one set of settings.
pub(crate) struct Http {
    config: VaultConfig,
    address: Address,
    headers: HeaderMap,
    /// By timeout, as reqwest has it per client. The connection's own is always there.
    clients: Mutex<HashMap<Duration, Client>>,
}

/// Who makes a call.
#[derive(Clone, Copy)]
pub(crate) enum Bearer<'a> {
    Nobody,
    Token(&'a Token),
}

/// Why one attempt failed, and whether the server may have acted on it.
struct Failed {
    error: Error,
    maybe_done: bool,
}

impl Http {
    pub(crate) fn new(config: VaultConfig) -> Result<Self> {
        let address = Address::parse(&config.address)?;
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &config.namespace {
            check_namespace(namespace)?;
            let value = HeaderValue::from_str(namespace.trim_matches('/'));
            headers.insert(NAMESPACE, value.map_err(|_| Error::config("the namespace is no header's value"))?);
        }
        let own = client::build(&config, &address, config.timeout)?;
        let clients = Mutex::new(HashMap::from([(config.timeout, own)]));
        let address = match &config.tls.server_name {
            Some(name) => address.with_host(name)?,
            None => address,
        };
        Ok(Self { config, address, headers, clients })
    }

    /// The namespace of every call, without slashes at its ends.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.config.namespace.as_deref().map(|namespace| namespace.trim_matches('/'))
    }

    pub(crate) fn patience(&self, effort: Effort) -> Patience {
        Patience {
            attempts: effort.retry.unwrap_or(self.config.retry),
            timeout: effort.timeout.unwrap_or(self.config.timeout),
        }
    }

    /// One call with all its attempts. A reply of any status but those that ask for patience is an answer.
    pub(crate) async fn exchange(&self, call: &Call, bearer: Bearer<'_>, patience: Patience) -> Result<Reply> {
        let mut made = 0;
        loop {
            made += 1;
            let result = self.attempt(call, bearer, patience).await;
            let wait = match &result {
                Ok(reply) => wait_for(reply, call, made, patience),
                Err(failed) => failed.wait(call, made),
            };
            match wait.filter(|_| made < patience.attempts.get() && bearer.may_again()) {
                Some(wait) => sleep(wait).await,
                None => return result.map_err(|failed| failed.error),
            }
        }
    }

    async fn attempt(&self, call: &Call, bearer: Bearer<'_>, patience: Patience) -> Result<Reply, Failed> {
        let client = self.client(patience.timeout).map_err(Failed::unsent)?;
        let following = self.follow(&client, call, bearer, patience);
        match timeout(patience.attempt(), following).await {
            Ok(result) => result,
            Err(_) => Err(Failed { error: error::timed_out(patience), maybe_done: true }),
        }
    }

    /// Sends the request, and to where a standby says that the active node is.
    async fn follow(
        &self,
        client: &Client,
        call: &Call,
        bearer: Bearer<'_>,
        patience: Patience,
    ) -> Result<Reply, Failed> {
        let mut url = self.address.join(&call.target).map_err(Failed::unsent)?;
        // The host of the URL may be a name for TLS alone.
        let mut address = Cow::from(&self.config.address);
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(client, &url, call, bearer).await;
            let response = response.map_err(|error| Failed::of(error, patience, &address))?;
            // 307 and 308 keep method and body; Vault sends 307, and older ones of the family lose the method.
            if !matches!(response.status().as_u16(), 307 | 308) {
                let mut reply = read(response, patience, &address).await?;
                reply.sent = bearer.header();
                return Ok(reply);
            }
            url = self.redirected(&url, &response).map_err(Failed::unsent)?;
            address = format!("{}, to which it redirects", url.origin().ascii_serialization()).into();
        }
        Err(Failed::unsent(Error::new(crate::ErrorKind::Unavailable, "Vault's nodes redirect to each other")))
    }

    async fn send(
        &self,
        client: &Client,
        url: &Url,
        call: &Call,
        bearer: Bearer<'_>,
    ) -> Result<Response, reqwest::Error> {
        let mut request = client.request(call.method.clone(), url.clone()).headers(self.headers.clone());
        if let Some(token) = bearer.header() {
            request = request.header(TOKEN, token);
        }
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, call.content_type).body(body.clone());
        }
        request.send().await
    }

    fn redirected(&self, from: &Url, response: &Response) -> Result<Url> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        self.address.redirected(from, location.unwrap_or_default())
    }

    fn client(&self, timeout: Duration) -> Result<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&timeout) {
            return Ok(client.clone());
        }
        let client = client::build(&self.config, &self.address, timeout)?;
        if clients.len() >= MOST_CLIENTS {
            clients.retain(|kept, _| *kept == self.config.timeout);
        }
        clients.insert(timeout, client.clone());
        Ok(client)
    }
}

/// Whether a namespace can have this path: the names of the server's own APIs are reserved.
///
/// # Errors
/// `Config` if not. Joined with the path of a secret it would lead to such an API.
pub(super) fn check_namespace(namespace: &str) -> Result<()> {
    match reserved::any(namespace) {
        Some(why) => Err(Error::config(format!("{namespace:?} is no namespace of Vault: {why}"))),
        None => Ok(()),
    }
}

impl Bearer<'_> {
    fn header(self) -> Option<HeaderValue> {
        match self {
            Self::Nobody => None,
            Self::Token(token) => Some(token.header()),
        }
    }

    /// Whether there is a use for one more attempt. That of the first was taken with the token.
    fn may_again(self) -> bool {
        match self {
            Self::Nobody => true,
            Self::Token(token) => token.take(),
        }
    }
}

impl Failed {
    fn unsent(error: Error) -> Self {
        Self { error, maybe_done: false }
    }

    fn of(error: reqwest::Error, patience: Patience, address: &str) -> Self {
        let maybe_done = !error.is_connect() && !error.is_builder();
        let error = if error.is_timeout() { error::timed_out(patience) } else { error::unreachable(error, address) };
        Self { error, maybe_done }
    }

    /// How long to wait before the next attempt, if one may be made.
    fn wait(&self, call: &Call, made: u32) -> Option<Duration> {
        let may = self.error.is_retryable() && (call.idempotent || !self.maybe_done);
        may.then(|| backoff(made))
    }
}

/// How long to wait before the next attempt, if the status asks for one.
fn wait_for(reply: &Reply, call: &Call, made: u32, patience: Patience) -> Option<Duration> {
    let refused = matches!(reply.status, 412 | 429 | 472 | 473 | 503);
    // The gateway's own: what became of the request behind it is not known.
    let lost = matches!(reply.status, 500 | 502 | 504) && call.idempotent;
    if !call.patient || !(refused || lost) {
        return None;
    }
    // A server that wants to be left alone for longer than the caller would wait is taken at its word: no more attempts.
    let asked = reply.retry_after.unwrap_or_default();
    (asked <= patience.attempt()).then(|| backoff(made).max(asked))
}

async fn read(mut response: Response, patience: Patience, address: &str) -> Result<Reply, Failed> {
    let status = response.status().as_u16();
    let retry_after = retry_after(response.headers(), SystemTime::now());
    let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
    // What is promised need not come: so much is made room for, and the rest as it arrives.
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(LONGEST_PROMISE)));
    while let Some(piece) = response.chunk().await.map_err(|error| Failed::of(error, patience, address))? {
        if body.len() + piece.len() > LONGEST_REPLY {
            return Err(Failed::unsent(Error::corrupt("the answer is too long to be one of Vault's")));
        }
        grow(&mut body, piece.len());
        body.extend_from_slice(&piece);
    }
    Ok(Reply::new(status, body, retry_after))
}

/// Makes room without leaving the old buffer behind unwiped.
fn grow(body: &mut Zeroizing<Vec<u8>>, more: usize) {
    if body.capacity() - body.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + more) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("config", &self.config).finish_non_exhaustive()
    }
}
