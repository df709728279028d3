//! The environment that `vault` and `bao` know, as settings.

use std::env;

use super::{
    auth::{AppRole, Auth},
    config::{ProxyUrl, VaultConfig, default_token},
    source::SecretSource,
};

/// The variables that [`VaultConfig::from_env`] reads. Each `VAULT_…` has a `BAO_…` that goes before it.
pub mod env_vars {
    /// The address, as `https://HOST:PORT` or `unix:///PATH`.
    pub const ADDR: &str = "VAULT_ADDR";
    /// The token.
    pub const TOKEN: &str = "VAULT_TOKEN";
    /// A file that holds the token.
    pub const TOKEN_FILE: &str = "VAULT_TOKEN_FILE";
    /// With [`SECRET_ID`], a login by AppRole.
    pub const ROLE_ID: &str = "VAULT_ROLE_ID";
    /// The secret id of an AppRole.
    pub const SECRET_ID: &str = "VAULT_SECRET_ID";
    /// The namespace.
    pub const NAMESPACE: &str = "VAULT_NAMESPACE";
    /// A file of certificates to trust.
    pub const CACERT: &str = "VAULT_CACERT";
    /// A folder of such files.
    pub const CAPATH: &str = "VAULT_CAPATH";
    /// The client's certificate.
    pub const CLIENT_CERT: &str = "VAULT_CLIENT_CERT";
    /// Its key.
    pub const CLIENT_KEY: &str = "VAULT_CLIENT_KEY";
    /// The name that the server's certificate must have.
    pub const TLS_SERVER_NAME: &str = "VAULT_TLS_SERVER_NAME";
    /// A proxy.
    pub const PROXY_ADDR: &str = "VAULT_PROXY_ADDR";
    /// An older name of the same.
    pub const HTTP_PROXY: &str = "VAULT_HTTP_PROXY";
    /// Read to say that it is not followed: a variable must not turn verification off by the way.
    pub const SKIP_VERIFY: &str = "VAULT_SKIP_VERIFY";
    /// Turns verification off, if it is `1`.
    pub const DANGER_SKIP_VERIFY: &str = "S1CRETS_VAULT_DANGER_SKIP_VERIFY";
}

impl VaultConfig {
    /// The settings that the [variables](env_vars) name; empty ones count as missing.
    ///
    /// The login is the token of `VAULT_TOKEN`, else that of the file that `VAULT_TOKEN_FILE` names, else AppRole by
    /// `VAULT_ROLE_ID` and `VAULT_SECRET_ID`, else the token of `~/.vault-token`. Without a `VAULT_PROXY_ADDR` the
    /// proxy is that of `HTTPS_PROXY` or `HTTP_PROXY`, by the address's scheme, unless `NO_PROXY` names the host.
    pub fn from_env() -> Self {
        Self::by(|name| env::var(name).ok())
    }

    pub(crate) fn by(raw: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name: &str| {
            let raw = |name: &str| raw(name).filter(|value| !value.trim().is_empty());
            let ours = name.strip_prefix("VAULT_").and_then(|rest| raw(&format!("BAO_{rest}")));
            ours.or_else(|| raw(name))
        };
        let mut config = Self { auth: login(&var), ..Self::default() };
        if let Some(address) = var(env_vars::ADDR) {
            config.address = address;
        }
        config.namespace = var(env_vars::NAMESPACE);
        config.tls.ca_file = var(env_vars::CACERT).map(Into::into);
        config.tls.ca_path = var(env_vars::CAPATH).map(Into::into);
        config.tls.client_cert = var(env_vars::CLIENT_CERT).map(Into::into);
        config.tls.client_key = var(env_vars::CLIENT_KEY).map(Into::into);
        config.tls.server_name = var(env_vars::TLS_SERVER_NAME);
        config.tls.danger_skip_verify = var(env_vars::DANGER_SKIP_VERIFY).is_some_and(|value| value.trim() == "1");
        if var(env_vars::SKIP_VERIFY).is_some() && !config.tls.danger_skip_verify {
            tracing::warn!("VAULT_SKIP_VERIFY is not followed: certificates are verified");
        }
        config.proxy = proxy(&config.address, &var);
        config
    }
}

