//! The user's home folder.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The home folder, by `HOME` or by the user database; nothing if it is no absolute path. A relative one
/// would make whatever folder we are in the user's own.
pub(crate) fn folder() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}

/// A path from a variable or an option, in which no shell has replaced `~/`: as in `--config=~/x`, or in the
/// settings of a CI system. Taken as it is written, it would lead into a folder named `~` in the current
/// one. Without a home folder it leads nowhere.
pub(crate) fn expand(path: &Path) -> PathBuf {
    match path.strip_prefix("~") {
        Ok(rest) => folder().unwrap_or_else(|| "/nonexistent".into()).join(rest),
        Err(_) => path.to_owned(),
    }
}
