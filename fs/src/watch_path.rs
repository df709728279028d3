//! Folders and names to watch for one path: where a change can alter what the path leads to.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

/// More links in a row than any system follows.
const MAX_LINKS: usize = 40;

/// The folders on the way to a file in which a link, or the file itself, may be replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchPath {
    pub(crate) folders: BTreeSet<PathBuf>,
    /// The names of those links and of the file.
    pub(crate) names: BTreeSet<OsString>,
    /// The path leads to a folder, whose files count too, whatever their names.
    pub(crate) ends_in_folder: bool,
}

impl WatchPath {
    /// Follows `path`, which is absolute, to its end or to the first name that is missing.
    pub(crate) fn of(path: &Path) -> Self {
        let mut found = Self::default();
        let root = path.ancestors().last().unwrap_or(path);
        let (mut here, mut ahead, mut links, mut is_missing) = (root.to_owned(), steps(path), 0, false);
        while let Some(step) = ahead.pop() {
            if step == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&step);
            let target = fs::read_link(&next).ok().filter(|_| links < MAX_LINKS);
            if target.is_some() || ahead.is_empty() || !next.exists() {
                found.folders.insert(here.clone());
                found.names.insert(step);
            }
            match target {
                Some(target) => {
                    links += 1;
                    here = if target.is_absolute() { root.to_owned() } else { here };
                    ahead.append(&mut steps(&target));
                }
                None if next.exists() => here = next,
                None => {
                    is_missing = true;
                    break;
                }
            }
        }
        // The path of a CSI mount ends in a folder.
        if here.is_dir() && ahead.is_empty() && !is_missing {
            found.ends_in_folder = true;
            found.folders.insert(here);
        }
        found
    }
}

/// The steps of a path, the first one last.
fn steps(path: &Path) -> Vec<OsString> {
    let steps = path.components().filter(|step| matches!(step, Component::Normal(_) | Component::ParentDir));
    steps.map(|step| step.as_os_str().to_owned()).rev().collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn watched(root: &Path, path: &str) -> (Vec<String>, Vec<String>) {
        let root = root.canonicalize().expect("a folder");
        let WatchPath { folders, names, .. } = WatchPath::of(&root.join(path));
        let below = |folder: &PathBuf| folder.strip_prefix(&root).expect("below").display().to_string();
        (folders.iter().map(below).collect(), names.into_iter().map(|name| name.into_string().expect("text")).collect())
    }

    #[test]
    fn a_file_is_watched_in_its_folder_and_a_missing_one_where_it_will_appear() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("folders");
        fs::write(folder.path().join("a/b/c"), "").expect("written");
        assert_eq!(watched(folder.path(), "a/b/c"), (vec!["a/b".into()], vec!["c".into()]));
        assert_eq!(watched(folder.path(), "a/b/x"), (vec!["a/b".into()], vec!["x".into()]));
        assert_eq!(watched(folder.path(), "a/x/y/z"), (vec!["a".into()], vec!["x".into()]));
    }

    #[test]
    fn every_link_on_the_way_is_watched_where_it_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("mount/..1")).expect("folders");
        fs::write(root.join("mount/..1/secrets.json"), "").expect("written");
        symlink("..1", root.join("mount/..data")).expect("a link");
        symlink("..data/secrets.json", root.join("mount/secrets.json")).expect("a link");
        fs::create_dir(root.join("etc")).expect("a folder");
        symlink("../mount", root.join("etc/current")).expect("a link");
        let (folders, names) = watched(root, "etc/current/secrets.json");
        assert_eq!(folders, ["etc", "mount", "mount/..1"]);
        assert_eq!(names, ["..data", "current", "secrets.json"]);
    }

    #[test]
    fn links_in_a_circle_do_not_loop_for_ever() {
        let folder = tempfile::tempdir().expect("a folder");
        symlink("b", folder.path().join("a")).expect("a link");
        symlink("a", folder.path().join("b")).expect("a link");
        let (folders, _) = watched(folder.path(), "a");
        assert_eq!(folders, [""]);
    }
}
