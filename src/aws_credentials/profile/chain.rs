//! Follows a profile to the source of its credentials, through the roles on the way.
//!
//! The order of sources within one profile is that of boto3 and the AWS CLI. It differs from the
//! SDK's in one point: an access key in the credentials file wins over a `credential_process`.
//!
//! Everything that is wrong with a profile is found here, before any call, so that `explain` can
//! say it.

use std::time::Duration;

use super::{
    profiles::Profiles,
    settings::{AssumedBy, ProfileSettings},
    sources::{ProfileRole, ProfileSource},
};
use crate::error::{Error, Result};

/// The longest session of a role that is assumed with another role's credentials.
const LONGEST_CHAINED: Duration = Duration::from_secs(60 * 60);

/// How a profile gets credentials: a source, and the roles that are assumed with them, each with
/// those of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileChain {
    pub(crate) source: ProfileSource,
    pub(crate) roles: Vec<ProfileRole>,
}

impl ProfileChain {
    /// The chain of a profile that exists. `None` if it names no credentials.
    ///
    /// # Errors
    /// `Config` if something in the profiles is missing, contradictory or not supported.
    pub(crate) fn follow(profiles: &Profiles, name: &str) -> Result<Option<Self>> {
        let (mut name, mut roles, mut seen) = (name.to_owned(), Vec::new(), Vec::<String>::new());
        let source = loop {
            let profile = match (profiles.get(&name), seen.last()) {
                (Some(profile), _) => ProfileSettings { name: name.clone(), profile },
                (None, Some(by)) => {
                    return Err(profiles.missing(&name, &format!("source_profile of AWS profile {by:?}")));
                }
                (None, None) => return Ok(None),
            };
            if seen.contains(&name) {
                let hint = "let the last profile name credentials";
                return Err(profile.invalid("leads back to itself by source_profile", hint));
            }
            // As in all AWS tools, the key of a source profile wins over its role.
            if !seen.is_empty() && profile.has_key() {
                break profile.key()?;
            }
            seen.push(name);
            let Some(role) = profile.role()? else {
                match profile.source(profiles)? {
                    Some(source) => break source,
                    None if roles.is_empty() => return Ok(None),
                    None => return Err(profile.without_credentials(&seen)),
                }
            };
            roles.push(role);
            match profile.assumed_by()? {
                AssumedBy::Profile(source) => name = source,
                AssumedBy::Source(source) => break source,
                AssumedBy::Itself => {
                    break profile.source(profiles)?.ok_or_else(|| profile.without_credentials(&seen))?;
                }
            }
        };
        roles.reverse();
        let chain = Self { source, roles };
        chain.check_durations()?;
        Ok(Some(chain))
    }

    /// Whether the credentials are those of a role for certain.
    pub(crate) fn is_role(&self) -> bool {
        !self.roles.is_empty() || matches!(self.source, ProfileSource::WebIdentity(_) | ProfileSource::Sso(_))
    }

    fn check_durations(&self) -> Result<()> {
        let first_is_chained = Self { source: self.source.clone(), roles: Vec::new() }.is_role();
        let chained = self.roles.iter().skip(usize::from(!first_is_chained));
        let too_long = |role: &&ProfileRole| role.duration.is_some_and(|duration| duration > LONGEST_CHAINED);
        match chained.into_iter().find(too_long) {
            Some(role) => Err(chained_too_long(&role.arn, "duration_seconds = 3600")),
            None => Ok(()),
        }
    }
}

/// The error of a role that is assumed by a role, for more than an hour.
pub(crate) fn chained_too_long(arn: &str, setting: &str) -> Error {
    Error::config(format!("the role {arn} is assumed by another role, which AWS allows for one hour at most"))
        .with_hint(format!("set {setting}, or less: it is renewed before it ends"))
}

