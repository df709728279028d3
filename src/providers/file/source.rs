//! Where the secrets are: a file, or a directory of files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    csi, fetcher,
    fingerprint::Stamp,
    read,
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

/// The state of a source as far as it can be told without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// What a link leads to, where that alone can change.
    pub(super) target: PathBuf,
    pub(super) stamp: Stamp,
}

impl Source {
    /// Tells a directory from a file; what is not there yet will be a file.
    pub(super) fn detect(path: &Path) -> Result<Self> {
        // Without links taken out: those are followed anew at every look.
        let path = std::path::absolute(path)
            .map_err(|error| Error::config("the path of the secrets file is empty").with_source(error))?;
        if !path.is_dir() {
            return Ok(Self::Fetcher(path));
        }
        csi::check(&path)?;
        Ok(Self::Csi(path))
    }

    pub(super) fn path(&self) -> &Path {
        let (Self::Fetcher(path) | Self::Csi(path)) = self;
        path
    }

    /// What has to be watched, with all that leads to it.
    pub(super) fn watched(&self) -> PathBuf {
        match self {
            Self::Fetcher(path) => path.clone(),
            Self::Csi(mount) => csi::data(mount),
        }
    }

    pub(super) fn is_csi(&self) -> bool {
        matches!(self, Self::Csi(_))
    }

    /// Which state the source is in.
    pub(super) fn probe(&self) -> Result<Mark> {
        match self {
            Self::Fetcher(path) => {
                let metadata = fs::metadata(path).map_err(|error| read::unreadable(path, error))?;
                Ok(Mark { target: PathBuf::new(), stamp: Stamp::of(&metadata) })
            }
            Self::Csi(mount) => csi::probe(mount),
        }
    }

    /// Reads everything, and says of which state it is.
    pub(super) fn load(&self, previous: Option<&Loaded>) -> Result<(Contents, Mark)> {
        match self {
            Self::Fetcher(path) => {
                let content = read::read(path)?;
                let contents = fetcher::parse(path, &content, previous)?;
                Ok((contents, Mark { target: PathBuf::new(), stamp: content.stamp }))
            }
            Self::Csi(mount) => csi::load(mount, previous),
        }
    }
}
