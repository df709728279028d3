//! File paths in the config: relative ones start from the folder of the config file.

use std::path::{Component, Path, PathBuf};

use super::{
    config::Config,
    error::Malformed,
    origin::{Origin, join},
    raw_table::RawTable,
    table_type::{self, TableTypes, Types},
};
use crate::fs::home;

impl Config {
    /// Makes all paths absolute. Those of the config file start from its `folder`, those of
    /// variables from the current folder, and `~/` is the home folder in both.
    ///
    /// # Errors
    /// If a path begins with `~/` and there is no home folder.
    pub(super) fn resolve_paths(&mut self, folder: Option<&Path>, types: &Types) -> Result<(), Malformed> {
        let cache = &mut self.cache;
        for (key, path) in [
            ("path", &mut cache.path),
            ("key_file", &mut cache.key_file),
            ("key_credential", &mut cache.key_credential),
        ] {
            if let (Some(path), Some(origin)) = (path, self.origins.get(&join("cache", key))) {
                *path = resolve(path, origin, folder)?;
            }
        }
        resolve_in(&mut self.providers, &types.providers, folder)?;
        resolve_in(&mut self.connections, &types.connections, folder)
    }

    /// The same settings for display: in a path that is not UTF-8, a mark stands for what is not.
    pub(super) fn with_shown_paths(mut self) -> Self {
        let cache = &mut self.cache;
        for path in [&mut cache.path, &mut cache.key_file, &mut cache.key_credential].into_iter().flatten() {
            *path = path.to_string_lossy().into_owned().into();
        }
        self
    }
}

fn resolve_in<'a>(
    tables: impl IntoIterator<Item = (&'a String, &'a mut RawTable)>,
    types: &TableTypes,
    folder: Option<&Path>,
) -> Result<(), Malformed> {
    for (name, raw) in tables {
        table_type::paths(types, name, raw).into_iter().try_for_each(|key| raw.table.resolve_path(key, folder))?;
    }
    Ok(())
}

/// A path made absolute. Only one that was read from a file starts from `folder`.
pub(super) fn resolve(path: &Path, origin: &Origin, folder: Option<&Path>) -> Result<PathBuf, Malformed> {
    if path.as_os_str().is_empty() {
        return Err(Malformed::new("the path is empty").at(origin));
    }
    let is_home_of = |first: Component<'_>| {
        let name = first.as_os_str().as_encoded_bytes();
        name.starts_with(b"~") && name != b"~"
    };
    if path.components().next().is_some_and(is_home_of) {
        let error = Malformed::new("only `~/` stands for a home folder, and not that of a named user");
        return Err(error.with_hint("write the whole path, or `./~…` for a file of that name").at(origin));
    }
    let homeless = || Malformed::new("there is no home folder for `~/`: HOME is no absolute path").at(origin);
    let folder = folder.filter(|_| origin.place().is_some());
    match path.strip_prefix("~") {
        Ok(rest) => Ok(home::folder().ok_or_else(homeless)?.join(rest)),
        Err(_) => Ok(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::origin::Place;

    #[test]
    fn relative_paths_start_from_the_folder_and_a_tilde_from_the_home() {
        let of_file = Origin::File(Place::new(None, 1));
        let of_folder = |path: &str| resolve(Path::new(path), &of_file, Some(Path::new("/repo"))).expect("a home");
        assert_eq!(of_folder("certs/ca.pem"), Path::new("/repo/certs/ca.pem"));
        assert_eq!(of_folder("/etc/ca.pem"), Path::new("/etc/ca.pem"));
        assert_eq!(of_folder("./~other/x"), Path::new("/repo/./~other/x"));
        for refused in ["", "~other/x", "~other"] {
            resolve(Path::new(refused), &of_file, Some(Path::new("/repo"))).expect_err(refused);
        }
        assert_eq!(Some(of_folder("~/x")), home::folder().map(|home| home.join("x")));
        let of_variable = Origin::Variable("X");
        let resolved = resolve(Path::new("x"), &of_variable, Some(Path::new("/repo"))).expect("no home needed");
        assert_eq!(resolved, Path::new("x"));
    }
}
