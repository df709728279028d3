//! The AWS shared config files (`~/.aws/config`, `~/.aws/credentials`) that the SDK may read.
//!
//! They are read here, and the SDK gets their text, for two reasons:
//! - Without a home folder the SDK takes `~/.aws/config` literally, and with an empty or relative
//!   `HOME` it looks below the current folder. A file there may be anybody's, and its
//!   `credential_process` is a program that is run.
//! - It ignores profiles whose names are quoted (see `section_names`).

#[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::section_names::{self, File};
use crate::{
    error::{Error, Result},
    fs::home,
};

/// The shared files: the variable that names one, and the default path in the home folder.
const FILES: [(File, &str, &str); 2] = [
    (File::Config, "AWS_CONFIG_FILE", ".aws/config"),
    (File::Credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
];

/// A shared file that exists.
pub(super) struct SharedFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Its text with encoded names, or why it can't be read. It may hold secret keys.
    pub(super) text: io::Result<Zeroizing<String>>,
}

/// The files that profiles are read from, for the SDK. A file that can't be read counts as empty.
#[allow(deprecated, reason = "as above")]
pub(crate) fn profile_files() -> ProfileFiles {
    let files = read();
    of_texts(files.iter().filter_map(|shared| Some((shared.file, shared.text.as_ref().ok()?.as_str()))))
}

/// Files with these texts.
#[allow(deprecated, reason = "as above")]
pub(super) fn of_texts<'a>(texts: impl IntoIterator<Item = (File, &'a str)>) -> ProfileFiles {
    let kind = |file| match file {
        File::Config => ProfileFileKind::Config,
        File::Credentials => ProfileFileKind::Credentials,
    };
    let files =
        texts.into_iter().fold(ProfileFiles::builder(), |files, (file, text)| files.with_contents(kind(file), text));
    // The SDK refuses a list without files.
    files.with_contents(ProfileFileKind::Config, "").build()
}

/// Reads the shared files that exist, the config file first.
pub(super) fn read() -> Vec<SharedFile> {
    let shared = |(file, variable, usual)| {
        let path = named(env::var_os(variable), usual)?;
        let text = fs::read(&path).and_then(|bytes| {
            let not_text = || io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
            match String::from_utf8(bytes) {
                Ok(text) => Ok(Zeroizing::new(section_names::normalized(&Zeroizing::new(text), file))),
                Err(error) => {
                    drop(Zeroizing::new(error.into_bytes()));
                    Err(not_text())
                }
            }
        });
        Some(SharedFile { path, file, text })
    };
    FILES.into_iter().filter_map(shared).collect()
}

/// The path that the variable names, or the default one, if there is a file.
fn named(path: Option<OsString>, usual: &str) -> Option<PathBuf> {
    let usual = || home::folder().filter(|_| has_absolute_home()).map(|home| home.join(usual));
    let path = path.and_then(set_path).map(|path| home::expand(Path::new(&path))).or_else(usual)?;
    Some(path).filter(|path| !begins_with_tilde(path.as_os_str()) && path.is_file())
}

/// The path in a variable, without white space around it. An empty variable counts as unset, as CI
/// systems set it so.
pub(crate) fn set_path(variable: OsString) -> Option<OsString> {
    let path = match variable.to_str() {
        Some(text) => text.trim().into(),
        None => variable,
    };
    Some(path).filter(|path: &OsString| !path.is_empty())
}

/// Checks that the token cache of SSO can be found: it lies below `HOME`.
///
/// # Errors
/// `Config` if `HOME` is set and not an absolute path.
pub(super) fn check_token_cache() -> Result<()> {
    match has_absolute_home() || env::var_os("HOME").is_none() {
        true => Ok(()),
        false => {
            Err(Error::config("HOME is no absolute path, so that SSO tokens would be read from the current folder")
                .with_hint("set HOME to the home folder, or leave it out"))
        }
    }
}

fn has_absolute_home() -> bool {
    env::var_os("HOME").is_some_and(|home| Path::new(&home).is_absolute())
}

/// Whether a path is such as `~name/x`, which is not expanded.
fn begins_with_tilde(path: &OsStr) -> bool {
    path.as_encoded_bytes().starts_with(b"~")
}

/// Checks that no variable leads the SDK to a token file below the current folder.
///
/// # Errors
/// `Config` if a variable begins with `~`, which the SDK does not replace.
pub(super) fn check_token_files() -> Result<()> {
    let named = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    match named.into_iter().find(|name| env::var_os(name).is_some_and(|path| begins_with_tilde(&path))) {
        Some(name) => Err(Error::config(format!("{name} begins with `~`, which is not replaced"))
            .with_hint("write the path of the home folder")),
        None => Ok(()),
    }
}
