//! What a stranger may have put on the way to a file, or in its place, so as to get what is written there.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{read, watch_path::Trail};
use crate::error::{Error, ErrorKind, Result};

/// Refuses to write to a path that leads over a link that neither we nor root own, or over any link
/// in a folder that others can write to; and to a file there that is a stranger's.
///
/// # Errors
/// `AccessDenied` with what it is, and whose.
pub(super) fn refuse(path: &Path) -> Result<()> {
    match reason(path) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => {
            let message = format!("could not update secrets: {}: {why}", path.display());
            let hint = "name the file itself, in a folder that nobody else can write to";
            Err(Error::new(ErrorKind::AccessDenied, message).with_hint(hint))
        }
        Err(error) => Err(read::unreadable(path, error)),
    }
}

fn reason(path: &Path) -> io::Result<Option<String>> {
    let absolute = std::path::absolute(path)?;
    for link in Trail::to(&absolute).links {
        let owner = fs::symlink_metadata(&link)?.uid();
        if !is_trusted(owner) {
            return Ok(Some(format!("the link {} belongs to user {owner}, not to you or root", link.display())));
        }
        let folder = folder_of(&link)?;
        if is_open_to_all(&folder) || !is_trusted(folder.uid()) {
            return Ok(Some(format!("the link {} is in a folder that others can write to", link.display())));
        }
    }
    let real = fs::canonicalize(path)?;
    let owner = fs::metadata(&real)?.uid();
    let is_planted = !is_trusted(owner) && is_open_to_all(&folder_of(&real)?);
    Ok(is_planted.then(|| format!("it belongs to user {owner} and is in a folder that others can write to")))
}

fn folder_of(path: &Path) -> io::Result<Metadata> {
    fs::metadata(path.parent().unwrap_or(path))
}

fn is_trusted(owner: u32) -> bool {
    [rustix::process::geteuid().as_raw(), 0].contains(&owner)
}

fn is_open_to_all(folder: &Metadata) -> bool {
    folder.mode() & 0o002 != 0
}
