//! Which settings of a connection are in force, out of the config file, the environment and the
//! defaults.
//!
//! The default connection is the instance `vault.kv`. *Where* it asks is decided by the environment
//! before the file, *as whom* by the file before the environment. A named instance keeps its own
//! settings. What it leaves open comes from the environment only if the environment is about the
//! same server: a token, a certificate authority or a proxy of one server is never used for
//! another. The table in docs/providers.md has every setting.

use std::path::PathBuf;

use super::{
    config::{DEFAULT_ADDRESS, VaultConfig},
    connection::Vault,
    env::{Environment, env_vars},
    settings::VaultSettings,
};
use crate::{
    config::{Connection, CredentialSource, Origin, ProviderSettings, Sourced, join},
    error::{Error, ErrorKind, Result},
    fs::home,
    retry::RetryPolicy,
    transport::{Address, ProxyUrl},
};

/// The instance that the environment decides for.
pub(super) const DEFAULT_INSTANCE: &str = "vault.kv";

/// The settings that are resolved here.
const DECIDED: [&str; 9] = [
    "address",
    "namespace",
    "ca_file",
    "ca_path",
    "client_cert",
    "client_key",
    "server_name",
    "danger_skip_verify",
    "proxy",
];

/// The settings in force, and where each came from.
pub(crate) struct Resolved {
    config: VaultConfig,
    connection: Connection,
    /// What is set and not followed.
    ignored: Vec<String>,
}

/// Two settings that make sense together alone.
type Pair = [Option<Sourced<PathBuf>>; 2];

struct Resolver<'a> {
    settings: &'a VaultSettings,
    environment: &'a Environment<'a>,
    /// Whether the environment goes before the file.
    is_default: bool,
    /// Whether the environment is about the server of this connection.
    applies: bool,
    resolved: Resolved,
}

impl VaultSettings {
    /// The connection by these settings and the environment of this process.
    ///
    /// # Errors
    /// `Unauthenticated` if there is nothing to log in with, `Config` if a setting is malformed.
    pub(crate) fn connect(&self) -> Result<Vault> {
        let resolved = self.resolve(&Environment::process());
        if resolved.connection.credential.is_none() {
            return Err(no_login(&self.table.name));
        }
        for ignored in &resolved.ignored {
            tracing::warn!(target: "s1crets::tls", "{ignored}");
        }
        Vault::new(resolved.config)
    }

    /// The same, told without connecting.
    pub(crate) fn connection(&self) -> Connection {
        self.resolve(&Environment::process()).into_connection()
    }

    /// The settings in force under an environment. Nothing if there is nothing to log in with.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn in_force(&self, variable: &dyn Fn(&str) -> Option<String>) -> Option<VaultConfig> {
        let resolved = self.resolve(&Environment::of(variable));
        resolved.connection.credential.is_some().then_some(resolved.config)
    }

    pub(super) fn resolve(&self, environment: &Environment<'_>) -> Resolved {
        let connection = Connection::new(&self.table, &DECIDED);
        let resolved = Resolved { config: VaultConfig::default(), connection, ignored: Vec::new() };
        let is_default = self.table.name == DEFAULT_INSTANCE;
        let mut resolver = Resolver { settings: self, environment, is_default, applies: is_default, resolved };
        resolver.run();
        resolver.resolved
    }
}

