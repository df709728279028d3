//! The AWS shared config files (`~/.aws/config`, `~/.aws/credentials`) that the SDK may read.
//!
//! Without a home folder the SDK takes `~/.aws/config` literally, and with an empty or relative
//! `HOME` it looks below the current folder. A file there may be anybody's, and its
//! `credential_process` is a program that is run. So unless `HOME` is an absolute path, the SDK is
//! given the list of files to read.

#[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::variables;
use crate::{
    error::{Error, Result},
    fs::home,
};

/// The shared files: the kind, the variable that names one, and the default path in the home
/// folder.
#[allow(deprecated, reason = "as above")]
const FILES: [(ProfileFileKind, &str, &str); 2] = [
    (ProfileFileKind::Config, "AWS_CONFIG_FILE", ".aws/config"),
    (ProfileFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
];

/// The files that profiles are read from.
#[allow(deprecated, reason = "as above")]
pub(crate) fn profile_files() -> ProfileFiles {
    if has_absolute_home() && FILES.iter().all(|(_, variable, _)| is_read_as_meant(variable)) {
        return ProfileFiles::default();
    }
    FILES
        .into_iter()
        .fold(ProfileFiles::builder(), |files, (kind, variable, usual)| match named(variables::path(variable), usual) {
            Some(path) => files.with_file(kind, path),
            None => files.with_contents(kind, ""),
        })
        .build()
}

/// Checks that the token cache of SSO and `aws login` can be found: it lies below `HOME`.
///
/// # Errors
/// `Config` if `HOME` is set and not an absolute path.
pub(crate) fn check_token_cache() -> Result<()> {
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

/// Whether the SDK reads the file that a variable names. It takes `~name/x` for a relative path, a
/// blank variable for a file without a name, and a line break for a part of the name.
fn is_read_as_meant(variable: &str) -> bool {
    let Some(path) = env::var_os(variable) else { return true };
    let is_clean = path.to_str().is_none_or(|text| variables::cleaned(text) == Some(text));
    is_clean && (!begins_with_tilde(&path) || Path::new(&path).starts_with("~"))
}

fn begins_with_tilde(path: &OsStr) -> bool {
    path.as_encoded_bytes().starts_with(b"~")
}

/// The path that the variable names, or the default one, if there is a file.
fn named(path: Option<PathBuf>, usual: &str) -> Option<OsString> {
    let usual = || home::folder().filter(|_| has_absolute_home()).map(|home| home.join(usual));
    let path = path.or_else(usual)?.into_os_string();
    Some(path).filter(|path| !begins_with_tilde(path) && Path::new(path).is_file())
}

/// Checks that no variable leads the SDK to a token file below the current folder.
///
/// # Errors
/// `Config` if a variable begins with `~`, which the SDK does not replace.
pub(crate) fn check_token_files() -> Result<()> {
    let named = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    match named.into_iter().find(|name| env::var_os(name).is_some_and(|path| begins_with_tilde(&path))) {
        Some(name) => Err(Error::config(format!("{name} begins with `~`, which is not replaced"))
            .with_hint("write the path of the home folder")),
        None => Ok(()),
    }
}
