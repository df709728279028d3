//! The environment variables of the commands `vault` and `bao`, as settings of a connection.

use std::{env, path::Path};

use zeroize::Zeroizing;

use super::{
    auth::{AppRole, Auth},
    config::{VaultConfig, default_token_file},
    login_settings::NO_TOKEN,
    settings::VaultSettings,
    source::SecretSource,
};
use crate::{
    config::{CredentialSource, Origin, Sourced},
    error::Error,
    fs::plain_file,
    transport::{Address, NoProxy},
};

/// The variables that [`VaultConfig::from_env`] reads. For each
/// `VAULT_…` there is a `BAO_…` that wins over it.
pub mod env_vars {
    /// The address, as `https://HOST:PORT` or `unix:///PATH`.
    pub const ADDR: &str = "VAULT_ADDR";
    /// The address of an agent or proxy, which wins over [`ADDR`].
    pub const AGENT_ADDR: &str = "VAULT_AGENT_ADDR";
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
    /// Such certificates themselves, in PEM, where `VAULT_CACERT` is not set.
    pub const CACERT_BYTES: &str = "VAULT_CACERT_BYTES";
    /// A folder of such files.
    pub const CAPATH: &str = "VAULT_CAPATH";
    /// The client's certificate.
    pub const CLIENT_CERT: &str = "VAULT_CLIENT_CERT";
    /// The key of the client's certificate.
    pub const CLIENT_KEY: &str = "VAULT_CLIENT_KEY";
    /// The name that the server's certificate must have.
    pub const TLS_SERVER_NAME: &str = "VAULT_TLS_SERVER_NAME";
    /// A proxy.
    pub const PROXY_ADDR: &str = "VAULT_PROXY_ADDR";
    /// An older name of `VAULT_PROXY_ADDR`.
    pub const HTTP_PROXY: &str = "VAULT_HTTP_PROXY";
    /// The timeout of one attempt: a number of seconds, or text such as `1m30s`. A timeout of
    /// s1crets's own settings wins over it.
    pub const CLIENT_TIMEOUT: &str = "VAULT_CLIENT_TIMEOUT";
    /// Attempts after the first one. A number of attempts in s1crets's own settings wins over it.
    pub const MAX_RETRIES: &str = "VAULT_MAX_RETRIES";
    /// Ignored, with a warning: verification is not turned off by a variable of another tool.
    pub const SKIP_VERIFY: &str = "VAULT_SKIP_VERIFY";
    /// Turns off the verification of certificates if it is `1`.
    pub const DANGER_SKIP_VERIFY: &str = "S1CRETS_VAULT_DANGER_SKIP_VERIFY";
}

/// The environment, by a look-up that tests replace.
pub(super) struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

/// The environment variables that say where a Vault provider connects and as whom.
pub(crate) const VARIABLES: &[&str] = &[
    env_vars::ADDR,
    env_vars::AGENT_ADDR,
    env_vars::TOKEN,
    env_vars::TOKEN_FILE,
    env_vars::ROLE_ID,
    env_vars::SECRET_ID,
    env_vars::NAMESPACE,
    env_vars::CACERT,
    env_vars::CACERT_BYTES,
    env_vars::CAPATH,
    env_vars::CLIENT_CERT,
    env_vars::CLIENT_KEY,
    env_vars::TLS_SERVER_NAME,
    env_vars::PROXY_ADDR,
    env_vars::HTTP_PROXY,
    env_vars::CLIENT_TIMEOUT,
    env_vars::MAX_RETRIES,
    env_vars::SKIP_VERIFY,
    env_vars::DANGER_SKIP_VERIFY,
    "BAO_ADDR",
    "BAO_AGENT_ADDR",
    "BAO_TOKEN",
    "BAO_TOKEN_FILE",
    "BAO_ROLE_ID",
    "BAO_SECRET_ID",
    "BAO_NAMESPACE",
    "BAO_CACERT",
    "BAO_CACERT_BYTES",
    "BAO_CAPATH",
    "BAO_CLIENT_CERT",
    "BAO_CLIENT_KEY",
    "BAO_TLS_SERVER_NAME",
    "BAO_PROXY_ADDR",
    "BAO_HTTP_PROXY",
    "BAO_CLIENT_TIMEOUT",
    "BAO_MAX_RETRIES",
    "BAO_SKIP_VERIFY",
];

