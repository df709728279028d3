//! A config file with its content, and whether it is trusted.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use super::{
    find::{is_writable_by_all, warn},
    load,
};
use crate::{
    error::{Error, Result},
    fs::{home, plain_file},
    shell,
};

/// Why a config file is trusted, or why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Trusted: it was named, by an option, by code or by `S1CRETS_CONFIG`.
    Named,
    /// Trusted: it is in the user's config folder, and only the user and root can change it.
    UserFolder,
    /// Trusted: only root can change it, and we are another user.
    Root,
    /// Trusted: the user has trusted this path with this content.
    Recorded,
    /// Not trusted: it was found, and nobody has trusted it.
    Missing,
    /// Not trusted: it was found, and has changed since it was trusted.
    Changed,
}

/// A config file that was named or found, with its content.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigFile {
    pub(super) path: PathBuf,
    pub(super) absolute: PathBuf,
    pub(super) text: String,
    pub(super) trust: Trust,
}

impl Trust {
    /// Whether the file is trusted, and so obeyed.
    pub fn is_trusted(self) -> bool {
        !matches!(self, Self::Missing | Self::Changed)
    }

    /// A stable token in lower case, for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::UserFolder => "user_folder",
            Self::Root => "root",
            Self::Recorded => "trusted",
            Self::Missing => "untrusted",
            Self::Changed => "changed",
        }
    }
}

impl ConfigFile {
    /// Reads a file that was named, and is trusted therefore.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if it can't be read, is larger than 4 MiB, or is neither a
    /// plain file, nor `/dev/null`, nor a descriptor such as `/dev/fd/3`.
    pub fn named(path: impl Into<PathBuf>) -> Result<Self> {
        let path = home::expand(&path.into());
        let (status, bytes) = plain_file::read(&path).map_err(|error| unreadable(&path, &error))?;
        if is_writable_by_all(&status) && status.is_file() {
            warn(format!("the config file {} is world-writable", path.display()));
        }
        let absolute = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
        Self { absolute, text: String::new(), trust: Trust::Named, path }.with_content(&bytes)
    }

    /// The path as it was named. For a file that was found: `s1crets.toml` in the current folder,
    /// the absolute path elsewhere.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The absolute path. Relative paths in the file start from its folder.
    pub fn absolute(&self) -> &Path {
        &self.absolute
    }

    /// The content.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it is trusted, or why it is not.
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// The file itself if it is trusted.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if it is not trusted, with what to do as a hint.
    pub fn trusted(self) -> Result<Self> {
        let told = self.absolute.display();
        let error = match self.trust {
            Trust::Missing => format!("the config file {told} was found here, and is not trusted yet"),
            Trust::Changed => format!("the config file {told} has changed since it was trusted"),
            _ => return Ok(self),
        };
        Err(Error::config(error).with_hint(format!(
            "read it, then `s1crets config trust {}`; or name a file with --config or S1CRETS_CONFIG; or use none: \
             --no-config",
            shell::quoted(&told.to_string())
        )))
    }

    /// The names of the file's profiles, in order.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if it is not TOML.
    pub fn profiles(&self) -> Result<Vec<String>> {
        load::profiles(self)
    }

    pub(super) fn with_content(self, bytes: &[u8]) -> Result<Self> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text: text.to_owned(), ..self }),
            Err(_) => Err(Error::config(format!("the config file {} is not UTF-8 text", self.path.display()))),
        }
    }
}

// Without the text: it should hold no secret, but may hold one by mistake.
impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile").field("path", &self.path).field("trust", &self.trust).finish_non_exhaustive()
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::config(format!("can't read the config file {}: {error}", path.display()))
}
