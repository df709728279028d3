//! The table of all provider types. No other file knows them all.
//!
//! The row of a type has everything that depends on it: the form of its settings, how an instance
//! is opened and explained, the environment variables that it reads, and what its entries on disk
//! are bound to. A new provider is a folder below `providers/` and a row here.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::{Binding, Env};
use crate::{
    config::{Connection, Form, GeneralSettings, Section, TableType, Types, did_you_mean},
    error::{Error, ErrorKind, Result},
    provider::Provider,
    providers,
};

/// One provider to be: its section of the config, and what all providers share.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "__aws", feature = "file", feature = "vault")),
    allow(dead_code, reason = "`memory` has no retries")
)]
pub(crate) struct Instance {
    pub(crate) section: Section,
    pub(crate) general: GeneralSettings,
    #[cfg(feature = "vault")]
    pub(crate) connections: crate::vault::VaultConnections,
}

/// A provider type.
#[derive(Clone, Copy)]
pub(crate) struct ProviderType {
    pub(crate) name: &'static str,
    /// The feature that has to be on.
    feature: &'static str,
    /// `None` where the feature is off.
    built: Option<Row>,
}

#[derive(Clone, Copy)]
struct Row {
    form: Form,
    /// The vendor's environment variables that say where to connect, and as whom.
    variables: &'static [&'static str],
    /// Checks the settings at once. The provider is made when it is first used.
    open: fn(Instance) -> Result<Opening>,
    /// `None` for a provider that calls no backend.
    backend: Option<Backend>,
}

/// What there is to know of a type that calls a backend.
#[derive(Clone, Copy)]
struct Backend {
    /// Where an instance would connect, and as whom. The backend is not called.
    explain: fn(Instance) -> BoxFuture<'static, Result<Connection>>,
    /// Binds entries on disk to everything that decides where an instance connects, and as whom.
    /// `None` for settings that it would not be opened with.
    #[cfg(all(feature = "disk-cache", unix))]
    bind: fn(&Instance, &mut Binding<'_>, &Env<'_>) -> Option<()>,
}

/// Makes a provider. It is called again if it failed.
pub(crate) type Opening = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Provider>>> + Send + Sync>;

/// All provider types.
pub(crate) const PROVIDER_TYPES: &[ProviderType] = &[
    ProviderType { name: "aws.sm", feature: "aws-sm", built: AWS_SM },
    ProviderType { name: "aws.ps", feature: "aws-ps", built: AWS_PS },
    ProviderType { name: "file", feature: "file", built: FILE },
    ProviderType { name: "vault.kv", feature: "vault", built: VAULT_KV },
    ProviderType { name: "memory", feature: "default", built: Some(MEMORY) },
];

#[cfg(feature = "aws-sm")]
const AWS_SM: Option<Row> = Some(Row {
    form: providers::aws::FORM,
    variables: providers::aws::VARIABLES,
    open: |it| Ok(opening(aws(&it)?, providers::aws::SecretsManager::open)),
    backend: Some(Backend {
        explain: |it| Box::pin(async move { providers::aws::SecretsManager::explain(&aws(&it)?, &it.section).await }),
        #[cfg(all(feature = "disk-cache", unix))]
        bind: bind_aws,
    }),
});
#[cfg(not(feature = "aws-sm"))]
const AWS_SM: Option<Row> = None;

#[cfg(feature = "aws-ps")]
const AWS_PS: Option<Row> = Some(Row {
    form: providers::aws::FORM,
    variables: providers::aws::VARIABLES,
    open: |it| Ok(opening(aws(&it)?, providers::aws::ParameterStore::open)),
    backend: Some(Backend {
        explain: |it| Box::pin(async move { providers::aws::ParameterStore::explain(&aws(&it)?, &it.section).await }),
        #[cfg(all(feature = "disk-cache", unix))]
        bind: bind_aws,
    }),
});
#[cfg(not(feature = "aws-ps"))]
const AWS_PS: Option<Row> = None;

