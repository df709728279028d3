//! [Response wrapping](https://developer.hashicorp.com/vault/docs/concepts/response-wrapping):
//! checks where a wrapping token was made, then unwraps it.
//!
//! A thief who unwraps a token can wrap the secret again and pass the new token on. Only the path
//! that made the token gives that away: the server records it, and nobody can choose it. A token
//! that fails the check is not unwrapped, so an administrator can still find out about the secret.

use zeroize::Zeroizing;

use super::LoginClient;
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Json,
    vault::{
        Fields, error,
        http::Bearer,
        request::ApiRequest,
        response::{Response, malformed_response},
        token::{LiveToken, Token},
    },
};

/// The server's path in an error is cut to this length.
const MAX_PATH: usize = 200;

/// The hint for every suspected theft.
const REVOKE: &str =
    "have what the token wraps revoked and issued anew, and look in the audit log for who used the wrapping token";

/// Unwraps a token. The request is sent once: the server forgets the token when it responds.
///
/// # Errors
/// `Unauthenticated`, as possible theft, for a token that the server doesn't know.
pub(in crate::vault) async fn unwrap(client: &LoginClient<'_>, token: Token) -> Result<Response> {
    let token = LiveToken::new(token, 0, None)?;
    let request = ApiRequest::post("sys/wrapping/unwrap", Zeroizing::new("{}".to_owned()))?;
    known(client.http.exchange(&request, Bearer::Token(&token), client.policy).await?, &request)
}

/// Checks that a token was made at `expected`, a path in which `*` stands for one segment. That
/// takes no use of the token, and needs no other one.
///
/// # Errors
/// `Unauthenticated`, as possible theft, for a token that the server doesn't know or that was made
/// at another path.
pub(in crate::vault) async fn check_creation_path(
    client: &LoginClient<'_>,
    token: &Token,
    expected: &str,
) -> Result<()> {
    let body = Fields::default().text("token", token.expose()).finish();
    let request = ApiRequest::post("sys/wrapping/lookup", body)?.idempotent();
    let response = known(client.http.exchange(&request, Bearer::Nobody, client.policy).await?, &request)?;
    let path = response.data()?.get("creation_path").and_then(Json::as_str).ok_or_else(malformed_response)?;
    if matches(expected, path) { Ok(()) } else { Err(wrapped_elsewhere(expected, path)) }
}

/// The response of a server that knows the token.
fn known(response: Response, request: &ApiRequest) -> Result<Response> {
    match response.status {
        _ if response.is_success() => Ok(response),
        // A namespace that doesn't exist is no theft.
        400 | 403 | 404 if response.is_from_vault() && error::misconfiguration(&response, request).is_none() => {
            Err(unknown())
        }
        _ => Err(error::from_login(&response, request)),
    }
}

/// Whether a path matches the pattern. A `*` stands for exactly one segment, which is not empty.
fn matches(expected: &str, path: &str) -> bool {
    let (mut expected, mut path) = (expected.trim_matches('/').split('/'), path.split('/'));
    loop {
        match (expected.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(form), Some(segment)) if form == segment => {}
            _ => return false,
        }
    }
}

fn unknown() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the wrapping token is not valid: it has expired, or SOMEBODY ELSE HAS UNWRAPPED IT, which is possible theft",
    )
    .with_hint(REVOKE)
}

fn wrapped_elsewhere(expected: &str, made_at: &str) -> Error {
    let made_at: String = made_at.chars().filter(|character| !character.is_control()).take(MAX_PATH).collect();
    Error::new(
        ErrorKind::Unauthenticated,
        format!(
            "the wrapping token was made at {made_at:?} and not at {expected:?}: SOMEBODY MAY HAVE UNWRAPPED THE SECRET \
             AND WRAPPED IT AGAIN, which is possible theft; it was not unwrapped"
        ),
    )
    .with_hint(format!("{REVOKE}; if it is wrapped there on purpose, name that path as the `creation_path`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_segment() {
        let form = "auth/approle/role/*/secret-id";
        assert!(matches(form, "auth/approle/role/app/secret-id"));
        assert!(matches("/sys/wrapping/wrap/", "sys/wrapping/wrap"));
        for path in [
            "",
            "sys/wrapping/wrap",
            "auth/approle/role//secret-id",
            "auth/approle/role/secret-id",
            "auth/approle/role/a/b/secret-id",
            "auth/approle/role/app/secret-id/",
            "auth/approle/role/app/custom-secret-id",
            "auth/other/role/app/secret-id",
            "cubbyhole/auth/approle/role/app/secret-id",
            "AUTH/approle/role/app/secret-id",
        ] {
            assert!(!matches(form, path), "{path}");
        }
    }

    #[test]
    fn a_path_from_the_server_adds_no_line_to_an_error() {
        let told = wrapped_elsewhere("a", &format!("x\n\u{1b}[31m::error::{}", "y".repeat(1000)));
        assert!(!told.message().contains(['\n', '\u{1b}']) && told.message().len() < 500, "{told}");
    }
}
