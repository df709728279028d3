//! A path, split after its mount, and the API paths that it leads to.

use super::kv_mounts::KvVersion;
use crate::{
    error::{Error, ErrorKind, Result},
    vault::NOT_VAULTS,
};

/// A path, split after its mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) mount: String,
    /// Empty for the mount itself.
    pub(super) rest: String,
    /// `None` if only the replies can show it.
    pub(super) version: Option<KvVersion>,
    /// Whether the server or the settings say that this is a KV mount. Otherwise it is a guess:
    /// good enough for reads, whose replies show whether the engine is KV, but not for updates.
    pub(super) certain: bool,
}

impl Place {
    pub(super) fn cut(path: &str, mount: &str, version: Option<KvVersion>) -> Self {
        let rest = path.get(mount.len()..).unwrap_or_default().trim_start_matches('/');
        Self { mount: mount.to_owned(), rest: rest.to_owned(), version, certain: true }
    }

    /// The API path below `data` or `metadata`, or for an empty section without either.
    pub(super) fn api(&self, section: &str) -> String {
        [self.mount.as_str(), section, self.rest.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The API path that lists the names below this place.
    pub(super) fn names(&self) -> String {
        self.api(if self.version == Some(KvVersion::V1) { "" } else { "metadata" })
    }

    /// The level above and the name on it, or `None` for the mount itself.
    pub(super) fn parent(&self) -> Option<(Self, &str)> {
        if self.rest.is_empty() {
            return None;
        }
        let (above, name) = self.rest.rsplit_once('/').unwrap_or(("", &self.rest));
        Some((Self { rest: above.to_owned(), ..self.clone() }, name))
    }

    /// This place, unless it is the mount itself, which is no secret.
    pub(super) fn as_secret(&self) -> Result<&Self> {
        match self.rest.is_empty() {
            true => Err(Error::not_found("the path is that of a mount, not of a secret in it")),
            false => Ok(self),
        }
    }

    /// Adds the right spelling to the hint of an error about a path that is written as in the API.
    /// It is never read by itself: `data/app` may be the name of a secret.
    pub(super) fn spelled_better(&self, error: Error) -> Error {
        let is_about_path = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AccessDenied | ErrorKind::Config);
        let Some(better) = self.better_spelling().filter(|_| is_about_path) else {
            return error;
        };
        let spelling = format!("write it as {better}: the `v1/` and `data/` of the API are added by themselves");
        let hint = error.hint().map_or_else(|| spelling.clone(), |hint| format!("{spelling}; {hint}"));
        error.with_hint(hint)
    }

    /// The path without what the API of version 2 has in it; `None` if there is nothing of that in
    /// it.
    fn better_spelling(&self) -> Option<String> {
        let without_section = |mount: &str, rest: &str| {
            let section = ["data/", "metadata/"].iter().find_map(|section| rest.strip_prefix(section));
            section.filter(|_| self.version != Some(KvVersion::V1)).map(|name| format!("{mount}/{name}"))
        };
        if self.certain || self.mount != "v1" {
            return without_section(&self.mount, &self.rest);
        }
        let (mount, rest) = self.rest.split_once('/')?;
        Some(without_section(mount, rest).unwrap_or_else(|| self.rest.clone()))
    }
}

/// Adds the hint of [`either`] to a denial that is Vault's. Of another server's page, it would claim
/// that the token is alive.
pub(super) fn denied(error: Error, hint: String) -> Error {
    match error.hint() == Some(NOT_VAULTS) {
        true => error,
        false => error.with_hint(hint),
    }
}

/// The hint where the token may not see the mounts either.
pub(super) fn either(capability: &str, [second, first]: [&str; 2], place: &Place) -> String {
    let mount = &place.mount;
    format!(
        "the token is alive: its policies need path {second:?} {{ capabilities = [{capability:?}] }}, or {first:?} \
         if {mount}/ is KV version 1; or there is no such mount, or one with more levels than {mount}/, which `mounts` in \
         the config file would tell"
    )
}

/// Whether an error by the path of version 1 is the answer, where the version of the mount is
/// unknown. `second` is the error by the path of version 2, or `None` if that leads to nothing.
///
/// What could not be asked is never "not found", nor what the other version is said to lack.
pub(super) fn is_answer(first: &Error, second: Option<&Error>) -> bool {
    match first.kind() {
        // Another engine has replied. Its error may name a lease, so it wins.
        ErrorKind::Unsupported => true,
        ErrorKind::Unauthenticated => true,
        kind if kind.is_transient() => true,
        // The path of version 1 leads to no mount, or to one of version 2.
        ErrorKind::NotFound | ErrorKind::Config => false,
        _ => second.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_written_as_in_the_api_is_spelled_better() {
        let place = |mount: &str, path: &str, version, certain| Place { certain, ..Place::cut(path, mount, version) };
        let second = Some(KvVersion::V2);
        for (place, better) in [
            (place("secret", "secret/data/app/db", second, true), Some("secret/app/db")),
            (place("team/kv", "team/kv/metadata/app", second, true), Some("team/kv/app")),
            (place("secret", "secret/data/app", None, false), Some("secret/app")),
            (place("v1", "v1/secret/data/app", None, false), Some("secret/app")),
            (place("v1", "v1/kv/app", None, false), Some("kv/app")),
            (place("v1", "v1/app", second, true), None),
            (place("secret", "secret/app/data/x", second, true), None),
            (place("secret", "secret/data", second, true), None),
            (place("kv", "kv/data/app", Some(KvVersion::V1), true), None),
        ] {
            assert_eq!(place.better_spelling().as_deref(), better, "{place:?}");
            let error = place.spelled_better(Error::not_found("x").with_hint("asked"));
            assert_eq!(error.hint().is_some_and(|hint| hint.contains("write it as")), better.is_some());
            assert!(error.hint().is_some_and(|hint| hint.ends_with("asked")), "{:?}", error.hint());
        }
    }
}
