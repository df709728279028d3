//! Where the folder is and where its key comes from.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    fs::home,
};

/// A cache on disk behind the ones in memory: kept over restarts, and shared by all processes of one user that name the
/// same folder and key.
///
/// Records are sealed with XChaCha20-Poly1305; their names tell nothing without the key. What can't be read, for
/// whatever reason, counts as missing. `docs/cache.md` says what this protects against and what not.
///
/// ```
/// use s1crets::{Client, DiskCache, DiskKey};
///
/// let disk = DiskCache::default().with_path("/var/cache/app").with_key(DiskKey::File("/run/keys/cache".into()));
/// let client = Client::builder().with_disk_cache(disk).build()?;
/// # Ok::<(), s1crets::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct DiskCache {
    path: Option<PathBuf>,
    key: DiskKey,
}

/// Where the key of a [`DiskCache`] comes from: 32 random bytes, as they are, in base64 or in hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskKey {
    /// Made once, and kept beside the records with mode 0600. Whoever copies the folder has it too.
    #[default]
    Kept,
    /// A file that nobody else may read: its mode is 0600 or less, its owner whoever runs this, or root.
    File(PathBuf),
    /// A file that a service manager guards, as systemd does those in `$CREDENTIALS_DIRECTORY`. Its mode is not looked at.
    Credential(PathBuf),
    /// A variable of the environment.
    Variable(String),
}

impl DiskCache {
    /// The same in this folder, which is made with mode 0700. One that is there already must belong to whoever runs this, and
    /// to nobody else: one that others can look into is not used. Default: `s1crets` in `$XDG_CACHE_HOME`, or in `~/.cache`.
    pub fn with_path(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// The same with another key.
    pub fn with_key(self, key: DiskKey) -> Self {
        Self { key, ..self }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(crate) fn key(&self) -> &DiskKey {
        &self.key
    }

    /// The folder.
    ///
    /// # Errors
    /// `Config` if none is named and there is no home to have one in.
    pub fn folder(&self) -> Result<PathBuf> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let user = user.or_else(|| Some(home::folder()?.join(".cache")));
        user.map(|folder| folder.join("s1crets")).ok_or_else(|| {
            Error::config("there is no folder for the disk cache: neither XDG_CACHE_HOME nor a home")
                .with_hint("name one: `path` in the config file's [cache], or S1CRETS_CACHE_PATH")
        })
    }
}
