//! Updates of Parameter Store, which has no conditional write: versions are compared before and after.
//!
//! PutParameter replaces all attributes, so an update first reads them by DescribeParameters and sends
//! them along. An update that is based on a version compares it right before the write. As versions
//! are numbered without gaps, a new version that is not the next one shows a lost race, unless the
//! versions in between have our value: PutParameter has no token, so an attempt whose response was
//! lost, and the one after it, make a version each.

use std::ops::Range;

use aws_sdk_ssm::types::ParameterMetadata;

use super::{ParameterStore, REFERENCE, filter};
use crate::{
    aws_session::{
        arn::{SSM, check_service},
        error::NO_PARAMETER,
    },
    error::{Error, ErrorKind, Result},
    options::UpdateOptions,
    provider::Updated,
    retry::RetryPolicy,
    secret::SecretValue,
};

impl ParameterStore {
    pub(super) async fn update_value(
        &self,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        if path.starts_with(REFERENCE) {
            return Err(Error::unsupported("a Secrets Manager reference can't be written through Parameter Store")
                .with_hint("update it with the provider aws.sm"));
        }
        check_service(path, &SSM)?;
        if has_version(path) {
            return Err(Error::invalid_input("one version of a parameter can't be written")
                .with_hint("leave out what follows the name's colon: an update makes a new version"));
        }
        let (value, based_on) = self.change(path, value, options).await?;
        if value.is_binary() {
            return Err(Error::invalid_input("Parameter Store keeps text, not bytes"));
        }
        let old = self.to_write(path, options.retry_policy).await?;
        if based_on.is_some_and(|version| version != old.version) {
            return Err(conflict("the parameter was changed in the meantime; nothing was written"));
        }
        let made = self.put(path, &old, &value, options.retry_policy).await?;
        if let Some(based_on) = based_on
            // Lower, if the parameter was deleted and created anew.
            && (made <= based_on || !self.are_ours(path, &old, based_on + 1..made, &value, options.retry_policy).await)
        {
            return Err(conflict("the parameter was changed in the meantime; that value is now in its history"));
        }
        Ok(Updated::new(old.name.unwrap_or_else(|| path.into()), Some(made.to_string())))
    }

    /// The parameter to write, by its name or ARN. PutParameter takes no ARN, so it is written by its
    /// name, in the region of the ARN and only if its ARN is that one.
    async fn to_write(&self, path: &str, policy: RetryPolicy) -> Result<ParameterMetadata> {
        let mut found = Vec::new();
        for name in possible_names(path) {
            let described = self.describe(path, Some(filter("Name", "Equals", &name)?), policy).await?;
            let Some(old) = described.filter(|old| old.name.as_deref() == Some(&name)) else { continue };
            if name == path || self.has_arn(&old, &name, path, policy).await? {
                found.push(old);
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(old), true) => Ok(old),
            (Some(_), false) => {
                Err(Error::invalid_input("this is the ARN of two parameters, with and without a slash")
                    .with_hint("write to one of them by its name"))
            }
            (None, _) if is_arn(path) => {
                // A shared parameter can be read, but not described.
                self.parameter(path, false, policy).await?;
                Err(Error::unsupported("a parameter of another account can be read, and not written")
                    .with_hint("update it as an identity of its own account"))
            }
            (None, _) => Err(self.session.with_place(path, Error::not_found(NO_PARAMETER))),
        }
    }

    /// Whether a parameter with this name, in the region of an ARN, has that ARN.
    async fn has_arn(&self, old: &ParameterMetadata, name: &str, arn: &str, policy: RetryPolicy) -> Result<bool> {
        if let Some(described) = old.arn.as_deref() {
            return Ok(described == arn);
        }
        // Not every server describes it.
        Ok(self.answer(arn, name, false, policy).await?.arn.as_deref() == Some(arn))
    }

