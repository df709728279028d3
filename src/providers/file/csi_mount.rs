//! Vault CSI mount: reads every file below `..data` as one secret.
//!
//! The driver writes a new folder for every state and swaps the link `..data` over to it:
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go>.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use s1crets_fs::Fingerprint;

use super::{
    read,
    snapshot::{self, Contents, Entries, Loaded, compact},
    source::SourceState,
};
use crate::{
    error::{Error, Result},
    secret::{
        Json, JsonKind, Secret,
        json::{ROOT, Tree},
    },
};

/// The link to the current state.
const DATA: &str = "..data";
/// Deeper folders are not entered. Names of that many levels do not occur.
const MAX_DEPTH: usize = 32;

/// Makes sure that `mount`, a folder, looks like the root of a mount.
pub(super) fn check(mount: &Path) -> Result<()> {
    if data(mount).is_dir() {
        return Ok(());
    }
    let (data, mount) = (data(mount), mount.display());
    Err(Error::config(format!("expected {} to be a folder", data.display()))
        .with_hint(format!("verify that {mount} is the root of the Vault CSI mount, or name the secrets.json itself")))
}

pub(super) fn data(mount: &Path) -> PathBuf {
    mount.join(DATA)
}

/// The state of the mount now.
pub(super) fn state(mount: &Path) -> Result<SourceState> {
    let link = data(mount);
    let unreadable = |error| read::unreadable(&link, error);
    let target = fs::canonicalize(&link).map_err(unreadable)?;
    let fingerprint = Fingerprint::of(&fs::metadata(&target).map_err(unreadable)?);
    Ok(SourceState { target, fingerprint })
}

/// Reads every file of one state. Secrets that are the same as in `previous` are taken from there.
pub(super) fn load(mount: &Path, previous: Option<&Loaded>) -> Result<(Contents, SourceState)> {
    for _ in 0..read::TRIES {
        let before = state(mount)?;
        let entries = Walk::over(mount, &before.target, previous);
        if state(mount)? == before {
            return Ok((contents(entries?), before));
        }
        thread::sleep(read::PAUSE);
    }
    Err(read::unsettled(&data(mount)))
}

fn contents(entries: Entries) -> Contents {
    let unsupported = || Error::unsupported("a Vault CSI mount has neither Vault's address nor a token");
    Contents { entries, vault_url: Err(unsupported()), vault_token: Err(unsupported()) }
}

/// One pass over all files.
struct Walk<'a> {
    /// The folder that every file has to lie in, with links followed.
    mount: PathBuf,
    previous: Option<&'a Loaded>,
    entries: Entries,
    size: u64,
}

impl<'a> Walk<'a> {
    fn over(mount: &Path, target: &Path, previous: Option<&'a Loaded>) -> Result<Entries> {
        let root = fs::canonicalize(mount).map_err(|error| read::unreadable(mount, error))?;
        if !target.starts_with(&root) {
            return Err(read::corrupt(&data(mount), "it leads out of the mount"));
        }
        let mut walk = Self { mount: root, previous, entries: Entries::new(), size: 0 };
        walk.folder(target, "", MAX_DEPTH)?;
        Ok(walk.entries)
    }

    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<()> {
        let unreadable = |error| read::unreadable(folder, error);
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // A name that is not UTF-8 can't be asked for.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{name}");
            let is_folder = entry.file_type().map_err(unreadable)?.is_dir();
            if is_folder && depth > 0 {
                self.folder(&entry.path(), &format!("{name}/"), depth - 1)?;
            } else if !is_folder {
                let secret = self.secret(&entry.path(), &name);
                self.entries.insert(name, secret);
            }
        }
        Ok(())
    }

    /// The secret in one file: the `data` of a whole response of Vault.
    fn secret(&mut self, path: &Path, name: &str) -> Result<Secret> {
        let real = fs::canonicalize(path).map_err(|error| read::unreadable(path, error))?;
        if !real.starts_with(&self.mount) {
            return Err(read::corrupt(path, "it leads out of the mount"));
        }
        let content = read::read(&real)?;
        self.size += content.metadata.len();
        if self.size > read::MAX_SIZE {
            return Err(read::corrupt(&self.mount, "larger than 100 MiB"));
        }
        let text = content.text().map_err(|why| read::corrupt(path, why))?;
        let tree = Tree::parse(text).map_err(|why| read::corrupt(path, why))?;
        match Json::new(text, &tree, ROOT).get("data") {
            Some(data) if data.kind() == JsonKind::Object => {
                Ok(snapshot::secret(name, compact(data.raw()), self.previous))
            }
            Some(data) => Err(read::corrupt(path, format_args!("'data' is {}, not an object", data.kind().name()))),
            None => Err(read::corrupt(path, "a response of Vault without 'data'")),
        }
    }
}