fn login(var: &impl Fn(&str) -> Option<String>) -> Auth {
    if let Some(token) = var(env_vars::TOKEN) {
        return Auth::Token(SecretSource::given(token));
    }
    if let Some(file) = var(env_vars::TOKEN_FILE) {
        return Auth::Token(SecretSource::file(file));
    }
    match (var(env_vars::ROLE_ID), var(env_vars::SECRET_ID)) {
        (Some(role), Some(secret)) => Auth::AppRole(AppRole::new(role, SecretSource::given(secret))),
        _ => Auth::Token(default_token()),
    }
}

fn proxy(address: &str, var: &impl Fn(&str) -> Option<String>) -> Option<ProxyUrl> {
    if let Some(named) = var(env_vars::PROXY_ADDR).or_else(|| var(env_vars::HTTP_PROXY)) {
        return Some(ProxyUrl::new(named));
    }
    let (scheme, rest) = address.split_once("://")?;
    let names = match scheme {
        "https" => ["HTTPS_PROXY", "https_proxy"],
        "http" => ["http_proxy", "HTTP_PROXY"],
        _ => return None,
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let spared = var("NO_PROXY").or_else(|| var("no_proxy")).unwrap_or_default();
    let named = names.iter().find_map(|name| var(name)).filter(|_| !is_spared(host, &spared));
    named.map(ProxyUrl::new)
}

/// Whether a `NO_PROXY` list names the host, or a domain that it lies in. The host itself is never proxied to.
fn is_spared(host: &str, list: &str) -> bool {
    if host == "localhost" || host.starts_with("127.") {
        return true;
    }
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let domain = entry.trim_start_matches('.');
        let below = host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        entry == "*" || below
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> VaultConfig {
        VaultConfig::by(|name| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn bao_goes_before_vault_and_empty_is_missing() {
        let config = config(&[("VAULT_ADDR", "http://v"), ("BAO_ADDR", "http://b"), ("BAO_NAMESPACE", " ")]);
        assert_eq!((config.address.as_str(), config.namespace), ("http://b", None));
    }

    #[test]
    fn the_login_is_the_first_that_is_named() {
        let shown = |vars: &[(&str, &str)]| format!("{:?}", config(vars).auth);
        let role = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "hunter2")];
        assert!(shown(&role).starts_with("AppRole"), "{}", shown(&role));
        assert!(shown(&[role[0], ("VAULT_SECRET_ID", "")]).contains(".vault-token"));
        assert_eq!(shown(&[role[0], role[1], ("VAULT_TOKEN_FILE", "/x")]), "Token(File(\"/x\"))");
        assert_eq!(shown(&[("VAULT_TOKEN_FILE", "/x"), ("VAULT_TOKEN", "hunter2")]), "Token(Given([redacted]))");
    }

    #[test]
    fn verification_is_turned_off_by_the_dangerous_name_alone() {
        for value in ["1", "true", "no", ""] {
            assert!(!config(&[("VAULT_SKIP_VERIFY", value)]).tls.danger_skip_verify);
        }
        assert!(config(&[(env_vars::DANGER_SKIP_VERIFY, "1")]).tls.danger_skip_verify);
        assert!(!config(&[(env_vars::DANGER_SKIP_VERIFY, "no")]).tls.danger_skip_verify);
    }

    #[test]
    fn proxies_are_spared_the_hosts_that_no_proxy_names() {
        let proxied = |address, spared| {
            config(&[("VAULT_ADDR", address), ("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", spared)]).proxy.is_some()
        };
        assert!(proxied("https://vault.corp:8200", ""));
        assert!(!proxied("http://vault.corp:8200", ""));
        assert!(!proxied("https://vault.corp:8200", "x,.corp"));
        assert!(!proxied("https://vault.corp", "corp"));
        assert!(proxied("https://vaultcorp", "corp"));
        assert!(!proxied("https://127.0.0.1:8200", ""));
    }
}
