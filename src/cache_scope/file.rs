//! Files that decide whom a provider asks: read without waiting, and up to a bound.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use zeroize::Zeroizing;

/// A bundle of all the world's certificate authorities takes a quarter of this.
const LIMIT: u64 = 1024 * 1024;

/// What is in a file.
pub(super) enum Content {
    Bytes(Zeroizing<Vec<u8>>),
    Absent,
    Unreadable,
}

/// Reads a file.
///
/// # Errors
/// What the file is, if it can be read only once or without end. A pipe is not even opened: that would end the wait of
/// whoever writes to it, and what is read here would be missing there.
pub(super) fn read(path: &Path) -> Result<Content, &'static str> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::Absent),
        Err(_) => return Ok(Content::Unreadable),
    };
    if metadata.is_dir() {
        return Ok(Content::Unreadable);
    }
    if is_null(&metadata) {
        return Ok(Content::Bytes(Zeroizing::default()));
    }
    if !metadata.is_file() {
        return Err("no plain file");
    }
    if metadata.len() > LIMIT {
        return Err("too large");
    }
    let Ok(file) = File::open(path) else { return Ok(Content::Unreadable) };
    // Room for one more byte, so that reading to the end never moves what was read.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LIMIT as usize + 1));
    match file.take(LIMIT + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > LIMIT => Err("too large"),
        Ok(_) => Ok(Content::Bytes(bytes)),
        Err(_) => Ok(Content::Unreadable),
    }
}

/// `/dev/null` is a usual way to say that there is no such file.
fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}
