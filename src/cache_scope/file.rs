//! Reads a file that a disk cache entry is bound to, without blocking and up to a size limit.

use std::{
    fs::{self, File, Metadata},
    io::{ErrorKind, Read},
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use zeroize::Zeroizing;

/// The largest file that is read. A bundle of all public certificate authorities takes a quarter.
const LIMIT: u64 = 1024 * 1024;

/// The content of a file, or why there is none.
pub(super) enum Content {
    Bytes(Zeroizing<Vec<u8>>),
    Absent,
    Unreadable,
}

/// Reads a file.
///
/// # Errors
/// Why the file is not read: it can be read only once, or has no end. A pipe is not even opened:
/// that would wake its writer, and the provider would miss what is read here.
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

/// Whether it is `/dev/null`, which users name to say that there is no such file.
fn is_null(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(|null| null.rdev() == metadata.rdev())
}
