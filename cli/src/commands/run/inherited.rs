//! What the command gets of the environment that we were given.

use std::{env, ffi::OsString};

use s1crets::Config;

use crate::filter::Filter;

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

/// Whoever holds one of these can ask the providers as we do, or is led to where he can. The lists are those of the
/// [AWS SDKs](https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html) and of Vault's and OpenBao's own
/// commands.
pub(super) const CREDENTIALS: [&str; 19] = [
    "S1CRETS_*",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_*",
    "AWS_CONTAINER_AUTHORIZATION_*",
    "VAULT_TOKEN",
    "VAULT_TOKEN_FILE",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "BAO_TOKEN",
    "BAO_TOKEN_FILE",
    "BAO_ROLE_ID",
    "BAO_SECRET_ID",
];

/// The variables that stay, by name.
pub(super) fn variables(config: &Config, pure: bool, keep: &Filter) -> Vec<(OsString, OsString)> {
    let (needed, credentials) = (Filter::of(&PURE), Filter::of(&CREDENTIALS));
    let named: Vec<_> = config.credential_variables().collect();
    let is_credential = |name: &str| credentials.matches(name) || named.contains(&name);
    let stays = |name: &OsString| {
        let name = name.to_string_lossy();
        keep.matches(&name) || !is_credential(&name) && (!pure || needed.matches(&name))
    };
    env::vars_os().filter(|(name, _)| stays(name)).collect()
}
