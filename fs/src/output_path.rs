//! Output paths: opens the folder of a file to be written, name by name, without following what
//! another user may have placed on the way.
//!
//! A path in `/tmp` or another shared folder is only text: others may have put a link there that
//! leads to a file of theirs, or of ours, or a FIFO that they read. So the path is walked name by
//! name. Each name is opened from the folder before it without following links, and each rule is
//! checked on what was opened. The result holds the last folder open: whatever the same path leads
//! to later, and whatever `fs.protected_symlinks` is set to, changes nothing.
//!
//! - A link or FIFO is used only if we or root own it, and only in a folder that nobody else can
//!   write to. Elsewhere anybody can put a link of ours by a hard link, where the kernel allows it.
//! - In a world-writable folder, subfolders are used only if we or root own them.
//! - A group that can write to a folder is trusted: with a umask of 002 every folder is like that.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat},
    io::Errno,
    process::geteuid,
};

use crate::error::{At, Refusal, Result, Step};

/// What a path leads to.
#[derive(Debug)]
pub enum Target {
    /// Standard output, by one of its names.
    StandardOutput,
    /// A file that some process holds open, by its name in `/proc` or `/dev/fd`; opened to append.
    Open(File),
    /// A name in a folder.
    Named(Box<NamedTarget>),
}

/// A name in a folder that is held open. The name is no link; there may be nothing of that name
/// yet.
#[derive(Debug)]
pub struct NamedTarget {
    /// Opened to go through; it may not be readable.
    pub(crate) folder: OwnedFd,
    pub(crate) name: OsString,
    /// What has the name; `None` if nothing has.
    pub(crate) found: Option<Stat>,
    /// Whether another user owns the file, in a world-writable folder. Its owner could
    /// change it later, and may have it open.
    pub(crate) is_foreign: bool,
    /// The path that was asked for.
    pub(crate) path: PathBuf,
    /// The path that was found, behind all links; for messages.
    pub(crate) real_path: PathBuf,
}

/// Names of standard output.
const STDOUT: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
/// As many links as Linux follows.
const LINKS: u32 = 40;
/// How a folder is opened that we go through. Linux can do that without the right to read it.
#[cfg(target_os = "linux")]
const THROUGH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const THROUGH: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Target {
    /// Follows `path` to its last name. Links that we or root own, in folders of ours or of root,
    /// are followed.
    ///
    /// # Errors
    /// Of kind `PermissionDenied`, with a [`Refusal`], if another user may have placed a link, a
    /// FIFO or a folder on the way; any error of the system, also if a folder is missing.
    pub fn of(path: &Path) -> Result<Self> {
        Self::walk(path, false)
    }

    /// Follows `path` as [`of`](Self::of), and creates missing folders on the way.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn creating_folders(path: &Path) -> Result<Self> {
        Self::walk(path, true)
    }

    fn walk(path: &Path, creates_folders: bool) -> Result<Self> {
        let start = openat(CWD, ".", THROUGH, Mode::empty()).at(Step::Resolve, path)?;
        let walk = Walk { creates_folders, ..Walk::new(start, geteuid().as_raw()) };
        walk.run(path).at(Step::Resolve, path)
    }
}

impl NamedTarget {
    /// The path that was asked for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path that was found, behind all links.
    pub fn real_path(&self) -> &Path {
        &self.real_path
    }

    /// Whether another user owns the file, in a world-writable folder.
    pub fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// Whether there is something of that name that is neither a file nor a folder, such as a FIFO.
    pub fn is_special(&self) -> bool {
        let kind = self.found.map(|found| FileType::from_raw_mode(found.st_mode));
        kind.is_some_and(|kind| !matches!(kind, FileType::RegularFile | FileType::Directory))
    }
}

/// A walk along a path, one name at a time.
pub(crate) struct Walk {
    folder: OwnedFd,
    /// The path of the folder, as the walk came to it.
    at: PathBuf,
    /// The names still to go.
    ahead: VecDeque<OsString>,
    links: u32,
    /// The user that we are. What it or root owns is trusted.
    user: u32,
    creates_folders: bool,
    asked: PathBuf,
}

/// What has a name, without following it.
struct Found {
    stat: Stat,
    /// Where it leads, if it is a link.
    link: Option<PathBuf>,
}

impl Walk {
    /// A walk that starts in `folder`, as this user.
    pub(crate) fn new(folder: OwnedFd, user: u32) -> Self {
        let (at, ahead, asked) = Default::default();
        Self { folder, at, ahead, links: 0, user, creates_folders: false, asked }
    }

    pub(crate) fn run(mut self, path: &Path) -> io::Result<Target> {
        if path.as_os_str().is_empty() {
            return Err(Errno::NOENT.into());
        }
        self.asked = path.to_owned();
        self.prepend(path)?;
        while let Some(name) = self.ahead.pop_front() {
            match self.ahead.is_empty() {
                true => {
                    if let Some(target) = self.last(name)? {
                        return Ok(target);
                    }
                }
                false => self.through(&name)?,
            }
        }
        Err(Errno::ISDIR.into())
    }

    /// Puts the names of a path before those still to go.
    fn prepend(&mut self, path: &Path) -> io::Result<()> {
        // A path that ends like this names a folder; `components` would drop the ending.
        if path.as_os_str().as_bytes().ends_with(b"/") || path.as_os_str().as_bytes().ends_with(b"/.") {
            self.ahead.push_front(".".into());
        }
        for component in path.components().rev() {
            match component {
                Component::RootDir => {
                    self.folder = openat(CWD, "/", THROUGH, Mode::empty())?;
                    self.at = PathBuf::from("/");
                }
                other => self.ahead.push_front(other.as_os_str().to_owned()),
            }
        }
        Ok(())
    }