impl VaultConfig {
    /// The settings that the [variables](env_vars) name. Empty ones count as missing, and blanks
    /// and line ends around a value are dropped. A malformed one is an error of
    /// [`Vault::new`](super::Vault::new).
    ///
    /// The login is the token of `VAULT_TOKEN`, else that of the file that `VAULT_TOKEN_FILE`
    /// names, else AppRole by `VAULT_ROLE_ID` and `VAULT_SECRET_ID`, which need each other, else the
    /// token of `~/.vault-token`. With `VAULT_AGENT_ADDR`, which wins over `VAULT_ADDR`, it is none if there
    /// is no such file, or it is empty: see [`Auth::None`]. Without a `VAULT_PROXY_ADDR` the proxy is that of
    /// `HTTPS_PROXY` or `HTTP_PROXY`, by the address's scheme, unless the server is on this machine
    /// or `NO_PROXY` names it.
    pub fn from_env() -> Self {
        VaultSettings::default().resolve(&Environment::process()).into_config()
    }
}

impl<'a> Environment<'a> {
    /// The environment of this process.
    pub(super) fn process() -> Self {
        // What is no Unicode is no value of a variable, and malformed rather than missing.
        Self(&|name| {
            let value = env::var_os(name)?.into_string();
            Some(value.unwrap_or_else(|value| value.to_string_lossy().into_owned()))
        })
    }

    #[cfg(any(test, all(feature = "disk-cache", unix)))]
    pub(super) fn of(raw: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(raw)
    }

    /// The value of a variable without blanks and line ends around it, and which form of it was set.
    /// A blank value counts as missing, as CI systems set variables so.
    pub(super) fn get(&self, name: &'static str) -> Option<Sourced<String>> {
        self.secret(name).map(|found| found.map(|value| (*value).clone()))
    }

    /// As [`get`](Self::get), for a value that is wiped.
    pub(super) fn secret(&self, name: &'static str) -> Option<Sourced<Zeroizing<String>>> {
        let bao = name
            .strip_prefix("VAULT_")
            .and_then(|rest| VARIABLES.iter().copied().find(|it| it.strip_prefix("BAO_") == Some(rest)));
        bao.into_iter().chain([name]).find_map(|name| {
            let raw = Zeroizing::new((self.0)(name)?);
            let value = Zeroizing::new(raw.trim().to_owned());
            (!value.is_empty()).then(|| Sourced::new(value, Origin::Variable(name)))
        })
    }

    /// The server's address. An agent's goes first, as in `vault` and `bao`.
    pub(super) fn address(&self) -> Option<Sourced<String>> {
        self.get(env_vars::AGENT_ADDR).or_else(|| self.get(env_vars::ADDR))
    }

    /// Whether the environment is about the server at this address: it names that one, or none.
    pub(super) fn is_about(&self, address: &str) -> bool {
        let mut named = [env_vars::AGENT_ADDR, env_vars::ADDR].into_iter().filter_map(|name| self.get(name)).peekable();
        named.peek().is_none() || named.any(|it| Address::are_same(&it.value, address))
    }

    /// The login that the environment names for the server at this address, and its description.
    pub(super) fn login(&self, address: &str) -> (Auth, CredentialSource) {
        if let Some(token) = self.secret(env_vars::TOKEN) {
            let described = CredentialSource::new(format!("token from {}", variable(&token.origin)), token.origin);
            return (Auth::Token(SecretSource::wiped(token.value)), described);
        }
        if let Some(file) = self.get(env_vars::TOKEN_FILE) {
            let path = crate::fs::home::expand(file.value.as_ref());
            let described = CredentialSource::new(format!("token from file {}", path.display()), file.origin);
            return (Auth::Token(SecretSource::file(path)), described);
        }
        if let (Some(role), Some(secret)) = (self.get(env_vars::ROLE_ID), self.secret(env_vars::SECRET_ID)) {
            let text = format!("approle role {} with secret id from {}", role.value, variable(&secret.origin));
            let login = AppRole::new(role.value, SecretSource::wiped(secret.value));
            return (Auth::AppRole(login), CredentialSource::new(text, role.origin));
        }
        let file = default_token_file();
        // Where `vault` and `bao` find no token, they send none: an agent may add its own.
        let agent = self.get(env_vars::AGENT_ADDR).filter(|agent| Address::are_same(&agent.value, address));
        if let Some(agent) = agent.filter(|_| !may_hold_token(&file)) {
            return (Auth::None, CredentialSource::new(NO_TOKEN, agent.origin));
        }
        let described = CredentialSource::new(format!("token from file {}", file.display()), Origin::Default);
        (Auth::Token(SecretSource::file(file)), described)
    }

