//! Update: changes one entry of the fetcher's file, beside other writers.
//!
//! Writers of this library take turns by a lock on the file itself. A lock on a file that was
//! replaced meanwhile guards nothing, so after locking, and again right before the rename, the file
//! is compared with the one that the path leads to now. If a writer without the lock was faster,
//! the update starts over from its contents. Only a writer in the instant between that check and
//! the rename is lost.

use std::{
    fs::{self, File, TryLockError},
    io,
    num::NonZeroU32,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use s1crets_fs::{AtomicWrite, Fingerprint, NamedTarget, PendingWrite, Step, Target};
use zeroize::Zeroizing;

use super::{
    fetcher_file::{Document, Malformed},
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

/// How long to wait for another writer's lock. Writing takes milliseconds; a writer that holds the
/// lock for longer is stuck.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an update starts over because a writer without our lock was faster.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).expect("5 is not 0");

/// Gives the entry `name` of the file at `path`, or a key of it, a new value.
pub(super) fn update(path: &Path, name: &str, value: &SecretValue, options: &UpdateOptions) -> Result<()> {
    let change = Change::new(name, value, &options.keypath)?;
    let policy = options.retry_policy.or(RetryPolicy::default().with_attempts(ATTEMPTS).with_timeout(LOCK_TIMEOUT));
    let deadline = Instant::now().checked_add(policy.timeout());
    for _ in 0..policy.attempts().get() {
        if Locked::wait(path, deadline)?.rewrite(&change)? {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Conflict, format!("{}: somebody else kept replacing the file", path.display())))
}

/// What is to be changed.
struct Change<'a> {
    name: &'a str,
    /// From the root of the file.
    keypath: KeyPath,
    json: Zeroizing<String>,
}

impl<'a> Change<'a> {
    fn new(name: &'a str, value: &SecretValue, keypath: &KeyPath) -> Result<Self> {
        let json = if keypath.is_empty() { object(value)? } else { value.to_json()? };
        let entry = ["secrets", name].into_iter();
        let keypath = KeyPath::new(entry.chain(keypath.steps().iter().map(String::as_str)));
        Ok(Self { name, keypath, json })
    }

    /// The new text of the file, from the old one.
    fn apply(&self, path: &Path, text: &str) -> Result<Zeroizing<String>> {
        let document = Document::parse(text).map_err(|why: Malformed| read::corrupt(path, why))?;
        if document.secrets().and_then(|secrets| secrets.get(self.name)).is_none() {
            return Err(snapshot::not_found(self.name));
        }
        let text = keypath::replace(text, document.root(), &self.keypath, &self.json)?;
        let tree =
            Tree::parse(&text).map_err(|why| Error::invalid_input(format!("the new value makes the file {why}")))?;
        // The file is indented, so that one with deep values may become too large for its readers.
        python_json::python(Json::new(&text, &tree, ROOT), read::MAX_SIZE).ok_or_else(|| {
            Error::invalid_input(format!(
                "the file would be larger than {} MiB, which no reader takes",
                read::MAX_SIZE >> 20
            ))
        })
    }
}

/// A whole entry: the text of a JSON object.
fn object(value: &SecretValue) -> Result<Zeroizing<String>> {
    let hint = "to change one value of the entry, name its key: `--key value`, or #value in a reference";
    let Some(text) = value.expose_text() else {
        return Err(Error::invalid_input("an entry of the secrets file is a JSON object, not bytes").with_hint(hint));
    };
    let why = match Tree::parse(text) {
        Ok(tree) if Json::new(text, &tree, ROOT).kind() == JsonKind::Object => {
            return Ok(Zeroizing::new(Json::new(text, &tree, ROOT).raw().to_owned()));
        }
        Ok(tree) => Json::new(text, &tree, ROOT).kind().name().to_owned(),
        Err(why) => why.to_string(),
    };
    let message = format!("an entry of the secrets file is a JSON object, and the new value is {why}");
    Err(Error::invalid_input(message).with_hint(hint))
}

/// The file, locked against other writers of this library until this is dropped.
struct Locked<'a> {
    path: &'a Path,
    target: Box<NamedTarget>,
    file: File,
}