impl Resolver<'_> {
    fn run(&mut self) {
        let address = self.address();
        let own = &self.settings.table.settings;
        self.applies |= own.address.is_none() || Address::are_same(&self.environments_address(), &address.value);
        self.resolved.config.namespace = self.text("namespace", &own.namespace, env_vars::NAMESPACE);
        let [ca_file, ca_path] =
            self.pair(["ca_file", "ca_path"], [&own.ca_file, &own.ca_path], [env_vars::CACERT, env_vars::CAPATH]);
        let [client_cert, client_key] = self.pair(
            ["client_cert", "client_key"],
            [&own.client_cert, &own.client_key],
            [env_vars::CLIENT_CERT, env_vars::CLIENT_KEY],
        );
        let server_name = self.text("server_name", &own.server_name, env_vars::TLS_SERVER_NAME);
        let danger_skip_verify = self.skip_verify(&address);
        let tls = &mut self.resolved.config.tls;
        (tls.ca_file, tls.ca_path) = (ca_file, ca_path);
        (tls.client_cert, tls.client_key) = (client_cert, client_key);
        (tls.server_name, tls.danger_skip_verify) = (server_name, danger_skip_verify);
        self.resolved.config.proxy = self.proxy(&address);
        self.resolved.config.address = address.value;
        self.auth();
        self.retry_policy(own);
    }

    fn address(&mut self) -> Sourced<String> {
        let table = &self.settings.table;
        let own = table.sourced("address", &table.settings.address);
        let chosen = self.first(own, self.environment.get(env_vars::ADDR));
        let address = chosen.unwrap_or_else(|| Sourced::new(DEFAULT_ADDRESS.to_owned(), Origin::Default));
        // What is no address may be anything, also a password.
        let shown = if Address::parse(&address.value).is_ok() { &address.value } else { "***" };
        self.record("address", shown, &address.origin);
        address
    }

    fn environments_address(&self) -> String {
        self.environment.get(env_vars::ADDR).map_or_else(|| DEFAULT_ADDRESS.to_owned(), |address| address.value)
    }

    fn text(&mut self, key: &str, own: &Option<String>, variable: &'static str) -> Option<String> {
        let chosen = self.first(self.settings.table.sourced(key, own), self.variable(variable))?;
        self.record(key, chosen.value.as_str(), &chosen.origin);
        Some(chosen.value)
    }

    /// Of a pair one side is never taken from the file and the other from the environment.
    fn pair(
        &mut self,
        keys: [&str; 2],
        own: [&Option<PathBuf>; 2],
        variables: [&'static str; 2],
    ) -> [Option<PathBuf>; 2] {
        let table = &self.settings.table;
        let own: Pair = [0, 1].map(|at| table.sourced(keys[at], own[at]));
        let named: Pair =
            variables.map(|name| self.variable(name).map(|it| it.map(|path| home::expand(path.as_ref()))));
        let is_set = |pair: &Pair| pair.iter().any(Option::is_some);
        let is_code = own.iter().flatten().any(|it| it.origin == Origin::Code);
        let chosen = match self.is_default && !is_code {
            true if is_set(&named) => named,
            false if !is_set(&own) => named,
            _ => own,
        };
        for (key, side) in keys.iter().zip(&chosen) {
            if let Some(Sourced { value, origin }) = side {
                self.record(key, value.to_string_lossy().as_ref(), origin);
            }
        }
        chosen.map(|side| side.map(|side| side.value))
    }

    /// The file can turn verification off for the address that it names, and for no other.
    fn skip_verify(&mut self, address: &Sourced<String>) -> bool {
        let table = &self.settings.table;
        let is_own = table.settings.address.as_deref().is_some_and(|own| Address::are_same(own, &address.value));
        // A profile's address is another server than the one that the file itself makes the exception for.
        let is_beside = |own: &Sourced<bool>| {
            let is_profile = |origin: &Origin| matches!(origin, Origin::Profile(..));
            is_own && (is_profile(&own.origin) || !is_profile(&table.origin("address")))
        };
        let (followed, ignored) = match table.sourced("danger_skip_verify", &table.settings.danger_skip_verify) {
            Some(own) if own.value && !is_beside(&own) => (None, Some(own)),
            own => (own, None),
        };
        let variable = self.variable(env_vars::DANGER_SKIP_VERIFY).map(|it| it.map(|value| value.trim() == "1"));
        let chosen = self.first(followed, variable);
        let skips = chosen.as_ref().is_some_and(|chosen| chosen.value);
        if let Some(ignored) = ignored.filter(|_| !skips) {
            self.ignore(format!(
                "`danger_skip_verify` ({}) is not followed: it holds for an `address` beside it, not for the one in force",
                ignored.origin
            ));
            self.record("danger_skip_verify", false, &address.origin);
        }
        if let Some(chosen) = chosen {
            self.record("danger_skip_verify", chosen.value, &chosen.origin);
        }
        if self.variable(env_vars::SKIP_VERIFY).is_some() && !skips {
            self.ignore("VAULT_SKIP_VERIFY is not followed: certificates are verified".to_owned());
        }
        skips
    }

    fn proxy(&mut self, address: &Sourced<String>) -> Option<ProxyUrl> {
        let own = self.settings.table.sourced("proxy", &self.settings.proxy);
        let named = self.variable(env_vars::PROXY_ADDR).or_else(|| self.variable(env_vars::HTTP_PROXY));
        let chosen = self.first(own, named.map(|it| it.map(ProxyUrl::new)));
        let general = || {
            // Those for everything are not for an address that only the file names.
            let is_environments = Address::are_same(&self.environments_address(), &address.value);
            let general = is_environments.then(|| self.environment.general_proxy(&address.value)).flatten()?;
            Some(general.map(ProxyUrl::new))
        };
        let Sourced { value, origin } = chosen.or_else(general)?;
        self.record("proxy", value.without_user(), &origin);
        Some(value)
    }

    /// As whom: the file's word goes before any credential of the environment.
    fn auth(&mut self) {
        let table = &self.settings.table;
        let (auth, described) = match (&self.settings.auth, &table.settings.auth) {
            (Some(auth), Some(settings)) => {
                (auth.clone(), CredentialSource::new(settings.description(), table.origin("auth.method")))
            }
            _ if self.applies => self.environment.login(),
            _ => return,
        };
        self.resolved.config.auth = auth;
        self.resolved.connection.credential = Some(described);
    }

    fn retry_policy(&mut self, own: &ProviderSettings) {
        let config = &mut self.resolved.config;
        config.retry_policy = RetryPolicy::from_settings(own.retry, own.timeout);
        config.revoke_at_shutdown = own.revoke_at_shutdown.unwrap_or(config.revoke_at_shutdown);
    }

    /// A variable, if the environment is about this connection's server.
    fn variable(&self, name: &'static str) -> Option<Sourced<String>> {
        self.environment.get(name).filter(|_| self.applies)
    }

    /// The one that goes first: for the default connection the environment's, unless code made the
    /// setting.
    fn first<T>(&self, own: Option<Sourced<T>>, variable: Option<Sourced<T>>) -> Option<Sourced<T>> {
        let is_code = own.as_ref().is_some_and(|own| own.origin == Origin::Code);
        if self.is_default && !is_code { variable.or(own) } else { own.or(variable) }
    }

    fn record(&mut self, key: &str, value: impl Into<serde_json::Value>, origin: &Origin) {
        let setting = self.settings.table.setting(key, value, origin);
        self.resolved.connection.record(setting);
    }

    fn ignore(&mut self, text: String) {
        self.resolved.ignored.push(text);
    }
}

impl Resolved {
    pub(super) fn into_config(self) -> VaultConfig {
        self.config
    }

    pub(super) fn into_connection(self) -> Connection {
        let mut connection = self.connection;
        connection.warnings = self.config.unverified().into_iter().chain(self.ignored).collect();
        connection
    }
}

/// A named instance whose address is not the environment's gets none of the environment's
/// credentials.
fn no_login(name: &str) -> Error {
    let table = join("providers", name);
    let message = format!(
        "[{table}] has an `address` and no `auth`: credentials of the environment are not sent to an address that is \
         not the environment's"
    );
    Error::new(ErrorKind::Unauthenticated, message).with_hint(format!(
        "set `auth` in [{table}], such as auth = {{ method = \"token\", env = \"VAULT_TOKEN\" }}, or set VAULT_ADDR to its \
         address"
    ))
}
