//! KV mounts and their versions, as the settings name them.

use std::collections::BTreeMap;

use crate::{
    error::{Error, Result},
    vault::{check_path, first_reserved},
};

/// The version of a KV engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvVersion {
    /// One value per name. The last write wins.
    V1,
    /// Versions of each value, with check-and-set and metadata.
    V2,
}

/// KV mounts and their versions, as the settings name them. Default: none; the server is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvMounts {
    pub(super) all: Option<KvVersion>,
    pub(super) named: BTreeMap<String, KvVersion>,
}

impl KvMounts {
    /// Sets the version of every mount that is not [named](Self::with_mount), whatever the server
    /// says. The server is still asked which part of a path is the mount. With version 1 the
    /// provider's capabilities show no versions.
    #[must_use]
    pub fn with_version(self, version: KvVersion) -> Self {
        Self { all: Some(version), ..self }
    }

    /// Adds a mount by its path, which may have slashes. Paths below `auth`, `sys`, `identity` and
    /// `cubbyhole` are refused all the same.
    #[must_use]
    pub fn with_mount(mut self, path: impl AsRef<str>, version: KvVersion) -> Self {
        self.named.insert(path.as_ref().trim_matches('/').to_owned(), version);
        self
    }

    pub(super) fn from_settings(all: Option<u8>, single: BTreeMap<String, u8>) -> Result<Self> {
        let mut mounts = Self { all: all.map(KvVersion::read).transpose()?, ..Self::default() };
        for (path, version) in single {
            check_mount(&path)?;
            mounts = mounts.with_mount(&path, KvVersion::read(version)?);
        }
        Ok(mounts)
    }
}

impl KvVersion {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    fn read(number: u8) -> Result<Self> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err(Error::config(format!("there is no version {number} of Vault's KV engine, only 1 and 2"))),
        }
    }
}

/// Refuses a path in the settings that no KV mount can have.
fn check_mount(path: &str) -> Result<()> {
    let wrong = |why: &str| Error::config(format!("`mounts` names {path:?}, which can't be a KV mount: {why}"));
    check_path(path.trim_matches('/')).map_err(|error| wrong(error.message()))?;
    first_reserved(path).map_or(Ok(()), |why| Err(wrong(&why)))
}
