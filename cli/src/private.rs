//! Files that hold secrets: written whole or not at all, and readable by nobody else at any moment.

#[cfg(not(unix))]
mod by_path;
#[cfg(unix)]
mod place; // where a path leads, without following what a stranger placed there
#[cfg(unix)]
mod replace; // the fresh file that takes the old one's place
#[cfg(all(test, unix))]
mod tests;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

#[cfg(unix)]
use self::place::Target;
use crate::{output, report::Failure};

/// The mode of a file that its owner alone may read and write.
pub(crate) const MODE: u32 = 0o600;

/// Makes `path` hold these bytes: in a new file in the same folder, with its mode from the first byte on, that takes the
/// place of the old one when it is on the disk. A file that holds them already is left as it is, except for its mode. What
/// is no file, such as a pipe, is written to, and so is what is open already, such as `/dev/stdout` or `-`, which is the same.
///
/// # Errors
/// Also if the path leads over a link, to a FIFO or through a folder that a stranger may have placed there.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    if path == Path::new("-") {
        return output::print(|out| out.write_all(bytes));
    }
    let told = |error| Failure::io(format!("can't write {}", path.display()), error);
    #[cfg(unix)]
    match Target::of(path).map_err(told)? {
        Target::StandardOutput => output::print(|out| out.write_all(bytes)),
        Target::Open(mut file) => file.write_all(bytes).map_err(told),
        Target::Name(place) => replace::write(&place, bytes, mode).map_err(told),
    }
    #[cfg(not(unix))]
    by_path::write(path, bytes).map_err(told)
}

/// The same for a file that everybody may read, in a folder that is created if it is not there.
#[cfg(unix)]
pub(crate) fn write_public(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    match Target::creating_folders(&folder.join(name))? {
        Target::Name(place) => replace::write(&place, bytes, 0o644),
        Target::Open(mut file) => file.write_all(bytes),
        Target::StandardOutput => io::stdout().write_all(bytes),
    }
}

#[cfg(not(unix))]
pub(crate) fn write_public(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    by_path::write(&folder.join(name), bytes)
}

/// Puts bytes behind what a file holds, on a line of their own. A new one is private.
///
/// # Errors
/// As [`write`].
pub(crate) fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let told = |error| Failure::io(format!("can't write to {}", path.display()), error);
    #[cfg(unix)]
    let file = match Target::of(path).map_err(told)? {
        Target::StandardOutput => return output::print(|out| out.write_all(bytes)),
        Target::Open(file) => return (&file).write_all(bytes).map_err(told),
        Target::Name(place) => replace::append(&place),
    };
    #[cfg(not(unix))]
    let file = by_path::append(path);
    file.and_then(|file| append_lines(file, bytes)).map_err(told)
}

fn append_lines(mut file: File, bytes: &[u8]) -> io::Result<()> {
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
