//! The Vault connections of one client by name, each opened once and shared by all who use it.
//!
//! Invariants:
//! - There is one [`Vault`] per name and client, hence one login and one token, however many
//!   providers use the connection and however many open it at the same time.
//! - A connection is opened when it is first used, not when the client is built. If that fails, the
//!   next use tries again.
//! - The default connection is set up in exactly one place: `[connections.vault]`, else the table
//!   of the provider `vault.kv`, else nowhere but in the environment. Settings in two places are an
//!   error, because one of them would be ignored.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::join_all;

use super::{
    connection::Vault,
    settings::{
        CONNECTION_TYPE, ConnectionRole, ConnectionSettings, DEFAULT_CONNECTION, DEFAULT_INSTANCE, VaultSettings,
    },
};
use crate::{
    config::{Config, GeneralSettings, RawTable, Section, did_you_mean, keys_of},
    error::{Error, Result},
};

/// A connection that is opened when it is first used. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct SharedVault {
    pub(crate) settings: VaultSettings,
    opened: Arc<Mutex<Option<Vault>>>,
    watchers: Arc<Watchers>,
    /// Where all open connections of the client are noted.
    all_opened: AllOpened,
}

/// Every connection that a client has opened, to be shut down with it.
#[derive(Clone, Debug, Default)]
struct AllOpened(Arc<Mutex<Vec<Vault>>>);

/// What is called before a connection is opened.
#[derive(Default)]
struct Watchers(Mutex<Vec<Watcher>>);

type Watcher = Arc<dyn Fn() + Send + Sync>;

impl SharedVault {
    fn new(settings: VaultSettings, all_opened: &AllOpened) -> Self {
        Self { settings, opened: Arc::default(), watchers: Arc::default(), all_opened: all_opened.clone() }
    }

    /// Calls a function before the connection is opened, to note what it is opened with. It may be
    /// called more than once, and not after that.
    #[cfg_attr(not(all(feature = "disk-cache", unix)), allow(dead_code, reason = "only the disk cache asks"))]
    pub(crate) fn before_open(&self, watcher: impl Fn() + Send + Sync + 'static) {
        self.watchers.lock().push(Arc::new(watcher));
    }

    /// The connection, the same for all who ask.
    ///
    /// # Errors
    /// As [`VaultSettings::connect`].
    pub(crate) fn open(&self) -> Result<Vault> {
        if let Some(vault) = &*self.opened.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(vault.clone());
        }
        // Before the lock is taken, as a watcher reads files and may log.
        let watchers = self.watchers.lock().clone();
        watchers.iter().for_each(|watcher| watcher());
        // Opening reads files and makes no call, so the lock is held for a short time.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vault) = &*opened {
            return Ok(vault.clone());
        }
        let (vault, warnings) = self.settings.connect()?;
        *opened = Some(vault.clone());
        self.all_opened.lock().push(vault.clone());
        // The lock is not held while logging: a subscriber may use this connection.
        drop(opened);
        for warning in warnings {
            tracing::warn!(target: "s1crets::tls", "{warning}");
        }
        Ok(vault)
    }
}

impl AllOpened {
    fn lock(&self) -> MutexGuard<'_, Vec<Vault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

/// The connections of a client. One whose settings are wrong has its error instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct VaultConnections {
    all: Arc<BTreeMap<String, Result<SharedVault>>>,
    opened: AllOpened,
    /// Whether there is a table `[connections.vault]`.
    has_default_table: bool,
}

