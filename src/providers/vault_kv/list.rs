//! Lists the secrets below a path: first the names, level by level, then their values.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::{
    VaultKv,
    kv_mounts::KvVersion,
    mounts::{check_reach, is_kv, version_of},
    place::{Place, denied, either, is_answer},
    provider::CONCURRENCY,
    read::{is_of_another_version, unexplained},
};
use crate::{
    error::{Error, ErrorKind, Result},
    options::{GetOptions, ListOptions},
    provider::Listing,
    retry::RetryPolicy,
    secret::{Json, JsonKind, Secret},
    vault::{ApiRequest, check_path, cleaned_path, from_response, malformed_response, misconfiguration},
};

/// Names of secrets found so far, and the levels that could not be listed.
#[derive(Default)]
struct Walk {
    secrets: Vec<String>,
    failures: BTreeMap<String, Error>,
}

impl VaultKv {
    pub(super) async fn list(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let walk = self.walk(self.roots(path, options.retry_policy).await?, options).await?;
        let how = GetOptions { retry_policy: options.retry_policy, ..GetOptions::default() };
        let values = self.each(&walk.secrets, &how).await;
        // A deleted secret is still listed, but has no value.
        let there = values.into_iter().filter(|(_, value)| !value.as_ref().is_err_and(Error::is_not_found));
        let failures = walk.failures.into_iter().map(|(name, error)| (name, Err::<Secret, _>(error)));
        let mut results: Vec<_> = there.chain(failures).collect();
        results.sort_by(|(one, _), (other, _)| one.cmp(other));
        Listing::collect(results, options.fail_on_error)
    }

    /// Where the walk begins: the path, or for the root every KV mount that the token may see.
    async fn roots(&self, path: &str, policy: RetryPolicy) -> Result<Vec<String>> {
        let path = cleaned_path(path);
        if path.is_empty() {
            return self.visible_mounts(policy).await;
        }
        check_reach(&path)?;
        Ok(vec![path.into_owned()])
    }

    async fn visible_mounts(&self, policy: RetryPolicy) -> Result<Vec<String>> {
        let reply = self.vault.send_ok(&ApiRequest::get("sys/internal/ui/mounts")?, policy).await?;
        let mounts = reply.data()?.get("secret").ok_or_else(malformed_response)?;
        let mut found = Vec::new();
        for (path, mount) in mounts.members() {
            if mount.get("type").and_then(Json::as_str).is_some_and(is_kv) {
                let path = path.trim_matches('/');
                self.mounts.learn(path, version_of(mount)?);
                found.push(path.to_owned());
            }
        }
        Ok(found)
    }

    async fn walk(&self, mut level: Vec<String>, options: &ListOptions) -> Result<Walk> {
        let mut walk = Walk::default();
        while !level.is_empty() {
            let listed = |folder: String| async move {
                let names = self.names(&folder, options.retry_policy).await;
                (folder, names)
            };
            let answers: Vec<_> = stream::iter(level).map(listed).buffer_unordered(CONCURRENCY).collect().await;
            level = Vec::new();
            for (folder, names) in answers {
                match names {
                    Ok(names) => walk.sort(&folder, names, options.recursive.then_some(&mut level)),
                    // Wrong settings are no failure of one level.
                    Err(error) if options.fail_on_error || error.kind() == ErrorKind::Config => return Err(error),
                    Err(error) => drop(walk.failures.insert(format!("{folder}/"), error)),
                }
            }
        }
        Ok(walk)
    }

    /// The names on one level; those of folders end with a slash. Empty if there is no such level.
    async fn names(&self, folder: &str, policy: RetryPolicy) -> Result<Vec<String>> {
        let place = self.mounts.place(&self.vault, folder, policy).await?;
        let names = self.level(folder, &place, policy).await.map_err(|error| place.spelled_better(error))?;
        Ok(names.unwrap_or_default())
    }

    /// The names on one level, or `None` if there is no such level. The version of the mount may be
    /// unknown, and that of the settings is checked.
    pub(super) async fn level(&self, path: &str, place: &Place, policy: RetryPolicy) -> Result<Option<Vec<String>>> {
        let known = self.names_at(place, policy).await;
        let names = match (known, place.version) {
            (second @ (Ok(None) | Err(_)), None) => self.level_v1(place, second, policy).await,
            (known, _) => known,
        };
        if matches!(names, Ok(None)) {
            self.mounts.check_settings(&self.vault, path, place, policy).await?;
        }
        names
    }

    /// The names on one level of a mount whose version is unknown, after those of version 2: version
    /// 1 lists names right below the mount.
    async fn level_v1(
        &self,
        place: &Place,
        second: Result<Option<Vec<String>>>,
        policy: RetryPolicy,
    ) -> Result<Option<Vec<String>>> {
        let first = Place { version: Some(KvVersion::V1), ..place.clone() };
        match (self.names_at(&first, policy).await, second) {
            (Ok(Some(names)), _) => Ok(Some(names)),
            (Err(error), second) if is_answer(&error, second.as_ref().err()) => Err(error),
            (_, Err(error)) if error.kind() == ErrorKind::AccessDenied => {
                Err(denied(error, either("list", [&place.names(), &first.names()], place)))
            }
            (_, second) => second,
        }
    }

    /// The names at a place, or `None` if there is no such level.
    pub(super) async fn names_at(&self, place: &Place, policy: RetryPolicy) -> Result<Option<Vec<String>>> {
        let call = ApiRequest::list(&place.names())?;
        let reply = self.call(&call, policy).await?;
        match reply.status {
            404 if reply.is_from_vault() && is_of_another_version(&reply) => {
                self.mounts.forget(&place.mount);
                Err(self.mounts.another_version(place))
            }
            404 if reply.is_from_vault() && reply.explanations().is_empty() => Ok(None),
            404 if reply.is_from_vault() && !place.certain => misconfiguration(&reply, &call).map_or(Ok(None), Err),
            // The guess of version 1 has led to an API that can't be listed.
            405 if reply.is_from_vault() && !place.certain => Ok(None),
            _ if reply.is_success() => {
                let keys = reply.data()?.get("keys").filter(|keys| keys.kind() == JsonKind::Array);
                let names = keys.ok_or_else(malformed_response)?.elements().filter_map(Json::as_str);
                Ok(Some(names.map(str::to_owned).collect()))
            }
            _ => Err(unexplained(from_response(&reply, &call))),
        }
    }
}

impl Walk {
    /// Adds the names of one level: secrets here, and folders to `next` if the walk is recursive.
    fn sort(&mut self, folder: &str, names: Vec<String>, mut next: Option<&mut Vec<String>>) {
        for name in names {
            let full = format!("{folder}/{}", name.trim_end_matches('/'));
            if let Err(error) = check_path(&full) {
                let odd = Error::new(ErrorKind::InvalidInput, "a name that no path can have").with_source(error);
                self.failures.insert(format!("{folder}/{name}"), odd);
            } else if !name.ends_with('/') {
                self.secrets.push(full);
            } else if let Some(next) = &mut next {
                next.push(full);
            }
        }
    }
}
