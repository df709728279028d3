//! Paths in the config file, which start from its folder.

use std::path::{Path, PathBuf};

use super::{config::Config, error::Malformed, origin::join};
use crate::fs::home;

impl Config {
    /// Makes the paths that a config file set absolute: they start from the file's folder, `~/` from the
    /// home folder. Those from variables start from the current folder, or from the home folder too.
    ///
    /// # Errors
    /// That a path begins with `~/` and there is no home folder: it must not lead below the file's folder.
    pub(super) fn resolve_paths(&mut self, folder: Option<&Path>) -> Result<(), Malformed> {
        let origins = std::mem::take(&mut self.origins);
        for (key, path) in self.paths_mut() {
            let Some(origin) = origins.get(&key) else { continue };
            let homeless = || Malformed::new("there is no home folder for `~/`: HOME is no absolute path").at(origin);
            let folder = folder.filter(|_| origin.place().is_some());
            *path = resolved(path, folder).ok_or_else(homeless)?;
        }
        self.origins = origins;
        Ok(())
    }

    /// The same settings as they can be shown: in paths that are not UTF-8, a mark stands for what is not.
    pub(super) fn with_shown_paths(mut self) -> Self {
        for (_, path) in self.paths_mut() {
            *path = path.to_string_lossy().into_owned().into();
        }
        self
    }

    /// All paths that are set, by their keys.
    fn paths_mut(&mut self) -> Vec<(String, &mut PathBuf)> {
        let cache = &mut self.cache;
        let mut paths = vec![
            (join("cache", "path"), &mut cache.path),
            (join("cache", "key_file"), &mut cache.key_file),
            (join("cache", "key_credential"), &mut cache.key_credential),
        ];
        for (name, own) in &mut self.providers {
            let table = join("providers", name);
            paths.extend([
                (join(&table, "path"), &mut own.path),
                (join(&table, "ca_file"), &mut own.ca_file),
                (join(&table, "ca_path"), &mut own.ca_path),
                (join(&table, "client_cert"), &mut own.client_cert),
                (join(&table, "client_key"), &mut own.client_key),
            ]);
            if let Some(auth) = &mut own.auth {
                let table = join(&table, "auth");
                paths.push((join(&table, "file"), &mut auth.file));
                paths.push((join(&table, "nonce_file"), &mut auth.nonce_file));
            }
        }
        paths.into_iter().filter_map(|(key, path)| Some((key, path.as_mut()?))).collect()
    }
}

fn resolved(path: &Path, folder: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~") {
        Ok(rest) => Some(home::folder()?.join(rest)),
        Err(_) => Some(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_from_the_folder_and_a_tilde_from_the_home() {
        let of_folder = |path: &str| resolved(Path::new(path), Some(Path::new("/repo"))).expect("a home");
        assert_eq!(of_folder("certs/ca.pem"), Path::new("/repo/certs/ca.pem"));
        assert_eq!(of_folder("/etc/ca.pem"), Path::new("/etc/ca.pem"));
        assert_eq!(of_folder("~other/x"), Path::new("/repo/~other/x"));
        assert_eq!(Some(of_folder("~/x")), home::folder().map(|home| home.join("x")));
        assert_eq!(resolved(Path::new("x"), None).as_deref(), Some(Path::new("x")));
    }
}
