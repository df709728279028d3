//! Resolves the settings of a Vault connection: config file, environment and defaults, with
//! origins.
//!
//! For the default connection, the environment wins over the file on *where* to connect, and the
//! file over the environment on *as whom*. An address that code sets wins over both; it takes from
//! the environment only what that has for the same server, or for none that it names. A connection of another table in `[connections]` takes
//! nothing from the environment. A provider other than `vault.kv` with a connection of its own
//! keeps its settings, and fills the gaps from the environment only if that is about the same
//! server.
//!
//! Invariant: a token, certificate authority, namespace or proxy of one server is never used for
//! another. The table in docs/config.md has every setting.

use std::path::PathBuf;

use super::{
    config::{DEFAULT_ADDRESS, VaultConfig},
    connection::Vault,
    env::{Environment, env_vars},
    error::parse_address,
    settings::{ConnectionRole, ConnectionSettings, VaultSettings},
    variables,
};
use crate::{
    config::{Connection, CredentialSource, Origin, Sourced},
    error::{Error, ErrorKind, Result},
    fs::home,
    retry::RetryPolicy,
    transport::{Address, ProxyUrl},
};

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

/// The settings in force, and the origin of each.
pub(crate) struct Resolved {
    config: VaultConfig,
    connection: Connection,
    /// Settings that are ignored, each as a warning.
    ignored: Vec<String>,
}

/// Two settings that only make sense together.
type Pair = [Option<Sourced<PathBuf>>; 2];

struct Resolver<'a> {
    settings: &'a VaultSettings,
    environment: &'a Environment<'a>,
    /// Whether the environment wins over the file.
    is_default: bool,
    /// Whether the environment is about the server of this connection, so that it may fill gaps.
    applies: bool,
    resolved: Resolved,
}

impl VaultSettings {
    /// The connection by these settings and the environment of this process, and warnings to be
    /// logged.
    ///
    /// # Errors
    /// `Unauthenticated` if there is nothing to log in with, `Config` if a setting is malformed.
    pub(super) fn connect(&self) -> Result<(Vault, Vec<String>)> {
        let Resolved { config, connection, ignored: mut warnings } = self.resolve(&Environment::process());
        if connection.credential.is_none() {
            return Err(no_login(&self.section.key));
        }
        warnings.extend(config.unverified());
        Ok((Vault::silently(config)?, warnings))
    }

    /// An explanation of the connection, without connecting.
    pub(crate) fn connection(&self) -> Connection {
        self.resolve(&Environment::process()).into_connection()
    }

    /// Binds entries on disk to the connection. `None` if there is nothing to log in with.
    ///
    /// The settings are bound as they are written and as they are in force: one that is ignored now
    /// may be in force later.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn bind(
        &self,
        binding: &mut crate::cache_scope::Binding<'_>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Option<()> {
        let resolved = self.resolve(&Environment::of(variable));
        resolved.connection.credential.is_some().then_some(())?;
        let mut settings = self.section.table.clone();
        ["retry", "timeout", "revoke_at_shutdown"].iter().for_each(|key| settings.remove(&[key]));
        binding.value("connection settings", Some(settings.to_json().to_string()));
        resolved.config.bind(binding);
        Some(())
    }

    pub(super) fn resolve(&self, environment: &Environment<'_>) -> Resolved {
        let connection = Connection::new(&self.section, &DECIDED);
        let resolved = Resolved { config: VaultConfig::default(), connection, ignored: Vec::new() };
        let is_default = self.role == ConnectionRole::Default;
        let mut resolver = Resolver { settings: self, environment, is_default, applies: is_default, resolved };
        resolver.run();
        resolver.resolved
    }
}

