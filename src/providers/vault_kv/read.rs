//! Reads one secret, from KV version 1 or 2.

use std::{collections::BTreeMap, time::SystemTime};

use super::{
    VaultKv,
    kv_mounts::KvVersion,
    place::{Place, denied, either},
    provider::number,
};
use crate::{
    error::{Error, ErrorKind, Result},
    options::GetOptions,
    retry::RetryPolicy,
    secret::{Json, JsonKind, Metadata, Secret},
    vault::{
        ApiRequest, Response, cleaned_path, from_response, is_vaults, malformed_response, misconfiguration, parse_time,
    },
};

impl VaultKv {
    pub(super) async fn read(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let path = &*cleaned_path(path);
        let place = self.mounts.place(&self.vault, path, options.retry_policy).await?;
        let version = number(&options.version)?;
        place.as_secret()?;
        let read = match place.version {
            Some(KvVersion::V2) => self.read_v2(path, &place, version, options.retry_policy).await,
            Some(KvVersion::V1) => self.read_v1(path, &place, version, options.retry_policy).await,
            None => self.read_either(path, &place, version, options.retry_policy).await,
        };
        if read.as_ref().is_err_and(Error::is_not_found) {
            self.mounts.check_settings(&self.vault, path, &place, options.retry_policy).await?;
        }
        read.map_err(|error| place.spelled_better(error))
    }

    /// Reads from a mount of unknown version. The shape of the reply shows which one it is.
    async fn read_either(
        &self,
        path: &str,
        place: &Place,
        version: Option<u64>,
        policy: RetryPolicy,
    ) -> Result<Secret> {
        let second = match self.read_v2(path, place, version, policy).await {
            Ok(secret) => {
                self.mounts.see(place, KvVersion::V2);
                return Ok(secret);
            }
            Err(error) => error,
        };
        if !matches!(
            second.kind(),
            ErrorKind::NotFound | ErrorKind::AccessDenied | ErrorKind::Config | ErrorKind::Corrupt
        ) {
            return Err(second);
        }
        let first = match self.read_v1(path, place, version, policy).await {
            Ok(secret) => {
                self.mounts.see(place, KvVersion::V1);
                return Ok(secret);
            }
            Err(error) => error,
        };
        Err(match (second.kind(), first.kind()) {
            // Another engine has replied. Its error may name a lease, so it wins.
            (_, ErrorKind::Unsupported) if version.is_none() => first,
            // What could not be asked may be there: the next attempt, or an older value, may serve.
            (_, ErrorKind::Unauthenticated) => first,
            (_, kind) if kind.is_transient() => first,
            // Below a namespace, only the path of version 1 leads to a mount, be it one of version
            // 2.
            (ErrorKind::Config, ErrorKind::NotFound | ErrorKind::Config) => first,
            // Neither version has it. A denial says more than "not found".
            (_, ErrorKind::NotFound) | (ErrorKind::NotFound, ErrorKind::Config) => second,
            (ErrorKind::NotFound, _) => first,
            (ErrorKind::AccessDenied, _) => denied(second, either("read", [&place.api("data"), &place.api("")], place)),
            _ => second,
        })
    }

    pub(super) async fn read_v2(
        &self,
        path: &str,
        place: &Place,
        version: Option<u64>,
        policy: RetryPolicy,
    ) -> Result<Secret> {
        let call = ApiRequest::get(&place.api("data"))?;
        let call = match version {
            Some(version) => call.with_query(&format!("version={version}")),
            None => call,
        };
        let reply = self.call(&call, policy).await?;
        match reply.status {
            // A deleted or destroyed version is a 404 too, with its metadata.
            404 => Err(self.absent(place, &reply, &call)),
            _ if reply.is_success() => versioned(path, &reply),
            _ => Err(from_response(&reply, &call)),
        }
    }

    async fn read_v1(&self, path: &str, place: &Place, version: Option<u64>, policy: RetryPolicy) -> Result<Secret> {
        if version.is_some() {
            return Err(Error::unsupported("KV version 1 keeps no versions"));
        }
        let call = ApiRequest::get(&place.api(""))?;
        // Another engine may issue a lease at each attempt. If the response is lost, nobody revokes it.
        let call = if place.certain { call } else { call.once() };
        let reply = self.call(&call, policy).await.map_err(|error| lost(error, place))?;
        match reply.status {
            404 => Err(self.absent(place, &reply, &call)),
            _ if reply.is_success() => {
                let map = self.map_v1(&reply, path, place, policy).await?;
                Ok(Secret::text(map.raw(), Metadata::default().with_name(path)))
            }
            _ => Err(lost(from_response(&reply, &call), place)),
        }
    }

