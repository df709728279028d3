//! Existence and version probes. Metadata and names are tried first, and the value only as a last resort.

use super::{
    VaultKv,
    kv_mounts::KvVersion,
    place::{Place, denied, either, is_answer},
    read::gone,
};
use crate::{
    error::{Error, ErrorKind, Result},
    options::{GetOptions, Version},
    retry::RetryPolicy,
    secret::{Json, JsonKind},
    vault::{ApiRequest, cleaned_path, from_response, malformed_response},
};

/// What the metadata of a secret says.
pub(super) enum Current {
    /// This version is the current one.
    Version(i64),
    /// There is no such secret, or its current version is deleted.
    Absent(Error),
    /// The token may not see it.
    Hidden(Error),
}

impl VaultKv {
    pub(super) async fn exists(&self, path: &str) -> Result<bool> {
        let (path, policy) = (&*cleaned_path(path), RetryPolicy::default());
        let place = self.mounts.place(&self.vault, path, policy).await?;
        let exists = self.exists_at(path, place.clone(), policy).await;
        exists.map_err(|error| {
            let is_hidden = place.version.is_none() && error.kind() == ErrorKind::AccessDenied;
            let error = match is_hidden {
                true => denied(error, either("read", [&place.api("data"), &place.api("")], &place)),
                false => error,
            };
            place.spelled_better(error)
        })
    }

    async fn exists_at(&self, path: &str, place: Place, policy: RetryPolicy) -> Result<bool> {
        if place.rest.is_empty() {
            return Ok(self.level(path, &place, policy).await?.is_some());
        }
        let exists = match place.version {
            Some(KvVersion::V1) => self.exists_v1(path, &place, policy).await,
            Some(KvVersion::V2) => self.exists_v2(path, &place, policy).await,
            None => {
                let second = self.exists_v2(path, &place, policy).await;
                if matches!(second, Ok(true)) {
                    return second;
                }
                let first = Place { version: Some(KvVersion::V1), ..place };
                return match self.exists_v1(path, &first, policy).await {
                    Err(error) if !is_answer(&error, second.as_ref().err()) => second,
                    answer => answer,
                };
            }
        };
        if matches!(exists, Ok(false)) {
            self.mounts.check_settings(&self.vault, path, &place, policy).await?;
        }
        exists
    }

    async fn exists_v2(&self, path: &str, place: &Place, policy: RetryPolicy) -> Result<bool> {
        match self.current(place, policy).await? {
            Current::Version(_) => Ok(true),
            Current::Absent(_) => self.is_level(place, policy).await,
            Current::Hidden(denied) => match self.is_named(place, policy).await? {
                Some(there) => Ok(there),
                None => self.is_readable(path, denied).await,
            },
        }
    }

    async fn exists_v1(&self, path: &str, place: &Place, policy: RetryPolicy) -> Result<bool> {
        match self.is_named(place, policy).await? {
            Some(there) => Ok(there),
            None => {
                let denied = Error::new(ErrorKind::AccessDenied, "the token may neither list nor read this");
                self.is_readable(path, denied).await
            }
        }
    }

    /// The version that a read would return: from the metadata, or by the read if the token may not
    /// see that.
    pub(super) async fn probe(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        let path = &*cleaned_path(path);
        let place = self.mounts.place(&self.vault, path, options.retry_policy).await?;
        place.as_secret()?;
        if place.version == Some(KvVersion::V2) && options.version == Version::Current {
            match self.current(&place, options.retry_policy).await? {
                Current::Version(version) => return Ok(Some(version.to_string())),
                Current::Absent(error) => {
                    self.mounts.check_settings(&self.vault, path, &place, options.retry_policy).await?;
                    return Err(place.spelled_better(error));
                }
                Current::Hidden(_) => {}
            }
        }
        Ok(self.read(path, options).await?.version().map(str::to_owned))
    }

    /// The current version by the metadata.
    pub(super) async fn current(&self, place: &Place, policy: RetryPolicy) -> Result<Current> {
        let call = ApiRequest::get(&place.api("metadata"))?;
        let reply = self.call(&call, policy).await?;
        match reply.status {
            403 => return Ok(Current::Hidden(from_response(&reply, &call))),
            404 => {
                let error = self.absent(place, &reply, &call);
                return if error.is_not_found() { Ok(Current::Absent(error)) } else { Err(error) };
            }
            _ if reply.is_success() => {}
            _ => return Err(from_response(&reply, &call)),
        }
        let data = reply.data()?;
        let number = data.get("current_version").and_then(Json::as_i64).ok_or_else(malformed_response)?;
        let versions = data.get("versions").filter(|it| matches!(it.kind(), JsonKind::Object | JsonKind::Null));
        let version = versions.ok_or_else(malformed_response)?.get(&number.to_string());
        Ok(match version.map(gone) {
            Some(None) => Current::Version(number),
            Some(Some(gone)) => Current::Absent(gone),
            // Metadata was written, but never a value.
            None => Current::Absent(Error::not_found("there is no version of this secret")),
        })
    }

    /// Whether there are names below this place. If it may not be listed, the level above is.
    async fn is_level(&self, place: &Place, policy: RetryPolicy) -> Result<bool> {
        match self.names_at(place, policy).await {
            Ok(names) => Ok(names.is_some()),
            Err(error) if error.kind() == ErrorKind::AccessDenied => {
                let Some((above, name)) = place.parent() else {
                    return Err(error);
                };
                let names = self.names_at(&above, policy).await?.unwrap_or_default();
                Ok(names.contains(&format!("{name}/")))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the level above lists this name. `None` if that level may not be listed.
    async fn is_named(&self, place: &Place, policy: RetryPolicy) -> Result<Option<bool>> {
        let Some((above, name)) = place.parent() else {
            return Ok(None);
        };
        match self.names_at(&above, policy).await {
            Ok(names) => Ok(Some(names.is_some_and(|names| names.iter().any(|it| it.trim_end_matches('/') == name)))),
            Err(error) if error.kind() == ErrorKind::AccessDenied => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the value can be read: the last resort of a token that may do nothing else.
    async fn is_readable(&self, path: &str, denied: Error) -> Result<bool> {
        match self.read(path, &GetOptions::default()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) if error.kind() == ErrorKind::AccessDenied => Err(denied),
            Err(error) => Err(error),
        }
    }
}
