//! The provider `file` on files that a test writes, as a fetcher or the CSI driver would.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use s1crets::providers::file::FileProvider;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tempfile::TempDir;

/// A fetcher's `secrets.json` without entries.
pub(crate) fn empty() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secrets.json"), r#"{"secrets":{}}"#).unwrap();
    folder
}

/// The root of a CSI mount without secrets.
pub(crate) fn empty_mount() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("..0")).unwrap();
    symlink("..0", folder.path().join("..data")).unwrap();
    folder
}

pub(crate) async fn open(path: &Path) -> FileProvider {
    FileProvider::builder(path).open().await.unwrap()
}

/// Adds an entry as a fetcher does: by a new file in the old one's place. The values stay as they are, byte for byte.
pub(crate) fn add(file: &Path, name: &str, json: &str) {
    #[derive(Deserialize, Serialize)]
    struct Content {
        secrets: BTreeMap<String, Box<RawValue>>,
    }
    let mut content: Content = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    content.secrets.insert(name.to_owned(), RawValue::from_string(json.to_owned()).unwrap());
    let beside = file.with_extension("new");
    fs::write(&beside, serde_json::to_vec(&content).unwrap()).unwrap();
    fs::rename(beside, file).unwrap();
}

/// Adds a secret as the CSI driver does: by a new state of the whole mount, to which `..data` is moved.
pub(crate) fn add_to_mount(mount: &Path, name: &str, json: &str) {
    static STATE: AtomicU32 = AtomicU32::new(1);
    let state = format!("..{}", STATE.fetch_add(1, Ordering::Relaxed));
    copy(&mount.join("..data"), &mount.join(&state));
    let file = mount.join(&state).join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!(r#"{{"request_id":"x","data":{json}}}"#)).unwrap();
    symlink(&state, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}
