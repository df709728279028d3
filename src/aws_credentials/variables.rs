//! Environment variables of AWS, cleaned before use.
//!
//! CI systems set a variable to nothing where they have no value for it, and a pasted value ends
//! with a line break. So an empty variable counts as unset, and white space around a value is
//! dropped. The AWS SDK does neither: an empty `AWS_ENDPOINT_URL` or a line break in
//! `AWS_ACCESS_KEY_ID` makes it panic.

use std::{env, ffi::OsString, path::PathBuf};

use aws_credential_types::Credentials;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    fs::home,
};

/// The value of a variable without white space around it. `None` if it is unset or blank.
///
/// # Errors
/// `Config` if it is not UTF-8.
pub(crate) fn text(name: &str) -> Result<Option<String>> {
    match env::var_os(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(cleaned(&value).map(str::to_owned)),
        Some(Err(_)) => Err(not_text(name)),
    }
}

/// Like [`text`], for the secret part of credentials: wiped from memory when dropped.
///
/// # Errors
/// As [`text`].
pub(crate) fn secret(name: &str) -> Result<Option<Zeroizing<String>>> {
    match env::var_os(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => {
            let value = Zeroizing::new(value);
            Ok(cleaned(&value).map(|value| Zeroizing::new(value.to_owned())))
        }
        Some(Err(value)) => {
            drop(Zeroizing::new(value.into_encoded_bytes()));
            Err(not_text(name))
        }
    }
}

fn not_text(name: &str) -> Error {
    Error::config(format!("{name} is not UTF-8")).with_hint("it may be cut or in another encoding: set it again")
}

/// Whether a variable holds more than white space.
pub(crate) fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value.to_str().is_none_or(|value| cleaned(value).is_some()))
}

/// A value without white space around it. `None` if nothing is left.
pub(crate) fn cleaned(value: &str) -> Option<&str> {
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// The file that a variable names, with `~/` expanded. `None` if it is unset or blank.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name)?;
    let path = match value.to_str() {
        Some(text) => PathBuf::from(cleaned(text)?),
        None => PathBuf::from(value),
    };
    Some(home::expand(&path))
}

/// Whether `AWS_EC2_METADATA_DISABLED` turns instance metadata off.
pub(crate) fn is_metadata_disabled() -> bool {
    let value = env::var("AWS_EC2_METADATA_DISABLED").unwrap_or_default();
    value.trim().eq_ignore_ascii_case("true")
}

/// Checks that credentials can be sent: the id and the session token are part of HTTP headers.
///
/// # Errors
/// `Config` if the id or the token holds a character that no header can have. The SDK would panic.
pub(crate) fn check_sendable(credentials: &Credentials) -> Result<()> {
    let is_sendable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = [
        ("access key id", credentials.access_key_id()),
        ("session token", credentials.session_token().unwrap_or_default()),
    ];
    match parts.into_iter().find(|(_, value)| !is_sendable(value)) {
        Some((part, _)) => {
            Err(Error::config(format!("the AWS {part} holds a space, a line break or another character that none has"))
                .with_hint("copy it again, without quotes and line breaks"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_blank_value_is_none_and_white_space_around_others_is_dropped() {
        assert_eq!((cleaned(""), cleaned(" \r\n")), (None, None));
        assert_eq!((cleaned("eu-west-1\n"), cleaned(" a b\r\n")), (Some("eu-west-1"), Some("a b")));
    }

    #[test]
    fn a_key_or_token_that_no_header_can_hold_is_refused_without_repeating_it() {
        let credentials =
            |id: &str, token: Option<&str>| Credentials::new(id, "se cret\n", token.map(str::to_owned), None, "tests");
        check_sendable(&credentials("AKIAIOSFODNN7EXAMPLE", Some("Fwo/+=="))).expect("sendable");
        for (id, token) in [("AKIA\nX", None), ("AK IA", None), ("AKIÄ", None), ("AKIA", Some("to\rken"))] {
            let error = check_sendable(&credentials(id, token)).expect_err("not sendable");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!format!("{error} {error:?}").contains(token.unwrap_or(id)), "{error}");
        }
    }
}
