//! Rewriting the fetcher's file: whole, in its format, and beside other writers.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, TryLockError},
    io::{self, Write},
    num::NonZeroU32,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{
    fetcher::{Document, Malformed},
    fingerprint::Stamp,
    python_json, read, snapshot,
};
use crate::{
    error::{Error, ErrorKind, Result},
    options::UpdateOptions,
    retry::{Backoff, RetryPolicy},
    secret::{
        Json, JsonKind, KeyPath, SecretValue,
        json::{ROOT, Tree},
        keypath,
    },
};

/// How long another writer's lock is waited for. Writing takes milliseconds; whoever holds the lock
/// for longer is stuck.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an update starts over because a writer without our lock was faster.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");

/// Gives the entry `name` of the file at `path` a new value, or a part of it.
pub(super) fn update(path: &Path, name: &str, value: &SecretValue, options: &UpdateOptions) -> Result<()> {
    let change = Change::new(name, value, &options.keypath)?;
    let policy = options.retry_policy.or(RetryPolicy::default().with_attempts(ATTEMPTS).with_timeout(LOCK_TIMEOUT));
    let deadline = Instant::now().checked_add(policy.timeout());
    for _ in 0..policy.attempts().get() {
        let target = Target::lock(path, deadline)?;
        target.remove_leftovers();
        if target.rewrite(&change)? {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("{}: somebody else kept replacing the file", path.display())))
}

/// What is to be changed.
struct Change<'a> {
    name: &'a str,
    /// From the root of the file.
    place: KeyPath,
    json: Zeroizing<String>,
}

impl<'a> Change<'a> {
    fn new(name: &'a str, value: &SecretValue, keypath: &KeyPath) -> Result<Self> {
        let json = if keypath.is_empty() { object(value)? } else { value.to_json()? };
        let entry = ["secrets", name].into_iter();
        let place = KeyPath::new(entry.chain(keypath.steps().iter().map(String::as_str)));
        Ok(Self { name, place, json })
    }

    /// The new text of the file, from the old one.
    fn apply(&self, path: &Path, text: &str) -> Result<Zeroizing<String>> {
        let document = Document::parse(text).map_err(|why: Malformed| read::corrupt(path, why))?;
        if document.secrets().and_then(|secrets| secrets.get(self.name)).is_none() {
            return Err(snapshot::not_found(self.name));
        }
        let text = keypath::replace(text, document.root(), &self.place, &self.json)?;
        let tree =
            Tree::parse(&text).map_err(|why| Error::invalid_input(format!("the new value makes the file {why}")))?;
        Ok(python_json::python(Json::new(&text, &tree, ROOT)))
    }
}

/// A whole entry: the text of a JSON object.
fn object(value: &SecretValue) -> Result<Zeroizing<String>> {
    let hint = "to set one value of the entry use a keypath such as `value`";
    let Some(text) = value.expose_text() else {
        return Err(Error::invalid_input("an entry of the secrets file is a JSON object, not bytes").with_hint(hint));
    };
    let why = match Tree::parse(text) {
        Ok(tree) if Json::new(text, &tree, ROOT).kind() == JsonKind::Object => {
            return Ok(Zeroizing::new(text.to_owned()));
        }
        Ok(tree) => Json::new(text, &tree, ROOT).kind().name().to_owned(),
        Err(why) => why.to_string(),
    };
    let message = format!("an entry of the secrets file is a JSON object, and the new value is {why}");
    Err(Error::invalid_input(message).with_hint(hint))
}

/// The file behind all links, locked against other writers of ours.
struct Target {
    path: PathBuf,
    folder: PathBuf,
    /// How the names of temporary files begin.
    prefix: OsString,
    /// Holds the lock until dropped.
    file: File,
}

const SUFFIX: &str = ".tmp";

