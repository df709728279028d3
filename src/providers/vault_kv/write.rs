//! Updates of a whole map or of one key. On version 2 every write is a check-and-set (CAS).
//!
//! | update | on version 2 | on version 1 |
//! | --- | --- | --- |
//! | whole map | CAS on the version in the metadata, repeated if another writer was faster | read, then write |
//! | whole map on condition | CAS on the given version | refused |
//! | one top-level key | PATCH, which the server merges; else (denied, unknown, `cas_required`) as below | read, change, write |
//! | a deeper key | read, change, CAS on the version read | read, change, write |
//!
//! Invariants:
//! - An update never creates a secret: every path first learns that it exists.
//! - A CAS is never retried after a lost response: it may have succeeded, and would then look like a
//!   conflict. PATCH isn't either.
//! - Whether a 400 is a lost race is decided by the version that is current now, not by the server's
//!   message.

use super::{VaultKv, exists::Current, kv_mounts::KvVersion, place::Place};
use crate::{
    error::{Error, ErrorKind, Result},
    options::{GetOptions, UpdateOptions},
    provider::Updated,
    retry::RetryPolicy,
    secret::{
        Json, JsonKind, SecretValue,
        json::{ROOT, Tree},
    },
    vault::{ApiRequest, Fields, Response, cleaned_path, from_response, malformed_response},
};

/// How often an update of a whole map looks the version up again after losing a race. It overwrites
/// whatever is there, so another writer is no conflict.
const RACES: usize = 5;

impl VaultKv {
    pub(super) async fn write(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let path = &*cleaned_path(path);
        let place = self.mounts.place_to_change(&self.vault, path, options.retry_policy).await?;
        place.as_secret()?;
        if options.keypath.is_empty() {
            check_map(value)?;
        }
        let written = match place.version {
            Some(KvVersion::V1) => self.write_v1(path, &place, value, options).await,
            _ => self.write_v2(path, &place, value, options).await,
        };
        if written.as_ref().is_err_and(Error::is_not_found) {
            self.mounts.check_settings(&self.vault, path, &place, options.retry_policy).await?;
        }
        written.map_err(|error| place.spelled_better(error))
    }

    async fn write_v1(
        &self,
        path: &str,
        place: &Place,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        if options.if_version.is_some() {
            return Err(Error::unsupported("KV version 1 keeps no versions"));
        }
        let how = GetOptions { retry_policy: options.retry_policy, ..GetOptions::default() };
        // Needed for a whole map too: updates never create.
        let before = self.read(path, &how).await?;
        let after = match options.keypath.is_empty() {
            true => value.clone(),
            false => before.with_replaced(&options.keypath, value)?,
        };
        // Idempotent: written twice, the map is the same.
        let call = ApiRequest::post(&place.api(""), check_map(&after)?)?.idempotent();
        let reply = self.call(&call, options.retry_policy).await?;
        if reply.is_success() { Ok(Updated::new(path, None)) } else { Err(from_response(&reply, &call)) }
    }

    async fn write_v2(
        &self,
        path: &str,
        place: &Place,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        let condition = options.if_version.as_deref().map(condition).transpose()?;
        match (options.keypath.is_empty(), condition) {
            (true, Some(version)) => {
                // The one update that reads nothing first: it would create a secret of version 1.
                self.mounts.check_settings(&self.vault, path, place, options.retry_policy).await?;
                self.put(path, place, value, version, options.retry_policy).await
            }
            (true, None) => self.put_over(path, place, value, options.retry_policy).await,
            (false, condition) => {
                if let Some(patched) = self.patch(path, place, value, options, condition).await? {
                    return Ok(patched);
                }
                self.change(path, place, value, options, condition).await
            }
        }
    }

    /// Writes a whole map over whatever version is there.
    async fn put_over(&self, path: &str, place: &Place, value: &SecretValue, policy: RetryPolicy) -> Result<Updated> {
        let mut races = 0;
        loop {
            let version = self.version_of(path, place, policy).await?;
            match self.put(path, place, value, version, policy).await {
                Err(error) if error.kind() == ErrorKind::Conflict && races < RACES => races += 1,
                other => return other,
            }
        }
    }

    /// The current version, from the metadata or else from the value.
    async fn version_of(&self, path: &str, place: &Place, policy: RetryPolicy) -> Result<i64> {
        match self.current(place, policy).await? {
            Current::Version(version) => Ok(version),
            Current::Absent(error) => Err(error),
            Current::Hidden(_) => {
                let secret = self.read_v2(path, place, None, policy).await?;
                secret.version().and_then(|version| version.parse().ok()).ok_or_else(|| Error::corrupt("no version"))
            }
        }
    }

    /// Writes a map if `version` is still the current one.
    async fn put(
        &self,
        path: &str,
        place: &Place,
        value: &SecretValue,
        version: i64,
        policy: RetryPolicy,
    ) -> Result<Updated> {
        let body = body(&check_map(value)?, Some(version));
        let call = ApiRequest::post(&place.api("data"), body)?;
        let reply = self.call(&call, policy).await?;
        match reply.status {
            _ if reply.is_success() => updated(path, &reply),
            400 => Err(self.refused(place, version, policy, &reply, &call).await),
            _ => Err(from_response(&reply, &call)),
        }
    }

