//! Which shared config files the AWS SDK reads.
//!
//! Without a home folder the SDK takes `~/.aws/config` literally, and with an empty or relative `HOME` it
//! looks below the current folder. A file there may be anybody's, and its `credential_process` is a
//! program that is run. So the SDK is told which files there are unless `HOME` is an absolute path.

#[allow(deprecated, reason = "the new names are in a crate that is not ours to name")]
use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
use std::{env, ffi::OsString, path::Path};

use crate::error::{Error, Result};

/// The shared files: what each is, and the variable that names it.
#[allow(deprecated, reason = "as above")]
const FILES: [(ProfileFileKind, &str); 2] =
    [(ProfileFileKind::Config, "AWS_CONFIG_FILE"), (ProfileFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE")];

/// The files to read profiles from.
#[allow(deprecated, reason = "as above")]
pub(crate) fn profile_files() -> ProfileFiles {
    if has_absolute_home() {
        return ProfileFiles::default();
    }
    FILES
        .into_iter()
        .fold(ProfileFiles::builder(), |files, (kind, variable)| match named(env::var_os(variable)) {
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

/// A file that a variable names. One that begins with `~` can't be found without a home.
fn named(path: Option<OsString>) -> Option<OsString> {
    path.filter(|path| !Path::new(path).starts_with("~") && Path::new(path).is_file())
}
