//! What the command gets of the environment that we were given.

use std::{
    collections::BTreeSet,
    env,
    ffi::{OsStr, OsString},
};

use s1crets::{Client, Config};

use super::{meaning::is_reference, requested::Requested};
use crate::{filter::Filter, report::Failure};

/// What `--pure` leaves: what a program needs to find itself, its user, its terminal and its language.
pub(super) const PURE: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
];

/// Whoever holds one of these can log in to the providers as we do, or learns where he can. The lists are those of the
/// [AWS SDKs](https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html), of Vault's and OpenBao's own
/// commands, and of GitHub's runner, which hands out
/// [an ID token](https://docs.github.com/en/actions/reference/security/oidc) to whoever has these two: AWS and Vault take it
/// for a login. Other tokens of CI systems, such as `CI_JOB_TOKEN`, are for the CI system itself, and stay.
pub(super) const CREDENTIALS: [&str; 23] = [
    "ACTIONS_ID_TOKEN_REQUEST_*",
    "S1CRETS_*",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    // The SDK reads it where the one before is not set.
    "SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_*",
    "AWS_CONTAINER_AUTHORIZATION_*",
    "VAULT_CLIENT_KEY",
    "VAULT_TOKEN",
    "VAULT_TOKEN_FILE",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "BAO_CLIENT_KEY",
    "BAO_TOKEN",
    "BAO_TOKEN_FILE",
    "BAO_ROLE_ID",
    "BAO_SECRET_ID",
];

/// Which variables of our environment the command gets, and which of them are resolved.
pub(super) struct Inheritance<'a> {
    credentials: Filter,
    named_credentials: BTreeSet<String>,
    pure: bool,
    keep: &'a Filter,
    requested: &'a Requested,
}

/// A variable that the command gets.
pub(super) struct Inherited {
    pub(super) name: OsString,
    pub(super) text: OsString,
    /// Its text counts as in an env file: as a reference, or as a literal with a backslash in front.
    pub(super) is_read: bool,
}

impl<'a> Inheritance<'a> {
    pub(super) fn new(config: &Config, pure: bool, keep: &'a Filter, requested: &'a Requested) -> Self {
        let (credentials, named_credentials) = (Filter::of(&CREDENTIALS), config.credential_variables());
        Self { credentials, named_credentials, pure, keep, requested }
    }

    /// The variables that stay, by name.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a name that was typed for `--resolve` is not among them.
    pub(super) fn variables(&self, client: &Client) -> Result<Vec<Inherited>, Failure> {
        self.requested.typed().try_for_each(|name| self.check(name))?;
        let needed = Filter::of(&PURE);
        let stays = |name: &str, text: &OsStr| {
            let is_wanted = || {
                !self.pure
                    || needed.matches(name)
                    || self.requested.names(name)
                    || self.requested.matches(name) && is_reference(client, text)
            };
            self.keep.matches(name) || !self.is_credential(name) && is_wanted()
        };
        let variables = env::vars_os().filter_map(|(name, text)| {
            let is_read = name.to_str().is_some_and(|name| self.requested.matches(name));
            stays(&name.to_string_lossy(), &text).then_some(Inherited { name, text, is_read })
        });
        Ok(variables.collect())
    }

    /// Whoever typed a name expects the command to get it.
    fn check(&self, name: &str) -> Result<(), Failure> {
        if env::var_os(name).is_none() {
            return Err(Failure::Usage(format!("--resolve {name}: the environment has no such variable")));
        }
        match self.is_credential(name) && !self.keep.matches(name) {
            true => Err(Failure::Usage(format!(
                "--resolve {name}: credentials of s1crets and of the providers stay behind: --keep {name} hands it over"
            ))),
            false => Ok(()),
        }
    }

    fn is_credential(&self, name: &str) -> bool {
        self.credentials.matches(name) || self.named_credentials.contains(name)
    }
}
