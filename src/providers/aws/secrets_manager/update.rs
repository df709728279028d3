//! Updates of Secrets Manager: a new version, or a compare-and-swap of the current one.
//!
//! PutSecretValue has no condition. UpdateSecretVersionStage has one: it moves a stage only off the
//! version that the caller names. So a compare-and-swap makes a new version under a label of its own,
//! and then moves `AWSCURRENT` to it from the version that the update is based on. AWS refuses the
//! move if another version is current by then. In the end the label is taken off: Secrets Manager
//! never drops a version that has one.
//!
//! Invariants:
//! - A lost race never overwrites: the new version stays without `AWSCURRENT`.
//! - All attempts of one PutSecretValue carry the same token, so a lost response makes no second version.
//! - Text stays text and bytes stay bytes, whatever form the new value has.

use aws_sdk_secretsmanager::primitives::Blob;

use super::{CURRENT, SecretsManager};
use crate::{
    aws_session::error::code,
    error::{Error, ErrorKind, Result},
    options::{UpdateOptions, Version},
    provider::Updated,
    retry::RetryPolicy,
    secret::{Secret, SecretValue},
};

/// AWS's code for a secret that doesn't exist, or has no value yet.
const NO_VALUE: &str = "ResourceNotFoundException";

/// A version that was made.
struct Made {
    /// The secret's name, whatever it was called in the request.
    name: Option<String>,
    version: String,
}

impl SecretsManager {
    pub(super) async fn update_value(
        &self,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        let current = match self.value(path, &Version::Current, options.retry_policy).await {
            Ok(current) => current,
            Err(error) if options.keypath.is_empty() && may_be_put_unread(&error, options) => {
                let made = self.put(path, value, None, options.retry_policy).await?;
                return Ok(Updated::new(made.name.as_deref().unwrap_or(path), Some(made.version)));
            }
            Err(error) => return Err(error),
        };
        let value = match options.keypath.is_empty() {
            true => in_form_of(&current, value)?,
            false => current.with_replaced(&options.keypath, value)?,
        };
        let read = (!options.keypath.is_empty()).then(|| current.version()).flatten();
        let made = match options.if_version.as_deref().or(read) {
            Some(based_on) => self.put_if_current(path, &value, based_on, options.retry_policy).await?,
            None => self.put(path, &value, None, options.retry_policy).await?.version,
        };
        Ok(Updated::new(current.name().unwrap_or(path), Some(made)))
    }

    /// Makes a new version under these stages, by default `AWSCURRENT`.
    async fn put(
        &self,
        id: &str,
        value: &SecretValue,
        stages: Option<Vec<String>>,
        policy: RetryPolicy,
    ) -> Result<Made> {
        let bytes = value.expose_bytes()?;
        let output = self.session.write(id, policy, value, |client, overrides| {
            // The SDK fills in the token, a UUID, once for all attempts.
            let call = client.put_secret_value().secret_id(id).set_version_stages(stages.clone());
            let call = match value.expose_text() {
                Some(text) => call.secret_string(text),
                None => call.secret_binary(Blob::new(bytes)),
            };
            call.customize().config_override(overrides).send()
        });
        let output = output.await?;
        let version = output.version_id.ok_or_else(|| Error::corrupt("AWS answered without a version id"))?;
        Ok(Made { name: output.name, version })
    }

    /// Makes `value` the current version if `based_on` still is.
    async fn put_if_current(
        &self,
        id: &str,
        value: &SecretValue,
        based_on: &str,
        policy: RetryPolicy,
    ) -> Result<String> {
        let label = format!("s1crets-{}", uuid::Uuid::new_v4());
        let made = self.put(id, value, Some(vec![label.clone()]), policy).await?.version;
        let moved = self.move_stage(id, CURRENT, Some(&made), based_on, policy).await;
        if let Err(error) = self.move_stage(id, &label, None, &made, policy).await {
            tracing::debug!(kind = %error.kind(), "the update's own label could not be taken off the version");
        }
        match moved {
            Ok(()) => Ok(made),
            // The refusal may be of a second attempt, after the first one's response was lost.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                let current = self.value(id, &Version::Current, policy).await?;
                if current.version() == Some(made.as_str()) { Ok(made) } else { Err(conflict()) }
            }
            Err(error) if error.kind() == ErrorKind::AccessDenied => {
                self.compare_and_put(id, value, based_on, policy).await
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a stage off version `from`, and puts it on version `to`. AWS refuses with `InvalidInput`
    /// if the stage is not on `from`.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>
    async fn move_stage(&self, id: &str, stage: &str, to: Option<&str>, from: &str, policy: RetryPolicy) -> Result<()> {
        let output = self.session.call(id, policy, |client, overrides| {
            let call = client.update_secret_version_stage().secret_id(id).version_stage(stage);
            let call = call.remove_from_version_id(from).set_move_to_version_id(to.map(Into::into));
            call.customize().config_override(overrides).send()
        });
        output.await.map(drop)
    }

    /// Does what [`put_if_current`](Self::put_if_current) does for an identity that may not move
    /// stages. A version that is put between the comparison and the write is overwritten.
    async fn compare_and_put(
        &self,
        id: &str,
        value: &SecretValue,
        based_on: &str,
        policy: RetryPolicy,
    ) -> Result<String> {
        let current = self.value(id, &Version::Current, policy).await?;
        if current.version() != Some(based_on) {
            return Err(conflict());
        }
        Ok(self.put(id, value, None, policy).await?.version)
    }
}

/// Whether a value can be put although the current one can't be read.
fn may_be_put_unread(error: &Error, options: &UpdateOptions) -> bool {
    match error.kind() {
        // Without the right to read, text is put as text and bytes as bytes.
        ErrorKind::AccessDenied => options.if_version.is_none(),
        // A secret without a value looks like none. PutSecretValue tells them apart.
        _ => code(error) == Some(NO_VALUE),
    }
}

/// The new value as text or as bytes, whichever the secret is.
fn in_form_of(current: &Secret, value: &SecretValue) -> Result<SecretValue> {
    match (current.is_binary(), value.is_binary()) {
        (true, false) => Ok(SecretValue::binary(value.expose_bytes()?)),
        (false, true) => match std::str::from_utf8(value.expose_bytes()?) {
            Ok(text) => Ok(SecretValue::text(text)),
            Err(_) => Err(Error::invalid_input("this secret is text, and the new value is not UTF-8")),
        },
        _ => Ok(value.clone()),
    }
}

fn conflict() -> Error {
    Error::new(ErrorKind::Conflict, "the secret was changed in the meantime; nothing was overwritten")
        .with_hint("read the secret again and repeat the update")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Metadata;

    #[test]
    fn text_stays_text_and_bytes_stay_bytes() {
        let text = Secret::text("t", Metadata::default());
        let bytes = Secret::binary([0xff], Metadata::default());
        assert!(in_form_of(&bytes, &"x".into()).expect("bytes").is_binary());
        assert!(!in_form_of(&text, &vec![b'x'].into()).expect("text").is_binary());
        assert_eq!(in_form_of(&text, &vec![0xff].into()).expect_err("not UTF-8").kind(), ErrorKind::InvalidInput);
    }
}
