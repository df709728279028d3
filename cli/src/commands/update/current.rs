//! The look at the current value before `update` writes.
//!
//! It is made only where the current value decides: whether a JSON object or array would be lost, whether a
//! number under a key stays one, and whether a final newline from stdin is part of the value.

use s1crets::{Client, Error, ErrorKind, JsonKind, Secret};

use super::{Update, new_value::NewValue};
use crate::{from_option::has_keys, path_arg::PathArg};

/// The current value, as far as it was looked at.
pub(super) enum Current {
    Value(Secret),
    /// It can't be read with these credentials.
    Denied(Error),
    /// It does not matter, or there is none: the update says so.
    Unknown,
}

impl Current {
    /// Reads the current value, or the part at the keypath, if it decides anything.
    pub(super) async fn look(client: &Client, target: &PathArg, new: &NewValue, args: &Update) -> Result<Self, Error> {
        let PathArg { provider, path, keypath } = target;
        let decides = match keypath.is_empty() {
            false => !args.as_json && new.scalar_kind().is_some(),
            true => {
                let can = client.capabilities(provider).await?;
                let may_lose_object = !args.replace && !can.json_only && new.json_kind() != Some(JsonKind::Object);
                may_lose_object || (can.binary && new.depends_on_form())
            }
        };
        if !decides {
            return Ok(Self::Unknown);
        }
        match client.get(provider, path).keypath(keypath.clone()).cached(false).await {
            Ok(secret) => Ok(Self::Value(secret)),
            Err(error) if error.kind() == ErrorKind::AccessDenied => Ok(Self::Denied(error)),
            // The update reports what is wrong with the secret.
            Err(error) if error.is_not_found() || !keypath.is_empty() => Ok(Self::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Refuses to lose a JSON object or array. Returns a warning if the kind of a value may be lost.
    pub(super) fn check(&self, target: &PathArg, new: &NewValue, args: &Update) -> Result<Option<&'static str>, Error> {
        match self {
            Self::Denied(_) if !target.keypath.is_empty() => Ok(Some(
                "the current value can't be read with these credentials, so the new one is stored as text; --as-json \
                 stores a number or boolean",
            )),
            Self::Denied(error) if !args.replace => {
                let message = format!(
                    "update {target}: the current value can't be read with these credentials, and it may be a JSON \
                     object, which would be lost"
                );
                Err(Error::new(ErrorKind::AccessDenied, message)
                    .with_hint("to write the new value without looking at the current one, add --replace")
                    .with_source(error.clone()))
            }
            Self::Value(secret) if target.keypath.is_empty() && !args.replace => {
                let (kind, lost) = match new.json_kind() {
                    Some(JsonKind::Object) => return Ok(None),
                    new if is_array(secret) && new != Some(JsonKind::Array) => ("array", "items"),
                    _ if has_keys(secret) => ("object", "keys"),
                    _ => return Ok(None),
                };
                let message = format!(
                    "update {target}: the current value is a JSON {kind}, and the new one is not: all its {lost} would \
                     be lost"
                );
                Err(Error::new(ErrorKind::InvalidInput, message)
                    .with_hint("to change one key, add --key KEY; to replace the whole value, add --replace"))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn is_binary(&self) -> bool {
        matches!(self, Self::Value(secret) if secret.is_binary())
    }

    /// [`JsonKind::Number`] or [`JsonKind::Bool`] if the value at the keypath is one.
    pub(super) fn scalar_kind(&self) -> Option<JsonKind> {
        let Self::Value(secret) = self else { return None };
        let kind = secret.json().ok()?.kind();
        Some(kind).filter(|kind| matches!(kind, JsonKind::Number | JsonKind::Bool))
    }
}

fn is_array(secret: &Secret) -> bool {
    secret.json().is_ok_and(|json| json.kind() == JsonKind::Array)
}
