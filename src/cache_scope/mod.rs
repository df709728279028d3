//! Binds disk cache entries to the server and the identity that they were read with.
//!
//! An entry must never be served for another server, or to another identity. So its key contains a
//! digest of every input that decides about these: settings, environment variables and files. Each
//! vendor lists its inputs with the methods of [`Binding`]. `docs/cache.md` has the same list, and
//! a test compares the two.
//!
//! An input is bound in one of three ways:
//! - by *value*: a setting or a variable;
//! - by *content*: a file that says whom to trust or who we are, with its path;
//! - by *name*: a file that rotates by design, such as a JWT. Its path stays; its content doesn't
//!   say who we are.
//!
//! Invariants: no secret is kept, only digests. No two lists of inputs have the same digest by
//! concatenation: each part is fed with its length. An input that can't be determined makes the
//! whole binding fail, so that the disk is not used.

#[cfg(feature = "__aws")]
pub(crate) mod aws;
mod file;

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::{Digest, Sha256};

use self::file::Content;
use crate::fs::fingerprint::Fingerprint;

/// Looks up an environment variable.
pub(crate) type Env<'a> = dyn Fn(&str) -> Option<OsString> + 'a;

/// The most files in a folder of certificates. Usual ones have a few hundred.
const MOST_FILES: usize = 1000;

/// Collects the inputs of one provider.
pub(crate) struct Binding<'a> {
    env: &'a Env<'a>,
    /// The digest of inputs that a provider reads when it is opened.
    fixed: Sha256,
    /// The digest of token files, which a provider reads again when they change.
    followed: Sha256,
    files: Vec<(PathBuf, Option<Fingerprint>)>,
    unknown: Option<Unknown>,
    /// Each input and how it is bound, to be compared with the documentation.
    #[cfg(test)]
    pub(crate) inputs: Vec<(String, &'static str)>,
}

/// The digests of all inputs of a provider.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) fixed: [u8; 32],
    pub(crate) followed: [u8; 32],
    files: Vec<(PathBuf, Option<Fingerprint>)>,
}

/// Why an input can't be determined. Then nothing is read from disk or written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// There is no token, so there is no identity.
    NoToken,
    /// A file that is not read, and why.
    Unfit(PathBuf, &'static str),
}

impl<'a> Binding<'a> {
    pub(crate) fn new(env: &'a Env<'a>) -> Self {
        let (fixed, followed, files) = Default::default();
        Self {
            env,
            fixed,
            followed,
            files,
            unknown: None,
            #[cfg(test)]
            inputs: Vec::new(),
        }
    }

    /// Binds a value. A missing one differs from an empty one.
    pub(crate) fn value(&mut self, input: &str, value: Option<impl AsRef<[u8]>>) {
        self.note(input, "value");
        feed_optional(&mut self.fixed, input, value);
    }

    /// Binds an identity that only code knows: nothing is read from disk or written there.
    #[cfg(feature = "vault")]
    pub(crate) fn unknown_identity(&mut self) {
        self.unknown = self.unknown.take().or(Some(Unknown::NoToken));
    }

    /// Binds the value of a variable.
    pub(crate) fn variable(&mut self, name: &str) {
        let value = (self.env)(name);
        self.value(name, value.as_deref().map(OsStr::as_bytes));
    }

    /// Binds the path of a file that rotates by design, without its content.
    pub(crate) fn name(&mut self, input: &str, path: Option<&Path>) {
        self.note(input, "name");
        let path = path.map(absolute);
        feed_optional(&mut self.fixed, input, path.as_ref().map(|path| path.as_os_str().as_bytes()));
    }

    /// Binds the path of a rotating file that an environment variable names.
    pub(crate) fn name_in_variable(&mut self, name: &str) {
        let path = (self.env)(name).map(PathBuf::from);
        self.name(name, path.as_deref());
    }

    /// Binds the path and the content of a file.
    pub(crate) fn content(&mut self, input: &str, path: Option<&Path>) {
        self.note(input, "content");
        feed_optional(&mut self.fixed, input, path.map(|path| absolute(path).into_os_string().into_encoded_bytes()));
        if let Some(path) = path {
            let content = self.read(path);
            feed_content(&mut self.fixed, content.as_ref());
        }
    }