impl<'a> Locked<'a> {
    /// Waits for the lock of the file that the path leads to.
    fn wait(path: &'a Path, deadline: Option<Instant>) -> Result<Self> {
        let mut waits = 0;
        loop {
            let target = find(path)?;
            let file = read::open_at(&target)?;
            match file.try_lock() {
                Ok(()) => {
                    let locked = Self { path, target, file };
                    if locked.is_in_place() {
                        return Ok(locked);
                    }
                }
                Err(TryLockError::WouldBlock) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(timed_out(path, &file));
                }
                Err(TryLockError::WouldBlock) => {
                    waits += 1;
                    thread::sleep(Backoff::LOCKED_FILE.wait(waits));
                }
                Err(TryLockError::Error(error)) => return Err(unwritable(path, "it can't be locked", error)),
            }
        }
    }

    fn is_in_place(&self) -> bool {
        let (Ok(locked), Ok(there)) = (self.file.metadata(), fs::metadata(self.path)) else { return false };
        Fingerprint::of(&locked).is_same_file(&Fingerprint::of(&there))
    }

    /// Replaces the file by a changed one. Returns `false` if a writer without the lock was faster.
    fn rewrite(&self, change: &Change<'_>) -> Result<bool> {
        let old = read::read(self.path)?;
        let ours = self.file.metadata().map_err(|error| read::unreadable(self.path, error))?;
        if !old.fingerprint.is_same_file(&Fingerprint::of(&ours)) {
            return Ok(false);
        }
        let text = old.text().map_err(|why| read::corrupt(self.path, why))?;
        let text = change.apply(self.path, text)?;
        let write = AtomicWrite::default()
            .with_access_of(&self.file)
            .map_err(|error| read::unreadable(self.path, error))?
            // All of them: no writer of this library is at work beside the lock.
            .with_leftover_age(Duration::ZERO);
        let pending = write.begin(&self.target, text.as_bytes()).map_err(|error| failed_write(self.path, error))?;
        let there = fs::metadata(self.path).ok().map(|metadata| Fingerprint::of(&metadata));
        if there != Some(old.fingerprint) {
            return Ok(false);
        }
        self.commit(pending)
    }

    fn commit(&self, pending: PendingWrite<'_>) -> Result<bool> {
        match pending.commit() {
            Ok(()) => Ok(true),
            // A writer that can't see our lock, on another machine perhaps, removed it as a
            // leftover.
            Err(error) if error.step() == Step::Rename && error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed_write(self.path, error)),
        }
    }
}

/// The file behind all links. Links, folders and files that another user may have placed there are
/// refused: the new file would go where they want it, or belong to them.
fn find(path: &Path) -> Result<Box<NamedTarget>> {
    let target = match Target::of(path) {
        Ok(Target::Named(target)) => target,
        Ok(_) => return Err(read::corrupt(path, "not a regular file")),
        Err(error) => {
            return Err(match error.refusal() {
                Some(refusal) => refused(path, &refusal.why),
                None => read::unreadable(path, error.into()),
            });
        }
    };
    match target.is_foreign() {
        true => Err(refused(path, "it belongs to another user, and is in a folder that others can write to")),
        false => Ok(target),
    }
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::AccessDenied, failed(path, why))
        .with_hint("name the file itself, in a folder that nobody else can write to")
}

fn failed_write(path: &Path, error: s1crets_fs::Error) -> Error {
    let why = match error.step() {
        Step::Rename => "it can't be replaced",
        Step::SyncFolder => "it was replaced, and may yet be lost in a crash",
        Step::SetOwner => {
            return denied(path, "the new file can't be given its owner, group and access list", error.into());
        }
        _ => "the new file can't be written beside it",
    };
    unwritable(path, why, error.into())
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

fn timed_out(path: &Path, file: &File) -> Error {
    let by = holder(file).map_or_else(|| "another writer".to_owned(), |process| format!("process {process}"));
    Error::new(ErrorKind::Timeout, failed(path, &format!("timed out waiting for {by}, which holds its lock")))
}

/// The process that holds the lock, where the system tells.
fn holder(file: &File) -> Option<u32> {
    let (_, inode) = s1crets_fs::fingerprint::identity(&file.metadata().ok()?);
    let inode = format!(":{inode}");
    // `1: FLOCK  ADVISORY  WRITE 4711 fd:00:131 0 EOF`
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let mut locks = locks.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let lock = locks.find(|lock| lock.len() > 5 && lock[1] == "FLOCK" && lock[5].ends_with(&inode))?;
    lock[4].parse().ok().filter(|process| *process > 0)
}
