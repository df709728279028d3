//! Mounts: which part of a path is the mount, and which KV version it has.
//!
//! A path is resolved to a [`Place`] in this order:
//! 1. The settings name the mount.
//! 2. The server has said so before: a mount is looked up once.
//! 3. The server is asked, at `sys/internal/ui/mounts/PATH`, which any token may read that has a right
//!    below the mount.
//! 4. The server doesn't say. Then the first segment is a guess, which replies confirm or refute.
//!
//! Invariants:
//! - A guess is never written to, and never leads through a name reserved for the server's own APIs:
//!   what looks like a mount may be a namespace in front of one.
//! - Only an answer of the server, or the settings, makes a place `certain`.
//! - A mount whose replies contradict its version is forgotten and looked up again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::timeout;

use super::{
    kv_mounts::{KvMounts, KvVersion},
    lookups::Lookups,
    place::{Place, either},
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::Json,
    vault::{ApiRequest, Vault, any_reserved, check_path, first_reserved, from_response, misconfiguration},
};

/// The hint for a path that leads to another engine.
pub(super) const READS_KV_ALONE: &str =
    "vault.kv reads and updates KV secrets only: write the path as MOUNT/PATH, such as secret/app/db";

/// The mounts that are known so far.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) settings: KvMounts,
    /// Mounts that the server has named.
    found: Mutex<BTreeMap<String, KvVersion>>,
    /// Guessed mounts whose replies were those of a KV engine.
    guessed: Mutex<BTreeMap<String, KvVersion>>,
    /// Mounts of which the settings and the server name different versions.
    pub(super) overruled: Mutex<BTreeSet<String>>,
    /// Mounts of the settings that the server was asked about, and names no other version of.
    pub(super) checked: Mutex<BTreeSet<String>>,
    pub(super) lookups: Lookups,
}

/// What the server says of the mount of a path.
pub(super) enum Told {
    Mount(String, KvVersion),
    /// The server hides it: there is no such mount, or the token has no right below it.
    Hidden,
    /// Nothing, or somebody else has answered.
    Nothing,
}

/// The outcome of a lookup.
enum Found {
    Place(Place),
    Hidden,
    Nothing,
}

/// The server's words to a token without any right below the mount, and also where there is no
/// mount.
const HIDDEN: &str = "preflight capability check returned 403";

impl Mounts {
    pub(super) fn new(settings: KvMounts) -> Self {
        Self { settings, ..Self::default() }
    }

    pub(super) fn settings(&self) -> &KvMounts {
        &self.settings
    }

    /// The mount of a path to read: a known one, or by asking the server, or else a guess.
    ///
    /// # Errors
    /// `Unsupported` if the path leads to one of the server's own APIs, which is checked before any
    /// call, or to an engine other than KV.
    pub(super) async fn place(&self, vault: &Vault, path: &str, policy: RetryPolicy) -> Result<Place> {
        check_reach(path)?;
        let known = || self.known(path).or_else(|| self.guess(path).ok().filter(|place| self.was_guessed(place)));
        match self.find(vault, path, policy, known).await? {
            Found::Place(place) => Ok(place),
            Found::Hidden | Found::Nothing => self.guess(path),
        }
    }

    /// The mount of a path to update: a known one, or by asking the server, but never a guess.
    ///
    /// # Errors
    /// As [`place`](Self::place), `Config` or `AccessDenied` if the server hides the mount, and
    /// `Unsupported` if it doesn't say which engine it is. `Corrupt` if the server is not Vault's.
    pub(super) async fn place_to_change(&self, vault: &Vault, path: &str, policy: RetryPolicy) -> Result<Place> {
        check_reach(path)?;
        match self.find(vault, path, policy, || self.known(path)).await? {
            Found::Place(place) => return Ok(place),
            Found::Hidden => self.refuse_hidden(vault, &self.guess(path)?, policy).await?,
            Found::Nothing => refuse_foreign(vault, &self.guess(path)?, policy).await?,
        }
        let mount = self.guess(path)?.mount;
        let message = "updates need a mount that is known to be KV, and the server does not say which engine this is";
        let hint = format!("the token may have no right below {mount}/; {}", name_the_mount(&mount));
        Err(Error::new(ErrorKind::Unsupported, message).with_hint(hint))
    }

    /// Tells a mount that is missing from one that the token has no right to, by asking for its
    /// names.
    ///
    /// # Errors
    /// `Config` if there is no such mount, which the server tells a token that may see it, and
    /// `AccessDenied`.
    async fn refuse_hidden(&self, vault: &Vault, guess: &Place, policy: RetryPolicy) -> Result<()> {
        let call = ApiRequest::list(&guess.names())?;
        let reply = vault.send(&call, policy).await?;
        match reply.status {
            403 if reply.is_from_vault() => {
                let denied = Error::new(ErrorKind::AccessDenied, from_response(&reply, &call).message().to_owned());
                Err(denied.with_hint(either("update", [&guess.api("data"), &guess.api("")], guess)))
            }
            _ => misconfiguration(&reply, &call).map_or(Ok(()), Err),
        }
    }

