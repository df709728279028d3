//! [`VaultConfig`]: the settings of a Vault connection in code.

use std::{fmt, num::NonZeroU32, path::PathBuf, time::Duration};

use super::{auth::Auth, source::SecretSource};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Error,
    retry::RetryPolicy,
    transport::{Address, ProxyUrl, ServerConfig, TlsConfig},
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
#[derive(Clone)]
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
    /// Attempts, timeout and backoff of every call, logins included, unless a request sets its own.
    pub retry_policy: RetryPolicy,
    /// Whether [`shutdown`](super::Vault::shutdown) revokes the token that a login got. A token that was given is
    /// never revoked. Default: no.
    pub revoke_at_shutdown: bool,
    /// What the environment's variables said beside these settings.
    pub(super) environment: EnvironmentNotes,
}

/// What was found in the environment while its variables were read.
#[derive(Clone, Debug, Default)]
pub(super) struct EnvironmentNotes {
    /// The error of the first malformed variable. No connection is opened with it.
    pub(super) malformed: Option<Error>,
    /// The variable that is set to turn verification off, and is not followed.
    pub(super) ignored_skip_verify: Option<&'static str>,
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            address: DEFAULT_ADDRESS.to_owned(),
            namespace: None,
            auth: Auth::Token(SecretSource::file(default_token_file())),
            tls: TlsConfig::default(),
            proxy: None,
            retry_policy: RetryPolicy::default(),
            revoke_at_shutdown: false,
            environment: EnvironmentNotes::default(),
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

    /// Sets attempts, timeout and backoff of every call.
    #[must_use]
    pub fn with_retry_policy(self, retry_policy: RetryPolicy) -> Self {
        Self { retry_policy, ..self }
    }

    /// Sets the number of attempts in total, the first one included. Default: 3.
    #[must_use]
    pub fn with_retry(self, attempts: NonZeroU32) -> Self {
        Self { retry_policy: self.retry_policy.with_attempts(attempts), ..self }
    }

    /// Sets the timeout of one attempt, to connect and again to receive. Default: 5 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { retry_policy: self.retry_policy.with_timeout(timeout), ..self }
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
        let by_tls = Address::parse(&self.address)
            .is_ok_and(|address| ServerConfig::presents_certificates(&address, self.proxy.as_ref()));
        (self.tls.danger_skip_verify && by_tls).then(|| {
            format!(
                "certificates of Vault are NOT verified at {}: whoever is in between can read every secret",
                self.address
            )
        })
    }
}

/// An address that is none is not shown: it may be anything, even a password, or hold one.
impl fmt::Debug for VaultConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, namespace, auth, tls, proxy, retry_policy, revoke_at_shutdown, environment: _ } = self;
        let address = if Address::parse(address).is_ok() { address } else { "[not an address]" };
        f.debug_struct("VaultConfig")
            .field("address", &address)
            .field("namespace", namespace)
            .field("auth", auth)
            .field("tls", tls)
            .field("proxy", proxy)
            .field("retry_policy", retry_policy)
            .field("revoke_at_shutdown", revoke_at_shutdown)
            .finish()
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl VaultConfig {
    /// Binds disk cache entries to everything that decides where the connection leads, and as whom.
    /// A new field has to be listed here to compile.
    pub(crate) fn bind(&self, binding: &mut Binding<'_>) {
        let Self { address, namespace, auth, tls, proxy, retry_policy: _, revoke_at_shutdown: _, environment: _ } =
            self;
        binding.value("address", Some(address));
        binding.value("namespace", namespace.as_ref());
        binding.value("proxy", proxy.as_ref().map(ProxyUrl::as_str));
        tls.bind(binding);
        auth.bind(binding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let config = VaultConfig::default().with_token("hunter2").with_proxy(ProxyUrl::new("http://u:hunter2@p:1"));
        for config in [config, VaultConfig::new("https://me:hunter2@vault"), VaultConfig::new("hunter2")] {
            let shown = format!("{config:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