    /// The value to write, and the version that it is based on, if that has to be checked.
    async fn change(
        &self,
        path: &str,
        value: &SecretValue,
        options: &UpdateOptions,
    ) -> Result<(SecretValue, Option<i64>)> {
        let condition = options.if_version.as_deref().map(version_number).transpose()?;
        if options.keypath.is_empty() {
            return Ok((value.clone(), condition));
        }
        let current = self.parameter(path, true, options.retry_policy).await?;
        let read = version_number(current.version().unwrap_or_default())?;
        Ok((current.with_replaced(&options.keypath, value)?, condition.or(Some(read))))
    }

    /// Whether these versions are earlier attempts of ours: there are no more of them than attempts, and
    /// all have our value. What can't be read counts as somebody else's.
    async fn are_ours(
        &self,
        path: &str,
        old: &ParameterMetadata,
        versions: Range<i64>,
        value: &SecretValue,
        policy: RetryPolicy,
    ) -> bool {
        let name = old.name.as_deref().unwrap_or_default();
        if versions.end - versions.start >= i64::from(self.session.attempts(policy).get()) {
            return versions.is_empty();
        }
        for version in versions {
            let made = self.parameter_beside(path, &format!("{name}:{version}"), true, policy).await;
            if !made.is_ok_and(|made| made.expose_str().ok() == value.expose_text()) {
                return false;
            }
        }
        true
    }

    async fn put(&self, path: &str, old: &ParameterMetadata, value: &SecretValue, policy: RetryPolicy) -> Result<i64> {
        let Some(text) = value.expose_text() else {
            return Err(Error::invalid_input("Parameter Store keeps text, not bytes"));
        };
        let output = self.session.write(path, policy, value, |client, overrides| {
            let call = client
                .put_parameter()
                .overwrite(true)
                .value(text)
                .set_name(old.name.clone())
                .set_type(old.r#type.clone())
                .set_key_id(old.key_id.clone())
                .set_description(old.description.clone())
                .set_tier(old.tier.clone())
                .set_data_type(old.data_type.clone())
                .set_allowed_pattern(old.allowed_pattern.clone());
            call.customize().config_override(overrides).send()
        });
        Ok(output.await?.version)
    }
}

fn is_arn(path: &str) -> bool {
    path.starts_with("arn:")
}

/// The part of an ARN behind `parameter/`, or all of a name.
fn resource(path: &str) -> &str {
    match path.split_once(":parameter/") {
        Some((_, resource)) if is_arn(path) => resource,
        _ => path,
    }
}

/// Whether a name or an ARN ends with a version, as `:NUMBER` or `:LABEL`.
pub(super) fn has_version(path: &str) -> bool {
    resource(path).contains(':')
}

/// The names that a parameter with this name or ARN may have: an ARN does not tell whether a name
/// without levels begins with a slash.
fn possible_names(path: &str) -> Vec<String> {
    match (is_arn(path), resource(path)) {
        (false, name) => vec![name.to_owned()],
        (true, resource) if resource.contains('/') => vec![format!("/{resource}")],
        (true, resource) => vec![format!("/{resource}"), resource.to_owned()],
    }
}

fn version_number(version: &str) -> Result<i64> {
    version
        .parse()
        .map_err(|_| Error::invalid_input(format!("{version:?} is no version of a parameter: those are numbers")))
}

fn conflict(message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message).with_hint("read the parameter again and repeat the update")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_an_arn_and_the_versions_behind_them_are_found() {
        const ARN: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter";
        for (path, names, version) in [
            ("/prod/x", &["/prod/x"][..], false),
            ("x:1", &["x:1"], true),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/prod/x", &["/prod/x"], false),
            ("arn:aws:ssm:eu-west-1:123456789012:parameter/x", &["/x", "x"], false),
        ] {
            assert_eq!(possible_names(path), names, "{path}");
            assert_eq!(has_version(path), version, "{path}");
        }
        assert!(has_version(&format!("{ARN}/prod/x:blue")) && !has_version(&format!("{ARN}/prod/x")));
    }
}
