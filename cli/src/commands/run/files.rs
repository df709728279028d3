//! `--files`: each value in a file of its own, in a private folder of memory that goes when the command ends.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use s1crets::Secret;
use tempfile::TempDir;

use crate::report::Failure;

const PREFIX: &str = "s1crets-run-";
/// Held locked for as long as its folder is in use: the system lets go of it however we end.
const LOCK: &str = ".lock";
/// A folder without a lock is being made, unless it is older than this.
const MAKING: Duration = Duration::from_secs(60);

/// The folder. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Files {
    folder: TempDir,
    _lock: File,
}

impl Files {
    /// Writes every secret to a file of its name.
    pub(super) fn write(secrets: &BTreeMap<String, Secret>, on_disk: bool) -> Result<Self, Failure> {
        Self::write_in(&place(memory(), on_disk)?, secrets)
    }

    fn write_in(place: &Path, secrets: &BTreeMap<String, Secret>) -> Result<Self, Failure> {
        remove_leftovers(place);
        let told = |error| Failure::io(format!("can't hand values over as files in {}", place.display()), error);
        let files = Self::create(place).map_err(told)?;
        for (name, secret) in secrets {
            files.put(name, secret).map_err(told)?;
        }
        Ok(files)
    }

    /// Where a value is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Removes the folder now, and says if that fails. The command may have done it.
    pub(super) fn remove(self) -> Result<(), Failure> {
        let path = self.folder.path().to_owned();
        match self.folder.close() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Failure::io(format!("can't remove {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    fn create(place: &Path) -> io::Result<Self> {
        let mut folder = tempfile::Builder::new();
        let folder = folder.prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(place)?;
        let lock = new_file(&folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    fn put(&self, name: &str, secret: &Secret) -> io::Result<()> {
        new_file(&self.path(name))?.write_all(secret.expose_bytes())
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Where memory is mounted as files.
fn memory() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(|place| is_memory(place))
}

/// In memory, else on disk if that is good enough.
fn place(memory: Option<PathBuf>, on_disk: bool) -> Result<PathBuf, Failure> {
    memory.or_else(|| on_disk.then(env::temp_dir)).ok_or_else(|| {
        Failure::Usage(
            "neither XDG_RUNTIME_DIR nor /dev/shm is a folder of memory: --danger-files-on-disk takes the folder for \
             temporary files"
                .into(),
        )
    })
}

#[cfg(target_os = "linux")]
fn is_memory(place: &Path) -> bool {
    /// As in statfs(2).
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::statfs(place).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u64)))
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_: &Path) -> bool {
    false
}

/// Removes the folders of runs that were killed before they could do it themselves.
fn remove_leftovers(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    let leftover = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(PREFIX);
    for entry in entries.flatten().filter(leftover) {
        if is_abandoned(&entry.path()).unwrap_or(false) {
            // Whoever else starts now may be removing it as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(folder: &Path) -> io::Result<bool> {
    let found = fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(false);
    }
    match File::open(folder.join(LOCK)) {
        Ok(lock) => Ok(lock.try_lock().is_ok()),
        Err(_) => Ok(found.modified()?.elapsed().is_ok_and(|age| age > MAKING)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_taken_where_no_folder_is_memory_and_only_if_that_was_asked_for() {
        let shm = || Some(PathBuf::from("/dev/shm"));
        for on_disk in [false, true] {
            assert_eq!(place(shm(), on_disk).ok(), shm());
        }
        assert_eq!(place(None, true).ok(), Some(env::temp_dir()));
        assert!(matches!(place(None, false), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_told() {
        let Err(Failure::Io { what, .. }) = Files::write_in(Path::new("/nonexistent/x"), &BTreeMap::new()) else {
            panic!("there is no such place");
        };
        assert_eq!(what, "can't hand values over as files in /nonexistent/x");
    }
}