    /// Binds the paths and the contents of a folder's files.
    pub(crate) fn folder(&mut self, input: &str, path: Option<&Path>) {
        self.note(input, "content");
        feed_optional(&mut self.fixed, input, path.map(|path| absolute(path).into_os_string().into_encoded_bytes()));
        let Some(path) = path.map(absolute) else { return };
        self.files.push((path.clone(), stamp(&path)));
        let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
        files.sort_unstable();
        if files.len() > MOST_FILES {
            self.unknown = Some(Unknown::Unfit(path, "a folder of too many files"));
            return;
        }
        for file in files {
            feed(&mut self.fixed, file.as_os_str().as_bytes());
            let content = self.read(&file);
            feed_content(&mut self.fixed, content.as_ref());
        }
    }

    /// Binds the certificates that are trusted unless a setting names others.
    pub(crate) fn trusted_by_environment(&mut self) {
        let [file, folders] = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (self.env)(name));
        self.content("SSL_CERT_FILE", file.as_deref().map(Path::new));
        for folder in folders.iter().flat_map(std::env::split_paths) {
            self.folder("SSL_CERT_DIR", Some(&folder));
        }
    }

    /// Binds the path of a token file, and the token. A provider follows changes of the token.
    pub(crate) fn token_file(&mut self, input: &str, path: &Path) {
        self.name(input, Some(path));
        self.note(input, "content");
        match self.read(path) {
            Some(Content::Bytes(token)) if !token.trim_ascii().is_empty() => feed(&mut self.followed, &token),
            Some(_) => self.unknown = self.unknown.take().or(Some(Unknown::NoToken)),
            None => {}
        }
    }

    /// # Errors
    /// If an input can't be determined.
    pub(crate) fn finish(self) -> Result<Bound, Unknown> {
        match self.unknown {
            Some(unknown) => Err(unknown),
            None => Ok(Bound {
                fixed: self.fixed.finalize().into(),
                followed: self.followed.finalize().into(),
                files: self.files,
            }),
        }
    }

    /// The content of a file. `None` marks the whole binding as unknown.
    fn read(&mut self, path: &Path) -> Option<Content> {
        let path = absolute(path);
        let stamp = stamp(&path);
        let read = file::read(&path);
        self.files.push((path.clone(), stamp));
        read.map_err(|what| self.unknown = Some(Unknown::Unfit(path, what))).ok()
    }

    #[cfg_attr(not(test), allow(clippy::unused_self, reason = "only tests compare"))]
    fn note(&mut self, _input: &str, _how: &'static str) {
        #[cfg(test)]
        self.inputs.push((_input.to_owned(), _how));
    }
}

impl Bound {
    /// Whether the files are still those that were read, by their status alone.
    pub(crate) fn is_current(&self) -> bool {
        self.files.iter().all(|(path, stamp)| is_same(path, stamp.as_ref()))
    }

    /// The digest of all inputs.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.fixed);
        digest.update(self.followed);
        digest.finalize().into()
    }
}

/// The status of a file; `None` if it doesn't exist.
fn stamp(path: &Path) -> Option<Fingerprint> {
    std::fs::metadata(path).ok().map(|metadata| Fingerprint::of(&metadata))
}

/// Whether a file has certainly not changed. Two changes within the clock's resolution look like
/// one, so a file that changed a moment ago counts as changed.
fn is_same(path: &Path, before: Option<&Fingerprint>) -> bool {
    let now = stamp(path);
    now.as_ref() == before && !now.is_some_and(|stamp| stamp.is_recent(SystemTime::now()))
}

/// The absolute path: a relative one is another file in another folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Feeds a part with its length before it, so that no two lists of inputs look the same.
fn feed(digest: &mut Sha256, part: &[u8]) {
    digest.update((part.len() as u64).to_be_bytes());
    digest.update(part);
}

