//! Which providers there are. The only place that knows them all.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;

use crate::{
    config::{Connection, ProviderSettings, ProviderTable},
    error::{Error, ErrorKind, Result},
    provider::Provider,
    providers,
};

/// A provider's type: its name and how an instance is made from settings.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// The feature that has to be on.
    feature: &'static str,
    /// Absent where the feature is off.
    open: Option<Open>,
    /// Absent for a provider that is not connected to a backend, and where the feature is off.
    explain: Option<Explain>,
}

/// Checks the settings at once, and makes the instance when it is first asked for.
pub(crate) type Open = fn(ProviderTable) -> Result<Opening>;

/// Where an instance would ask, and as whom. No backend is called.
pub(crate) type Explain = fn(ProviderTable) -> BoxFuture<'static, Result<Connection>>;

/// Makes an instance; called again if it failed.
pub(crate) type Opening = Box<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Provider>>> + Send + Sync>;

/// All providers by name.
pub(crate) const KINDS: &[Kind] = &[
    Kind { name: "aws.sm", feature: "aws-sm", open: AWS_SM.0, explain: AWS_SM.1 },
    Kind { name: "aws.ps", feature: "aws-ps", open: AWS_PS.0, explain: AWS_PS.1 },
    Kind { name: "file", feature: "file", open: FILE, explain: None },
    Kind { name: "vault.kv", feature: "vault", open: VAULT_KV.0, explain: VAULT_KV.1 },
    Kind { name: "memory", feature: "default", open: Some(memory), explain: None },
];

/// How an instance is opened and explained.
type Functions = (Option<Open>, Option<Explain>);

#[cfg(feature = "aws-sm")]
const AWS_SM: Functions = (Some(aws_sm), Some(explain_aws_sm));
#[cfg(not(feature = "aws-sm"))]
const AWS_SM: Functions = (None, None);

#[cfg(feature = "aws-ps")]
const AWS_PS: Functions = (Some(aws_ps), Some(explain_aws_ps));
#[cfg(not(feature = "aws-ps"))]
const AWS_PS: Functions = (None, None);

#[cfg(feature = "file")]
const FILE: Option<Open> = Some(file);
#[cfg(not(feature = "file"))]
const FILE: Option<Open> = None;

#[cfg(feature = "vault")]
const VAULT_KV: Functions = (Some(vault_kv), Some(explain_vault_kv));
#[cfg(not(feature = "vault"))]
const VAULT_KV: Functions = (None, None);

impl Kind {
    /// The provider's type of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        KINDS.iter().find(|kind| kind.name == name).copied()
    }

    /// Whether it is one of the AWS providers.
    pub(crate) fn is_aws(self) -> bool {
        self.name.starts_with("aws.")
    }

    /// Whether it calls a backend, so that there is something to retry and to wait for.
    pub(crate) fn calls(self) -> bool {
        self.is_aws() || self.name.starts_with("vault.")
    }

    /// Whether this build has it.
    pub(crate) fn is_built(&self) -> bool {
        self.open.is_some()
    }

    /// Where an instance with these settings asks, and as whom; nothing if it is not connected to a
    /// backend.
    pub(crate) fn explain(self, table: ProviderTable) -> Option<BoxFuture<'static, Result<Connection>>> {
        self.explain.map(|explain| explain(table))
    }

    /// How to make an instance with these settings.
    pub(crate) fn opening(self, table: ProviderTable) -> Result<Opening> {
        match self.open {
            Some(open) => open(table),
            None => Err(Error::unsupported(format!("this build has no provider {}", self.name))
                .with_hint(format!("build s1crets with the feature `{}`", self.feature))),
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// No provider of that name: lists those that there are.
pub(crate) fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    Error::new(ErrorKind::InvalidInput, format!("there is no provider {name:?}; there are {}", known.join(", ")))
        .with_hint(format!("name it in s1crets.toml, as [providers.{name}] with a `type`"))
}

#[cfg(feature = "aws-sm")]
fn aws_sm(table: ProviderTable) -> Result<Opening> {
    Ok(opening(aws(table.settings)?, providers::aws::SecretsManager::open))
}

#[cfg(feature = "aws-sm")]
fn explain_aws_sm(table: ProviderTable) -> BoxFuture<'static, Result<Connection>> {
    Box::pin(async move {
        let config = aws(table.settings.clone())?;
        providers::aws::SecretsManager::explain(&config, &table).await
    })
}

#[cfg(feature = "aws-ps")]
fn aws_ps(table: ProviderTable) -> Result<Opening> {
    Ok(opening(aws(table.settings)?, providers::aws::ParameterStore::open))
}

