//! Checks the KV versions that the settings name against the server, and words the mismatch.
//!
//! Nothing is ever found by the paths of another version. So where nothing was found at a mount of
//! the settings, "not found" counts only if the server doesn't name another version.

use tokio::time::timeout;

use super::{
    kv_mounts::KvVersion,
    mounts::{Mounts, Told, lock, name_the_mount},
    place::Place,
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    vault::Vault,
};

impl Mounts {
    /// Checks the version that the settings give a mount at which nothing was found.
    ///
    /// A mount that the settings name was not looked up before, so the server is asked here: once,
    /// unless it names another version. A server that doesn't say confirms the settings.
    ///
    /// # Errors
    /// `Config` if the server names another version, and `Unsupported` for another engine.
    pub(super) async fn check_settings(
        &self,
        vault: &Vault,
        path: &str,
        place: &Place,
        policy: RetryPolicy,
    ) -> Result<()> {
        if lock(&self.overruled).contains(&place.mount) {
            return Err(self.another_version(place));
        }
        if !self.settings.named.contains_key(&place.mount) || self.was_checked(place) {
            return Ok(());
        }
        let tried = vault.policy(policy).longest_call();
        let _gate = timeout(tried, self.lookups.gate.lock()).await.ok();
        if self.was_checked(place) {
            return Ok(());
        }
        match self.ask(vault, path, policy).await {
            Ok(Told::Mount(_, version)) if place.version != Some(version) => Err(self.another_version(place)),
            Err(error) if matches!(error.kind(), ErrorKind::Config | ErrorKind::Unsupported) => Err(error),
            // The server may say more the next time.
            Err(_) => Ok(()),
            Ok(_) => {
                lock(&self.checked).insert(place.mount.clone());
                Ok(())
            }
        }
    }

    fn was_checked(&self, place: &Place) -> bool {
        lock(&self.checked).contains(&place.mount)
    }

    /// The error for a mount whose answers are not those of the version that it was taken for.
    pub(super) fn another_version(&self, place: &Place) -> Error {
        let mount = &place.mount;
        let taken = place.version.map_or(0, KvVersion::number);
        if self.is_set(mount) {
            let message = format!("{mount}/ is not KV version {taken}, as the config file says");
            return Error::config(message)
                .with_hint("correct `mounts` or `kv_version`, or leave both out: the server is asked then");
        }
        if !place.certain {
            let message = format!("there is a mount of KV version 2, and {mount}/ is not its whole path");
            return Error::config(message).with_hint(name_the_mount(mount));
        }
        Error::new(ErrorKind::Unavailable, format!("{mount}/ is not KV version {taken} any more"))
            .with_hint("it was upgraded or mounted again: the next read finds its new version")
    }

    /// Whether the settings give this mount its version.
    fn is_set(&self, mount: &str) -> bool {
        self.settings.all.is_some() || self.settings.named.contains_key(mount)
    }
}
