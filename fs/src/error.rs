//! The error of this package: which step failed, on which path, and why.

use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
};

/// The result of a file operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed file operation. Callers turn it into an error of their own; [`io::Error::from`] keeps
/// only the cause.
#[derive(Debug)]
pub struct Error {
    step: Step,
    path: PathBuf,
    cause: io::Error,
}

/// The step of an operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Following the path to the folder that holds the file.
    Resolve,
    /// Opening the folder or the file.
    Open,
    /// Creating the folder, or the temporary file.
    Create,
    /// Giving the temporary file its owner, group and mode.
    SetOwner,
    /// Writing the contents, or waiting until they are on disk.
    Write,
    /// Moving the temporary file to its name.
    Rename,
    /// Waiting until the new name is on disk. The file holds the new contents, and may lose them in
    /// a crash.
    SyncFolder,
    /// Checking who owns a folder and who may read it.
    Check,
}

/// Why a path is refused although the system would allow it: another user may have placed a link, a
/// FIFO or a folder there. It travels in an [`io::Error`] of kind `PermissionDenied`.
#[derive(Debug)]
pub struct Refusal {
    /// What is wrong with the path.
    pub why: String,
    /// What to do about it.
    pub hint: String,
}

impl Error {
    /// An error about a step on a path.
    pub fn new(step: Step, path: &Path, cause: impl Into<io::Error>) -> Self {
        Self { step, path: path.to_owned(), cause: cause.into() }
    }

    /// The step that failed.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The path that was asked for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kind of the cause.
    pub fn kind(&self) -> io::ErrorKind {
        self.cause.kind()
    }

    /// Why the path is refused, if the system did not fail but this package declined.
    pub fn refusal(&self) -> Option<&Refusal> {
        Refusal::of(&self.cause)
    }
}

impl Refusal {
    /// The refusal in an error, if it is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.step {
            Step::Resolve => write!(f, "can't follow the path {path}"),
            Step::Open => write!(f, "can't open {path}"),
            Step::Create => write!(f, "can't create {path}"),
            Step::SetOwner => write!(f, "can't give the new {path} its owner and mode"),
            Step::Write => write!(f, "can't write {path}"),
            Step::Rename => write!(f, "can't replace {path}"),
            Step::SyncFolder => write!(f, "{path} was replaced, and may yet be lost in a crash"),
            Step::Check => write!(f, "can't check {path}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

/// The cause alone, for callers that name the path themselves.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        error.cause
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

/// Adds step and path to an error of the system.
pub(crate) trait At<T> {
    fn at(self, step: Step, path: &Path) -> Result<T>;
}

impl<T, E: Into<io::Error>> At<T> for std::result::Result<T, E> {
    fn at(self, step: Step, path: &Path) -> Result<T> {
        self.map_err(|cause| Error::new(step, path, cause))
    }
}