fn feed_optional(digest: &mut Sha256, input: &str, value: Option<impl AsRef<[u8]>>) {
    feed(digest, input.as_bytes());
    digest.update([u8::from(value.is_some())]);
    if let Some(value) = value {
        feed(digest, value.as_ref());
    }
}

/// Feeds the content of a file. A missing, an unreadable and an empty file are three states.
fn feed_content(digest: &mut Sha256, content: Option<&Content>) {
    match content {
        Some(Content::Bytes(bytes)) => {
            digest.update([0]);
            feed(digest, bytes);
        }
        Some(Content::Absent) => digest.update([1]),
        Some(Content::Unreadable) | None => digest.update([2]),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn bound(list: impl Fn(&mut Binding<'_>)) -> Result<Bound, Unknown> {
        let mut binding = Binding::new(&nothing);
        list(&mut binding);
        binding.finish()
    }

    fn content(path: &Path) -> [u8; 32] {
        bound(|binding| binding.content("ca_file", Some(path))).expect("told").digest()
    }

    #[test]
    fn an_input_is_not_taken_for_its_neighbour_or_for_a_missing_one() {
        let lists: [&[(&str, Option<&str>)]; 6] = [
            &[("a", Some("b")), ("c", None)],
            &[("a", None), ("c", Some("b"))],
            &[("a", Some("bc")), ("", None)],
            &[("a", Some("")), ("c", None)],
            &[("a", None), ("c", None)],
            &[("ab", None), ("c", None)],
        ];
        let told = lists.map(|list| {
            bound(|binding| list.iter().for_each(|(input, value)| binding.value(input, *value))).expect("told").digest()
        });
        assert_eq!(told.iter().collect::<std::collections::HashSet<_>>().len(), lists.len());
    }

    #[test]
    fn a_missing_an_empty_and_an_unreadable_file_differ_and_a_change_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let absent = content(&path);
        fs::write(&path, "").expect("written");
        let empty = bound(|binding| binding.content("ca_file", Some(&path))).expect("told");
        fs::write(&path, "x").expect("written");
        assert!(!empty.is_current());
        let full = content(&path);
        fs::remove_file(&path).expect("removed");
        assert_eq!(content(&path), absent);
        fs::create_dir(&path).expect("made");
        let unreadable = content(&path);
        let all = [absent, empty.digest(), full, unreadable];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_pipe_is_not_opened_and_a_large_file_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pipe, large) = (folder.path().join("pipe"), folder.path().join("large"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        fs::File::create(&large).expect("made").set_len(u64::from(u32::MAX)).expect("sparse");
        for path in [pipe, large] {
            let unfit = bound(|binding| binding.content("ca_file", Some(&path))).expect_err("unfit");
            assert!(matches!(&unfit, Unknown::Unfit(it, _) if *it == path), "{unfit:?}");
            bound(|binding| binding.token_file("auth.file", &path)).expect_err("unfit");
        }
    }

    #[test]
    fn without_a_token_there_is_nobody_to_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let token = || bound(|binding| binding.token_file("auth.file", &path));
        assert_eq!(token().expect_err("no file"), Unknown::NoToken);
        fs::write(&path, " \n").expect("written");
        assert_eq!(token().expect_err("empty"), Unknown::NoToken);
        assert_eq!(bound(|binding| binding.token_file("x", "/dev/null".as_ref())).expect_err("x"), Unknown::NoToken);
        fs::write(&path, "a").expect("written");
        let one = token().expect("a token");
        fs::write(&path, "b").expect("written");
        let other = token().expect("a token");
        assert!(one.fixed == other.fixed && one.followed != other.followed);
    }

    #[test]
    fn a_file_in_a_folder_counts_by_its_name_and_by_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = || bound(|binding| binding.folder("ca_path", Some(folder.path()))).expect("told");
        let mut seen = vec![of()];
        for (name, text) in [("a", "1"), ("a", "2"), ("b", "2")] {
            fs::write(folder.path().join(name), text).expect("written");
            assert!(!seen.last().expect("one").is_current());
            seen.push(of());
        }
        let digests: std::collections::HashSet<_> = seen.iter().map(Bound::digest).collect();
        assert_eq!(digests.len(), seen.len());
    }
}
