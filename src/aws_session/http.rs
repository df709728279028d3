//! The HTTP client under the SDK's clients: one pool of connections for all timeouts.
//!
//! The SDK's own client keeps a pool for each pair of timeouts, for ever: a service whose requests
//! set their timeout by what is left of a deadline would open connections without end. Here the
//! timeout is applied around each call, and all calls share two pools, with certificates and without.
//!
//! Certificates are read by the first call that needs them. The SDK reads them when a client is made,
//! and parses them twice: some milliseconds, also for a plain `http://` endpoint (LocalStack, moto,
//! metadata services).

use std::{
    borrow::Cow,
    env,
    error::Error as StdError,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_sdk_sts::config::SharedAsyncSleep;
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use tokio::time::timeout;

use super::trust::Trust;
use crate::{
    error::Result,
    transport::{NoProxy, certificate_problem, proxy_problem},
};

/// The longest body to hold in memory. Twenty secrets of 64 KiB, all characters escaped, are 8 MiB.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The longest time to connect, TLS included, whatever a call allows: as long as Linux itself tries.
const LONGEST_CONNECT: Duration = Duration::from_secs(127);

/// Variables that may send a plain request through a proxy, which itself may be reached by TLS.
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// A new client with pools of its own. Connections belong to the runtime that opened them, so
/// sessions don't share them.
pub(super) fn client(trust: Trust) -> SharedHttpClient {
    SharedHttpClient::new(Client(Arc::new(Pools { trust, ..Pools::default() })))
}

/// The SDK asks it for a connector with the timeouts of each call.
#[derive(Debug, Default)]
struct Client(Arc<Pools>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        // A call without a timeout to read, as some of the SDK's sources of credentials make, still
        // has one to connect.
        SharedHttpConnector::new(Timed {
            pools: self.0.clone(),
            timeout: settings.read_timeout(),
            sleep: components.sleep_impl(),
        })
    }

    /// As the SDK names its own in the user agent.
    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some(Cow::Borrowed("1.x"))))
    }
}

/// The pools of endpoints that are reached by the proxies of the environment, and of those that
/// `NO_PROXY` or their being on this machine spares that.
#[derive(Debug, Default)]
struct Pools {
    trust: Trust,
    no_proxy: OnceLock<NoProxy>,
    proxied: Pair,
    direct: Pair,
}

/// One pool for endpoints that present certificates, and one for those that don't.
#[derive(Debug, Default)]
struct Pair {
    secured: OnceLock<Connector>,
    plain: OnceLock<Connector>,
}

impl Pools {
    /// # Errors
    /// `Config` if the certificates to trust can't be read.
    fn for_uri(&self, uri: &str, sleep: Option<&SharedAsyncSleep>) -> Result<&Connector> {
        let no_proxy = self.no_proxy.get_or_init(|| NoProxy::from_variables(|name| env::var(name).ok()));
        let is_direct = no_proxy.spares(uri);
        let (pools, proxy) = match is_direct {
            true => (&self.direct, ProxyConfig::disabled()),
            false => (&self.proxied, ProxyConfig::from_env()),
        };
        if is_plain(uri, |name| !is_direct && env::var_os(name).is_some()) {
            return Ok(pools.plain.get_or_init(|| connector(TrustStore::empty(), proxy, sleep)));
        }
        if let Some(connector) = pools.secured.get() {
            return Ok(connector);
        }
        // Not kept if it fails: the file may be put right.
        let trusted = self.trust.store()?;
        Ok(pools.secured.get_or_init(|| connector(trusted, proxy, sleep)))
    }
}

fn connector(trust: TrustStore, proxy: ProxyConfig, sleep: Option<&SharedAsyncSleep>) -> Connector {
    // A trust store of either kind is sound: there is nothing in it to be malformed.
    let tls = TlsContext::builder().with_trust_store(trust).build().unwrap_or_default();
    let mut builder = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(LONGEST_CONNECT).build())
        .proxy_config(proxy);
    builder.set_sleep_impl(sleep.cloned());
    builder.build()
}

/// The pools, with the timeout of one client or one request: from the call to the head of the
/// response, connecting included. The body is under the SDK's timeout of the attempt.
#[derive(Debug)]
struct Timed {
    pools: Arc<Pools>,
    timeout: Option<Duration>,
    /// Of all components this alone: they hold the client, which would hold itself.
    sleep: Option<SharedAsyncSleep>,
}

impl HttpConnector for Timed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint(request.uri());
        let limit = self.timeout.unwrap_or(Duration::MAX);
        let connector = match self.pools.for_uri(request.uri(), self.sleep.as_ref()) {
            Ok(connector) => connector,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::other(Box::new(error), None))),
        };
        let answer = timeout(limit, connector.call(request));
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(answer) => Ok(answer.map_err(|error| Unanswered::by(endpoint, error))?.map(limited)),
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            }
        })
    }
}

/// Scheme, host and port of a URI.
fn endpoint(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// A failed call with its endpoint, which the SDK's own errors don't name.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) endpoint: String,
    cause: Box<dyn StdError + Send + Sync>,
}

impl Unanswered {
    /// Adds the endpoint to an error of the same kind. Timeouts are returned as they are. A
    /// certificate that is not accepted is no failure of the network, which would be tried again.
    fn by(endpoint: String, error: ConnectorError) -> ConnectorError {
        let (is_io, other) = (error.is_io() && !is_final(&error), error.as_other());
        if !error.is_io() && !error.is_other() {
            return error;
        }
        let connection = error.connection_metadata().cloned();
        let named = Box::new(Self { endpoint, cause: error.into_source() });
        let named = if is_io { ConnectorError::io(named) } else { ConnectorError::other(named, other) };
        match connection {
            Some(connection) => named.with_connection(connection),
            None => named,
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.endpoint)
    }
}

impl StdError for Unanswered {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.cause.as_ref())
    }
}

/// Whether another attempt can't succeed.
fn is_final(error: &ConnectorError) -> bool {
    certificate_problem(error).is_some() || proxy_problem(error).is_some_and(|problem| !problem.is_transient())
}

/// Limits the body, so that an endless response doesn't fill the memory.
fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER))
}

/// Whether no certificate is presented on the way: the URL and every possible proxy are plain HTTP.
fn is_plain(uri: &str, is_set: impl Fn(&str) -> bool) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")) && !PROXIES.into_iter().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_shown_without_path_and_credentials() {
        assert_eq!(endpoint("http://me:pw@127.0.0.1:5000/x?y"), "http://127.0.0.1:5000");
        assert_eq!(endpoint("https://ssm.eu-west-1.amazonaws.com/"), "https://ssm.eu-west-1.amazonaws.com");
    }

    #[test]
    fn certificates_are_left_out_only_where_none_can_be_presented() {
        let unset = |_: &str| false;
        assert!(is_plain("http://127.0.0.1:5000/", unset) && is_plain("HTTP://x/", unset));
        for uri in ["https://secretsmanager.eu-west-1.amazonaws.com/", "", "http:/", "/", "é://xxxxxx"] {
            assert!(!is_plain(uri, unset), "{uri}");
        }
        for proxy in PROXIES {
            assert!(!is_plain("http://x/", |name| name == proxy), "{proxy}");
        }
    }
}
