//! Finds the config file, and decides whether to trust it.
//!
//! A config file decides where tokens are sent, which files are read as credentials, and what
//! programs get in their environment. Whoever *names* a file vouches for it. A file that was
//! *found* may have come with a cloned repository, or lie in a shared folder. So it is trusted only
//! if nobody but the user could have put it there, or if the user has trusted its path and content
//! before (see [`TrustStore`]).
//!
//! Invariants:
//!
//! - Owner, mode and content are those of one opened file. The path may lead to another file by the
//!   time of a second look, so `holds` compares the two.
//! - Every check that fails, or can't be made, leads to less trust.
//! - The whole file is trusted or not, so the tables of `[connections]` are covered as those of
//!   `[providers]` are.
//!
//! | the file | what happens |
//! | --- | --- |
//! | named by [`with_file`] or `S1CRETS_CONFIG` | obeyed, with a warning if it is world-writable |
//! | in a world-writable folder | never used, with a warning; the search goes on |
//! | owned by another user than us and root, or world-writable | an error |
//! | in the user's config folder, writable by nobody else, in no checkout | obeyed |
//! | writable only by root, in no checkout, and we are not root (an image) | obeyed |
//! | trusted before, with this path and content | obeyed |
//! | any other | an error that says what to do |
//!
//! [`with_file`]: super::ConfigLoader::with_file

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use zeroize::Zeroizing;

use super::{
    config_file::{ConfigFile, Trust, unreadable},
    trust::{Recorded, TrustStore, as_recorded},
};
use crate::{
    error::{Error, Result},
    fs::{home, plain_file},
};

/// The file name of a config file that is searched for.
pub const FILE_NAME: &str = "s1crets.toml";

/// The folders in which a config file is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// In the current folder, then in the user's config folder.
    Here,
    /// In the current folder and those above it, then in the user's config folder. The search stops
    /// at the folder with `.git`, the home folder or the end of the file system.
    Upwards,
}

/// Searches for a config file.
///
/// # Errors
/// [`Config`](crate::ErrorKind::Config) if there is one that can't be read, that another user owns,
/// or that is world-writable.
pub(super) fn find(search: Search) -> Result<Option<ConfigFile>> {
    // The current folder may have been removed.
    let here = env::current_dir().ok();
    let above = here.iter().flat_map(|here| folders(here, search)).map(Path::to_owned);
    for folder in above.chain(user_folder()) {
        if let Some(file) = find_in(&folder)? {
            let is_here = here.as_ref() == Some(&folder);
            return Ok(Some(if is_here { ConfigFile { path: FILE_NAME.into(), ..file } } else { file }));
        }
    }
    Ok(None)
}

/// The config file of one folder, if there is one, and whether it is trusted.
///
/// # Errors
/// As [`find`].
pub(super) fn find_in(folder: &Path) -> Result<Option<ConfigFile>> {
    let Some(found) = look(folder)? else { return Ok(None) };
    let trust = trust_of(&found);
    let Found { path, bytes, .. } = found;
    ConfigFile { absolute: path.clone(), path, text: String::new(), trust }.with_content(&bytes).map(Some)
}

/// The paths at which a config file is searched for if none is named: in the current folder, and in
/// `s1crets` in the user's config folder (`XDG_CONFIG_HOME`, or `~/.config`). The command also
/// searches the folders above the current one.
pub fn default_places() -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(FILE_NAME)];
    places.extend(user_folder().map(|folder| folder.join(FILE_NAME)));
    places
}

fn user_folder() -> Option<PathBuf> {
    // The XDG Base Directory Specification ignores relative paths: they depend on the current
    // folder.
    let user = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let user = user.or_else(|| Some(home::folder()?.join(".config")));
    user.map(|folder| folder.join("s1crets"))
}

fn folders(here: &Path, search: Search) -> Vec<&Path> {
    if search == Search::Here {
        return vec![here];
    }
    let home = home::folder().and_then(|home| home.canonicalize().ok());
    let device = device(here);
    let mut folders = Vec::new();
    for folder in here.ancestors().take_while(|folder| self::device(folder) == device) {
        folders.push(folder);
        if is_repository(folder) || home.as_deref() == Some(folder) {
            break;
        }
    }
    folders
}

/// A config file whose owner and mode allow its use. Whether it is trusted is still open.
struct Found {
    /// The canonical path of its folder, and its name.
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    /// Of the opened file. The path may lead to another one by now.
    #[cfg_attr(not(unix), allow(dead_code, reason = "owners and modes are not known"))]
    status: fs::Metadata,
}

/// Reads the config file of a folder, if there is one whose owner and mode allow that.
fn look(folder: &Path) -> Result<Option<Found>> {
    let path = as_recorded(&folder.join(FILE_NAME));
    match path.symlink_metadata() {
        Ok(_) => {}
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(unreadable(&path, &error)),
    }
    let told = path.display();
    let folder = Folder::open(&path).map_err(|error| unreadable(&path, &error))?;
    if is_writable_by_all(&folder.status) {
        warn(format!("the config file {told} is not used: its folder is world-writable"));
        return Ok(None);
    }
    let (status, bytes) = folder.read(&path).map_err(|error| unreadable(&path, &error))?;
    for (of, status) in [("folder", &folder.status), ("file", &status)] {
        if !is_ours_or_roots(status) {
            return Err(refused(format!("the config file {told} was found, and its {of} belongs to another user")));
        }
    }
    if is_writable_by_all(&status) {
        return Err(refused(format!("the config file {told} was found, and is world-writable")));
    }
    Ok(Some(Found { path, bytes, status }))
}

