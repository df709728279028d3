//! The HTTP client under the SDK's clients.
//!
//! As the SDK's own, but that the system's certificates are read by the first call that needs them. The SDK's reads them
//! where a client is made, and takes them apart twice: some milliseconds, for calls to a plain `http://` endpoint
//! (LocalStack, moto, metadata services) too.

use std::{
    borrow::Cow,
    collections::HashMap,
    env,
    sync::{Mutex, OnceLock, PoisonError},
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
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Twenty secrets of 64 KiB, every character of them escaped, are 8 MiB; more than this is no answer to hold in memory.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;

/// By which a plain request may be sent to a proxy that is reached by TLS.
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// A client of its own: connections belong to the runtime that they were opened on, and so are not shared further.
pub(crate) fn client() -> SharedHttpClient {
    SharedHttpClient::new(Client::default())
}

/// Connectors by their timeouts, to connect and to wait for an answer.
#[derive(Debug, Default)]
struct Client(Mutex<HashMap<[Option<Duration>; 2], SharedHttpConnector>>);

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let timeouts = [settings.connect_timeout(), settings.read_timeout()];
        let mut connectors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = connectors.entry(timeouts);
        connector.or_insert_with(|| SharedHttpConnector::new(ByScheme::new(settings, components))).clone()
    }

    /// As the SDK names its own in the user agent.
    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some(Cow::Borrowed("1.x"))))
    }
}

/// One connector for what takes certificates, another one for what takes none.
#[derive(Debug)]
struct ByScheme {
    settings: HttpConnectorSettings,
    /// Of all components this alone: they hold the client, which would hold itself.
    sleep: Option<SharedAsyncSleep>,
    secured: OnceLock<Connector>,
    plain: OnceLock<Connector>,
}

impl ByScheme {
    fn new(settings: &HttpConnectorSettings, components: &RuntimeComponents) -> Self {
        let (secured, plain) = Default::default();
        Self { settings: settings.clone(), sleep: components.sleep_impl(), secured, plain }
    }

    fn connector(&self, trust: TrustStore) -> Connector {
        // A trust store of either kind is sound: there is nothing in it to be malformed.
        let tls = TlsContext::builder().with_trust_store(trust).build().unwrap_or_default();
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls)
            .connector_settings(self.settings.clone())
            .proxy_config(ProxyConfig::from_env());
        builder.set_sleep_impl(self.sleep.clone());
        builder.build()
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = match is_plain(request.uri(), |name| env::var_os(name).is_some()) {
            true => self.plain.get_or_init(|| self.connector(TrustStore::empty())),
            false => self.secured.get_or_init(|| self.connector(TrustStore::default())),
        };
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(limited)) })
    }
}

/// Whoever answers without end is not to fill the memory meanwhile.
fn limited(body: SdkBody) -> SdkBody {
    SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER))
}

/// Whether a request goes where no certificate is shown.
fn is_plain(uri: &str, is_set: impl Fn(&str) -> bool) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")) && !PROXIES.into_iter().any(is_set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_left_out_only_where_none_can_be_shown() {
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
