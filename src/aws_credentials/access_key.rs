//! Access keys: from environment variables, and checked before a request is signed with them.

use aws_credential_types::{
    Credentials,
    attributes::AccountId,
    provider::{ProvideCredentials, error::CredentialsError, future},
};

use super::variables;
use crate::error::{Error, Result};

/// The variable of an access key's id, which says that the environment has credentials.
pub(crate) const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// The variables of the secret part. The SDK knows the second, too.
const SECRET_KEYS: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "SECRET_ACCESS_KEY"];

/// The parts of an access key as they are written in variables, a profile or a program's output.
#[derive(Default)]
pub(super) struct AccessKey<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) secret: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) account_id: Option<&'a str>,
}

/// The names of the parts in the place where a key is written, for error messages.
pub(super) struct PartNames {
    pub(super) id: &'static str,
    pub(super) secret: &'static str,
    pub(super) token: &'static str,
}

const VARIABLES: PartNames = PartNames { id: ACCESS_KEY, secret: SECRET_KEYS[0], token: "AWS_SESSION_TOKEN" };

impl AccessKey<'_> {
    /// The credentials. Whitespace around a part is dropped, as the line end is that CI systems
    /// leave behind a pasted secret, and an empty part counts as missing.
    ///
    /// # Errors
    /// `Config` if the id or the secret is missing, or if a part has a character that no header can
    /// hold. `place` is where the key is written.
    pub(super) fn credentials(self, place: &str, names: &PartNames, provider: &'static str) -> Result<Credentials> {
        let part = |value: Option<&str>, name| match value.and_then(variables::cleaned) {
            Some(value) if value.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(value.to_owned())),
            None => Ok(None),
            Some(_) => Err(Error::config(format!("{name} in {place} has a character that is in no AWS key"))
                .with_hint("it may be cut, quoted or pasted twice: set it again")),
        };
        let incomplete = |is_set, missing| {
            Error::config(format!("{is_set} is set in {place}, and {missing} is not"))
                .with_hint("set both parts of the access key, or neither")
        };
        let (id, secret) = match (part(self.id, names.id)?, part(self.secret, names.secret)?) {
            (Some(id), Some(secret)) => (id, secret),
            (Some(_), None) => return Err(incomplete(names.id, names.secret)),
            (None, _) => return Err(incomplete(names.secret, names.id)),
        };
        let mut builder = Credentials::builder().access_key_id(id).secret_access_key(secret).provider_name(provider);
        builder.set_session_token(part(self.token, names.token)?);
        builder.set_account_id(self.account_id.and_then(variables::cleaned).map(AccountId::from));
        Ok(builder.build())
    }
}

/// Whether the environment has an access key. As with boto3, the id decides: a secret alone does not
/// count.
///
/// # Errors
/// `Config` if the id is not UTF-8.
pub(super) fn is_in_environment() -> Result<bool> {
    Ok(variables::secret(ACCESS_KEY)?.is_some())
}

/// The access key of the environment.
///
/// # Errors
/// As [`AccessKey::credentials`]; `Config` if a part is not UTF-8.
pub(super) fn from_environment() -> Result<Credentials> {
    let secret = match variables::secret(SECRET_KEYS[0])? {
        Some(secret) => Some(secret),
        None => variables::secret(SECRET_KEYS[1])?,
    };
    let (id, token) = (variables::secret(ACCESS_KEY)?, variables::secret(VARIABLES.token)?);
    let account_id = variables::text("AWS_ACCOUNT_ID")?;
    let key = AccessKey {
        id: id.as_deref().map(String::as_str),
        secret: secret.as_deref().map(String::as_str),
        token: token.as_deref().map(String::as_str),
        account_id: account_id.as_deref(),
    };
    key.credentials("the environment", &VARIABLES, "EnvironmentVariable")
}

/// Provides the access key of the environment.
#[derive(Debug)]
pub(super) struct FromEnvironment;

impl ProvideCredentials for FromEnvironment {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(from_environment().map_err(CredentialsError::provider_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn credentials(id: &str, secret: &str, token: &str) -> Result<Credentials> {
        let key = AccessKey { id: Some(id), secret: Some(secret), token: Some(token), account_id: None };
        key.credentials("the environment", &VARIABLES, "test")
    }

    #[test]
    fn whitespace_around_a_key_is_dropped() {
        let credentials = credentials("AKIA\r\n", " secret/+= ", "token\n").expect("a key");
        let parts = (credentials.access_key_id(), credentials.secret_access_key(), credentials.session_token());
        assert_eq!(parts, ("AKIA", "secret/+=", Some("token")));
    }

    #[test]
    fn a_key_that_no_header_can_hold_is_an_error_that_does_not_repeat_it() {
        for (id, secret, token, named) in [
            ("hunter2\nhunter3", "s", "", "AWS_ACCESS_KEY_ID"),
            ("a", "hunter2 hunter3", "", "AWS_SECRET_ACCESS_KEY"),
            ("a", "s", "hunter2\u{e9}", "AWS_SESSION_TOKEN"),
        ] {
            let error = credentials(id, secret, token).expect_err(named);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().starts_with(named), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn half_a_key_is_an_error() {
        let error = credentials("AKIA", " ", "").expect_err("no secret");
        assert_eq!(error.message(), "AWS_ACCESS_KEY_ID is set in the environment, and AWS_SECRET_ACCESS_KEY is not");
        assert!(credentials("", "secret", "").expect_err("no id").message().starts_with("AWS_SECRET_ACCESS_KEY"));
    }
}
