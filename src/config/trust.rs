//! Trust records: the found config files that the user has trusted, by path and content.
//!
//! Each record is a private file in the user's state folder. It holds the path of the config file,
//! the SHA-256 of its content, and the inode number of its folder. Invariants:
//!
//! - A file that changed has to be trusted again: the digest covers all of it, so the tables of
//!   `[connections]` and `[providers]` alike.
//! - A file that moved has to be trusted again: its relative paths now lead elsewhere.
//! - A repository can't bring a record along, even into a home folder that is its checkout. Nobody
//!   knows the inode number of a folder beforehand, and a checkout makes no private files.
//! - Records count only if nobody else can write them: whoever can decides which files we trust.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{config_file::ConfigFile, find::variable, ownership};
use crate::{
    error::{Error, Result},
    fs::{home, plain_file},
};

/// The trust records of a user, in `s1crets/trusted` below `XDG_STATE_HOME` (`~/.local/state`).
#[derive(Clone, Debug)]
pub struct TrustStore {
    folder: PathBuf,
}

/// The state of a file, compared with its trust record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordState {
    /// It has not changed, so it is trusted.
    Unchanged,
    /// Its content has changed, so it is not trusted.
    Changed,
    /// It doesn't exist, or can't be read.
    Gone,
}

/// One record of the [`TrustStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustRecord {
    /// The path of the config file.
    pub path: PathBuf,
    /// Whether it has changed since.
    pub state: RecordState,
}

/// Whether there is a record of a file, and whether it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    Missing,
    Matching,
    Outdated,
}

/// The first line of a record holds the digest, the rest is the path.
const HEAD: &str = "sha256 ";

impl TrustStore {
    /// The records of the current user.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if neither `XDG_STATE_HOME` nor the home folder is an
    /// absolute path.
    pub fn user() -> Result<Self> {
        let home = || Some(home::folder()?.join(".local/state"));
        let state = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        let state = state.or_else(home);
        match state {
            Some(state) => Ok(Self { folder: state.join("s1crets/trusted") }),
            None => Err(Error::config("there is no folder for trust records: neither XDG_STATE_HOME nor a home")),
        }
    }

    /// The folder of the records.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records that a file is trusted with the content that was read.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the record can't be written.
    pub fn trust(&self, file: &ConfigFile) -> Result<()> {
        let path = file.absolute();
        let mut record = format!("{HEAD}{}\n", fingerprint(path, file.text().as_bytes())).into_bytes();
        record.extend(path.as_os_str().as_encoded_bytes());
        let cant = |error| cant("write a trust record in", &self.folder, &error);
        create_private(&self.folder).map_err(cant)?;
        if !is_ours(&self.folder).map_err(cant)? {
            return Err(Error::config(format!("others can write to {}", self.folder.display()))
                .with_hint("make it yours alone, with mode 0700"));
        }
        replace(&self.record(path), &record).map_err(cant)
    }

    /// Removes the record of a file. Returns whether there was one.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the record can't be removed.
    pub fn untrust(&self, file: &Path) -> Result<bool> {
        let path = as_recorded(file);
        match fs::remove_file(self.record(&path)) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(cant("remove a trust record in", &self.folder, &error)),
        }
    }

    /// All records, ordered by path.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) if the folder exists and can't be read.
    pub fn list(&self) -> Result<Vec<TrustRecord>> {
        let cant = |error| cant("read", &self.folder, &error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(cant(error)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let record = entry.map_err(cant)?.path();
            // A temporary file of a killed writer has an extension.
            let Some((digest, path)) = read_record(&record).filter(|_| record.extension().is_none()) else { continue };
            let state = match plain_file::read(&path) {
                Ok((_, content)) if fingerprint(&path, &content) == digest => RecordState::Unchanged,
                Ok(_) => RecordState::Changed,
                Err(_) => RecordState::Gone,
            };
            records.push(TrustRecord { path, state });
        }
        records.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(records)
    }

    /// Compares the content of a file with its record. `path` is as of [`as_recorded`].
    pub(super) fn recorded(&self, path: &Path, content: &[u8]) -> Recorded {
        // Whoever can write records decides which files we trust.
        if !is_ours(&self.folder).unwrap_or(false) {
            return Recorded::Missing;
        }
        match read_record(&self.record(path)) {
            Some((digest, of)) if of == path && digest == fingerprint(path, content) => Recorded::Matching,
            Some((_, of)) if of == path => Recorded::Outdated,
            _ => Recorded::Missing,
        }
    }

    fn record(&self, path: &Path) -> PathBuf {
        self.folder.join(hex(path.as_os_str().as_encoded_bytes()))
    }
}

impl RecordState {
    /// A stable token in lower case, for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "trusted",
            Self::Changed => "changed",
            Self::Gone => "gone",
        }
    }
}

/// The path under which a file is recorded: the canonical path of its folder, and its own name. A
/// link of the same name in another folder is another file.
pub(super) fn as_recorded(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = absolute.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, absolute.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => absolute,
    }
}

/// The part of a record that has to match: the digest of the content, and the folder's number.
fn fingerprint(path: &Path, content: &[u8]) -> String {
    format!("{} {}", hex(content), folder_number(path))
}

/// The inode number of a file's folder: what a repository can't know of its checkout.
fn folder_number(path: &Path) -> u64 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        path.parent().and_then(|folder| folder.metadata().ok()).map_or(0, |status| status.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        0
    }
}

fn read_record(record: &Path) -> Option<(String, PathBuf)> {
    let (status, content) = plain_file::read(record).ok()?;
    // Our records are private. A file of a checkout, or with an access control list, is not.
    if !is_private(&status) {
        return None;
    }
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let digest = std::str::from_utf8(&content[..end]).ok()?.strip_prefix(HEAD)?.to_owned();
    Some((digest, to_path(&content[end + 1..])?))
}

#[cfg(unix)]
fn to_path(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(std::ffi::OsStr::from_bytes(bytes)).to_owned())
}

#[cfg(not(unix))]
fn to_path(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn is_ours(folder: &Path) -> io::Result<bool> {
    ownership::is_changed_only_by(ownership::current_user(), &folder.canonicalize()?)
}

#[cfg(not(unix))]
fn is_ours(folder: &Path) -> io::Result<bool> {
    Ok(folder.is_dir())
}

#[cfg(unix)]
fn is_private(status: &fs::Metadata) -> bool {
    ownership::is_private(status)
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Writes a private file as a whole or not at all.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension(std::process::id().to_string());
    // A killed process with the same id may have left one.
    let _ = fs::remove_file(&fresh);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    let written = file.write_all(content).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // If that fails, the rest is not taken for a record: its name has an extension.
        let _ = fs::remove_file(&fresh);
    }
    written
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn cant(what: &str, folder: &Path, error: &io::Error) -> Error {
    Error::config(format!("can't {what} {}: {error}", folder.display()))
}
