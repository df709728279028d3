//! The service, region and account in an ARN, which say where a secret is.

use crate::error::{Error, Result};

/// A service whose secrets a provider reads.
#[derive(Debug)]
pub(crate) struct ArnService {
    /// As ARNs name it.
    id: &'static str,
    name: &'static str,
    provider: &'static str,
    /// What an ARN ends with.
    resource: &'static str,
}

pub(crate) const SECRETS_MANAGER: ArnService =
    ArnService { id: "secretsmanager", name: "Secrets Manager", provider: "aws.sm", resource: "secret:NAME" };

pub(crate) const SSM: ArnService =
    ArnService { id: "ssm", name: "Parameter Store", provider: "aws.ps", resource: "parameter/NAME" };

/// Checks that an id is not the ARN of another service. AWS would say of some that it is not found.
///
/// # Errors
/// `InvalidInput` with the provider to ask, if there is one.
pub(crate) fn check_service(id: &str, service: &ArnService) -> Result<()> {
    let Some(own) = service_of(id).filter(|own| *own != service.id) else { return Ok(()) };
    let ArnService { name, provider, resource, .. } = service;
    let known = [&SECRETS_MANAGER, &SSM].into_iter().find(|known| known.id == own);
    let error = |of: &str| Error::invalid_input(format!("this is an ARN of {of}, not of {name}"));
    Err(match known {
        Some(known) => error(known.name).with_hint(format!("ask its provider: {}://{id}", known.provider)),
        None => error(own)
            .with_hint(format!("{provider} reads ARNs such as arn:aws:{}:REGION:ACCOUNT:{resource}", service.id)),
    })
}

/// The service in an ARN.
fn service_of(id: &str) -> Option<&str> {
    let parts: Vec<_> = id.strip_prefix("arn:")?.splitn(5, ':').collect();
    (parts.len() == 5).then(|| parts[1])
}

/// The region and the account of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
}

impl<'a> Place<'a> {
    /// `None` if the id is a name, or an ARN without a region.
    pub(crate) fn of(id: &'a str) -> Option<Self> {
        let mut parts = id.strip_prefix("arn:")?.splitn(5, ':').skip(2);
        let (region, account) = (parts.next()?, parts.next()?);
        parts.next()?;
        is_region(region).then_some(Self { region, account })
    }
}

/// Whether this can be the name of a region: it becomes a part of host names.
pub(super) fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_another_service_is_refused_with_the_provider_to_ask() {
        for (id, service, message, hint) in [
            (
                "arn:aws:ssm:eu-west-1:1:parameter/x",
                &SECRETS_MANAGER,
                "this is an ARN of Parameter Store, not of Secrets Manager",
                "ask its provider: aws.ps://arn:aws:ssm:eu-west-1:1:parameter/x",
            ),
            (
                "arn:aws:secretsmanager:eu-west-1:1:secret:x",
                &SSM,
                "this is an ARN of Secrets Manager, not of Parameter Store",
                "ask its provider: aws.sm://arn:aws:secretsmanager:eu-west-1:1:secret:x",
            ),
            (
                "arn:aws:s3:::x",
                &SSM,
                "this is an ARN of s3, not of Parameter Store",
                "aws.ps reads ARNs such as arn:aws:ssm:REGION:ACCOUNT:parameter/NAME",
            ),
        ] {
            let error = check_service(id, service).expect_err(id);
            assert_eq!((error.message(), error.hint()), (message, Some(hint)));
        }
        for id in ["arn:aws:ssm:eu-west-1:1:parameter/x", "/x", "x:1", "arn:x"] {
            check_service(id, &SSM).expect(id);
        }
    }

    #[test]
    fn an_arn_tells_region_and_account_and_a_name_neither() {
        for id in [
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
            "arn:aws-cn:ssm:eu-west-1:123456789012:parameter/prod/db:3",
        ] {
            assert_eq!(Place::of(id), Some(Place { region: "eu-west-1", account: "123456789012" }), "{id}");
        }
        for id in ["prod/db", "/arn:a:b:c:d:e", "arn:aws:iam::123456789012:role/x", "arn:a:b:evil.example:1:x", "arn:a"]
        {
            assert_eq!(Place::of(id), None, "{id}");
        }
    }
}
