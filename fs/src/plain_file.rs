//! Reading small files: config files, tokens, keys, certificates. Never blocks on a FIFO, and
//! bounded.
//!
//! A path may lead to a FIFO that nobody writes to, or to a device without an end. So a file is
//! opened without waiting, checked once it is open, and read up to a limit.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

/// The largest file that is read: many times what a config file or a bundle of certificates takes.
const MAX_BYTES: u64 = 4 << 20;

/// Opens a plain file, `/dev/null`, or a file that this process holds open already (`/dev/fd/3`, as
/// a shell's `<(…)` names it).
///
/// # Errors
/// Any error of the system; that it is a FIFO, a folder or a device.
pub fn open(path: &Path) -> io::Result<File> {
    if is_descriptor(path) {
        return File::open(path);
    }
    let file = open_without_waiting(path)?;
    match file.metadata()?.is_file() || path == Path::new("/dev/null") {
        true => Ok(file),
        false => Err(io::Error::other("it is no plain file")),
    }
}

/// Reads a whole file of at most 4 MiB that [`open`] accepts. The buffer is wiped when dropped.
///
/// # Errors
/// As [`open`]; that it is larger than 4 MiB.
pub fn read(path: &Path) -> io::Result<(Metadata, Zeroizing<Vec<u8>>)> {
    read_opened(open(path)?)
}

/// Reads a file of at most 4 MiB by its name in an open folder, whatever the folder's path leads
/// to.
///
/// # Errors
/// As [`read`].
#[cfg(unix)]
pub fn read_at(folder: &File, name: &str) -> io::Result<(Metadata, Zeroizing<Vec<u8>>)> {
    let file = File::from(rustix::fs::openat(folder, name, FLAGS, rustix::fs::Mode::empty())?);
    match file.metadata()?.is_file() {
        true => read_opened(file),
        false => Err(io::Error::other("it is no plain file")),
    }
}

fn read_opened(file: File) -> io::Result<(Metadata, Zeroizing<Vec<u8>>)> {
    let status = file.metadata()?;
    let room = usize::try_from(status.len().min(MAX_BYTES) + 1).unwrap_or_default();
    // With room for all of it, nothing is left behind in a smaller buffer.
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20))),
        false => Ok((status, bytes)),
    }
}

/// Reads a file of at most 4 MiB that holds UTF-8 text.
///
/// # Errors
/// As [`read`]; that it is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    let (_, bytes) = read(path)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text")),
    }
}

/// Whether a path names a file that this process holds open, by its number.
fn is_descriptor(path: &Path) -> bool {
    let is_number = |rest: &Path| rest.to_str().is_some_and(|rest| rest.parse::<u32>().is_ok());
    let is_number_in = |folder: &&str| path.strip_prefix(folder).is_ok_and(is_number);
    path == Path::new("/dev/stdin") || ["/dev/fd", "/proc/self/fd"].iter().any(is_number_in)
}

#[cfg(unix)]
const FLAGS: rustix::fs::OFlags = rustix::fs::OFlags::RDONLY
    .union(rustix::fs::OFlags::NONBLOCK)
    .union(rustix::fs::OFlags::NOCTTY)
    .union(rustix::fs::OFlags::CLOEXEC);

#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, openat};
    Ok(File::from(openat(CWD, path, FLAGS, Mode::empty())?))
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_fifo_a_folder_and_an_endless_device_are_refused_without_blocking() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
        let roundabout = Path::new("/dev/fd/..").join(pipe.strip_prefix("/").expect("absolute"));
        for path in [pipe.as_path(), folder.path(), &roundabout, Path::new("/dev/zero"), Path::new("/dev/tty")] {
            assert!(read(path).is_err(), "{}", path.display());
        }
        assert_eq!(read(Path::new("/dev/null")).expect("empty").1.len(), 0);
        let file = folder.path().join("file");
        fs::write(&file, "x".repeat(MAX_BYTES as usize)).expect("written");
        assert_eq!(read(&file).expect("as large as may be").1.len() as u64, MAX_BYTES);
        fs::write(&file, "x".repeat(MAX_BYTES as usize + 1)).expect("written");
        assert!(read(&file).expect_err("larger").to_string().contains("4 MiB"));
        fs::write(&file, b"\xff").expect("written");
        assert_eq!(read_text(&file).expect_err("no text").kind(), io::ErrorKind::InvalidData);
    }
}