/// Checks the duration of a role that is assumed by a role.
///
/// # Errors
/// `Config` if it is over one hour.
pub(crate) fn check_chained(arn: &str, duration: Duration) -> Result<()> {
    match duration > LONGEST_CHAINED {
        true => Err(chained_too_long(arn, "duration = \"1h\"")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ErrorKind,
        aws_credentials::profile::{profiles::tests::profiles, sources::Program},
    };

    const KEY: &str = "aws_access_key_id = k\naws_secret_access_key = s\n";
    const PROGRAM: &str = "[profile p]\ncredential_process = run --it\naws_account_id = 1\n";

    async fn of(config: &str, credentials: &str, name: &str) -> Result<Option<ProfileChain>> {
        ProfileChain::follow(&profiles(config, credentials).await.expect("profiles"), name)
    }

    #[tokio::test]
    async fn a_program_is_found_through_the_profiles_that_lead_to_it() {
        let roles = "[profile a]\nsource_profile = b\nrole_arn = A\nexternal_id = x\n\
            [profile b]\nsource_profile = p\nrole_arn = B\nrole_session_name = s\nduration_seconds = 7200\n";
        let chain = of(&format!("{roles}{PROGRAM}"), "", "a").await.expect("valid").expect("a chain");
        let program = Program { profile: "p".into(), command: "run --it".into(), account_id: Some("1".into()) };
        assert!(chain.source == ProfileSource::Program(program));
        let told: Vec<_> = chain
            .roles
            .iter()
            .map(|it| (it.arn.as_str(), it.external_id.is_some(), it.session_name.is_some(), it.duration.is_some()))
            .collect();
        assert_eq!(told, [("B", false, true, true), ("A", true, false, false)]);
        let own = "[profile a]\nsource_profile = a\nrole_arn = A\ncredential_process = run\n";
        assert_eq!(of(own, "", "a").await.expect("valid").expect("a chain").roles.len(), 1);
    }

    /// Where a profile has several sources, or those of another profile.
    #[tokio::test]
    async fn the_source_is_that_of_boto3() {
        let sso = "sso_account_id = 1\nsso_role_name = r\nsso_region = x\nsso_start_url = u\n";
        for (config, credentials, expected) in [
            (format!("[profile a]\n{KEY}"), "", Some("Key")),
            (format!("[profile a]\n{KEY}credential_process = x\n"), "", Some("Program")),
            (
                "[profile a]\ncredential_process = x\n".into(),
                "[a]\naws_access_key_id = k\naws_secret_access_key = s\n",
                Some("Key"),
            ),
            (format!("[profile a]\n{sso}{KEY}credential_process = x\n"), "", Some("Sso")),
            (format!("[profile a]\nsso_session = s\n{KEY}[sso-session s]\n"), "", Some("Key")),
            (format!("[profile a]\nweb_identity_token_file = f\nrole_arn = A\n{sso}"), "", Some("WebIdentity")),
            (
                format!("[profile a]\nsource_profile = b\nrole_arn = A\n[profile b]\n{KEY}role_arn = B\n"),
                "",
                Some("Key"),
            ),
            ("[profile a]\nrole_arn = A\ncredential_source = Environment\n".into(), "", Some("Environment")),
            ("[profile a]\ncredential_source = ec2instancemetadata\n".into(), "", Some("InstanceMetadata")),
            ("[profile a]\nregion = x\n".into(), "", None),
            ("[profile b]\nregion = x\n".into(), "", None),
            ("[profile a]\nmfa_serial = m\n".into(), "", None),
        ] {
            let chain = of(&config, credentials, "a").await;
            let found = chain.as_ref().ok().and_then(Option::as_ref).map(|chain| format!("{:?}", chain.source));
            assert_eq!(found.as_deref(), expected, "{config}{credentials}: {chain:?}");
            assert!(chain.is_ok(), "{config}{credentials}: {chain:?}");
        }
        let quoted = format!("[profile a]\nrole_arn = A\nsource_profile = x y\n[profile 'x y']\n{KEY}");
        assert!(of(&quoted, "", "a").await.expect("valid").is_some());
        let shared = "[profile a]\nsso_session = s t\nsso_account_id = 1\nsso_role_name = r\n\
            [sso-session 's t']\nsso_region = x\nsso_start_url = u\n";
        let chain = of(shared, "", "a").await.expect("valid").expect("a chain");
        let ProfileSource::Sso(sso) = chain.source else { panic!("{:?}", chain.source) };
        assert_eq!((sso.session.as_deref(), sso.start_url.as_str()), (Some("s t"), "u"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_profile_is_told_by_its_name() {
        for (config, told) in [
            (
                "[profile a]\nsource_profile = nope\nrole_arn = A\n",
                "there is no AWS profile \"nope\", which source_profile of AWS profile \"a\" names",
            ),
            (
                "[profile a]\nsource_profile = b\nrole_arn = A\n[profile b]\nregion = x\n",
                "the AWS profile \"b\" is the source_profile of AWS profile \"a\" and names no credentials",
            ),
            (
                "[profile a]\nsource_profile = b\nrole_arn = A\n[profile b]\nsource_profile = a\nrole_arn = B\n",
                "the AWS profile \"a\" leads back to itself by source_profile",
            ),
            (
                "[profile a]\nrole_arn = A\n",
                "the AWS profile \"a\" has role_arn, but neither source_profile nor credential_source",
            ),
            (
                "[profile a]\nrole_arn = A\nsource_profile = a\ncredential_source = Environment\n",
                "the AWS profile \"a\" has both source_profile and credential_source",
            ),
            (
                "[profile a]\nrole_arn = A\ncredential_source = Ec2\n",
                "the AWS profile \"a\" has an unknown credential_source, \"Ec2\"",
            ),
            (
                "[profile a]\nrole_arn = A\nsource_profile = a\nmfa_serial = arn:aws:iam::1:mfa/me\n",
                "the AWS profile \"a\" needs an MFA code (mfa_serial = arn:aws:iam::1:mfa/me), which s1crets does not ask for",
            ),
            (
                "[profile a]\nrole_arn = A\nsource_profile = a\nduration_seconds = 1h\n",
                "the AWS profile \"a\" has a duration_seconds that is not a number",
            ),
            (
                "[profile a]\naws_access_key_id = k\n",
                "aws_access_key_id is set in AWS profile \"a\", and aws_secret_access_key is not",
            ),
            (
                "[profile a]\nweb_identity_token_file = f\n",
                "the AWS profile \"a\" has web_identity_token_file, but no role_arn",
            ),
            (
                "[profile a]\nlogin_session = l\n",
                "the AWS profile \"a\" gets credentials by `aws login`, which s1crets does not support",
            ),
            (
                "[profile a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n",
                "the AWS profile \"a\" names sso_session = s, and there is no section [sso-session s]",
            ),
            (
                "[profile a]\nsso_account_id = 1\nsso_region = x\nsso_start_url = u\n",
                "the AWS profile \"a\" gets credentials by SSO, and has no sso_role_name",
            ),
            (
                "[profile a]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nsso_region = y\n\
                 [sso-session s]\nsso_region = x\nsso_start_url = u\n",
                "the AWS profile \"a\" has another sso_region than its sso_session",
            ),
            (
                "[profile a]\nrole_arn = A\nsource_profile = b\nduration_seconds = 3601\n\
                 [profile b]\nrole_arn = B\ncredential_source = Environment\n",
                "the role A is assumed by another role, which AWS allows for one hour at most",
            ),
        ] {
            let error = of(config, "", "a").await.expect_err(told);
            assert_eq!((error.message(), error.kind()), (told, ErrorKind::Config));
            assert!(error.hint().is_some(), "{told}");
        }
    }
}
