//! Paths in the config file, which start from its folder.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{origin::join, settings::Config};

impl Config {
    /// Makes the paths that a config file set absolute: they start from the file's folder, `~/` from the
    /// home folder. Paths from variables and options stay as they are: those start from the current
    /// folder.
    pub(super) fn resolve_paths(&mut self, folder: Option<&Path>) {
        let origins = &self.origins;
        let resolve = |key: &str, path: &mut Option<PathBuf>| {
            let is_of_file = origins.get(key).is_some_and(|origin| origin.place().is_some());
            if let Some(path) = path.as_mut().filter(|_| is_of_file) {
                *path = resolved(path, folder);
            }
        };
        let cache = &mut self.cache;
        for (key, path) in [
            ("path", &mut cache.path),
            ("key_file", &mut cache.key_file),
            ("key_credential", &mut cache.key_credential),
        ] {
            resolve(&join("cache", key), path);
        }
        for (name, own) in &mut self.providers {
            let table = join("providers", name);
            for (key, path) in [
                ("path", &mut own.path),
                ("ca_file", &mut own.ca_file),
                ("ca_path", &mut own.ca_path),
                ("client_cert", &mut own.client_cert),
                ("client_key", &mut own.client_key),
            ] {
                resolve(&join(&table, key), path);
            }
            if let Some(auth) = &mut own.auth {
                let table = join(&table, "auth");
                resolve(&join(&table, "file"), &mut auth.file);
                resolve(&join(&table, "nonce_file"), &mut auth.nonce_file);
            }
        }
    }
}

fn resolved(path: &Path, folder: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), env::home_dir(), folder) {
        (Ok(rest), Some(home), _) => home.join(rest),
        (_, _, Some(folder)) => folder.join(path),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_from_the_folder_and_a_tilde_from_the_home() {
        let of_folder = |path: &str| resolved(Path::new(path), Some(Path::new("/repo")));
        assert_eq!(of_folder("certs/ca.pem"), Path::new("/repo/certs/ca.pem"));
        assert_eq!(of_folder("/etc/ca.pem"), Path::new("/etc/ca.pem"));
        assert_eq!(of_folder("~other/x"), Path::new("/repo/~other/x"));
        assert_eq!(Some(of_folder("~/x")), env::home_dir().map(|home| home.join("x")));
        assert_eq!(resolved(Path::new("x"), None), Path::new("x"));
    }
}