    /// The error of a 404: no such secret or version, or it is deleted or destroyed.
    pub(super) fn absent(&self, place: &Place, reply: &Response, call: &ApiRequest) -> Error {
        if !is_vaults(reply, call) {
            return from_response(reply, call);
        }
        if let Some(metadata) = reply.object("data").and_then(|data| data.get("metadata")) {
            return gone(metadata).unwrap_or_else(|| Error::not_found("there is no such version of the secret"));
        }
        if is_of_another_version(reply) {
            self.mounts.forget(&place.mount);
            return self.mounts.another_version(place);
        }
        // The answer to a missing secret holds no message. A mount that is a guess may be anything.
        if !reply.explanations().is_empty() && (place.certain || misconfiguration(reply, call).is_some()) {
            return unexplained(from_response(reply, call));
        }
        Error::not_found("there is no such secret, or no such version of it")
            .with_hint(format!("asked {}", reply.destination()))
    }
}

/// Whether a 404 is that of a mount of version 2 to a path of version 1, as its warnings say:
/// "Invalid path for a versioned K/V secrets engine".
pub(super) fn is_of_another_version(reply: &Response) -> bool {
    reply.json().and_then(|json| json.get("warnings")).is_some_and(|it| it.kind() == JsonKind::Array)
}

/// An error that no default answers for: the server has named a reason other than a missing secret.
pub(super) fn unexplained(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => {
            let hint = error.hint().map(str::to_owned);
            hint.into_iter().fold(Error::new(ErrorKind::Unexpected, error.message().to_owned()), Error::with_hint)
        }
        _ => error,
    }
}

/// The error of a version whose metadata says that it is deleted or destroyed.
pub(super) fn gone(metadata: Json<'_>) -> Option<Error> {
    if metadata.get("destroyed").and_then(Json::as_bool) == Some(true) {
        return Some(Error::not_found("this version of the secret is destroyed"));
    }
    let deletion = metadata.get("deletion_time").and_then(Json::as_str).filter(|time| !time.is_empty())?;
    // A time in the future is that of `delete_version_after`.
    let past = parse_time(deletion).is_some_and(|time| time <= SystemTime::now());
    past.then(|| {
        Error::not_found("this version of the secret is deleted").with_hint("`bao kv undelete` brings it back")
    })
}

fn versioned(path: &str, reply: &Response) -> Result<Secret> {
    let data = reply.data()?;
    let (Some(value), Some(metadata)) = (data.get("data"), data.get("metadata")) else {
        return Err(malformed_response());
    };
    if let Some(gone) = gone(metadata) {
        return Err(gone);
    }
    if value.kind() != JsonKind::Object {
        return Err(malformed_response());
    }
    Ok(Secret::text(value.raw(), described(path, metadata)?))
}

fn described(path: &str, metadata: Json<'_>) -> Result<Metadata> {
    let version = metadata.get("version").and_then(Json::as_i64).ok_or_else(malformed_response)?;
    let described = Metadata::default().with_name(path).with_version(version.to_string()).with_custom(custom(metadata));
    let created = metadata.get("created_time").and_then(Json::as_str);
    Ok(match created.and_then(parse_time) {
        Some(created) => described.with_created(created),
        None => described,
    })
}

fn custom(metadata: Json<'_>) -> BTreeMap<String, String> {
    let notes = metadata.get("custom_metadata").into_iter().flat_map(Json::members);
    notes.filter_map(|(name, note)| Some((name.to_owned(), note.as_str()?.to_owned()))).collect()
}

/// Adds to an error that a lease may be left behind, if the response of another engine was lost.
fn lost(error: Error, place: &Place) -> Error {
    let is_lost = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable);
    if place.certain || !is_lost {
        return error;
    }
    let left = format!("if {}/ is an engine that issues leases, one may be left below it", place.mount);
    let hint = error.hint().map_or_else(|| left.clone(), |hint| format!("{hint}; {left}"));
    error.with_hint(hint)
}
