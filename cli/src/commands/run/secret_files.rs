//! The `--files` option: writes each secret to a file in a private in-memory folder, removed when
//! the command ends.
//!
//! A run that is killed leaves its folder behind, so each run removes abandoned folders.
//! Invariants:
//!
//! - A run holds the lock of its folder's lock file for as long as it uses the folder. The kernel
//!   releases the lock however the run ends.
//! - Only the holder of that lock removes the folder. So a folder in use is never taken for an
//!   abandoned one.
//! - A new folder has no lock file yet, and another run may lock and remove it. Its creator
//!   notices, because its own lock file then exists already or has no link left, and creates
//!   another folder. Values are written only under the lock.
//! - A folder without a lock file counts as abandoned only once it is older than [`MAKING`].

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{CWD, Mode, OFlags};
use s1crets::Secret;
use tempfile::TempDir;

use crate::report::Failure;

const PREFIX: &str = "s1crets-run-";
/// The file that a run keeps locked while it uses its folder.
const LOCK: &str = ".lock";
/// A folder without a lock file is still being created until it is older than this.
const MAKING: Duration = Duration::from_secs(60);
/// How many folders a run creates at most, if other runs keep removing them.
const ATTEMPTS: u32 = 100;

/// The folder with the files of secrets. Dropping it removes them.
#[derive(Debug)]
pub(super) struct Files {
    folder: TempDir,
    _lock: File,
}

impl Files {
    /// Writes each secret to a file named after it.
    pub(super) fn write(secrets: &BTreeMap<String, Secret>, on_disk: bool) -> Result<Self, Failure> {
        Self::write_in(&place(memory(), on_disk)?, secrets)
    }

    fn write_in(place: &Path, secrets: &BTreeMap<String, Secret>) -> Result<Self, Failure> {
        remove_leftovers(place);
        let failure = |error| Failure::io(format!("can't write the files of secrets in {}", place.display()), error);
        let files = Self::create(place).map_err(failure)?;
        for (name, secret) in secrets {
            files.put(name, secret).map_err(failure)?;
        }
        Ok(files)
    }

    /// The path of the file with this secret.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Removes the folder and reports a failure. It is none if the command has already removed the
    /// folder.
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
        Self::create_with(place, || {})
    }

    /// Creates the folder. Calls `between` between the steps, where tests let another run start.
    fn create_with(place: &Path, between: impl Fn()) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let mut folder = tempfile::Builder::new();
            let folder = folder.prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(place)?;
            between();
            if let Some(lock) = lock_new(folder.path(), &between)? {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("other runs of s1crets kept removing the new folder"))
    }

    fn put(&self, name: &str, secret: &Secret) -> io::Result<()> {
        let value = secret.expose_bytes().map_err(io::Error::other)?;
        new_file(&self.path(name))?.write_all(value)
    }
}

/// Creates and locks the lock file of a new folder. `None` if another run took the folder for
/// abandoned first.
fn lock_new(folder: &Path, between: impl Fn()) -> io::Result<Option<File>> {
    let lock = match new_file(&folder.join(LOCK)) {
        Ok(lock) => lock,
        // The other run has removed the folder, or has created the lock file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    between();
    try_lock(lock)
}

/// Locks a lock file. `None` if another run holds the lock, or has removed the file, so that a lock
/// protects nothing.
fn try_lock(lock: File) -> io::Result<Option<File>> {
    match lock.try_lock() {
        Ok(()) => Ok((lock.metadata()?.nlink() > 0).then_some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The folder for in-memory files: XDG_RUNTIME_DIR if only we can write to it, else /dev/shm.
fn memory() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.filter(|place| place.is_absolute() && is_ours_alone(place));
    runtime.into_iter().chain([PathBuf::from("/dev/shm")]).find(|place| is_memory(place))
}

/// Whether the folder belongs to us and nobody else can write to it, as the XDG Base Directory
/// Specification demands. Under sudo the variable may be that of another user.
fn is_ours_alone(place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let we = rustix::process::geteuid().as_raw();
    place.metadata().is_ok_and(|status| status.uid() == we && status.mode() & 0o022 == 0)
}

/// The in-memory folder, or the temporary folder on disk if `on_disk` allows it.
fn place(memory: Option<PathBuf>, on_disk: bool) -> Result<PathBuf, Failure> {
    memory.or_else(|| on_disk.then(env::temp_dir)).ok_or_else(|| {
        Failure::Usage(
            "no in-memory folder for --files: neither XDG_RUNTIME_DIR nor /dev/shm is one; to use the temporary folder \
             on disk, add --danger-files-on-disk"
                .into(),
        )
    })
}

#[cfg(target_os = "linux")]
fn is_memory(place: &Path) -> bool {
    /// File system types, as in statfs(2).
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::statfs(place).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u64)))
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_: &Path) -> bool {
    false
}