    /// What the last name stands for; `None` if it is a link that leads on.
    fn last(&mut self, name: OsString) -> io::Result<Option<Target>> {
        let path = self.at.join(&name);
        if STDOUT.iter().any(|stdout| path == Path::new(stdout)) {
            return Ok(Some(Target::StandardOutput));
        }
        if self.holds_open_files()? {
            let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC;
            return Ok(Some(Target::Open(openat(&self.folder, &name, flags, Mode::empty())?.into())));
        }
        if name == "." || name == ".." {
            return Err(Errno::ISDIR.into());
        }
        let found = match look(&self.folder, &name) {
            Ok(Found { link: Some(link), stat }) => return self.follow(&name, &stat, &link).map(|()| None),
            Ok(Found { stat, .. }) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(stat) = found.filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo) {
            self.check(&name, &stat, "FIFO")?;
        }
        let is_shared = is_open_to_all(&fstat(&self.folder)?);
        let is_foreign = is_shared && found.is_some_and(|stat| !self.is_trusted(stat.st_uid));
        let (folder, asked) = (self.folder.try_clone()?, self.asked.clone());
        let target = NamedTarget { folder, name, found, is_foreign, path: asked, real_path: path };
        Ok(Some(Target::Named(Box::new(target))))
    }

    /// Goes through a folder, or on to where a link leads.
    fn through(&mut self, name: &OsStr) -> io::Result<()> {
        // The kernel's own links, such as /proc/self: nobody else can place any there.
        let flags = if self.holds_open_files()? { THROUGH } else { THROUGH | OFlags::NOFOLLOW };
        match openat(&self.folder, name, flags, Mode::empty()) {
            Ok(folder) => self.enter(name, folder),
            Err(error @ (Errno::NOTDIR | Errno::LOOP)) => match look(&self.folder, name)? {
                Found { link: Some(link), stat } => self.follow(name, &stat, &link),
                _ => Err(error.into()),
            },
            Err(Errno::NOENT) if self.creates_folders => {
                match mkdirat(&self.folder, name, Mode::from_raw_mode(0o777)) {
                    // Another process was faster.
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let created = openat(&self.folder, name, flags, Mode::empty())?;
                self.enter(name, created)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn enter(&mut self, name: &OsStr, folder: OwnedFd) -> io::Result<()> {
        let path = self.at.join(name);
        let owner = fstat(&folder)?.st_uid;
        // Nobody can place a `..`.
        if name != ".." && !self.is_trusted(owner) && is_open_to_all(&fstat(&self.folder)?) {
            let why = format!(
                "the folder {} belongs to user {owner}, not to you or root, and is in a folder that others can write to",
                path.display()
            );
            return Err(Refusal { why, hint: "use a folder of your own".to_owned() }.into());
        }
        (self.folder, self.at) = (folder, path);
        Ok(())
    }

    fn follow(&mut self, name: &OsStr, stat: &Stat, link: &Path) -> io::Result<()> {
        self.check(name, stat, "link")?;
        self.links += 1;
        if self.links > LINKS {
            return Err(io::Error::other("too many links lead from one to the next"));
        }
        self.prepend(link)
    }

    /// Whether a link or FIFO may be used.
    fn check(&self, name: &OsStr, stat: &Stat, kind: &str) -> io::Result<()> {
        let path = self.at.join(name);
        let path = path.display();
        let folder = fstat(&self.folder)?;
        let why = if !self.is_trusted(stat.st_uid) {
            format!("the {kind} {path} belongs to user {}, not to you or root", stat.st_uid)
        } else if is_open_to_all(&folder) || !self.is_trusted(folder.st_uid) {
            format!("the {kind} {path} is in a folder that others can write to")
        } else {
            return Ok(());
        };
        let hint = match kind {
            "link" => "name the file itself, or use a folder of your own",
            _ => "create it in a folder of your own",
        };
        Err(Refusal { why, hint: hint.to_owned() }.into())
    }

    fn is_trusted(&self, owner: u32) -> bool {
        [self.user, 0].contains(&owner)
    }

    /// Whether the kernel fills the folder with names of open files, whose targets are not
    /// replaced.
    fn holds_open_files(&self) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        return Ok(rustix::fs::fstatfs(&self.folder)?.f_type == rustix::fs::PROC_SUPER_MAGIC);
        #[cfg(not(target_os = "linux"))]
        Ok(self.at == Path::new("/dev/fd"))
    }
}

fn is_open_to_all(folder: &Stat) -> bool {
    folder.st_mode & 0o002 != 0
}

/// What a name is, without following it: the link that is read is the one that was looked at.
#[cfg(target_os = "linux")]
fn look(folder: impl AsFd, name: &OsStr) -> Result<Found, Errno> {
    let found = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = fstat(&found)?;
    let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    let link = is_link.then(|| rustix::fs::readlinkat(&found, c"", Vec::new())).transpose()?;
    Ok(Found { stat, link: link.map(|link| OsString::from_vec(link.into_bytes()).into()) })
}

/// What a name is, without following it. Between the two looks only those who can write to the
/// folder can change it.
#[cfg(not(target_os = "linux"))]
fn look(folder: impl AsFd, name: &OsStr) -> Result<Found, Errno> {
    let stat = rustix::fs::statat(&folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
    let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    let link = is_link.then(|| rustix::fs::readlinkat(&folder, name, Vec::new())).transpose()?;
    Ok(Found { stat, link: link.map(|link| OsString::from_vec(link.into_bytes()).into()) })
}
