//! Where a login finds what it proves itself with.

use std::{env, fmt, fs, io::ErrorKind::NotFound, path::PathBuf};

use zeroize::Zeroizing;

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::{Error, ErrorKind, Result},
    fs::{fingerprint::Fingerprint, plain_file},
};

/// A token, secret id, JWT or password: given, or to be read anew at each login.
///
/// White space at the end is cut off: files and variables are written by `echo`.
#[derive(Clone)]
pub struct SecretSource(Kind);

#[derive(Clone)]
enum Kind {
    Given(Zeroizing<String>),
    File(PathBuf),
    Env(String),
}

impl SecretSource {
    /// The value itself.
    pub fn given(value: impl Into<String>) -> Self {
        Self(Kind::Given(Zeroizing::new(value.into())))
    }

    /// A file that holds it.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// An environment variable that holds it.
    pub fn env(name: impl Into<String>) -> Self {
        Self(Kind::Env(name.into()))
    }

    /// What it is now. `what` names it in the error: `Unauthenticated` if there is nothing, `Config` if there is something
    /// that can't be it.
    pub(crate) fn read(&self, what: &str) -> Result<Zeroizing<String>> {
        let text = match &self.0 {
            Kind::Given(value) => value.clone(),
            Kind::File(path) => plain_file::read_text(path).map_err(|error| {
                let kind = if error.kind() == NotFound { ErrorKind::Unauthenticated } else { ErrorKind::Config };
                Error::new(kind, format!("can't read the {what} from {}", path.display())).with_source(error)
            })?,
            Kind::Env(name) => {
                let unset =
                    |_| nothing(format!("the variable {name} holds no {what}")).with_hint(format!("set {name}"));
                Zeroizing::new(env::var(name).map_err(unset)?)
            }
        };
        let trimmed = text.trim_end();
        if trimmed.is_empty() {
            return Err(nothing(format!("the {what} is empty")));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(Error::config(format!("the {what} holds a control character")));
        }
        Ok(Zeroizing::new(trimmed.to_owned()))
    }

    /// What tells one state of the file from the next; `None` for what is no file, or is not there.
    pub(crate) fn stamp(&self) -> Option<Fingerprint> {
        let Kind::File(path) = &self.0 else {
            return None;
        };
        fs::metadata(path).ok().map(|metadata| Fingerprint::of(&metadata))
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl SecretSource {
    /// Binds where it is; of a file no more than its path, as it rotates by design.
    pub(crate) fn bind_place(&self, binding: &mut Binding<'_>) {
        match &self.0 {
            Kind::Given(value) => binding.value("secret given to a login", Some(value.as_bytes())),
            Kind::File(path) => binding.name("auth.file", Some(path)),
            Kind::Env(name) => {
                binding.value("auth.env", Some(name));
                binding.variable(name);
            }
        }
    }

    /// The same with what is in the file, for it says who we are.
    pub(crate) fn bind_token(&self, binding: &mut Binding<'_>) {
        match &self.0 {
            Kind::File(path) => binding.token_file("auth.file of a token", path),
            Kind::Given(_) | Kind::Env(_) => self.bind_place(binding),
        }
    }
}

/// There is nothing to log in with, which is to be not logged in.
fn nothing(message: String) -> Error {
    Error::new(ErrorKind::Unauthenticated, message)
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Given(_) => f.write_str("Given([redacted])"),
            Kind::File(path) => f.debug_tuple("File").field(path).finish(),
            Kind::Env(name) => f.debug_tuple("Env").field(name).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_header_and_no_line_is_refused_without_being_told() {
        for value in ["", " \n", "hunter2\nhunter2", "hunter2\0"] {
            let source = SecretSource::given(value);
            let error = source.read("token").expect_err("no token");
            assert!(!format!("{source:?} {error:?}").contains("hunter2"));
        }
        for absent in [SecretSource::file("/nonexistent/token"), SecretSource::env("S1CRETS_NO_SUCH_VARIABLE")] {
            assert_eq!(absent.read("token").expect_err("nothing").kind(), ErrorKind::Unauthenticated);
        }
        #[cfg(unix)]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let pipe = folder.path().join("pipe");
            rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
            let error = SecretSource::file(&pipe).read("token").expect_err("a pipe that nobody writes to");
            assert_eq!(error.kind(), ErrorKind::Config);
        }
        assert_eq!(*SecretSource::given("hunter2\r\n").read("token").expect("a token"), "hunter2");
    }
}
