//! Access control lists (POSIX ACLs) of open files on Linux.
//!
//! If a file has a list, the group's bits of its mode are the list's mask, and not the rights of
//! its group. So a copy of the mode alone would give the group what the mask allows.

use std::{fs::File, io};

use rustix::{
    fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr},
    io::Errno,
};

const NAME: &str = "system.posix_acl_access";

/// The largest value that Linux has for an extended attribute.
const MAX_SIZE: usize = 64 * 1024;

/// The list of a file in the kernel's own form; `None` if it has none.
pub(crate) fn of(file: &File) -> io::Result<Option<Vec<u8>>> {
    let mut list = vec![0; MAX_SIZE];
    match fgetxattr(file, NAME, &mut list[..]) {
        Ok(length) => {
            list.truncate(length);
            Ok(Some(list))
        }
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gives a file this list, or takes away the one that it has from its folder.
pub(crate) fn set(file: &File, list: Option<&[u8]>) -> io::Result<()> {
    let set = match list {
        Some(list) => fsetxattr(file, NAME, list, XattrFlags::empty()),
        None => match fremovexattr(file, NAME) {
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
            removed => removed,
        },
    };
    set.map_err(Into::into)
}