#[cfg(feature = "file")]
const FILE: Option<Row> = Some(Row {
    form: providers::file::FORM,
    variables: &[],
    open: |it| {
        let builder = providers::file::FileBuilder::read(&it.section, &it.general)?;
        Ok(opening(builder, providers::file::FileBuilder::open))
    },
    backend: None,
});
#[cfg(not(feature = "file"))]
const FILE: Option<Row> = None;

#[cfg(feature = "vault")]
const VAULT_KV: Option<Row> = Some(Row {
    form: providers::vault_kv::FORM,
    variables: crate::vault::VARIABLES,
    // A malformed setting is an error now; the environment is read when the provider is first used.
    open: |it| {
        Ok(opening(vault_kv(&it)?, |settings| async move {
            Ok(providers::vault_kv::VaultKv::new(settings.connection.open()?).with_mounts(settings.mounts))
        }))
    },
    backend: Some(Backend {
        explain: |it| {
            Box::pin(async move {
                let mut connection = vault_kv(&it)?.connection.settings.connection();
                connection.provider = it.section.name;
                Ok(connection)
            })
        },
        #[cfg(all(feature = "disk-cache", unix))]
        bind: |it, binding, env| vault_kv(it).ok()?.bind(binding, env),
    }),
});
#[cfg(not(feature = "vault"))]
const VAULT_KV: Option<Row> = None;

const MEMORY: Row = Row {
    form: providers::memory::FORM,
    variables: &[],
    open: |it| Ok(opening(providers::memory::Memory::read(&it.section)?, |memory| async move { Ok(memory) })),
    backend: None,
};

/// A type of table below `[connections]`.
const CONNECTION_TYPES: &[TableType] = &[TableType { name: "vault", form: VAULT }];

#[cfg(feature = "vault")]
const VAULT: Option<Form> = Some(crate::vault::FORM);
#[cfg(not(feature = "vault"))]
const VAULT: Option<Form> = None;

/// The types of tables, for the one who reads a config.
pub(crate) fn types() -> Types {
    let of = |known: &ProviderType| TableType { name: known.name, form: known.built.map(|row| row.form) };
    Types { providers: PROVIDER_TYPES.iter().map(of).collect(), connections: CONNECTION_TYPES.to_vec() }
}

/// The type of this name.
///
/// # Errors
/// `Config` if there is none, with the names of those that there are.
pub(crate) fn find(name: &str) -> Result<ProviderType> {
    let found = PROVIDER_TYPES.iter().find(|known| known.name == name).copied();
    found.ok_or_else(|| unknown_type("provider", name, PROVIDER_TYPES.iter().map(|known| known.name)))
}

/// Checks the type of a table below `[connections]`.
///
/// # Errors
/// `Config` if there is no such type, `Unsupported` if it is not in this build.
pub(crate) fn check_connection_type(name: &str) -> Result<()> {
    match CONNECTION_TYPES.iter().find(|known| known.name == name) {
        Some(TableType { form: Some(_), .. }) => Ok(()),
        Some(TableType { form: None, .. }) => Err(not_built("connection", name, name)),
        None => Err(unknown_type("connection", name, CONNECTION_TYPES.iter().map(|known| known.name))),
    }
}

impl ProviderType {
    /// Whether it is one of the AWS providers.
    pub(crate) fn is_aws(self) -> bool {
        self.name.starts_with("aws.")
    }

    /// Whether it calls a backend, so that there is something to retry, to cache and to explain.
    pub(crate) fn calls_backend(self) -> bool {
        self.built.is_some_and(|row| row.backend.is_some())
    }

    /// Whether this build has it.
    pub(crate) fn is_built(self) -> bool {
        self.built.is_some()
    }