    /// The error of an AppRole of which one half is missing, where no token of the environment goes
    /// before it. To fall back to `~/.vault-token` would read as somebody else.
    pub(super) fn half_approle(&self) -> Option<Error> {
        if [env_vars::TOKEN, env_vars::TOKEN_FILE].iter().any(|name| self.get(name).is_some()) {
            return None;
        }
        let (set, missing) = match (self.get(env_vars::ROLE_ID), self.get(env_vars::SECRET_ID)) {
            (Some(role), None) => (variable(&role.origin), env_vars::SECRET_ID),
            (None, Some(secret)) => (variable(&secret.origin), env_vars::ROLE_ID),
            _ => return None,
        };
        let error = Error::config(format!("{set} is set and {missing} is not: a login by AppRole needs both"));
        Some(error.with_hint(format!(
            "set {missing}, or unset {set}; a role without secret ids is named by `auth` in the config file"
        )))
    }

    /// The general proxy for an address: `HTTPS_PROXY` or `HTTP_PROXY`, unless `NO_PROXY` spares its
    /// server.
    pub(super) fn general_proxy(&self, address: &str) -> Option<Sourced<String>> {
        let names: &[&'static str] = match address.split_once("://")?.0.to_ascii_lowercase().as_str() {
            "https" => &["HTTPS_PROXY", "https_proxy"],
            // Under CGI the client of the web server sets HTTP_PROXY, by a header `Proxy`.
            "http" if self.get("REQUEST_METHOD").is_some() => &["http_proxy"],
            "http" => &["http_proxy", "HTTP_PROXY"],
            _ => return None,
        };
        let spares = || NoProxy::from_variables(self.0).spares(address);
        names.iter().find_map(|name| self.get(name)).filter(|_| !spares())
    }
}

/// Whether a token file holds anything. One that can't be read may.
fn may_hold_token(file: &Path) -> bool {
    match plain_file::read(file) {
        Ok((_, bytes)) => !bytes.trim_ascii().is_empty(),
        Err(_) => file.exists(),
    }
}