impl Target {
    fn lock(path: &Path, deadline: Option<Instant>) -> Result<Self> {
        let mut waits = 0;
        loop {
            #[cfg(unix)]
            super::planted::refuse(path)?;
            let real = fs::canonicalize(path).map_err(|error| read::unreadable(path, error))?;
            let file = read::open(&real)?;
            match file.try_lock() {
                Ok(()) => {
                    let target = Self::new(real, file);
                    // A lock on a file that was replaced meanwhile guards nothing.
                    if target.is_in_place() {
                        return Ok(target);
                    }
                }
                Err(TryLockError::WouldBlock) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(locked(path, &file));
                }
                Err(TryLockError::WouldBlock) => {
                    waits += 1;
                    thread::sleep(Backoff::LOCKED_FILE.wait(waits));
                }
                Err(TryLockError::Error(error)) => return Err(unwritable(path, "it can't be locked", error)),
            }
        }
    }

    fn new(path: PathBuf, file: File) -> Self {
        let folder = path.parent().unwrap_or(&path).to_owned();
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".s1crets-");
        Self { path, folder, prefix, file }
    }

    fn is_in_place(&self) -> bool {
        let (Ok(locked), Ok(there)) = (self.file.metadata(), fs::metadata(&self.path)) else { return false };
        Stamp::of(&locked).is_same_file(&Stamp::of(&there))
    }

    /// Removes what killed writers left. Nobody else can be writing: the lock is ours.
    fn remove_leftovers(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(self.prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
                // One that can't be removed does no harm but its presence.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Replaces the file by a changed one; or finds, and says by `false`, that somebody without our
    /// lock was faster.
    fn rewrite(&self, change: &Change<'_>) -> Result<bool> {
        let old = read::read(&self.path)?;
        let ours = self.file.metadata().map_err(|error| read::unreadable(&self.path, error))?;
        if !old.stamp.is_same_file(&Stamp::of(&ours)) {
            return Ok(false);
        }
        let text = old.text().map_err(|why| read::corrupt(&self.path, why))?;
        let temporary = self.write_beside(&change.apply(&self.path, text)?, &old.metadata)?;
        let there = fs::metadata(&self.path).ok().map(|metadata| Stamp::of(&metadata));
        if there != Some(old.stamp) {
            return Ok(false);
        }
        match temporary.persist(&self.path) {
            Ok(_) => self.sync_folder().map(|()| true),
            // Taken for a leftover by the next writer, who locked what somebody put in our file's place.
            Err(failed) if failed.error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(failed) => Err(unwritable(&self.path, "it can't be replaced", failed.error)),
        }
    }

    /// A finished file next to the target: content, owner and mode, and all of it on the disk.
    fn write_beside(&self, text: &str, old: &Metadata) -> Result<NamedTempFile> {
        let failed = |error| unwritable(&self.path, "the new file can't be written beside it", error);
        // Made for its owner's eyes only, 0600.
        let mut temporary =
            tempfile::Builder::new().prefix(&self.prefix).suffix(SUFFIX).tempfile_in(&self.folder).map_err(failed)?;
        temporary.write_all(text.as_bytes()).map_err(failed)?;
        keep_owner(temporary.as_file(), old)
            .map_err(|error| denied(&self.path, "the new file can't be given its owner and group", error))?;
        temporary.as_file().set_permissions(old.permissions()).map_err(failed)?;
        temporary.as_file().sync_all().map_err(failed)?;
        Ok(temporary)
    }

    /// The rename itself has to reach the disk too.
    fn sync_folder(&self) -> Result<()> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| unwritable(&self.path, "it was replaced, and may yet be lost in a crash", error))
    }
}

#[cfg(unix)]
fn keep_owner(new: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};

    let made = new.metadata()?;
    let owner = (made.uid() != old.uid()).then(|| old.uid());
    let group = (made.gid() != old.gid()).then(|| old.gid());
    if owner.is_none() && group.is_none() { Ok(()) } else { fchown(new, owner, group) }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}

fn unwritable(path: &Path, why: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => denied(path, why, error),
        _ => Error::new(ErrorKind::Unavailable, failed(path, why)).with_source(error),
    }
}

fn denied(path: &Path, why: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::AccessDenied, failed(path, why)).with_source(error)
}

fn failed(path: &Path, why: &str) -> String {
    format!("could not update secrets: {}: {why}", path.display())
}

fn locked(path: &Path, file: &File) -> Error {
    let by = holder(file).map_or_else(|| "another writer".to_owned(), |process| format!("process {process}"));
    Error::new(ErrorKind::Timeout, failed(path, &format!("timed out waiting for {by}, which holds its lock")))
}

/// The process that holds the lock, where the system tells.
fn holder(file: &File) -> Option<u32> {
    let (_, inode) = super::fingerprint::identity(&file.metadata().ok()?);
    let inode = format!(":{inode}");
    // `1: FLOCK  ADVISORY  WRITE 4711 fd:00:131 0 EOF`
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let mut locks = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let lock = locks.find(|lock| lock.len() > 5 && lock[1] == "FLOCK" && lock[5].ends_with(&inode))?;
    lock[4].parse().ok().filter(|process| *process > 0)
}
