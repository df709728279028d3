//! [`VaultConfig`]: the settings of a Vault connection in code.

use std::{fmt, num::NonZeroU32, path::PathBuf, time::Duration};

use reqwest::Url;

use super::{
    address::{Address, is_deceptive},
    auth::Auth,
    source::SecretSource,
};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    config::defaults::{DEFAULT_RETRY, DEFAULT_TIMEOUT},
    error::{Error, Result},
};

/// The address at which a server on the same machine listens by default.
pub(super) const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";

/// The address, login, TLS settings and retry policy of a connection.
///
/// ```
/// use s1crets::vault::{AppRole, Auth, SecretSource, VaultConfig};
///
/// let config = VaultConfig::new("https://vault.internal:8200")
///     .with_namespace("team1")
///     .with_auth(Auth::AppRole(AppRole::new("my-role-id", SecretSource::file("/run/secret-id"))));
/// # assert!(!format!("{config:?}").is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VaultConfig {
    /// `https://HOST:PORT`, `http://…`, or `unix:///PATH` for an agent's socket. Default:
    /// `https://127.0.0.1:8200`.
    pub address: String,
    /// The namespace of every call, such as `team1/app`.
    pub namespace: Option<String>,
    /// How to log in. Default: the token of `~/.vault-token`.
    pub auth: Auth,
    /// TLS: the certificates to trust, and the client's own.
    pub tls: TlsConfig,
    /// The proxy for every call. Default: none, whatever the environment says.
    pub proxy: Option<ProxyUrl>,
    /// Attempts in total, the first one included, for logins as well. Default: 3.
    pub retry: NonZeroU32,
    /// The time to connect, and again to wait for a response, of one attempt. Default: 5 s.
    pub timeout: Duration,
    /// Whether [`shutdown`](super::Vault::shutdown) revokes the token of a login. A token that was
    /// given is never revoked. Default: no.
    pub revoke_at_shutdown: bool,
}

/// The TLS settings of a connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A file of PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A folder of such files.
    pub ca_path: Option<PathBuf>,
    /// The client's certificate, PEM, with its chain.
    pub client_cert: Option<PathBuf>,
    /// The key of the client's certificate, PEM.
    pub client_key: Option<PathBuf>,
    /// The name that the server's certificate must have, instead of the address's host.
    pub server_name: Option<String>,
    /// Accepts any certificate, so that whoever is in between gets the token and every secret. A
    /// warning is logged.
    pub danger_skip_verify: bool,
}

/// A proxy's URL, which may hold a password.
#[derive(Clone)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// A proxy at `http://[USER:PASSWORD@]HOST:PORT`.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The proxy of a config file, which must hold no password.
    pub(super) fn of_settings(text: &str) -> Result<Self> {
        let url: Option<Url> = text.parse().ok().filter(|url: &Url| url.has_host() && !is_deceptive(text));
        match url {
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                Err(Error::config("the proxy of a config file can't have a user name or a password")
                    .with_hint("leave it out of the file and set VAULT_PROXY_ADDR"))
            }
            Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::new(text)),
            _ => Err(Error::config("the proxy is no URL").with_hint("write it as http://HOST:PORT")),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL without user name and password; `***` if it can't be parsed.
    pub(super) fn without_user(&self) -> String {
        let parse = |text: &str| text.parse().ok().filter(Url::has_host);
        let has_scheme = self.0.contains("://");
        let Some(mut url) = (if has_scheme { parse(&self.0) } else { parse(&format!("http://{}", self.0)) }) else {
            return "***".to_owned();
        };
        // A URL with a host can have a user name, so neither fails.
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        cleared.map_or_else(|()| "***".to_owned(), |()| url.to_string().trim_end_matches('/').to_owned())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl([redacted])")
    }
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            address: DEFAULT_ADDRESS.to_owned(),
            namespace: None,
            auth: Auth::Token(SecretSource::file(default_token_file())),
            tls: TlsConfig::default(),
            proxy: None,
            retry: DEFAULT_RETRY,
            timeout: DEFAULT_TIMEOUT,
            revoke_at_shutdown: false,
        }
    }
}

/// The file in which `vault login` and `bao login` store the token.
pub(super) fn default_token_file() -> PathBuf {
    // Without a home folder it is in the root folder, where only root can put one.
    crate::fs::home::folder().unwrap_or_else(|| "/".into()).join(".vault-token")
}

impl VaultConfig {
    /// The defaults for the server at this address.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// Sets the namespace of every call. Default: none.
    #[must_use]
    pub fn with_namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// Sets the login. Default: the token of `~/.vault-token`.
    #[must_use]
    pub fn with_auth(self, auth: Auth) -> Self {
        Self { auth, ..self }
    }

