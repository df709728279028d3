//! Files that hold secrets: written whole or not at all, and readable by nobody else at any moment.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::report::Failure;

/// The mode of a file that its owner alone may read and write.
pub(crate) const MODE: u32 = 0o600;

/// Makes `path` hold these bytes: in a new file in the same folder, with its mode from the first byte on, that takes the
/// place of the old one when it is on the disk. A file that holds them already is left as it is, but for its mode. What
/// is no file, such as a pipe, is written to.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    replace(path, bytes, mode).map_err(|error| Failure::io(format!("can't write {}", path.display()), error))
}

/// Puts bytes behind what a file holds, on a line of their own.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let append = || -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        file.write_all(bytes)
    };
    append().map_err(|error| Failure::io(format!("can't write to {}", path.display()), error))
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(known) if !known.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        Ok(_) if holds(path, bytes)? => return set_mode(path, mode),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // What a link leads to is replaced, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = folder(&target);
    let mut file = tempfile::Builder::new().prefix(".s1crets-").tempfile_in(&folder)?;
    set_mode(file.path(), mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&target)?;
    sync(&folder)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn holds(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        // What may not be read can still be replaced.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(false),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if length != bytes.len() as u64 {
        return Ok(false);
    }
    let mut held = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    file.read_to_end(&mut held)?;
    Ok(*held == bytes)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    match fs::metadata(path)?.mode() & 0o7777 == mode {
        true => Ok(()),
        false => fs::set_permissions(path, fs::Permissions::from_mode(mode)),
    }
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}

/// The new name is on the disk when the folder is.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_for_its_owner_alone_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        write(&path, b"one", MODE).expect("written");
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"one".to_vec(), 0o600));
        write(&path, b"three", 0o640).expect("written");
        assert_eq!((fs::read(&path).expect("read"), mode(&path)), (b"three".to_vec(), 0o640));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_the_same_is_left_but_for_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        fs::write(&path, b"same").expect("written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("changed");
        let before = fs::metadata(&path).expect("there");
        write(&path, b"same", MODE).expect("written");
        let after = fs::metadata(&path).expect("there");
        assert_eq!(
            (before.ino(), before.modified().expect("a time")),
            (after.ino(), after.modified().expect("a time"))
        );
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_link_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, b"old").expect("written");
        symlink(&target, &link).expect("a link");
        write(&link, b"new", MODE).expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(&target).expect("read"), b"new");
    }

    #[test]
    fn what_fails_leaves_the_old_file_and_nothing_else() {
        let error = write(Path::new("/nonexistent/out"), b"x", MODE).expect_err("no folder");
        assert!(matches!(error, Failure::Io { .. }));
    }

    #[test]
    fn an_appended_text_begins_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("env");
        append(&path, b"A=1\n").expect("written");
        fs::write(&path, b"A=1").expect("written");
        append(&path, b"B=2\n").expect("written");
        append(&path, b"C=3\n").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"A=1\nB=2\nC=3\n");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o7777
    }
}