impl VaultConnections {
    pub(crate) fn new(config: &Config, general: &GeneralSettings) -> Self {
        let opened = AllOpened::default();
        let read = |section: Section, raw: &RawTable, role| {
            let key = section.key.clone();
            let settings = VaultSettings::read(section, role, general);
            settings.map(|settings| SharedVault::new(settings, &opened)).map_err(|error| raw.in_table(&key, &error))
        };
        let named =
            config.connections.iter().filter(|(name, raw)| raw.type_or(name) == CONNECTION_TYPE).map(|(name, raw)| {
                let is_default = name == DEFAULT_CONNECTION;
                let role = if is_default { ConnectionRole::Default } else { ConnectionRole::Named };
                (name.clone(), read(Section::new("connections", name, raw.clone()), raw, role))
            });
        let mut all: BTreeMap<_, _> = named.collect();
        let has_default_table = all.contains_key(DEFAULT_CONNECTION);
        if !has_default_table {
            let raw =
                config.providers.get(DEFAULT_INSTANCE).filter(|raw| raw.type_or(DEFAULT_INSTANCE) == DEFAULT_INSTANCE);
            let raw = raw.cloned().unwrap_or_default();
            let (inline, _) =
                Section::new("providers", DEFAULT_INSTANCE, raw.clone()).split(&keys_of::<ConnectionSettings>());
            all.insert(DEFAULT_CONNECTION.to_owned(), read(inline, &raw, ConnectionRole::Default));
        }
        Self { all: Arc::new(all), opened, has_default_table }
    }

    /// The connection of this name, or the default one.
    ///
    /// # Errors
    /// `Config` if there is no such connection, or its settings are wrong.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<SharedVault> {
        let name = name.unwrap_or(DEFAULT_CONNECTION);
        self.all.get(name).cloned().unwrap_or_else(|| Err(self.unknown(name)))
    }

    /// Shuts all connections down that were opened, at the same time.
    ///
    /// # Errors
    /// The first failure; the others are shut down all the same.
    pub(crate) async fn shutdown(&self) -> Result<()> {
        let opened = self.opened.lock().clone();
        join_all(opened.iter().map(Vault::shutdown)).await.into_iter().collect()
    }

    /// # Errors
    /// The first error of a table in `[connections]`.
    pub(crate) fn check(&self) -> Result<()> {
        let has_table = |name: &str| self.has_default_table || name != DEFAULT_CONNECTION;
        let error = self.all.iter().find_map(|(name, shared)| shared.as_ref().err().filter(|_| has_table(name)));
        error.map_or(Ok(()), |error| Err(error.clone()))
    }

    /// The connection of a Vault provider. `inline` has the connection's keys in the provider's own
    /// table, `named` is its key `connection`.
    ///
    /// # Errors
    /// `Config` if both are there, if there is no connection of that name, or if settings are
    /// wrong.
    pub(crate) fn of_provider(
        &self,
        inline: Section,
        named: Option<&str>,
        general: &GeneralSettings,
    ) -> Result<SharedVault> {
        let Some(key) = inline.table.keys().next().map(str::to_owned) else { return self.get(named) };
        if let Some(name) = named {
            let message = format!("`{key}` and `connection` exclude each other: a connection is set up in one place");
            return Err(Error::config(message)
                .with_hint(format!("move `{key}` to [connections.{name}], or remove `connection`")));
        }
        let is_default = inline.name == DEFAULT_INSTANCE;
        let has_address = inline.table.text(&["address"]).is_some();
        if self.has_default_table && (is_default || !has_address) {
            let table = format!("[connections.{DEFAULT_CONNECTION}]");
            let message = format!("`{key}` is a setting of the connection, and {table} sets that up");
            return Err(Error::config(message).with_hint(format!("move `{key}` to {table}")));
        }
        match is_default {
            true => self.get(None),
            false => {
                let settings = VaultSettings::read(inline, ConnectionRole::Inline, general)?;
                Ok(SharedVault::new(settings, &self.opened))
            }
        }
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<_> = self.all.keys().map(String::as_str).collect();
        let message = format!("there is no connection {name:?}; there are {}", known.join(", "));
        let hint = did_you_mean(name, &known).unwrap_or_else(|| {
            format!("set it up in s1crets.toml, as [connections.{name}] with `type`, `address` and `auth`")
        });
        Error::config(message).with_hint(hint)
    }
}
