//! The region and account in an ARN, which say where a secret is.

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
