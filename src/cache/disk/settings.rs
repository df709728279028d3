//! Settings of a disk cache: where the folder is, and where its key comes from.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    fs::home,
};

/// A cache on disk behind those in memory. It is kept over restarts, and shared by all processes of
/// a user that name the same folder and key.
///
/// Records are encrypted with XChaCha20-Poly1305, and their file names are keyed hashes. A record
/// that can't be read, for whatever reason, counts as missing. `docs/cache.md` says what this
/// protects against, and what it doesn't.
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

/// Where the key of a [`DiskCache`] comes from: 32 random bytes, raw, in base64 or in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskKey {
    /// Created once, and kept beside the records with mode 0600. Whoever copies the folder has it
    /// too.
    #[default]
    Kept,
    /// A file that nobody else may read: its mode is 0600 or less, and it belongs to the process's
    /// user or to root.
    File(PathBuf),
    /// A file that a service manager guards, such as those of systemd in `$CREDENTIALS_DIRECTORY`.
    /// Its mode is not checked.
    Credential(PathBuf),
    /// An environment variable.
    Variable(String),
}

impl DiskCache {
    /// Sets the folder, which is created with mode 0700. An existing one must belong to the
    /// process's user, and nobody else may look into it: otherwise the disk cache is not used.
    ///
    /// Default: `s1crets` in `$XDG_CACHE_HOME`, or in `~/.cache`.
    pub fn with_path(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Sets where the key comes from. Default: [`DiskKey::Kept`].
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
    /// `Config` if none was set, and there is no home folder for the default one.
    pub fn folder(&self) -> Result<PathBuf> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let user = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let user = user.or_else(|| Some(home::folder()?.join(".cache")));
        user.map(|folder| folder.join("s1crets")).ok_or_else(|| {
            Error::config("there is no folder for the disk cache: neither XDG_CACHE_HOME nor a home folder is known")
                .with_hint("name one: `path` in the config file's [cache], or S1CRETS_CACHE_PATH")
        })
    }
}
