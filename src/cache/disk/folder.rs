//! Folder of the disk cache: private, and opened once. Errors become those of the library.

use std::path::Path;

use s1crets_fs::{Folder, Step};

use crate::error::{Error, Result};

/// How the names of temporary files begin, until they are records.
pub(super) const UNFINISHED: &str = "t-";

/// Opens the folder, and creates it with mode 0700 if it does not exist.
///
/// # Errors
/// `Config` if it can't be opened, another user owns it, or others can look into it.
pub(super) fn create(path: &Path) -> Result<Folder> {
    Folder::create(path).map_err(unusable)
}

/// Opens the folder.
///
/// # Errors
/// As [`create`], also if it does not exist.
pub(super) fn open(path: &Path) -> Result<Folder> {
    Folder::open(path).map_err(unusable)
}

fn unusable(error: s1crets_fs::Error) -> Error {
    let path = error.path().display();
    if let Some(refusal) = error.refusal() {
        let message = format!("the disk cache's folder {path} is not used: {}", refusal.why);
        return Error::config(message).with_hint(refusal.hint.clone());
    }
    let action = match error.step() {
        Step::Create => "create",
        Step::Check => "check",
        _ => "open",
    };
    let message = format!("can't {action} the disk cache's folder {path}");
    Error::config(message).with_source(std::io::Error::from(error))
}
