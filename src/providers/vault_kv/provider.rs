//! The `Provider` implementation of `vault.kv`, which dispatches to this folder's files.

use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use futures::{StreamExt, stream};

use super::{
    kv_mounts::{KvMounts, KvVersion},
    mounts::Mounts,
};
use crate::{
    capabilities::Capabilities,
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Identity, Listing, Provider, Updated},
    secret::{Secret, SecretValue},
    vault::Vault,
};

/// Calls of one listing, or of one read of many names, that are in flight at once: enough to hide the
/// network's latency, and few enough for a shared server.
pub(super) const CONCURRENCY: usize = 16;

/// Provider of the key-value secrets of a Vault or OpenBao server.
///
/// See the [module](crate::providers::vault_kv) for paths, versions and updates.
pub struct VaultKv {
    pub(super) vault: Vault,
    pub(super) mounts: Mounts,
}

impl VaultKv {
    /// Reads and updates the secrets that the connection's token has access to.
    pub fn new(vault: Vault) -> Self {
        Self { vault, mounts: Mounts::default() }
    }

    /// Sets what is known of the mounts. The server is asked about the others only.
    #[must_use]
    pub fn with_mounts(self, mounts: KvMounts) -> Self {
        Self { mounts: Mounts::new(mounts), ..self }
    }

    /// The connection, for its status or to shut it down.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// One answer for each name. Every name is read once.
    pub(super) async fn each(&self, names: &[String], options: &GetOptions) -> HashMap<String, Result<Secret>> {
        let mut unique = names.to_vec();
        unique.sort_unstable();
        unique.dedup();
        let read = |name: String| async move {
            let answer = self.read(&name, options).await;
            (name, answer)
        };
        stream::iter(unique).map(read).buffer_unordered(CONCURRENCY).collect().await
    }
}

#[async_trait]
impl Provider for VaultKv {
    fn capabilities(&self) -> Capabilities {
        let versions = self.mounts.settings().all != Some(KvVersion::V1);
        Capabilities {
            update: true,
            update_if_version: versions,
            version_numbers: versions,
            version_probe: versions,
            json_only: true,
            batch: 1,
            ..Capabilities::default()
        }
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        self.read(path, options).await
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let answers = self.each(paths, options).await;
        let unanswered = || Err(Error::new(ErrorKind::Unexpected, "the name was not asked for"));
        paths.iter().map(|path| answers.get(path).cloned().unwrap_or_else(unanswered)).collect()
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.list(path, options).await
    }

    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        self.probe(path, options).await
    }

    async fn identity(&self) -> Result<Option<Identity>> {
        self.vault.identity().await.map(Some)
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        self.write(path, value, options).await
    }
}

/// The number of a version, or `None` for the current one.
pub(super) fn number(version: &Version) -> Result<Option<u64>> {
    match version {
        Version::Current => Ok(None),
        Version::Number(0) => Err(Error::not_found("versions are counted from 1")),
        Version::Number(number) => Ok(Some(*number)),
        _ => Err(Error::unsupported("Vault knows versions by number alone")),
    }
}

impl fmt::Debug for VaultKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKv").field("vault", &self.vault).field("mounts", &self.mounts).finish()
    }
}
