//! Who can change a file: the owners and modes of the file and of all folders on its path.
//!
//! Whoever can write to a folder can replace what is in it, so a file is as safe as the least safe
//! folder above it. The one exception is a sticky folder such as `/tmp`: there nobody can rename or
//! remove what belongs to somebody else. It is no exception for the folder of the file itself,
//! where others could add files under the names that a config file refers to.
//!
//! Root can change every file anyway, so root counts as trusted everywhere.

use std::{fs, io, path::Path};

/// The user id of root.
const ROOT: u32 = 0;

/// The effective user id of this process.
#[cfg(unix)]
pub(super) fn current_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether every user of this machine can write to the file.
#[cfg(unix)]
pub(super) fn is_writable_by_all(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.mode() & 0o002 != 0
}

/// Whether this process's user or root owns the file.
#[cfg(unix)]
pub(super) fn is_ours_or_roots(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    [current_user(), ROOT].contains(&status.uid())
}

/// Whether only `user` and root can change the file at `path`, or replace it.
///
/// `path` has to be free of links, as from [`fs::canonicalize`].
///
/// # Errors
/// If the status of the file, or of a folder on its path, can't be read.
#[cfg(unix)]
pub(super) fn is_changed_only_by(user: u32, path: &Path) -> io::Result<bool> {
    for (depth, step) in path.ancestors().enumerate() {
        let status = fs::symlink_metadata(step)?;
        let is_sticky_parent = depth > 1 && is_sticky(&status);
        if !is_owned_by(user, &status) || (is_writable_by_others(&status) && !is_sticky_parent) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(unix)]
fn is_owned_by(user: u32, status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    [user, ROOT].contains(&status.uid())
}

/// Whether the mode lets anybody but the owner write. An access control list that lets others write
/// shows in the group bits only, so those count even if the group is the owner's private one.
#[cfg(unix)]
fn is_writable_by_others(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.mode() & 0o022 != 0
}

/// Whether this process's user owns the file, and nobody else can read or write it.
#[cfg(unix)]
pub(super) fn is_private(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.uid() == current_user() && status.mode() & 0o077 == 0
}

/// Whether both are the same file, by device and inode.
#[cfg(unix)]
pub(super) fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(unix)]
fn is_sticky(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.mode() & 0o1000 != 0
}

/// Whether only root can change the file at `path`, and this process is not root. That is so in a
/// container image that runs as another user.
///
/// # Errors
/// As [`is_changed_only_by`].
#[cfg(unix)]
pub(super) fn is_roots_alone(path: &Path) -> io::Result<bool> {
    Ok(current_user() != ROOT && is_changed_only_by(ROOT, path)?)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("own file");
    }

    #[test]
    fn a_file_can_be_changed_by_whoever_can_write_to_it_or_to_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().canonicalize().expect("there").join("below");
        fs::create_dir(&below).expect("made");
        let file = below.join("file");
        fs::write(&file, "").expect("written");
        let is_ours = || is_changed_only_by(current_user(), &file).expect("there");
        for (file_mode, folder_mode, expected) in [
            (0o644, 0o755, true),
            (0o646, 0o755, false),
            (0o644, 0o757, false),
            // Others can add files beside it, though the folder is sticky.
            (0o644, 0o1777, false),
        ] {
            set_mode(&file, file_mode);
            set_mode(&below, folder_mode);
            assert_eq!(is_ours(), expected, "{file_mode:o} in {folder_mode:o}");
        }
        assert!(!is_changed_only_by(current_user() + 1, &file).expect("there"), "the owner is somebody else");
    }

    /// An access control list shows in the group bits only.
    #[test]
    fn write_access_of_the_group_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().canonicalize().expect("there").join("file");
        fs::write(&file, "").expect("written");
        set_mode(&file, 0o664);
        assert!(!is_changed_only_by(current_user(), &file).expect("there"));
    }
}