    /// Sets a token to use instead of a login.
    #[must_use]
    pub fn with_token(self, token: impl Into<String>) -> Self {
        self.with_auth(Auth::Token(SecretSource::given(token)))
    }

    /// Sets the TLS settings. Default: the system's certificate authorities.
    #[must_use]
    pub fn with_tls(self, tls: TlsConfig) -> Self {
        Self { tls, ..self }
    }

    /// Sets the proxy for every call. It can read the traffic to a server without TLS. Default:
    /// none.
    #[must_use]
    pub fn with_proxy(self, proxy: ProxyUrl) -> Self {
        Self { proxy: Some(proxy), ..self }
    }

    /// Sets the attempts in total, the first one included. Default: 3.
    #[must_use]
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry: attempts, ..self }
    }

    /// Sets the time to connect, and again to wait for a response, of one attempt. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sets whether a shutdown revokes the token of a login. Default: `false`.
    #[must_use]
    pub fn with_revoke_at_shutdown(self, revoke: bool) -> Self {
        Self { revoke_at_shutdown: revoke, ..self }
    }
}

impl VaultConfig {
    /// A warning if the connection uses certificates and does not verify them.
    pub(super) fn unverified(&self) -> Option<String> {
        let by_tls = Address::parse(&self.address).is_ok_and(|address| self.shows_certificates(&address));
        (self.tls.danger_skip_verify && by_tls).then(|| {
            format!(
                "certificates of Vault are NOT verified at {}: whoever is in between can read every secret",
                self.address
            )
        })
    }

    /// Whether the connection uses TLS to the server or to the proxy. A redirect can't change that:
    /// it is followed only to the same scheme.
    pub(super) fn shows_certificates(&self, address: &Address) -> bool {
        let by_proxy = self.proxy.as_ref().is_some_and(|proxy| !proxy.as_str().starts_with("http://"));
        address.is_secured() || by_proxy
    }
}

impl TlsConfig {
    /// Trusts only the certificates of this file, instead of the system's.
    #[must_use]
    pub fn with_ca_file(self, file: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(file.into()), ..self }
    }

    /// Trusts only the certificates in this folder's files, instead of the system's.
    #[must_use]
    pub fn with_ca_path(self, folder: impl Into<PathBuf>) -> Self {
        Self { ca_path: Some(folder.into()), ..self }
    }

    /// Sets the client's certificate and its key. Default: none.
    #[must_use]
    pub fn with_client_cert(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_cert: Some(certificate.into()), client_key: Some(key.into()), ..self }
    }

    /// Sets the name that the server's certificate must have. Default: the address's host.
    #[must_use]
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// Sets whether any certificate is accepted: see
    /// [`danger_skip_verify`](Self::danger_skip_verify). Default: `false`.
    #[must_use]
    pub fn with_danger_skip_verify(self, skip: bool) -> Self {
        Self { danger_skip_verify: skip, ..self }
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl VaultConfig {
    /// Binds disk cache entries to everything that decides where the connection leads, and as whom.
    /// A new field has to be listed here to compile.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { address, namespace, auth, tls, proxy, retry: _, timeout: _, revoke_at_shutdown: _ } = self;
        binding.value("address", Some(address));
        binding.value("namespace", namespace.as_ref());
        binding.value("proxy", proxy.as_ref().map(ProxyUrl::as_str));
        tls.bind(binding);
        let login = auth.clone().into_login();
        binding.value("auth.method", Some(login.method()));
        login.bind(binding);
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl TlsConfig {
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { ca_file, ca_path, client_cert, client_key, server_name, danger_skip_verify } = self;
        binding.content("ca_file", ca_file.as_deref());
        binding.folder("ca_path", ca_path.as_deref());
        binding.content("client_cert", client_cert.as_deref());
        // The certificate determines the key.
        binding.name("client_key", client_key.as_deref());
        binding.value("server_name", server_name.as_ref());
        binding.value("danger_skip_verify", danger_skip_verify.then_some("unverified"));
        binding.trusted_by_environment();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (proxy, told) in [
            ("http://u:hunter2@p:1", "http://p:1"),
            ("u:hunter2@p:1", "http://p:1"),
            ("http://p:1/", "http://p:1"),
            ("http://u:hunter2@", "***"),
        ] {
            assert_eq!(ProxyUrl::new(proxy).without_user(), told);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = VaultConfig::default().with_token("hunter2").with_proxy(ProxyUrl::new("http://u:hunter2@p:1"));
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