    /// The error of a write that was refused with 400. The version that is current now shows whether a
    /// race was lost.
    async fn refused(
        &self,
        place: &Place,
        version: i64,
        policy: RetryPolicy,
        reply: &Response,
        call: &ApiRequest,
    ) -> Error {
        match self.current(place, policy).await {
            Ok(Current::Version(now)) if now == version => from_response(reply, call),
            Ok(Current::Absent(error)) => error,
            // Hidden: only its version or its size can be wrong, and a conflict is the likelier one.
            Ok(Current::Version(_) | Current::Hidden(_)) => conflict(),
            Err(error) => error,
        }
    }

    /// Changes one top-level key by PATCH. `None` if PATCH can't express the change, or the server or
    /// the policy doesn't allow it.
    async fn patch(
        &self,
        path: &str,
        place: &Place,
        value: &SecretValue,
        options: &UpdateOptions,
        condition: Option<i64>,
    ) -> Result<Option<Updated>> {
        let ([key], Some(json)) = (options.keypath.steps(), mergeable(value)?) else {
            return Ok(None);
        };
        let data = Fields::default().json(key, &json).finish();
        let call = ApiRequest::patch(&place.api("data"), body(&data, condition))?;
        let reply = self.call(&call, options.retry_policy).await?;
        match (reply.status, condition) {
            _ if reply.is_success() => updated(path, &reply).map(Some),
            // Denied by the policy, or unknown to the server or to a gateway in between.
            (403 | 405 | 415 | 501, _) => Ok(None),
            // `cas_required`: the server takes no change without a version.
            (400, None) => Ok(None),
            (404, _) => Err(self.nothing_to_patch(path, place, &reply, &call, options.retry_policy).await),
            (400, Some(version)) => Err(self.refused(place, version, options.retry_policy, &reply, &call).await),
            _ => Err(from_response(&reply, &call)),
        }
    }

    /// The error of a PATCH that was refused with 404. It doesn't say why, so what is there is looked
    /// up, for the same words as those of an update of the whole map.
    async fn nothing_to_patch(
        &self,
        path: &str,
        place: &Place,
        reply: &Response,
        call: &ApiRequest,
        policy: RetryPolicy,
    ) -> Error {
        match self.version_of(path, place, policy).await {
            Err(error) if error.kind() != ErrorKind::AccessDenied => error,
            // The token may not see it, or it was written just now.
            _ => self.absent(place, reply, call),
        }
    }

    /// Changes one key by reading the map and writing it back.
    async fn change(
        &self,
        path: &str,
        place: &Place,
        value: &SecretValue,
        options: &UpdateOptions,
        condition: Option<i64>,
    ) -> Result<Updated> {
        let before = self.read_v2(path, place, None, options.retry_policy).await?;
        let version = before.version().and_then(|version| version.parse().ok());
        let version = version.ok_or_else(|| Error::corrupt("the secret has no version"))?;
        if condition.is_some_and(|condition| condition != version) {
            return Err(conflict());
        }
        let after = before.with_replaced(&options.keypath, value)?;
        self.put(path, place, &after, version, options.retry_policy).await
    }
}

/// The text of a value that is a JSON map, as every secret of the engine is.
fn check_map(value: &SecretValue) -> Result<zeroize::Zeroizing<String>> {
    let refused = |what: &str| {
        Error::invalid_input(format!("a secret of Vault is a JSON map, and the new value is {what}"))
            .with_hint("to change one value of the map, name its key: `--key NAME`, or #NAME in a reference")
    };
    let text = value.expose_text().ok_or_else(|| refused("bytes"))?;
    let tree = Tree::parse_strict(text).map_err(|why| refused(&why.to_string()))?;
    let json = Json::new(text, &tree, ROOT);
    match json.kind() {
        JsonKind::Object => Ok(zeroize::Zeroizing::new(json.raw().to_owned())),
        other => Err(refused(other.name())),
    }
}

/// The value's JSON, if a merge stores it as it is. A map would be merged, and null would delete the
/// key.
fn mergeable(value: &SecretValue) -> Result<Option<zeroize::Zeroizing<String>>> {
    let json = value.to_json()?;
    let tree = Tree::parse_strict(&json).map_err(|why| Error::invalid_input(format!("the new value is {why}")))?;
    let kind = Json::new(&json, &tree, ROOT).kind();
    Ok((!matches!(kind, JsonKind::Object | JsonKind::Null)).then_some(json))
}

fn body(data: &str, version: Option<i64>) -> zeroize::Zeroizing<String> {
    let fields = Fields::default().json("data", data);
    match version {
        Some(version) => fields.json("options", &format!("{{\"cas\":{version}}}")).finish(),
        None => fields.finish(),
    }
}

fn condition(version: &str) -> Result<i64> {
    let number = version.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Error::invalid_input("a version of Vault is a number from 1 on"))
}

fn updated(path: &str, reply: &Response) -> Result<Updated> {
    let version = reply.data()?.get("version").and_then(Json::as_i64).ok_or_else(malformed_response)?;
    Ok(Updated::new(path, Some(version.to_string())))
}

fn conflict() -> Error {
    Error::new(ErrorKind::Conflict, "somebody else has changed the secret in the meantime")
}