impl Resolver<'_> {
    fn run(&mut self) {
        let address = self.address();
        let own = &self.settings.own;
        self.applies |= self.settings.role == ConnectionRole::Inline
            && (own.address.is_none() || Address::are_same(&self.environments_address(), &address.value));
        // Of the default connection, code alone can name another address than the environment.
        if self.is_default && address.origin == Origin::Code {
            self.applies = self.environment.is_about(&address.value);
        }
        self.resolved.config.namespace =
            self.text("namespace", &own.namespace, env_vars::NAMESPACE, variables::check_namespace);
        self.authorities();
        let [client_cert, client_key] = self.pair(
            ["client_cert", "client_key"],
            [&own.client_cert, &own.client_key],
            [env_vars::CLIENT_CERT, env_vars::CLIENT_KEY],
        );
        let server_name = self.text("server_name", &own.server_name, env_vars::TLS_SERVER_NAME, |_| Ok(()));
        let danger_skip_verify = self.skip_verify(&address);
        let tls = &mut self.resolved.config.tls;
        (tls.client_cert, tls.client_key) = (client_cert, client_key);
        (tls.server_name, tls.danger_skip_verify) = (server_name, danger_skip_verify);
        self.resolved.config.proxy = self.proxy(&address);
        self.resolved.config.address = address.value;
        self.auth();
        self.retry_policy();
    }

    fn address(&mut self) -> Sourced<String> {
        let own = self.settings.section.sourced("address", &self.settings.own.address);
        let chosen = self.first(own, self.environment.address());
        let address = chosen.unwrap_or_else(|| Sourced::new(DEFAULT_ADDRESS.to_owned(), Origin::Default));
        self.read(&address, |address| parse_address(address));
        // A malformed address may be anything, even a password.
        let shown = if Address::parse(&address.value).is_ok() { &address.value } else { "***" };
        self.record("address", shown, &address.origin);
        address
    }

    fn environments_address(&self) -> String {
        self.environment.address().map_or_else(|| DEFAULT_ADDRESS.to_owned(), |address| address.value)
    }

    fn text(
        &mut self,
        key: &str,
        own: &Option<String>,
        variable: &'static str,
        check: fn(&str) -> Result<()>,
    ) -> Option<String> {
        let chosen = self.first(self.settings.section.sourced(key, own), self.variable(variable))?;
        self.read(&chosen, |text| check(text));
        self.record(key, chosen.value.as_str(), &chosen.origin);
        Some(chosen.value)
    }

    /// The certificates to trust, which come from the same place: a file and a folder, or the text
    /// that the environment has in place of the file.
    fn authorities(&mut self) {
        const KEYS: [&str; 2] = ["ca_file", "ca_path"];
        let ConnectionSettings { ca_file, ca_path, .. } = &self.settings.own;
        let own = self.own_pair(KEYS, [ca_file, ca_path]);
        let named = [env_vars::CACERT, env_vars::CAPATH].map(|name| self.path(name));
        let text = self.variable(env_vars::CACERT_BYTES).filter(|_| named[0].is_none());
        let by_environment = self.prefers_environment(&own, text.is_some() || named.iter().any(Option::is_some));
        let [ca_file, ca_path] = self.record_pair(KEYS, if by_environment { named } else { own });
        let text = text.filter(|_| by_environment);
        if let Some(text) = &text {
            self.read(text, |text| variables::check_certificates(text));
            self.record("ca_file", format!("{} bytes of PEM", text.value.len()), &text.origin);
        }
        let tls = &mut self.resolved.config.tls;
        (tls.ca_file, tls.ca_pem, tls.ca_path) = (ca_file, text.map(|text| text.value), ca_path);
    }

    /// Both sides of a pair come from the same place: the file or the environment.
    fn pair(
        &mut self,
        keys: [&str; 2],
        own: [&Option<PathBuf>; 2],
        variables: [&'static str; 2],
    ) -> [Option<PathBuf>; 2] {
        let own = self.own_pair(keys, own);
        let named = variables.map(|name| self.path(name));
        let by_environment = self.prefers_environment(&own, named.iter().any(Option::is_some));
        self.record_pair(keys, if by_environment { named } else { own })
    }

    fn own_pair(&self, keys: [&str; 2], own: [&Option<PathBuf>; 2]) -> Pair {
        [0, 1].map(|at| self.settings.section.sourced(keys[at], own[at]))
    }

    /// Whether settings that go together are taken from the environment, which has some of them if
    /// `is_named`.
    fn prefers_environment(&self, own: &Pair, is_named: bool) -> bool {
        let is_code = own.iter().flatten().any(|it| it.origin == Origin::Code);
        match self.is_default && !is_code {
            true => is_named,
            false => own.iter().all(Option::is_none),
        }
    }

    fn record_pair(&mut self, keys: [&str; 2], pair: Pair) -> [Option<PathBuf>; 2] {
        for (key, side) in keys.iter().zip(&pair) {
            if let Some(Sourced { value, origin }) = side {
                self.record(key, value.to_string_lossy().as_ref(), origin);
            }
        }
        pair.map(|side| side.map(|side| side.value))
    }

    /// The file can turn verification off for the address that it names, and for no other.
    fn skip_verify(&mut self, address: &Sourced<String>) -> bool {
        let VaultSettings { section, own: settings, .. } = self.settings;
        let is_own = settings.address.as_deref().is_some_and(|own| Address::are_same(own, &address.value));
        // The file makes the exception for its own address, not for that of a profile.
        let is_beside = |own: &Sourced<bool>| {
            let is_profile = |origin: &Origin| matches!(origin, Origin::Profile(..));
            is_own && (is_profile(&own.origin) || !is_profile(&section.origin("address")))
        };
        let (followed, ignored) = match section.sourced("danger_skip_verify", &settings.danger_skip_verify) {
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
        // As Go reads truth values.
        let is_off = |value: &str| ["0", "f", "false"].iter().any(|off| off.eq_ignore_ascii_case(value));
        let ignored = self.variable(env_vars::SKIP_VERIFY).filter(|it| !skips && !is_off(&it.value));
        if let Some(Sourced { origin: Origin::Variable(name), .. }) = ignored {
            self.ignore(format!("{name} is not followed: certificates are verified"));
            self.resolved.config.environment.ignored_skip_verify = Some(name);
        }
        skips
    }

    fn proxy(&mut self, address: &Sourced<String>) -> Option<ProxyUrl> {
        let own = self.settings.section.sourced("proxy", &self.settings.proxy);
        let named = self.variable(env_vars::PROXY_ADDR).or_else(|| self.variable(env_vars::HTTP_PROXY));
        let chosen = self.first(own, named.map(|it| it.map(ProxyUrl::new)));
        let general = || {
            // The general proxies are not for an address that only the file names.
            let is_environments = self.settings.role != ConnectionRole::Named
                && Address::are_same(&self.environments_address(), &address.value);
            let general = is_environments.then(|| self.environment.general_proxy(&address.value)).flatten()?;
            Some(general.map(ProxyUrl::new))
        };
        let chosen = chosen.or_else(general)?;
        self.read(&chosen, ProxyUrl::check);
        let Sourced { value, origin } = chosen;
        self.record("proxy", value.without_user(), &origin);
        Some(value)
    }

    /// The login: the file wins over any credential of the environment.
    fn auth(&mut self) {
        let VaultSettings { section, own, auth, .. } = self.settings;
        let (auth, described) = match (auth, &own.auth) {
            (Some(auth), Some(settings)) => {
                (auth.clone(), CredentialSource::new(settings.description(), section.origin("auth.method")))
            }
            _ if self.applies => {
                if let Some(token) = self.environment.secret(env_vars::TOKEN) {
                    self.read(&token, |token| variables::check_token(token));
                }
                if let Some(half) = self.environment.half_approle() {
                    self.resolved.config.environment.malformed.get_or_insert(half);
                }
                self.environment.login(&self.resolved.config.address)
            }
            _ => return,
        };
        self.resolved.config.auth = auth;
        self.resolved.connection.credential = Some(described);
    }

    /// Attempts and timeout. The variables of `vault` are about its own calls: any setting of ours
    /// wins over them.
    fn retry_policy(&mut self) {
        let VaultSettings { own, general, .. } = self.settings;
        let attempts = own.retry.or(general.retry).or_else(|| {
            let retries = self.variable(env_vars::MAX_RETRIES)?;
            let attempts = self.read(&retries, |retries| variables::attempts(retries))?;
            self.record("retry", attempts.get(), &retries.origin);
            Some(attempts)
        });
        let timeout = own.timeout.or(general.timeout).or_else(|| {
            let text = self.variable(env_vars::CLIENT_TIMEOUT)?;
            let timeout = self.read(&text, |text| variables::timeout(text))?;
            self.record("timeout", humantime::format_duration(timeout).to_string(), &text.origin);
            Some(timeout)
        });
        let config = &mut self.resolved.config;
        config.retry_policy = RetryPolicy::from_settings(attempts, timeout);
        config.revoke_at_shutdown = own.revoke_at_shutdown.unwrap_or(config.revoke_at_shutdown);
    }

    /// Reads a setting, if it is that of a variable. The first malformed one is noted.
    fn read<T, U>(&mut self, setting: &Sourced<T>, read: impl FnOnce(&T) -> Result<U>) -> Option<U> {
        let malformed = &mut self.resolved.config.environment.malformed;
        variables::read(setting, read).unwrap_or_else(|error| {
            malformed.get_or_insert(error);
            None
        })
    }

    /// A path that a variable names, if the environment is about this connection's server.
    fn path(&self, name: &'static str) -> Option<Sourced<PathBuf>> {
        self.variable(name).map(|it| it.map(|path| home::expand(path.as_ref())))
    }

    /// A variable, if the environment is about this connection's server.
    fn variable(&self, name: &'static str) -> Option<Sourced<String>> {
        self.environment.get(name).filter(|_| self.applies)
    }

    /// The value that wins: for the default connection the environment's, unless code made the
    /// setting. The address of a named connection is never the environment's: it has one.
    fn first<T>(&self, own: Option<Sourced<T>>, variable: Option<Sourced<T>>) -> Option<Sourced<T>> {
        let is_code = own.as_ref().is_some_and(|own| own.origin == Origin::Code);
        if self.is_default && !is_code { variable.or(own) } else { own.or(variable) }
    }

    fn record(&mut self, key: &str, value: impl Into<serde_json::Value>, origin: &Origin) {
        let setting = self.settings.section.setting(key, value, origin);
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

/// A connection whose address is not the environment's gets none of the environment's credentials.
fn no_login(table: &str) -> Error {
    let message = format!(
        "[{table}] has an `address` and no `auth`: credentials of the environment are not sent to an address that is \
         not the environment's"
    );
    Error::new(ErrorKind::Unauthenticated, message).with_hint(format!(
        "set `auth` in [{table}], such as auth = {{ method = \"token\", env = \"VAULT_TOKEN\" }}, or set VAULT_ADDR to its \
         address"
    ))
}