    async fn find(
        &self,
        vault: &Vault,
        path: &str,
        policy: RetryPolicy,
        known: impl Fn() -> Option<Place>,
    ) -> Result<Found> {
        if let Some(place) = known() {
            return Ok(Found::Place(place));
        }
        let seen = self.lookups.ended();
        let tried = vault.policy(policy).longest_call();
        // Whoever holds it longer than a call takes is not driven any more. To ask twice does no
        // harm.
        let _gate = timeout(tried, self.lookups.gate.lock()).await.ok();
        if let Some(place) = known() {
            return Ok(Found::Place(place));
        }
        if let Some(outage) = self.lookups.outage_since(seen, tried) {
            return Err(outage);
        }
        let asked = self.ask(vault, path, policy).await;
        self.lookups.end(asked.as_ref().err(), tried);
        let (mount, version) = match asked? {
            Told::Mount(mount, version) => (mount, version),
            Told::Hidden => return Ok(Found::Hidden),
            Told::Nothing => return Ok(Found::Nothing),
        };
        self.learn(&mount, version);
        let version = self.settings.all.unwrap_or(version);
        Ok(Found::Place(Place::cut(path, &mount, Some(version))))
    }

    /// Asks the server again whether a mount is KV. If it doesn't say, the answer is no: what the
    /// settings call a mount may be a namespace.
    ///
    /// # Errors
    /// `Unsupported` if the server names another engine.
    pub(super) async fn confirm(&self, vault: &Vault, path: &str, place: &Place, policy: RetryPolicy) -> Result<bool> {
        Ok(match self.ask(vault, path, policy).await? {
            Told::Mount(mount, _) => mount == place.mount,
            Told::Hidden | Told::Nothing => false,
        })
    }

    /// Records what the server says of a mount.
    pub(super) fn learn(&self, mount: &str, version: KvVersion) {
        let set = self.settings.all.unwrap_or(version);
        lock(&self.found).insert(mount.to_owned(), set);
        match set == version {
            true => lock(&self.overruled).remove(mount),
            false => lock(&self.overruled).insert(mount.to_owned()),
        };
    }

    /// Records the version of a guessed mount, which a reply has shown.
    pub(super) fn see(&self, place: &Place, version: KvVersion) {
        if !place.certain {
            lock(&self.guessed).insert(place.mount.clone(), version);
        }
    }

    /// Forgets a mount that replies like another version: it was upgraded, or mounted again.
    pub(super) fn forget(&self, mount: &str) {
        lock(&self.found).remove(mount);
        lock(&self.guessed).remove(mount);
    }

    fn known(&self, path: &str) -> Option<Place> {
        let found = lock(&self.found);
        // What the settings call a mount of version 1 may be a namespace. Then a reserved name behind it
        // is one of the server's own APIs, so the server has to be asked.
        let is_plain = |(mount, version): &(&String, &KvVersion)| {
            **version == KvVersion::V2 || !covers(mount, path) || any_reserved(&path[mount.len()..]).is_none()
        };
        let mounts = self.settings.named.iter().filter(is_plain).chain(found.iter());
        let longest = mounts.filter(|(mount, _)| covers(mount, path)).max_by_key(|(mount, _)| mount.len());
        longest.map(|(mount, version)| Place::cut(path, mount, Some(*version)))
    }

    /// Asks the server for the mount of a path.
    ///
    /// # Errors
    /// `Config` if the namespace doesn't exist, and `Unsupported` for another engine.
    pub(super) async fn ask(&self, vault: &Vault, path: &str, policy: RetryPolicy) -> Result<Told> {
        let call = ApiRequest::get(&format!("sys/internal/ui/mounts/{path}"))?;
        let reply = vault.send(&call, policy).await?;
        match reply.status {
            403 if reply.explanations().iter().any(|text| text.contains(HIDDEN)) => return Ok(Told::Hidden),
            // 405 and 501: a gateway that lets only the engines' paths through.
            400 | 403 | 404 | 405 | 501 => return misconfiguration(&reply, &call).map_or(Ok(Told::Nothing), Err),
            _ if reply.is_success() => {}
            _ => return Err(from_response(&reply, &call)),
        }
        let Ok(data) = reply.data() else {
            return Ok(Told::Nothing);
        };
        let text = |key: &str| data.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
        let (Some(mount), Some(_)) = (text("path"), text("type")) else {
            return Ok(Told::Nothing);
        };
        // The type is checked before the path: for logins, and for mounts of a child namespace, the
        // server names another path than it was asked about.
        let version = version_of(data)?;
        let mount = relative(mount.trim_matches('/'), path, vault.namespace());
        Ok(mount.map_or(Told::Nothing, |mount| Told::Mount(mount.to_owned(), version)))
    }

