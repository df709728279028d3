//! Which part of a path is the mount, and which version of KV is there.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Mutex as Gate;

use crate::{
    config::ProviderSettings,
    error::{Error, ErrorKind, Result},
    json::Json,
    options::Effort,
    vault::{Call, Vault, check_path, from_reply},
};

/// The version of a KV engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KvVersion {
    /// One value a name; the last write wins.
    V1,
    /// Versions of each value, check-and-set, metadata.
    V2,
}

/// What is known of the mounts beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvMounts {
    pub(super) all: Option<KvVersion>,
    named: BTreeMap<String, KvVersion>,
}

/// A path, cut behind its mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) mount: String,
    /// Empty for the mount itself.
    pub(super) rest: String,
    /// `None` where it has to be seen by what the server answers.
    pub(super) version: Option<KvVersion>,
}

/// Mounts as they get known.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    settings: KvMounts,
    found: Mutex<BTreeMap<String, KvVersion>>,
    /// Held while the server is asked: a burst of first reads asks once.
    asking: Gate<()>,
}

impl KvMounts {
    /// One version for every mount that is not [named](Self::with_mount), whatever the server says; it is still asked
    /// how much of a path is the mount. With version 1 the provider says in its capabilities that it knows no versions.
    #[must_use]
    pub fn with_version(self, version: KvVersion) -> Self {
        Self { all: Some(version), ..self }
    }

    /// A mount by its path, which may have slashes.
    #[must_use]
    pub fn with_mount(mut self, path: impl AsRef<str>, version: KvVersion) -> Self {
        self.named.insert(path.as_ref().trim_matches('/').to_owned(), version);
        self
    }

    pub(crate) fn from_settings(settings: &ProviderSettings) -> Result<Self> {
        let mut mounts = Self { all: settings.kv_version.map(KvVersion::read).transpose()?, ..Self::default() };
        for (path, version) in settings.mounts.iter().flatten() {
            mounts = mounts.with_mount(path, KvVersion::read(*version)?);
        }
        Ok(mounts)
    }
}

impl KvVersion {
    fn read(number: u8) -> Result<Self> {
        match number {
            1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            _ => Err(Error::config(format!("there is no version {number} of Vault's KV engine, only 1 and 2"))),
        }
    }
}

impl Mounts {
    pub(super) fn new(settings: KvMounts) -> Self {
        Self { settings, ..Self::default() }
    }

    pub(super) fn settings(&self) -> &KvMounts {
        &self.settings
    }

    /// The mount of a path, from what is known or by asking.
    pub(super) async fn place(&self, vault: &Vault, path: &str, effort: Effort) -> Result<Place> {
        check_path(path)?;
        if let Some(place) = self.known(path) {
            return Ok(place);
        }
        let _asking = self.asking.lock().await;
        if let Some(place) = self.known(path) {
            return Ok(place);
        }
        match self.ask(vault, path, effort).await? {
            Some((mount, version)) => {
                let version = self.settings.all.unwrap_or(version);
                let place = Place::cut(path, &mount, Some(version));
                self.learn(&place.mount, version);
                Ok(place)
            }
            None => Ok(self.guess(path)),
        }
    }

    pub(super) fn learn(&self, mount: &str, version: KvVersion) {
        self.found().insert(mount.to_owned(), version);
    }

    /// A mount that answers like another version than it had: it was upgraded, or mounted anew.
    pub(super) fn forget(&self, mount: &str) {
        self.found().remove(mount);
    }

    fn known(&self, path: &str) -> Option<Place> {
        let found = self.found();
        let mounts = self.settings.named.iter().chain(found.iter());
        let longest = mounts.filter(|(mount, _)| covers(mount, path)).max_by_key(|(mount, _)| mount.len());
        longest.map(|(mount, version)| Place::cut(path, mount, Some(*version)))
    }

