//! Where an output path leads: its folder, held open, reached without following what a stranger may have placed there.
//!
//! A path in `/tmp` or another shared folder is only text: others may have put a link there that leads to a file of theirs,
//! or of ours, or a FIFO that they read. So the path is walked name by name, each opened from the folder before it without
//! following links, and each rule is checked on what was opened. Nothing depends on what the same path leads to later, nor
//! on `fs.protected_symlinks` and its kin.
//!
//! - A link or FIFO is used only if we or root own it, and only in a folder that nobody else can write to: anybody can put a
//!   link of ours there by a hard link, where the kernel doesn't prevent it.
//! - In a folder that everybody can write to, folders are used only if we or root own them.
//! - A group that can write to a folder is trusted with it: with a umask of 002 every folder is one of those.

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

use crate::report::Refusal;

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Target {
    StandardOutput,
    /// What some process holds open, by its name in `/proc` or `/dev/fd`.
    Open(File),
    Name(Box<Place>),
}

/// A name in a folder. No link.
#[derive(Debug)]
pub(super) struct Place {
    /// For use with `openat` and its kin; it may not be readable.
    pub(super) folder: OwnedFd,
    pub(super) name: OsString,
    /// What has the name; `None` if nothing has.
    pub(super) found: Option<Stat>,
    /// Whether it is a file that a stranger may have put there. It is never left as it is: its owner could change it later.
    pub(super) is_strangers: bool,
    /// For messages.
    pub(super) path: PathBuf,
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
    /// Where `path` leads.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Walk::new(openat(CWD, ".", THROUGH, Mode::empty())?, geteuid().as_raw()).run(path)
    }

    /// The same, and creates the folders on the way that are not there.
    pub(super) fn creating_folders(path: &Path) -> io::Result<Self> {
        let mut walk = Walk::new(openat(CWD, ".", THROUGH, Mode::empty())?, geteuid().as_raw());
        walk.creates_folders = true;
        walk.run(path)
    }
}

/// On its way along a path.
pub(super) struct Walk {
    folder: OwnedFd,
    /// The path of the folder, as we came to it.
    at: PathBuf,
    /// The names still to go.
    ahead: VecDeque<OsString>,
    links: u32,
    /// Our user. What it or root owns is trusted.
    we: u32,
    creates_folders: bool,
}

/// What a name is.
struct Found {
    stat: Stat,
    /// Where it leads, if it is a link.
    link: Option<PathBuf>,
}

impl Walk {
    /// From this folder on, as this user.
    pub(super) fn new(folder: OwnedFd, we: u32) -> Self {
        Self { folder, at: PathBuf::new(), ahead: VecDeque::new(), links: 0, we, creates_folders: false }
    }

    pub(super) fn run(mut self, path: &Path) -> io::Result<Target> {
        if path.as_os_str().is_empty() {
            return Err(Errno::NOENT.into());
        }
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
        // What ends so is a folder; `components` would leave it out.
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

    /// What the last name is; `None` if it is a link that leads on.
    fn last(&mut self, name: OsString) -> io::Result<Option<Target>> {
        let path = self.at.join(&name);
        if STDOUT.iter().any(|stdout| path == Path::new(stdout)) {
            return Ok(Some(Target::StandardOutput));
        }
        if self.is_kernels()? {
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
        let is_strangers = is_shared && found.is_some_and(|stat| !self.is_trusted(stat.st_uid));
        let folder = self.folder.try_clone()?;
        let place = Place { folder, name, found, is_strangers, path };
        Ok(Some(Target::Name(Box::new(place))))
    }

    /// Goes through a folder, or on to where a link leads.
    fn through(&mut self, name: &OsStr) -> io::Result<()> {
        // The kernel's own links, such as /proc/self: nobody else can place any there.
        let flags = if self.is_kernels()? { THROUGH } else { THROUGH | OFlags::NOFOLLOW };
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
            return Err(Refusal { why, hint: "write to a folder of your own" }.into());
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
            "link" => "name the file itself, or write to a folder of your own",
            _ => "create it in a folder of your own, or write to standard output: -o -",
        };
        Err(Refusal { why, hint }.into())
    }

    fn is_trusted(&self, owner: u32) -> bool {
        [self.we, 0].contains(&owner)
    }

    /// Whether the folder holds names of open files, whose targets are not to be replaced.
    fn is_kernels(&self) -> io::Result<bool> {
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

/// What a name is, without following it. Between the two looks only those can change it that can write to the folder.
#[cfg(not(target_os = "linux"))]
fn look(folder: impl AsFd, name: &OsStr) -> Result<Found, Errno> {
    let stat = rustix::fs::statat(&folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)?;
    let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    let link = is_link.then(|| rustix::fs::readlinkat(&folder, name, Vec::new())).transpose()?;
    Ok(Found { stat, link: link.map(|link| OsString::from_vec(link.into_bytes()).into()) })
}