#[cfg(feature = "aws-ps")]
fn explain_aws_ps(table: ProviderTable) -> BoxFuture<'static, Result<Connection>> {
    Box::pin(async move {
        let config = aws(table.settings.clone())?;
        providers::aws::ParameterStore::explain(&config, &table).await
    })
}

#[cfg(feature = "__aws")]
fn aws(settings: ProviderSettings) -> Result<providers::aws::AwsConfig> {
    refuse_file(&settings)?;
    refuse_vault(&settings)?;
    providers::aws::AwsConfig::from_settings(settings)
}

#[cfg(feature = "file")]
fn file(ProviderTable { settings, .. }: ProviderTable) -> Result<Opening> {
    refuse_aws(&settings)?;
    refuse_vault(&settings)?;
    refuse([("retry", settings.retry.is_some()), ("timeout", settings.timeout.is_some())])?;
    let ProviderSettings { path, wait, backoff, one_shot, .. } = settings;
    let mut builder =
        providers::file::FileProvider::builder(path.unwrap_or_else(|| providers::file::DEFAULT_PATH.into()));
    if let Some(wait) = wait {
        builder = builder.with_wait(wait);
    }
    if let Some(backoff) = backoff {
        builder = builder.with_backoff(backoff);
    }
    if one_shot {
        builder = builder.one_shot();
    }
    Ok(opening(builder, providers::file::FileBuilder::open))
}

#[cfg(feature = "vault")]
fn vault_kv(table: ProviderTable) -> Result<Opening> {
    let mounts = providers::vault_kv::KvMounts::from_settings(&table.settings)?;
    // The environment is read when the provider is asked for; what the settings have malformed is told now.
    Ok(opening((vault(table)?, mounts), |(settings, mounts)| async move {
        Ok(providers::vault_kv::VaultKv::new(settings.connect()?).with_mounts(mounts))
    }))
}

#[cfg(feature = "vault")]
fn explain_vault_kv(table: ProviderTable) -> BoxFuture<'static, Result<Connection>> {
    Box::pin(async move { Ok(vault(table)?.connection()) })
}

#[cfg(feature = "vault")]
fn vault(table: ProviderTable) -> Result<crate::vault::VaultSettings> {
    refuse_aws(&table.settings)?;
    refuse_file(&table.settings)?;
    crate::vault::VaultSettings::read(table)
}

fn memory(ProviderTable { settings, .. }: ProviderTable) -> Result<Opening> {
    let none =
        ProviderSettings { kind: settings.kind.clone(), one_shot: settings.one_shot, ..ProviderSettings::default() };
    if settings != none {
        return Err(Error::config("the provider memory has no settings"));
    }
    Ok(opening(providers::memory::Memory::new(), |memory| async move { Ok(memory) }))
}

/// Makes an instance of what was read from the settings, as often as it is asked to.
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

#[cfg(any(feature = "__aws", feature = "vault"))]
fn refuse_file(settings: &ProviderSettings) -> Result<()> {
    refuse([
        ("path", settings.path.is_some()),
        ("wait", settings.wait.is_some()),
        ("backoff", settings.backoff.is_some()),
    ])
}

#[cfg(any(feature = "file", feature = "vault"))]
fn refuse_aws(settings: &ProviderSettings) -> Result<()> {
    refuse([
        ("region", settings.region.is_some()),
        ("profile", settings.profile.is_some()),
        ("endpoint_url", settings.endpoint_url.is_some()),
        ("service_endpoint_url", settings.service_endpoint_url.is_some()),
        ("sts_endpoint_url", settings.sts_endpoint_url.is_some()),
        ("roles", settings.roles.is_some()),
    ])
}

#[cfg(any(feature = "__aws", feature = "file"))]
fn refuse_vault(settings: &ProviderSettings) -> Result<()> {
    refuse([
        ("address", settings.address.is_some()),
        ("namespace", settings.namespace.is_some()),
        ("ca_file", settings.ca_file.is_some()),
        ("ca_path", settings.ca_path.is_some()),
        ("client_cert", settings.client_cert.is_some()),
        ("client_key", settings.client_key.is_some()),
        ("server_name", settings.server_name.is_some()),
        ("danger_skip_verify", settings.danger_skip_verify.is_some()),
        ("proxy", settings.proxy.is_some()),
        ("auth", settings.auth.is_some()),
        ("revoke_at_shutdown", settings.revoke_at_shutdown.is_some()),
        ("kv_version", settings.kv_version.is_some()),
        ("mounts", settings.mounts.is_some()),
    ])
}

/// Refuses settings that a provider of this type would ignore.
#[cfg(any(feature = "__aws", feature = "file", feature = "vault"))]
fn refuse<const N: usize>(settings: [(&str, bool); N]) -> Result<()> {
    match settings.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::config(format!("a provider of this type has no setting `{name}`"))),
        None => Ok(()),
    }
}
