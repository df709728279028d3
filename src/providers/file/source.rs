//! Source of the secrets: a fetcher's `secrets.json`, or the root of a Vault CSI mount.

use std::{
    fs,
    path::{Path, PathBuf},
};

use s1crets_fs::Fingerprint;

use super::{
    csi_mount, fetcher_file, read,
    snapshot::{Contents, Loaded},
};
use crate::error::{Error, Result};

/// What is read.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A fetcher's `secrets.json`.
    Fetcher(PathBuf),
    /// The root of a Vault CSI mount.
    Csi(PathBuf),
}

/// The state of a source without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceState {
    /// The folder behind `..data` of a CSI mount; empty for a file.
    pub(super) target: PathBuf,
    pub(super) fingerprint: Fingerprint,
}

impl Source {
    /// Tells a folder from a file. A path that does not exist yet is taken for a file.
    pub(super) fn detect(path: &Path) -> Result<Self> {
        // Links stay in it: they are followed anew at every look.
        let path = std::path::absolute(path)
            .map_err(|error| Error::config("the path of the secrets file is empty").with_source(error))?;
        if !path.is_dir() {
            return Ok(Self::Fetcher(path));
        }
        csi_mount::check(&path)?;
        Ok(Self::Csi(path))
    }

    pub(super) fn path(&self) -> &Path {
        let (Self::Fetcher(path) | Self::Csi(path)) = self;
        path
    }

    /// The path to watch.
    pub(super) fn watched(&self) -> PathBuf {
        match self {
            Self::Fetcher(path) => path.clone(),
            Self::Csi(mount) => csi_mount::data(mount),
        }
    }

    pub(super) fn is_csi(&self) -> bool {
        matches!(self, Self::Csi(_))
    }

    /// The state of the source now.
    pub(super) fn state(&self) -> Result<SourceState> {
        match self {
            Self::Fetcher(path) => {
                let metadata = fs::metadata(path).map_err(|error| read::unreadable(path, error))?;
                Ok(SourceState { target: PathBuf::new(), fingerprint: Fingerprint::of(&metadata) })
            }
            Self::Csi(mount) => csi_mount::state(mount),
        }
    }

    /// Reads everything, and returns of which state it is.
    pub(super) fn load(&self, previous: Option<&Loaded>) -> Result<(Contents, SourceState)> {
        match self {
            Self::Fetcher(path) => {
                let content = read::read(path)?;
                let contents = fetcher_file::parse(path, &content, previous)?;
                Ok((contents, SourceState { target: PathBuf::new(), fingerprint: content.fingerprint }))
            }
            Self::Csi(mount) => csi_mount::load(mount, previous),
        }
    }
}