    /// The server's word: `None` if it doesn't say, as for a token with no right below the mount.
    async fn ask(&self, vault: &Vault, path: &str, effort: Effort) -> Result<Option<(String, KvVersion)>> {
        let call = Call::get(&format!("sys/internal/ui/mounts/{path}"))?;
        let reply = vault.call(&call, effort).await?;
        match reply.status {
            // 405 and 501: a gateway that lets the engines' paths through alone.
            400 | 403 | 404 | 405 | 501 => return Ok(None),
            _ if reply.is_success() => {}
            _ => return Err(from_reply(&reply, &call)),
        }
        let Ok(data) = reply.data() else {
            return Ok(None);
        };
        let mount = data.get("path").and_then(Json::as_str).map(|mount| mount.trim_matches('/').to_owned());
        match mount {
            Some(mount) if covers(&mount, path) => Ok(Some((mount, version_of(data)?))),
            _ => Ok(None),
        }
    }

    fn guess(&self, path: &str) -> Place {
        let mount = path.split('/').next().unwrap_or(path);
        Place::cut(path, mount, self.settings.all)
    }

    fn found(&self) -> MutexGuard<'_, BTreeMap<String, KvVersion>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version by what the server says of a mount. `options` is empty or null for a plain `kv`, which is version 1.
pub(super) fn version_of(mount: Json<'_>) -> Result<KvVersion> {
    let kind = mount.get("type").and_then(Json::as_str).unwrap_or_default();
    if !matches!(kind, "kv" | "generic" | "cubbyhole") {
        return Err(Error::new(ErrorKind::Unsupported, format!("the mount is of type {kind:?}, not kv")));
    }
    let version = mount.get("options").and_then(|options| options.get("version")).and_then(Json::as_str);
    Ok(if version == Some("2") { KvVersion::V2 } else { KvVersion::V1 })
}

impl Place {
    fn cut(path: &str, mount: &str, version: Option<KvVersion>) -> Self {
        let rest = path.get(mount.len()..).unwrap_or_default().trim_start_matches('/');
        Self { mount: mount.to_owned(), rest: rest.to_owned(), version }
    }

    /// The path of the API: below `data`, `metadata`, or nothing.
    pub(super) fn api(&self, section: &str) -> String {
        [self.mount.as_str(), section, self.rest.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The path of the API for the names below.
    pub(super) fn names(&self) -> String {
        self.api(if self.version == Some(KvVersion::V1) { "" } else { "metadata" })
    }

    /// The level above, and the name on it; nothing for the mount itself.
    pub(super) fn parent(&self) -> Option<(Self, &str)> {
        if self.rest.is_empty() {
            return None;
        }
        let (above, name) = self.rest.rsplit_once('/').unwrap_or(("", &self.rest));
        Some((Self { rest: above.to_owned(), ..self.clone() }, name))
    }

    /// The same as a secret: the mount itself is none.
    pub(super) fn as_secret(&self) -> Result<&Self> {
        match self.rest.is_empty() {
            true => Err(Error::not_found("the path is that of a mount, not of a secret in it")),
            false => Ok(self),
        }
    }
}

fn covers(mount: &str, path: &str) -> bool {
    path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_counts_and_ends_at_a_slash() {
        let settings = KvMounts::default().with_mount("team", KvVersion::V1).with_mount("/team/kv/", KvVersion::V2);
        let mounts = Mounts::new(settings);
        let place = mounts.known("team/kv/a/b").expect("known");
        assert_eq!((place.mount.as_str(), place.rest.as_str(), place.version), ("team/kv", "a/b", Some(KvVersion::V2)));
        assert_eq!(place.api("data"), "team/kv/data/a/b");
        assert_eq!(mounts.known("team/kvx").expect("known").version, Some(KvVersion::V1));
        assert_eq!(mounts.known("teams/x"), None);
        let mount = mounts.known("team/kv").expect("known");
        assert_eq!((mount.names().as_str(), mount.parent()), ("team/kv/metadata", None));
        assert!(mount.as_secret().is_err());
    }
}
