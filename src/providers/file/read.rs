//! Reading a secrets file whole: no torn content, and no copy of it left in memory.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::Path,
    str, thread,
    time::{Duration, SystemTime},
};

use s1crets_fs::Fingerprint;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Nobody has 100 MiB of secrets; a file of that size is something else. The bound of baseplate.go.
pub(super) const MAX_SIZE: u64 = 100 << 20;

/// How often reading starts over because the file changed meanwhile, and after which pause.
pub(super) const TRIES: usize = 10;
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// A file as it was at one moment.
pub(super) struct Content {
    bytes: Zeroizing<Vec<u8>>,
    pub(super) metadata: Metadata,
    pub(super) fingerprint: Fingerprint,
}

impl Content {
    pub(super) fn text(&self) -> Result<&str, &'static str> {
        str::from_utf8(&self.bytes).map_err(|_| "not UTF-8 text")
    }

    fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.bytes == other.bytes
    }
}

/// The content at a moment at which nobody was writing to it.
pub(super) fn read(path: &Path) -> Result<Content> {
    let mut last: Option<Content> = None;
    for _ in 0..TRIES {
        let Some(content) = read_once(path)? else {
            thread::sleep(PAUSE);
            continue;
        };
        // A write in place within one tick of the clock changes no fingerprint. While that is
        // possible, two equal reads show that nobody is writing.
        if !content.fingerprint.is_recent(SystemTime::now()) || last.is_some_and(|last| last.is_same(&content)) {
            return Ok(content);
        }
        last = Some(content);
    }
    Err(unsettled(path))
}

/// `None` if the file changed meanwhile.
fn read_once(path: &Path) -> Result<Option<Content>> {
    let file = open(path)?;
    let before = file.metadata().map_err(|error| unreadable(path, error))?;
    if before.len() > MAX_SIZE {
        return Err(corrupt(path, "larger than 100 MiB"));
    }
    let bytes = read_up_to(&file, before.len()).map_err(|error| unreadable(path, error))?;
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    let fingerprint = Fingerprint::of(&metadata);
    let settled = fingerprint == Fingerprint::of(&before) && bytes.len() as u64 == before.len();
    Ok(settled.then_some(Content { bytes, metadata, fingerprint }))
}

/// Opens a regular file. Opening a FIFO would wait for its writer, also one that takes the file's
/// place after the first look.
fn open(path: &Path) -> Result<File> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.is_file() {
        return Err(corrupt(path, "not a regular file"));
    }
    let file = open_without_waiting(path).map_err(|error| unreadable(path, error))?;
    match file.metadata().map_err(|error| unreadable(path, error))?.is_file() {
        true => Ok(file),
        false => Err(corrupt(path, "not a regular file")),
    }
}

#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};

    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a regular file by its name in a folder that is held open, never through a link.
#[cfg(unix)]
pub(super) fn open_at(target: &s1crets_fs::NamedTarget) -> Result<File> {
    let path = target.real_path();
    let file = target.open().map_err(|error| unreadable(path, error))?;
    match file.metadata().map_err(|error| unreadable(path, error))?.is_file() {
        true => Ok(file),
        false => Err(corrupt(path, "not a regular file")),
    }
}

pub(super) fn corrupt(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::corrupt(failed(path, why))
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    let (kind, why) = match error.kind() {
        io::ErrorKind::PermissionDenied => (ErrorKind::AccessDenied, "no permission to read it"),
        io::ErrorKind::NotFound => (ErrorKind::Unavailable, "there is no such file"),
        _ => (ErrorKind::Unavailable, "it can't be read"),
    };
    Error::new(kind, failed(path, why)).with_source(error)
}

pub(super) fn unsettled(path: &Path) -> Error {
    Error::new(ErrorKind::Unavailable, failed(path, "it kept changing while being read"))
}

fn failed(path: &Path, why: impl std::fmt::Display) -> String {
    format!("could not load secrets: {}: {why}", path.display())
}

/// Reads one byte more than `size`, if it is there, so that a file that grew is noticed. The buffer
/// has its size from the start: one that grew would leave copies behind.
fn read_up_to(mut file: &File, size: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let mut bytes = Zeroizing::new(vec![0; size + 1]);
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_folder_and_a_file_beyond_the_limit_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let giant = folder.path().join("giant");
        File::create(&giant).and_then(|file| file.set_len(MAX_SIZE + 1)).expect("a sparse file");
        for (path, why) in [(giant.as_path(), "larger than 100 MiB"), (folder.path(), "not a regular file")] {
            let error = read(path).err().expect("refused");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert_eq!(error.message(), format!("could not load secrets: {}: {why}", path.display()));
        }
        let error = read(&folder.path().join("absent")).err().expect("absent");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).expect("the cause");
        assert_eq!(cause.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_without_permission_is_access_denied() {
        let denied = unreadable(Path::new("/x"), io::ErrorKind::PermissionDenied.into());
        assert_eq!(denied.kind(), ErrorKind::AccessDenied);
    }

    #[test]
    fn the_buffer_is_never_reallocated() {
        let folder = tempfile::tempdir().expect("a folder");
        for size in [0, 1, 31, 32, 8192, 100_000] {
            let path = folder.path().join(size.to_string());
            fs::write(&path, vec![b'x'; size]).expect("written");
            let content = read(&path).expect("read");
            assert_eq!((content.bytes.len(), content.bytes.capacity()), (size, size + 1));
        }
    }
}
