//! Who can change a file: its owner, its mode, and those of the folders on the way to it.

use std::{fs, io, path::Path};

/// Root, who can change every file anyway.
const ROOT: u32 = 0;

/// The user that this process acts as.
#[cfg(unix)]
pub(super) fn current_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether everybody on this machine can write to it.
#[cfg(unix)]
pub(super) fn is_writable_by_all(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.mode() & 0o002 != 0
}

/// Whether it belongs to this process's user, or to root.
#[cfg(unix)]
pub(super) fn is_ours_or_roots(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    [current_user(), ROOT].contains(&status.uid())
}

/// Whether nobody but `user` and root can change the file at `path`, or put another one in its place.
///
/// `path` has no links in it ([`fs::canonicalize`]).
///
/// # Errors
/// If the file, or a folder on the way to it, can't be looked at.
#[cfg(unix)]
pub(super) fn is_changed_only_by(user: u32, path: &Path) -> io::Result<bool> {
    for (depth, step) in path.ancestors().enumerate() {
        let status = fs::symlink_metadata(step)?;
        // In a sticky folder nobody can move what belongs to somebody else. The file's own folder gets
        // no such allowance: others could add files there under the names that this one refers to.
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

/// Whether its mode lets anybody but its owner write. Of an access control list that lets others write,
/// the mode shows no more than the group bits, so a group counts even if it is the owner's private one.
#[cfg(unix)]
fn is_writable_by_others(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.mode() & 0o022 != 0
}

/// Whether it is ours, and nobody else can read or write it.
#[cfg(unix)]
pub(super) fn is_private(status: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    status.uid() == current_user() && status.mode() & 0o077 == 0
}

/// Whether two are the same file.
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

/// Whether only root can change the file at `path`, and this process is not root: as in a container image
/// that runs as another user.
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
    fn a_file_is_changed_by_whoever_can_write_to_it_or_to_its_folder() {
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
            // Sticky, and still: others can put files beside it.
            (0o644, 0o1777, false),
        ] {
            set_mode(&file, file_mode);
            set_mode(&below, folder_mode);
            assert_eq!(is_ours(), expected, "{file_mode:o} in {folder_mode:o}");
        }
        assert!(!is_changed_only_by(current_user() + 1, &file).expect("there"), "the owner is somebody else");
    }

    /// The group bits are also all that the mode shows of an access control list.
    #[test]
    fn a_group_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().canonicalize().expect("there").join("file");
        fs::write(&file, "").expect("written");
        set_mode(&file, 0o664);
        assert!(!is_changed_only_by(current_user(), &file).expect("there"));
    }
}
