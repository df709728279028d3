//! Files that hold secrets: written whole or not at all, and readable by nobody else at any moment.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

#[cfg(unix)]
use crate::signals::uninterrupted;
use crate::{output, report::Failure};

/// The mode of a file that its owner alone may read and write.
pub(crate) const MODE: u32 = 0o600;

/// What the name of a file begins with that takes the place of another one when it is whole.
const FRESH: &str = ".s1crets-";

/// A file of such a name that is as old as this has nobody who writes it: its writer was killed.
const LEFT: Duration = Duration::from_secs(60);

/// Makes `path` hold these bytes: in a new file in the same folder, with its mode from the first byte on, that takes the
/// place of the old one when it is on the disk. A file that holds them already is left as it is, but for its mode. What
/// is no file, such as a pipe, is written to, and so is what is open already, such as `/dev/stdout` or `-`, which is the same.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    if path == Path::new("-") {
        return output::print(|out| out.write_all(bytes));
    }
    let told = |error| Failure::io(format!("can't write {}", path.display()), error);
    let links = links(path).map_err(told)?;
    if links.iter().any(|link| STDOUT.iter().any(|name| link == Path::new(name))) {
        return output::print(|out| out.write_all(bytes));
    }
    let written = match links.iter().any(|link| OPEN.iter().any(|folder| link.starts_with(folder))) {
        true => OpenOptions::new().append(true).open(path).and_then(|mut file| file.write_all(bytes)),
        false => uninterrupted(|| replace(links.last().map_or(path, PathBuf::as_path), bytes, mode)),
    };
    written.map_err(told)
}

/// Names of standard output.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where names lead to what somebody holds open, which is not to be replaced.
const OPEN: [&str; 2] = ["/dev/fd", "/proc"];

/// A path, and what it leads to if it is a link: what the last one leads to is replaced, not a link; also where there is
/// nothing yet.
fn links(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut links = vec![path.to_owned()];
    while let Some(next) = links.last().and_then(|link| Some(folder(link).join(fs::read_link(link).ok()?))) {
        links.push(next);
        // As many as Linux follows.
        if links.len() > 40 {
            return Err(io::Error::other("too many links lead from one to the next"));
        }
    }
    Ok(links)
}

/// Puts bytes behind what a file holds, on a line of their own. A new one is private.
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let append = || -> io::Result<()> {
        let mut file = private(OpenOptions::new().read(true).append(true).create(true)).open(path)?;
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

fn replace(target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match fs::metadata(target) {
        Ok(known) if !known.is_file() => return OpenOptions::new().write(true).open(target)?.write_all(bytes),
        Ok(_) if holds(target, bytes)? => return set_mode(target, mode),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (folder, prefix) = (folder(target), fresh_prefix(target));
    remove_left(&folder, &prefix);
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(&folder)?;
    set_mode(file.path(), mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    sync(&folder)
}

fn fresh_prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(FRESH);
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push("-");
    prefix
}

/// What writers of the same file left that were killed.
fn remove_left(folder: &Path, prefix: &OsStr) {
    let is_left = |entry: &fs::DirEntry| {
        let begins = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
        let old =
            |metadata: fs::Metadata| metadata.is_file() && metadata.modified().is_ok_and(|time| age(time) >= LEFT);
        begins && entry.metadata().is_ok_and(old)
    };
    // What can't be looked at or removed is somebody else's.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(is_left) {
        let _ = fs::remove_file(entry.path());
    }
}

fn age(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).unwrap_or_default()
}

#[cfg(not(unix))]
fn uninterrupted<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    write()
}

/// Options that make a new file its owner's alone.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, MODE)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
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
    fn a_link_to_nothing_yet_stays_too() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("real")).expect("a folder");
        let link = folder.path().join("link");
        symlink("real/out", &link).expect("a link");
        write(&link, b"new", MODE).expect("written");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(fs::read(folder.path().join("real/out")).expect("read"), b"new");
        symlink("loop", folder.path().join("loop")).expect("a link");
        write(&folder.path().join("loop"), b"x", MODE).expect_err("it leads nowhere");
    }

    #[test]
    fn what_somebody_holds_open_is_written_to_and_not_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        fs::write(&path, b"header\n").expect("written");
        let open = OpenOptions::new().append(true).open(&path).expect("there");
        let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        let before = fs::metadata(&path).expect("there").ino();
        write(Path::new(&name), b"body\n", MODE).expect("written");
        (&open).write_all(b"footer\n").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"header\nbody\nfooter\n");
        assert_eq!(fs::metadata(&path).expect("there").ino(), before);
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_once_it_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, old, young) =
            (folder.path().join("out"), folder.path().join(".s1crets-out-abc"), folder.path().join(".s1crets-out-def"));
        for left in [&old, &young] {
            fs::write(left, b"hunter2").expect("written");
        }
        let past = SystemTime::now() - 2 * LEFT;
        File::options().write(true).open(&old).expect("there").set_modified(past).expect("a time");
        write(&path, b"x", MODE).expect("written");
        assert!(!old.exists() && young.exists());
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
        assert_eq!(mode(&path), 0o600);
        fs::write(&path, b"A=1").expect("written");
        append(&path, b"B=2\n").expect("written");
        append(&path, b"C=3\n").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"A=1\nB=2\nC=3\n");
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o7777
    }
}
