//! Which variables of our own environment the command inherits.

use std::{
    collections::BTreeSet,
    env,
    ffi::{OsStr, OsString},
};

use s1crets::{Client, Config};

use super::{classify::is_reference, resolve_option::ResolveNames};
use crate::{name_patterns::NamePatterns, report::Failure};

/// Variables that `--pure` keeps: those for finding programs, the user, the terminal and the
/// language.
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

/// Variables that are never inherited without `--keep`: with one of them, a program can log in to a
/// provider as we do, or finds out where it can. The names come from the docs of the [AWS
/// SDKs](https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html), of the commands
/// of Vault and OpenBao, and of GitHub's runner, which hands out [an ID
/// token](https://docs.github.com/en/actions/reference/security/oidc) that AWS and Vault accept for
/// a login. Other tokens of CI systems, such as `CI_JOB_TOKEN`, only work with the CI system
/// itself, so they are inherited.
pub(super) const CREDENTIALS: [&str; 23] = [
    "ACTIONS_ID_TOKEN_REQUEST_*",
    "S1CRETS_*",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    // The SDK falls back to this name.
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

/// Decides which variables the command inherits, and which of those are resolved.
pub(super) struct Inheritance<'a> {
    credentials: NamePatterns,
    named_credentials: BTreeSet<String>,
    pure: bool,
    keep: &'a NamePatterns,
    resolve: &'a ResolveNames,
}

/// A variable that the command inherits.
pub(super) struct Inherited {
    pub(super) name: OsString,
    pub(super) text: OsString,
    /// Classify the text as in an env file: a reference is resolved, and a backslash escapes one.
    pub(super) may_resolve: bool,
}

impl<'a> Inheritance<'a> {
    pub(super) fn new(config: &Config, pure: bool, keep: &'a NamePatterns, resolve: &'a ResolveNames) -> Self {
        let (credentials, named_credentials) = (NamePatterns::builtin(&CREDENTIALS), config.credential_variables());
        Self { credentials, named_credentials, pure, keep, resolve }
    }

    /// The variables that the command inherits.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a name given to `--resolve` is not among them.
    pub(super) fn variables(&self, client: &Client) -> Result<Vec<Inherited>, Failure> {
        self.resolve.typed().try_for_each(|name| self.check(name))?;
        let needed = NamePatterns::builtin(&PURE);
        let stays = |name: &str, text: &OsStr| {
            let is_wanted = || {
                !self.pure
                    || needed.matches(name)
                    || self.resolve.has_name(name)
                    || self.resolve.matches(name) && is_reference(client, text)
            };
            self.keep.matches(name) || !self.is_credential(name) && is_wanted()
        };
        let variables = env::vars_os().filter_map(|(name, text)| {
            let may_resolve = name.to_str().is_some_and(|name| self.resolve.matches(name));
            stays(&name.to_string_lossy(), &text).then_some(Inherited { name, text, may_resolve })
        });
        Ok(variables.collect())
    }

    /// Checks a name given to `--resolve`, because its user expects the command to get that
    /// variable.
    fn check(&self, name: &str) -> Result<(), Failure> {
        if env::var_os(name).is_none() {
            return Err(Failure::Usage(format!("--resolve {name}: the variable is not set")));
        }
        match self.is_credential(name) && !self.keep.matches(name) {
            true => Err(Failure::Usage(format!(
                "--resolve {name}: the program does not inherit credentials of s1crets and its providers; add --keep {name} to pass it on"
            ))),
            false => Ok(()),
        }
    }

    fn is_credential(&self, name: &str) -> bool {
        self.credentials.matches(name) || self.named_credentials.contains(name)
    }
}
