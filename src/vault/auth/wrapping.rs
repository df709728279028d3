//! [Response wrapping](https://developer.hashicorp.com/vault/docs/concepts/response-wrapping): checks where a wrapping
//! token comes from, then unwraps it.
//!
//! A thief who unwraps a token can wrap the secret again and pass the new token on. Only the path that made the token
//! tells: the server records it, and it can't be chosen. A token that fails the check is not unwrapped, so that the
//! secret inside stays where an administrator can still find out about it.

use zeroize::Zeroizing;

use super::Link;
use crate::{
    error::{Error, ErrorKind, Result},
    secret::Json,
    vault::{
        Fields, error,
        http::Bearer,
        request::Call,
        response::{Reply, not_as_vault},
        token::Token,
    },
};

/// The server's own text in an error is cut here.
const LONGEST_PATH: usize = 200;

/// What to do, whoever it was.
const REVOKE: &str = "have the secret ids of the role revoked and a new one issued, and look in the audit log for who \
     used the wrapping token";

impl Link<'_> {
    /// Unwraps a token that was made at `expected`, a path in which `*` stands for one segment: the text of the member
    /// `key` of what it wraps.
    ///
    /// # Errors
    /// `Unauthenticated`, as possible theft, for a token that the server doesn't know, or that was made elsewhere.
    pub(super) async fn unwrap(
        &self,
        token: Zeroizing<String>,
        expected: &str,
        key: &str,
    ) -> Result<Zeroizing<String>> {
        self.check_origin(&token, expected).await?;
        let token = Token::new(token, 0, None)?;
        let call = Call::post("sys/wrapping/unwrap", Zeroizing::new("{}".to_owned()))?;
        let reply = known(self.http.exchange(&call, Bearer::Token(&token), self.policy).await?, &call)?;
        let text = reply.data()?.get(key).and_then(Json::as_str).ok_or_else(not_as_vault)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Asks the server which path made the token. That takes no use of it, and no other token.
    async fn check_origin(&self, token: &str, expected: &str) -> Result<()> {
        let call = Call::post("sys/wrapping/lookup", Fields::default().text("token", token).finish())?.idempotent();
        let reply = known(self.http.exchange(&call, Bearer::Nobody, self.policy).await?, &call)?;
        let made_at = reply.data()?.get("creation_path").and_then(Json::as_str).ok_or_else(not_as_vault)?;
        if matches(expected, made_at) { Ok(()) } else { Err(wrapped_elsewhere(expected, made_at)) }
    }
}

/// The reply of a server that knows the token.
fn known(reply: Reply, call: &Call) -> Result<Reply> {
    match reply.status {
        _ if reply.is_success() => Ok(reply),
        400 | 403 | 404 if reply.is_vaults() => Err(unknown()),
        _ => Err(error::from_login(&reply, call)),
    }
}

/// Whether a path is of this form. A `*` stands for exactly one segment, which is not empty.
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
    let made_at: String = made_at.chars().filter(|character| !character.is_control()).take(LONGEST_PATH).collect();
    Error::new(
        ErrorKind::Unauthenticated,
        format!(
            "the wrapping token was made at {made_at:?} and not at {expected:?}: SOMEBODY MAY HAVE UNWRAPPED THE SECRET \
             ID AND WRAPPED IT AGAIN, which is possible theft; it was not unwrapped"
        ),
    )
    .with_hint(format!("{REVOKE}; if secret ids are wrapped there on purpose, set `creation_path` of the login to it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_segment_and_nothing_else_does() {
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
    fn a_path_of_the_server_forges_no_line_of_an_error() {
        let told = wrapped_elsewhere("a", &format!("x\n\u{1b}[31m::error::{}", "y".repeat(1000)));
        assert!(!told.message().contains(['\n', '\u{1b}']) && told.message().len() < 500, "{told}");
    }
}