/// The folder of a found file. It is held open, so that what is checked is what the file is read
/// from.
struct Folder {
    status: fs::Metadata,
    #[cfg(unix)]
    handle: fs::File,
}

impl Folder {
    #[cfg(unix)]
    fn open(file: &Path) -> io::Result<Self> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let folder = file.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = fs::File::from(openat(CWD, folder, flags, Mode::empty())?);
        Ok(Self { status: handle.metadata()?, handle })
    }

    #[cfg(unix)]
    fn read(&self, _: &Path) -> io::Result<(fs::Metadata, Zeroizing<Vec<u8>>)> {
        plain_file::read_at(&self.handle, FILE_NAME)
    }

    #[cfg(not(unix))]
    fn open(file: &Path) -> io::Result<Self> {
        Ok(Self { status: file.parent().unwrap_or(Path::new(".")).metadata()? })
    }

    #[cfg(not(unix))]
    fn read(&self, file: &Path) -> io::Result<(fs::Metadata, Zeroizing<Vec<u8>>)> {
        plain_file::read(file)
    }
}

fn trust_of(found: &Found) -> Trust {
    // The text of a checkout is somebody else's, whoever owns the files. A home folder can be one.
    let target = found.path.canonicalize().unwrap_or_default();
    let is_checkout = [&found.path, &target].iter().any(|path| path.ancestors().skip(1).any(is_checkout));
    let user = user_folder().map(|folder| as_recorded(&folder.join(FILE_NAME)));
    if !is_checkout && user.as_deref() == Some(&*found.path) && is_users_own(found) {
        return Trust::UserFolder;
    }
    match TrustStore::user().map(|store| store.recorded(&found.path, &found.bytes)) {
        Ok(Recorded::Matching) => Trust::Recorded,
        _ if !is_checkout && is_roots(found) => Trust::Root,
        Ok(Recorded::Outdated) => Trust::Changed,
        _ => Trust::Missing,
    }
}

/// Whether a folder is the root of a checkout of any version control system.
fn is_checkout(folder: &Path) -> bool {
    [".git", ".hg", ".jj", ".svn", ".bzr"].iter().any(|mark| folder.join(mark).symlink_metadata().is_ok())
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

#[cfg(unix)]
pub(super) fn is_writable_by_all(status: &fs::Metadata) -> bool {
    super::ownership::is_writable_by_all(status)
}

#[cfg(unix)]
fn is_ours_or_roots(status: &fs::Metadata) -> bool {
    super::ownership::is_ours_or_roots(status)
}

/// Whether only we and root can have put the file there, and its target if it is a link.
#[cfg(unix)]
fn is_users_own(found: &Found) -> bool {
    use super::ownership::{current_user, is_changed_only_by};
    holds(found, |path| is_changed_only_by(current_user(), path))
}

/// Whether only root can have put the file there, and its target if it is a link.
#[cfg(unix)]
fn is_roots(found: &Found) -> bool {
    holds(found, super::ownership::is_roots_alone)
}

#[cfg(unix)]
fn holds(found: &Found, check: impl Fn(&Path) -> io::Result<bool>) -> bool {
    let holds = |path: &Path| check(path).unwrap_or(false);
    // The mode of a link says nothing. Whoever can write to its folder can replace it.
    let link = found.path.symlink_metadata().is_ok_and(|status| status.is_symlink());
    let link = !link || found.path.parent().is_some_and(holds);
    let Ok(target) = found.path.canonicalize() else { return false };
    // Nobody else can change where this path leads, but it may have changed before it was checked.
    let is_what_was_read =
        |target: &Path| target.symlink_metadata().is_ok_and(|status| super::ownership::is_same(&status, &found.status));
    link && holds(&target) && is_what_was_read(&target)
}

#[cfg(unix)]
fn device(folder: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    folder.metadata().ok().map(|status| status.dev())
}

// On other systems than Unix, owners and modes are not checked: a found file is trusted if it is in
// the user's own folder, or if it was trusted before.
#[cfg(not(unix))]
pub(super) fn is_writable_by_all(_: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_ours_or_roots(_: &fs::Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_users_own(_: &Found) -> bool {
    true
}

#[cfg(not(unix))]
fn is_roots(_: &Found) -> bool {
    false
}

#[cfg(not(unix))]
fn device(_: &Path) -> Option<u64> {
    None
}

/// Whether the error means that there is no such file, or that we may not search its folder.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

fn refused(message: String) -> Error {
    Error::config(message).with_hint("name a file with --config or S1CRETS_CONFIG, or use none: --no-config")
}

/// Logs a warning once per process.
pub(super) fn warn(message: String) {
    static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if LOGGED.lock().unwrap_or_else(PoisonError::into_inner).insert(message.clone()) {
        tracing::warn!(target: "s1crets::config", "{message}");
    }
}

/// The value of an environment variable without white space around it, which pasted values of CI
/// systems have. `None` if nothing is left.
pub(super) fn variable(name: &str) -> Option<OsString> {
    let value = env::var_os(name)?;
    match value.to_str().map(str::trim) {
        Some("") => None,
        Some(text) => Some(text.into()),
        None => Some(value),
    }
}