    /// A place with the first segment as the mount.
    ///
    /// # Errors
    /// `Unsupported` if any segment is a reserved name: what precedes it may be a namespace.
    fn guess(&self, path: &str) -> Result<Place> {
        let mount = path.split('/').next().unwrap_or(path);
        if let Some(why) = any_reserved(path) {
            let message = format!("the server does not say which engine this is, and {why}");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(name_the_mount(mount)));
        }
        let version = self.settings.all.or_else(|| lock(&self.guessed).get(mount).copied());
        Ok(Place { certain: false, version, ..Place::cut(path, mount, None) })
    }

    /// Whether an earlier reply has confirmed the guess.
    fn was_guessed(&self, place: &Place) -> bool {
        lock(&self.guessed).contains_key(&place.mount)
    }
}

/// Tells a gateway that lets only the engines' paths through from an address that is not Vault's, by
/// asking as a read does.
///
/// # Errors
/// `Corrupt` or `AccessDenied`, as a read has it, if the answer is not Vault's.
async fn refuse_foreign(vault: &Vault, guess: &Place, policy: RetryPolicy) -> Result<()> {
    let call = ApiRequest::get(&guess.api("data"))?;
    let reply = vault.send(&call, policy).await?;
    match reply.status {
        403 | 404 if !reply.is_from_vault() => Err(from_response(&reply, &call)),
        _ => Ok(()),
    }
}

pub(super) fn lock<T>(mounts: &Mutex<T>) -> MutexGuard<'_, T> {
    mounts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Refuses a path that can't lead to a KV engine, before any call.
pub(super) fn check_reach(path: &str) -> Result<()> {
    check_path(path)?;
    match first_reserved(path) {
        Some(why) => Err(Error::new(ErrorKind::Unsupported, why).with_hint(READS_KV_ALONE)),
        None => Ok(()),
    }
}

/// The hint where the server doesn't say which engine it is.
pub(super) fn name_the_mount(mount: &str) -> String {
    format!(
        "if it is a KV mount, name it in the config file with its whole path and its version, such as \
         mounts = {{ {mount:?} = 2 }}"
    )
}

/// Whether a mount of this type is a KV engine.
pub(super) fn is_kv(kind: &str) -> bool {
    matches!(kind, "kv" | "generic")
}

/// The error for a mount of another type.
pub(super) fn other_engine(kind: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the mount is of type {kind:?}, not kv")).with_hint(READS_KV_ALONE)
}

/// The mount's path, relative to the connection's namespace. For a mount in a child of that
/// namespace, the server names the whole path.
fn relative<'a>(mount: &'a str, path: &str, namespace: Option<&str>) -> Option<&'a str> {
    if covers(mount, path) {
        return Some(mount);
    }
    mount.strip_prefix(namespace?)?.strip_prefix('/').filter(|mount| covers(mount, path))
}

/// The version, from the server's description of a mount. A plain `kv` without options is version 1.
pub(super) fn version_of(mount: Json<'_>) -> Result<KvVersion> {
    let kind = mount.get("type").and_then(Json::as_str).unwrap_or_default();
    if !is_kv(kind) {
        return Err(other_engine(kind));
    }
    let version = mount.get("options").and_then(|options| options.get("version")).and_then(Json::as_str);
    Ok(if version == Some("2") { KvVersion::V2 } else { KvVersion::V1 })
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

    #[test]
    fn a_guess_is_never_certain_and_follows_no_reserved_name() {
        let mounts = Mounts::new(KvMounts::default().with_version(KvVersion::V2));
        let place = mounts.guess("secret/app/db").expect("a guess");
        assert_eq!((place.mount.as_str(), place.rest.as_str(), place.certain), ("secret", "app/db", false));
        mounts.see(&place, KvVersion::V1);
        assert!(mounts.was_guessed(&place) && mounts.known("secret/app/db").is_none());
        for path in ["team1/auth/token", "team1/inner/sys/mounts", "secret/identity", "secret/a/cubbyhole"] {
            let error = mounts.guess(path).expect_err(path);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{path}");
        }
    }

    #[test]
    fn a_mount_of_a_child_namespace_is_named_without_the_connections_own() {
        for (mount, path, namespace, found) in [
            ("kv", "kv/a", None, Some("kv")),
            ("kv", "kv/a", Some("team1"), Some("kv")),
            ("team1/inner/kv", "inner/kv/a", Some("team1"), Some("inner/kv")),
            ("team1/inner/kv", "inner/kv/a", None, None),
            ("team10/inner/kv", "inner/kv/a", Some("team1"), None),
            ("token", "auth/token/lookup-self", None, None),
        ] {
            assert_eq!(relative(mount, path, namespace), found, "{mount} {path}");
        }
    }
}
