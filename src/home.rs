//! The user's home folder.

use std::{env, path::PathBuf};

/// The home folder, by `HOME` or by the user database; nothing if it is no absolute path. A relative one
/// would make whatever folder we are in the user's own.
pub(crate) fn folder() -> Option<PathBuf> {
    env::home_dir().filter(|home| home.is_absolute())
}
