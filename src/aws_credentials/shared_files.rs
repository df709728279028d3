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

/// The largest file of a token: many times what one takes.
const MAX_TOKEN: u64 = 64 << 10;

/// The variable that names the file of the token for a container's credentials.
pub(super) const CONTAINER_TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// A shared file that exists.
pub(super) struct SharedFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Its text with encoded names, or why it can't be read. It may hold secret keys.
    pub(super) text: io::Result<Zeroizing<String>>,
}

/// The files that profiles are read from, for the SDK. A file that can't be read counts as empty:
/// `Profiles::load` is called first, and reports it.
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
        let text = fs::read(&path).and_then(|bytes| match String::from_utf8(bytes) {
            Ok(text) => Ok(Zeroizing::new(section_names::normalized(&Zeroizing::new(text), file))),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Err(not_utf8(&Zeroizing::new(error.into_bytes()), at))
            }
        });
        Some(SharedFile { path, file, text })
    };
    FILES.into_iter().filter_map(shared).collect()
}

/// The error of a file with a byte that is not UTF-8, at this index.
pub(super) fn not_utf8(bytes: &[u8], index: usize) -> io::Error {
    let line = 1 + bytes[..index].iter().filter(|byte| **byte == b'\n').count();
    io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8"))
}

/// The error of a file that exists and can't be read. It may hold the profile that is in force, so
/// going on without it would be going on as somebody else.
pub(super) fn unreadable(path: &Path, file: File, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::InvalidData => "save the file as UTF-8".to_owned(),
        _ => format!("let this user read the file, or set {} to another one", variable_of(file)),
    };
    Error::config(format!("{} can't be read: {error}", path.display())).with_hint(hint)
}

fn variable_of(file: File) -> &'static str {
    match file {
        File::Config => FILES[0].1,
        File::Credentials => FILES[1].1,
    }
}

/// The path that the variable names, or the default one, if there is a file.
fn named(path: Option<OsString>, usual: &str) -> Option<PathBuf> {
    let usual = || home::folder().filter(|_| has_absolute_home()).map(|home| home.join(usual));
    let path = path.and_then(set_path).map(|path| home::expand(Path::new(&path))).or_else(usual)?;
    Some(path).filter(|path| is_file(path))
}

fn is_file(path: &Path) -> bool {
    !begins_with_tilde(path.as_os_str()) && path.is_file()
}

/// For a hint: which variable names a shared file that is not there. `None` if none does.
pub(super) fn absent() -> Option<String> {
    let absent = |(_, variable, _)| {
        let path = home::expand(Path::new(&env::var_os(variable).and_then(set_path)?));
        (!is_file(&path)).then(|| format!("{variable} names {}, which is not a file", path.display()))
    };
    FILES.into_iter().find_map(absent)
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

/// Checks that the SDK can read this file of a token: it would wait for a FIFO, and read a device
/// without an end. A file that is not there is left to it.
///
/// # Errors
/// `Config` if it is not a regular file, or too large for a token.
pub(super) fn check_token_file(path: &Path, named_by: &str) -> Result<()> {
    let why = match fs::metadata(path) {
        Ok(status) if !status.is_file() => "is not a regular file",
        Ok(status) if status.len() > MAX_TOKEN => "is larger than 64 KiB",
        _ => return Ok(()),
    };
    Err(Error::config(format!("the token file {}, which {named_by} names, {why}", path.display()))
        .with_hint(format!("correct {named_by}: it names the file that holds the token")))
}

/// Checks that no variable leads the SDK to a token file below the current folder.
///
/// # Errors
/// `Config` if a variable begins with `~`, which the SDK does not replace.
pub(super) fn check_token_files() -> Result<()> {
    let named = ["AWS_WEB_IDENTITY_TOKEN_FILE", CONTAINER_TOKEN_FILE];
    match named.into_iter().find(|name| env::var_os(name).is_some_and(|path| begins_with_tilde(&path))) {
        Some(name) => Err(Error::config(format!("{name} begins with `~`, which is not replaced"))
            .with_hint("write the path of the home folder")),
        None => Ok(()),
    }
}