    /// The vendor's environment variables that say where it connects, and as whom.
    pub(crate) fn variables(self) -> &'static [&'static str] {
        self.built.map_or(&[], |row| row.variables)
    }

    /// Where an instance connects, and as whom; `None` if the type calls no backend.
    pub(crate) fn explain(self, instance: Instance) -> Option<BoxFuture<'static, Result<Connection>>> {
        Some((self.built?.backend?.explain)(instance))
    }

    /// Binds entries on disk to an instance. `None` if nothing of it may be kept there.
    #[cfg(all(feature = "disk-cache", unix))]
    pub(crate) fn bind(self, instance: &Instance, binding: &mut Binding<'_>, env: &Env<'_>) -> Option<()> {
        // How patiently the backend is asked makes no other answers. Any other setting may.
        let mut settings = instance.section.table.clone();
        ["retry", "timeout", "revoke_at_shutdown", "connection"].iter().for_each(|key| settings.remove(&[key]));
        binding.value("type", Some(self.name));
        binding.value("type and settings", Some(settings.to_json().to_string()));
        (self.built?.backend?.bind)(instance, binding, env)
    }

    /// Calls a function before a connection that the instance shares with others is opened. An
    /// instance without one is opened by its own first read.
    #[cfg(all(feature = "disk-cache", unix))]
    #[cfg_attr(not(feature = "vault"), allow(unused_variables, reason = "only Vault's connections are shared"))]
    pub(crate) fn before_open(self, instance: &Instance, call: impl Fn() + Send + Sync + 'static) {
        #[cfg(feature = "vault")]
        if self.name == "vault.kv"
            && let Ok(settings) = vault_kv(instance)
        {
            settings.connection.before_open(call);
        }
    }

    /// How to make a provider with these settings.
    ///
    /// # Errors
    /// `Config` if a setting is wrong, `Unsupported` if the type is not in this build.
    pub(crate) fn opening(self, instance: Instance) -> Result<Opening> {
        match self.built {
            Some(row) => (row.open)(instance),
            None => Err(not_built("provider", self.name, self.feature)),
        }
    }
}

impl fmt::Debug for ProviderType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn unknown_type<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<_> = known.collect();
    let error = Error::config(format!("there is no {what} of type {name:?}; there are {}", known.join(", ")));
    match did_you_mean(name, &known) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn not_built(what: &str, name: &str, feature: &str) -> Error {
    Error::unsupported(format!("this build has no {what} {name}"))
        .with_hint(format!("build s1crets with the feature `{feature}`"))
}

/// An error that lists the providers there are.
pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    Error::new(ErrorKind::InvalidInput, format!("there is no provider {name:?}; there are {}", known.join(", ")))
        .with_hint(format!("name it in s1crets.toml, as [providers.{name}] with a `type`"))
}

#[cfg(feature = "__aws")]
fn aws(instance: &Instance) -> Result<providers::aws::AwsConfig> {
    providers::aws::AwsConfig::read(&instance.section, &instance.general)
}

#[cfg(all(feature = "__aws", feature = "disk-cache", unix))]
fn bind_aws(instance: &Instance, binding: &mut Binding<'_>, _: &Env<'_>) -> Option<()> {
    aws(instance).ok()?.bind(binding);
    Some(())
}

#[cfg(feature = "vault")]
fn vault_kv(instance: &Instance) -> Result<providers::vault_kv::VaultKvSettings> {
    providers::vault_kv::VaultKvSettings::read(&instance.section, &instance.connections, &instance.general)
}

/// Makes a provider of settings that were read, as often as it is asked to.
fn opening<S, P, F>(settings: S, open: impl Fn(S) -> F + Send + Sync + 'static) -> Opening
where
    S: Clone + Send + Sync + 'static,
    P: Provider,
    F: Future<Output = Result<P>> + Send + 'static,
{
    Box::new(move || {
        let opened = open(settings.clone());
        Box::pin(async move { Ok(Arc::new(opened.await?) as _) })
    })
}
