//! Checks and reads the values of `VAULT_…` and `BAO_…` variables. An error names its variable.

use std::{num::NonZeroU32, time::Duration};

use super::{
    go_duration,
    http::{check_namespace as check_reserved, namespace_header},
};
use crate::{
    config::{Origin, Sourced},
    error::{Error, Result},
    transport::is_pem_of_certificates,
};

/// Reads a value with this function, if it is that of a variable. The error names the variable, and
/// never repeats a value: it may be a secret in the wrong place.
pub(super) fn read<T, U>(setting: &Sourced<T>, read: impl FnOnce(&T) -> Result<U>) -> Result<Option<U>> {
    let Origin::Variable(name) = setting.origin else { return Ok(None) };
    read(&setting.value).map(Some).map_err(|error| {
        let named = Error::new(error.kind(), format!("{name}: {}", error.message()));
        match error.hint() {
            Some(hint) => named.with_hint(hint.to_owned()),
            None => named,
        }
    })
}

pub(super) fn check_namespace(namespace: &str) -> Result<()> {
    check_reserved(namespace)?;
    namespace_header(namespace).map(drop)
}

/// A token is sent as a header. Any other character would be one of a file that is not text, or of
/// two lines.
pub(super) fn check_token(token: &str) -> Result<()> {
    match token.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(Error::config("it holds a character that no token has, such as a line end")
            .with_hint("set it to the token alone")),
    }
}

pub(super) fn check_certificates(pem: &str) -> Result<()> {
    match is_pem_of_certificates(pem) {
        true => Ok(()),
        false => Err(Error::config("it holds no PEM certificates")
            .with_hint("set it to the text between and with the lines BEGIN CERTIFICATE and END CERTIFICATE")),
    }
}

pub(super) fn timeout(text: &str) -> Result<Duration> {
    go_duration::parse(text).filter(|timeout| !timeout.is_zero()).ok_or_else(|| {
        Error::config("it is not a time above 0").with_hint("write a number of seconds, or such as 1m30s")
    })
}

/// The attempts that a number of retries makes.
pub(super) fn attempts(text: &str) -> Result<NonZeroU32> {
    let retries: u32 = text.parse().map_err(|_| {
        Error::config("it is not a whole number").with_hint("write how often a request is sent again, such as 2")
    })?;
    Ok(NonZeroU32::MIN.saturating_add(retries))
}
