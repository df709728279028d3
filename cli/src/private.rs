//! Output files: where `-o` writes, private by default, whole or not at all.
//!
//! `s1crets-fs` writes them. Here is what the command adds: standard output by its names, FIFOs,
//! text added to a file of a CI system, and signals that wait until a file is whole.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use s1crets_fs::{AtomicWrite, NamedTarget, Target};

#[cfg(unix)]
use crate::signals::uninterrupted;
use crate::{output, report::Failure};

/// The mode of a file that its owner alone may read and write.
pub(crate) const MODE: u32 = 0o600;

/// Writes a file with this mode, or to standard output for `-`, `/dev/stdout` and the like.
///
/// A file is replaced whole or not at all. A FIFO or a file that a process holds open is written
/// to.
///
/// # Errors
/// `Io`, also if the path leads over a link or FIFO, or through a folder, of another user.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    if path == Path::new("-") {
        return output::print(|out| out.write_all(bytes));
    }
    let target = Target::of(path).map_err(|error| unwritten(path, error.into()))?;
    #[cfg(unix)]
    if matches!(target, Target::StandardOutput) {
        return output::print(|out| out.write_all(bytes));
    }
    write_to(&target, bytes, mode).map_err(|error| unwritten(path, error))
}

/// Writes a file that everybody may read, and creates its folder if it does not exist.
pub(crate) fn write_public(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    write_to(&Target::creating_folders(&folder.join(name))?, bytes, 0o644)
}

fn write_to(target: &Target, bytes: &[u8], mode: u32) -> io::Result<()> {
    match target {
        #[cfg(unix)]
        Target::StandardOutput => io::stdout().write_all(bytes),
        #[cfg(unix)]
        Target::Open(file) => (&*file).write_all(bytes),
        // A signal may end the wait for a FIFO's reader.
        Target::Named(target) if target.is_special() => Ok(target.write_through(bytes)?),
        Target::Named(target) => uninterrupted(|| Ok(AtomicWrite::default().with_mode(mode).write(target, bytes)?)),
    }
}

/// Adds bytes to a file, on a line of their own. A new file is private.
///
/// # Errors
/// As [`write`].
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error| Failure::io(format!("can't write to {}", path.display()), error);
    match Target::of(path).map_err(|error| failed(error.into()))? {
        #[cfg(unix)]
        Target::StandardOutput => output::print(|out| out.write_all(bytes)),
        #[cfg(unix)]
        Target::Open(mut file) => file.write_all(bytes).map_err(failed),
        // A signal may end the wait for a FIFO's reader.
        Target::Named(target) if target.is_special() => add(&target, bytes).map_err(failed),
        Target::Named(target) => uninterrupted(|| add(&target, bytes)).map_err(failed),
    }
}

fn add(target: &NamedTarget, bytes: &[u8]) -> io::Result<()> {
    let mut file = target.append()?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn uninterrupted<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    write()
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::io(format!("can't write {}", path.display()), error)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn an_output_file_is_private_and_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out");
        write(&path, b"one", MODE).expect("written");
        write(&path, b"three", 0o640).expect("written");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!((fs::read(&path).expect("read"), mode & 0o7777), (b"three".to_vec(), 0o640));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_link_or_fifo_in_a_shared_folder_is_refused_with_a_hint() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).expect("changed");
        let link = folder.path().join("link");
        fs::write(folder.path().join("target"), "old").expect("written");
        symlink("target", &link).expect("a link");
        for tried in [write(&link, b"hunter2", MODE), append(&link, b"hunter2")] {
            let Err(Failure::Io { error, .. }) = tried else { panic!("the link is used") };
            assert!(error.to_string().ends_with("is in a folder that others can write to"), "{error}");
            assert!(s1crets_fs::Refusal::of(&error).is_some());
        }
        assert_eq!(fs::read(folder.path().join("target")).expect("read"), b"old");
    }

    #[test]
    fn a_missing_folder_is_an_io_failure() {
        let error = write(Path::new("/nonexistent/out"), b"x", MODE).expect_err("no folder");
        assert!(matches!(error, Failure::Io { .. }));
    }

    #[test]
    fn appended_text_begins_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("env");
        append(&path, b"A=1\n").expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o600);
        fs::write(&path, b"A=1").expect("written");
        append(&path, b"B=2\n").expect("written");
        append(&path, b"C=3\n").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"A=1\nB=2\nC=3\n");
    }
}
