//! Builds the reqwest client of a server: TLS trust, client certificate, proxy, Unix socket.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, Identity, Proxy,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use super::{address::Address, certificates, general_trust::general_trust, proxy::ProxyUrl, tls::TlsConfig, verifier};
use crate::error::{Error, Result};

/// How to reach a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    /// The address as the settings spell it, for messages.
    pub(crate) address: String,
    pub(crate) tls: TlsConfig,
    pub(crate) proxy: Option<ProxyUrl>,
}

impl ServerConfig {
    /// Whether a certificate is presented on the way to this address. A redirect keeps the scheme.
    pub(crate) fn presents_certificates(address: &Address, proxy: Option<&ProxyUrl>) -> bool {
        address.is_https() || proxy.is_some_and(ProxyUrl::is_https)
    }

    /// The server as `HOST:PORT`, for messages.
    pub(super) fn server(&self) -> String {
        Address::parse(&self.address).map(|address| address.server()).unwrap_or_default()
    }

    /// The TLS server name, which stands in for the host in the URL of each request. Without TLS
    /// there is no certificate to check it against, so it has no effect.
    pub(super) fn name_in_url(&self, address: &Address) -> Option<&str> {
        self.tls.server_name.as_deref().filter(|_| address.is_https())
    }

    /// Refuses a TLS server name that would lead requests, and their credentials, to another host
    /// than the address's.
    fn check_server_name(&self, address: &Address) -> Result<()> {
        let Some(name) = self.name_in_url(address) else { return Ok(()) };
        // A host that is an IP address is not resolved, so it can't be led back to the address.
        let is_host_name = name.parse::<IpAddr>().is_err()
            && !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_'));
        if !is_host_name {
            return Err(Error::config(format!("the TLS server name {name:?} is not a host name"))
                .with_hint("name the host of the server's certificate, without port"));
        }
        match self.proxy {
            // The proxy would resolve the name.
            Some(_) => Err(Error::config("a TLS server name and a proxy can't be combined")
                .with_hint("unset one of them; NO_PROXY exempts the server from a proxy of the environment")),
            None => Ok(()),
        }
    }
}

/// A client with this timeout to connect, and to wait for each part of a response.
pub(super) fn build(config: &ServerConfig, address: &Address, timeout: Duration) -> Result<Client> {
    config.check_server_name(address)?;
    let builder = Client::builder()
        .user_agent(concat!("s1crets/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeout)
        .read_timeout(timeout)
        // Followed in `http`, which knows where credentials may go.
        .redirect(Policy::none())
        // Retried in `http`, within the policy's attempts.
        .retry(reqwest::retry::never())
        .referer(false)
        // The environment is read where the settings are resolved.
        .no_proxy();
    let builder = proxied(builder, config)?;
    let builder = located(builder, config, address);
    let builder = secured(builder, config, address)?;
    builder.build().map_err(|error| Error::config("the HTTP client can't be made").with_source(error.without_url()))
}

fn proxied(builder: ClientBuilder, config: &ServerConfig) -> Result<ClientBuilder> {
    let Some(url) = &config.proxy else { return Ok(builder) };
    url.check()?;
    // The error would repeat the URL, which may hold a password.
    Ok(builder.proxy(Proxy::all(url.as_str()).map_err(|_| Error::config("the proxy is not a URL"))?))
}

#[cfg(unix)]
fn located(builder: ClientBuilder, config: &ServerConfig, address: &Address) -> ClientBuilder {
    match address.unix_socket() {
        Some(path) => builder.unix_socket(path.as_path()),
        None => renamed(builder, config, address),
    }
}

#[cfg(not(unix))]
fn located(builder: ClientBuilder, config: &ServerConfig, address: &Address) -> ClientBuilder {
    renamed(builder, config, address)
}

/// reqwest checks the certificate against the URL's host. With a TLS server name the URL has that
/// name as its host, and it is resolved here to where the server is.
fn renamed(builder: ClientBuilder, config: &ServerConfig, address: &Address) -> ClientBuilder {
    // `address` may have the name as its host already.
    let host = Address::parse(&config.address).ok().and_then(|address| address.host().map(str::to_owned));
    match (config.name_in_url(address), host) {
        (Some(name), Some(host)) => builder.dns_resolver(Renamed { name: name.to_owned(), host }),
        _ => builder,
    }
}

#[derive(Clone)]
struct Renamed {
    name: String,
    host: String,
}

impl Resolve for Renamed {
    fn resolve(&self, name: Name) -> Resolving {
        let host =
            if name.as_str().eq_ignore_ascii_case(&self.name) { self.host.clone() } else { name.as_str().to_owned() };
        Box::pin(async move {
            // An IPv6 address stands in brackets in a URL.
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// TLS: which certificates are trusted, and the client's own.
///
/// The system's certificates are hundreds of files. They are not read where the settings name
/// others, or where the server presents no certificate.
fn secured(builder: ClientBuilder, config: &ServerConfig, address: &Address) -> Result<ClientBuilder> {
    let (mut trusted, client) = (certificates::trusted(&config.tls)?, certificates::client_pem(&config.tls)?);
    let skips = config.tls.danger_skip_verify;
    let verifies = !skips && ServerConfig::presents_certificates(address, config.proxy.as_ref());
    if trusted.is_empty() && verifies {
        trusted = general_trust()?.unwrap_or_default();
    }
    if !trusted.is_empty() && !skips {
        let client = client.as_ref().map(|pem| pem.as_slice());
        return Ok(builder.tls_backend_preconfigured(verifier::client_config(trusted, client)?));
    }
    let builder = match client {
        // The error could repeat a line of the key.
        Some(pem) => builder.identity(
            Identity::from_pem(&pem).map_err(|_| Error::config("the client certificate or its key is not PEM"))?,
        ),
        None => builder,
    };
    Ok(match verifies {
        true => builder,
        false if skips => builder.tls_danger_accept_invalid_certs(true),
        false => builder.tls_certs_only([]),
    })
}
