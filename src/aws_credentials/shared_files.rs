//! Which shared config files the AWS SDK reads.
//!
//! Without a home folder the SDK takes `~/.aws/config` literally, and with an empty or relative `HOME` it
//! looks below the current folder. A file there may be anybody's, and its `credential_process` is a
//! program that is run. So the SDK is told which files there are unless `HOME` is an absolute path.

#[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::Path,
};

use crate::{
    error::{Error, Result},
    fs::home,
};

/// The shared files: what each is, the variable that names it, and where it is otherwise.
#[allow(deprecated, reason = "as above")]
const FILES: [(ProfileFileKind, &str, &str); 2] = [
    (ProfileFileKind::Config, "AWS_CONFIG_FILE", ".aws/config"),
    (ProfileFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
];

/// The files to read profiles from.
#[allow(deprecated, reason = "as above")]
pub(crate) fn profile_files() -> ProfileFiles {
    if has_absolute_home() && FILES.iter().all(|(_, variable, _)| !is_of_another_home(variable)) {
        return ProfileFiles::default();
    }
    FILES
        .into_iter()
        .fold(ProfileFiles::builder(), |files, (kind, variable, usual)| match named(env::var_os(variable), usual) {
            Some(path) => files.with_file(kind, path),
            None => files.with_contents(kind, ""),
        })
        .build()
}

/// That tokens of SSO and of `aws login` can be read: their cache lies below `HOME`.
///
/// # Errors
/// `Config` if `HOME` is set and is no absolute path.
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

/// The SDK takes `~name/x` for a folder of that name in the current one.
fn is_of_another_home(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|path| begins_with_tilde(&path) && !Path::new(&path).starts_with("~"))
}

fn begins_with_tilde(path: &OsStr) -> bool {
    path.as_encoded_bytes().starts_with(b"~")
}

/// A file of this kind: the one that its variable names, or the usual one.
fn named(path: Option<OsString>, usual: &str) -> Option<OsString> {
    let usual = || home::folder().filter(|_| has_absolute_home()).map(|home| home.join(usual));
    let path = path.map(|path| home::expand(Path::new(&path))).or_else(usual)?.into_os_string();
    Some(path).filter(|path| !begins_with_tilde(path) && Path::new(path).is_file())
}

/// That a credential file which the SDK reads as it is named is none of the current folder's.
///
/// # Errors
/// `Config` if its variable begins with `~`, which nobody replaces there.
pub(crate) fn check_token_files() -> Result<()> {
    let named = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    match named.into_iter().find(|name| env::var_os(name).is_some_and(|path| begins_with_tilde(&path))) {
        Some(name) => Err(Error::config(format!("{name} begins with `~`, which is not replaced"))
            .with_hint("write the path of the home folder")),
        None => Ok(()),
    }
}