fn variable(origin: &Origin) -> &'static str {
    if let Origin::Variable(name) = origin { name } else { "the environment" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> VaultConfig {
        let raw = |name: &str| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        VaultSettings::default().resolve(&Environment::of(&raw)).into_config()
    }

    #[test]
    fn bao_goes_before_vault_and_empty_is_missing() {
        let config = config(&[("VAULT_ADDR", "http://v"), ("BAO_ADDR", "http://b"), ("BAO_NAMESPACE", " ")]);
        assert_eq!((config.address.as_str(), config.namespace), ("http://b", None));
    }

    #[test]
    fn every_variable_is_trimmed_and_a_blank_one_is_unset() {
        let shown = |name: &str, value: &str| {
            let config = config(&[("VAULT_SECRET_ID", "s"), (name, value)]);
            format!("{config:?} {:?}", config.environment)
        };
        let unset = shown("NO_SUCH_VARIABLE", "");
        for name in VARIABLES.iter().chain(&["HTTPS_PROXY", "https_proxy"]) {
            for blank in ["", " ", "\r\n", "\t \n"] {
                assert_eq!(shown(name, blank), unset, "{name}={blank:?}");
            }
            for value in ["1", "https://x", "60s"] {
                assert_eq!(shown(name, &format!(" {value}\r\n")), shown(name, value), "{name}={value}");
            }
        }
    }

    #[test]
    fn the_proxy_of_a_web_servers_client_is_not_obeyed() {
        let vars = [("VAULT_ADDR", "http://vault"), ("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")];
        assert!(config(&vars).proxy.is_none());
        assert!(config(&vars[..2]).proxy.is_some());
    }

    #[test]
    fn an_agent_is_asked_before_the_server_and_adds_its_own_token() {
        for variable in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
            let vars = [(variable, "unix:///run/agent.sock"), ("BAO_ADDR", "http://b"), ("VAULT_ADDR", "http://v")];
            assert_eq!(config(&vars).address, "unix:///run/agent.sock", "{variable}");
            let given = config(&[vars[0], ("VAULT_TOKEN", "hunter2")]);
            assert_eq!(format!("{:?}", given.auth), "Token(Given([redacted]))", "{variable}");
        }
        let both = config(&[("VAULT_AGENT_ADDR", "http://v"), ("BAO_AGENT_ADDR", "http://b")]);
        assert_eq!(both.address, "http://b");
        assert_eq!(config(&[("VAULT_AGENT_ADDR", " "), ("VAULT_ADDR", "http://v")]).address, "http://v");
    }

    #[test]
    fn the_login_is_the_first_that_is_named() {
        let shown = |vars: &[(&str, &str)]| format!("{:?}", config(vars).auth);
        let role = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "hunter2")];
        assert!(shown(&role).starts_with("AppRole"), "{}", shown(&role));
        assert_eq!(shown(&[role[0], role[1], ("VAULT_TOKEN_FILE", "/x")]), "Token(File(\"/x\"))");
        assert_eq!(shown(&[("VAULT_TOKEN_FILE", "/x"), ("VAULT_TOKEN", "hunter2")]), "Token(Given([redacted]))");
    }

    #[test]
    fn half_an_approle_is_a_mistake_that_names_the_other_half() {
        let malformed = |vars: &[(&str, &str)]| config(vars).environment.malformed.map(|it| it.message().to_owned());
        let starts = |vars: &[(&str, &str)], start: &str| {
            let told = malformed(vars).unwrap_or_default();
            assert!(told.starts_with(start), "{vars:?}: {told}");
        };
        let [role, secret] = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "hunter2")];
        starts(&[role, ("VAULT_TOKEN", "")], "VAULT_ROLE_ID is set and VAULT_SECRET_ID is not");
        starts(&[("BAO_ROLE_ID", "r"), ("VAULT_SECRET_ID", " ")], "BAO_ROLE_ID is set and VAULT_SECRET_ID is not");
        starts(&[secret], "VAULT_SECRET_ID is set and VAULT_ROLE_ID is not");
        for sound in [&[role, secret][..], &[role, ("VAULT_TOKEN", "t")], &[role, ("VAULT_TOKEN_FILE", "/x")], &[]] {
            assert_eq!(malformed(sound), None, "{sound:?}");
        }
    }

    #[test]
    fn retries_and_timeout_are_shown_with_their_variable() {
        let raw = |name: &str| match name {
            "VAULT_MAX_RETRIES" => Some("4".to_owned()),
            "BAO_CLIENT_TIMEOUT" => Some("90".to_owned()),
            _ => None,
        };
        let connection = VaultSettings::default().resolve(&Environment::of(&raw)).into_connection();
        let shown = |key: &str| {
            let setting = connection.settings.iter().find(|it| it.key().ends_with(key)).expect("recorded");
            (setting.json(), setting.origin().clone())
        };
        assert_eq!(shown("retry"), ("5".to_owned(), Origin::Variable("VAULT_MAX_RETRIES")));
        assert_eq!(shown("timeout"), ("\"1m 30s\"".to_owned(), Origin::Variable("BAO_CLIENT_TIMEOUT")));
    }

    #[test]
    fn an_empty_token_file_holds_no_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        assert!(!may_hold_token(&file));
        for (text, holds) in [("", false), (" \n", false), ("t\n", true)] {
            std::fs::write(&file, text).expect("written");
            assert_eq!(may_hold_token(&file), holds, "{text:?}");
        }
        assert!(may_hold_token(folder.path()), "it is there and can't be read");
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
        assert!(!proxied("https://[::1]:8200", ""));
        assert!(proxied("https://[fd00::7]:8200", ""));
        assert!(!proxied("https://[fd00::7]:8200", "fd00::/8"));
        assert!(!proxied("https://vault.corp:8200", "vault.corp:8200"));
        assert!(proxied("https://vault.corp", "vault.corp:8200"));
    }
}