/// Removes the folders of runs that were killed.
fn remove_leftovers(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else { return };
    let leftover = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(PREFIX);
    for entry in entries.flatten().filter(leftover) {
        // The lock is held until the folder is gone.
        if let Ok(Some(_lock)) = lock_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Locks a folder that no run uses, so that it can be removed. `None` for every other folder.
fn lock_abandoned(folder: &Path) -> io::Result<Option<File>> {
    const EXISTING: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::openat(CWD, folder, flags, Mode::empty())?);
    let found = folder.metadata()?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(None);
    }
    let lock = match rustix::fs::openat(&folder, LOCK, EXISTING, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) if found.modified()?.elapsed().is_ok_and(|age| age > MAKING) => {
            // Its run was killed early, or is stopped. If it goes on, it finds a lock file that it
            // did not create.
            rustix::fs::openat(&folder, LOCK, EXISTING | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o600))?
        }
        opened => opened?,
    };
    try_lock(File::from(lock))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        thread,
        time::SystemTime,
    };

    use s1crets::Metadata;

    use super::*;

    fn one_secret() -> BTreeMap<String, Secret> {
        [("DB".to_owned(), Secret::text("correct-horse", Metadata::default()))].into()
    }

    fn folders(place: &Path) -> Vec<PathBuf> {
        fs::read_dir(place).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    }

    /// The other run starts at each moment at which the folder exists and is not locked.
    #[test]
    fn a_run_starting_while_another_creates_its_folder_does_not_remove_values() {
        for moment in 0..2 {
            for is_stopped_in_between in [false, true] {
                let place = tempfile::tempdir().expect("a folder");
                let step = AtomicU32::new(0);
                let other_run = || {
                    if step.fetch_add(1, Ordering::Relaxed) != moment {
                        return;
                    }
                    for folder in folders(place.path()).into_iter().filter(|_| is_stopped_in_between) {
                        let past = SystemTime::now() - 2 * MAKING;
                        File::open(folder).and_then(|folder| folder.set_modified(past)).expect("a time");
                    }
                    remove_leftovers(place.path());
                };
                let files = Files::create_with(place.path(), other_run).expect("created");
                files.put("DB", &one_secret()["DB"]).expect("written");
                remove_leftovers(place.path());
                assert_eq!(fs::read(files.path("DB")).expect("read"), b"correct-horse", "{moment}");
                assert_eq!(folders(place.path()), [files.folder.path()], "{moment}");
                files.remove().expect("removed");
                assert!(folders(place.path()).is_empty());
            }
        }
    }

    #[test]
    fn concurrent_runs_do_not_remove_each_others_folders() {
        let place = tempfile::tempdir().expect("a folder");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..250 {
                        let files = Files::write_in(place.path(), &one_secret()).expect("written");
                        assert_eq!(fs::read(files.path("DB")).expect("read"), b"correct-horse");
                        files.remove().expect("removed");
                    }
                });
            }
        });
        assert!(folders(place.path()).is_empty());
    }

    #[test]
    fn an_old_folder_without_a_lock_file_is_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let left = place.path().join("s1crets-run-left");
        fs::create_dir(&left).expect("created");
        fs::write(left.join("DB"), "correct-horse").expect("written");
        remove_leftovers(place.path());
        assert!(left.exists(), "it may still be being created");
        let past = SystemTime::now() - 2 * MAKING;
        File::open(&left).and_then(|folder| folder.set_modified(past)).expect("a time");
        remove_leftovers(place.path());
        assert!(!left.exists());
    }

    #[test]
    fn the_disk_is_used_only_on_request_and_only_without_an_in_memory_folder() {
        let shm = || Some(PathBuf::from("/dev/shm"));
        for on_disk in [false, true] {
            assert_eq!(place(shm(), on_disk).ok(), shm());
        }
        assert_eq!(place(None, true).ok(), Some(env::temp_dir()));
        assert!(matches!(place(None, false), Err(Failure::Usage(_))));
    }

    #[test]
    fn an_error_names_the_folder_that_can_not_be_created() {
        let Err(Failure::Io { what, .. }) = Files::write_in(Path::new("/nonexistent/x"), &BTreeMap::new()) else {
            panic!("there is no such place");
        };
        assert_eq!(what, "can't write the files of secrets in /nonexistent/x");
    }
}
