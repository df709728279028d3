//! Error mapping of Vault: makes our `Error` of a reply.

use super::{request::ApiRequest, response::Response};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::{Json, echo::Echo},
    transport::{Address, AddressError},
};

/// The hint for a reply that came from something else.
const NOT_VAULTS: &str = "the answer is not Vault's: does the address name a Vault or OpenBao server?";

/// Shorter values of a query are not searched for: any message may hold `true` or a version.
const SHORTEST_QUERY_VALUE: usize = 8;

/// The kind for a status, as Vault
/// [uses them](https://developer.hashicorp.com/vault/api-docs#http-status-codes). A 403 means a policy
/// here: whether the token is dead has been asked before.
pub(crate) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        400 | 413 | 414 | 422 => ErrorKind::InvalidInput,
        401 | 407 => ErrorKind::Unauthenticated,
        403 => ErrorKind::AccessDenied,
        404 => ErrorKind::NotFound,
        405 | 415 => ErrorKind::Unsupported,
        408 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        // 412: a replica that lags behind. 472 and 473: a standby that doesn't serve.
        412 | 472 | 473 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// The error of a reply that is no success.
///
/// It quotes the server's explanation, unless that repeats a secret of the request, as a proxy's echo
/// may.
pub(crate) fn from_response(reply: &Response, call: &ApiRequest) -> Error {
    // Vault sends an empty body for a change of something that doesn't exist.
    let is_vaults = reply.is_from_vault() || reply.is_empty() && call.is_change();
    let kind = match kind_of_status(reply.status) {
        // A web server's page is no "not found": a wrong address would make callers use their default.
        ErrorKind::NotFound if !is_vaults => ErrorKind::Corrupt,
        kind => kind,
    };
    let status = format!("Vault answered with status {}", reply.status);
    let error = Error::new(
        kind,
        match explanation(reply, call) {
            Some(explanation) => format!("{status}: {explanation}"),
            None => status,
        },
    );
    // 501: not initialized. Only a person can do that.
    let error = if reply.status == 501 { error.with_retryable(false) } else { error };
    match kind {
        ErrorKind::Corrupt | ErrorKind::AccessDenied if !is_vaults => error.with_hint(NOT_VAULTS),
        ErrorKind::AccessDenied => {
            error.with_hint(format!("the token is alive: a policy of it would need {}", call.right()))
        }
        _ => error,
    }
}

/// The error of a lookup of the token itself, which only Vault can refuse.
pub(crate) fn from_identity(reply: &Response, call: &ApiRequest) -> Error {
    let error = from_response(reply, call);
    match error.kind() {
        ErrorKind::AccessDenied if !reply.is_from_vault() => {
            Error::corrupt(error.message().to_owned()).with_hint(NOT_VAULTS)
        }
        _ => error,
    }
}

/// The error of a refused login.
pub(crate) fn from_login(reply: &Response, call: &ApiRequest) -> Error {
    let error = from_response(reply, call);
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::AccessDenied | ErrorKind::NotFound | ErrorKind::Unsupported => {
            Error::new(ErrorKind::Unauthenticated, format!("the login was refused: {}", error.message()))
        }
        _ => error,
    }
}

/// Reads the address of a server.
///
/// # Errors
/// `Config` if it is malformed, or holds a password; the message doesn't repeat it.
pub(super) fn parse_address(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| match error {
        AddressError::Malformed => Error::config("the address of Vault is malformed")
            .with_hint("write it as https://HOST:PORT, http://HOST:PORT or unix:///PATH"),
        AddressError::HoldsCredentials => {
            Error::config("the address of Vault holds a user name or a password, which Vault has none of")
        }
    })
}

/// The error of a request without a response in time.
pub(crate) fn timed_out(policy: RetryPolicy) -> Error {
    let (attempts, timeout) = (policy.attempts(), policy.timeout());
    Error::new(ErrorKind::Timeout, format!("Vault did not answer in time (attempts: {attempts}, timeout: {timeout:?})"))
}

/// The error of a token that is not valid any more, and can't be replaced.
pub(crate) fn dead_token() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the Vault token is not valid: expired, revoked or unknown to this server")
        .with_hint(
            "give another token, by `auth` in the config file, VAULT_TOKEN or `vault login`; or log in by AppRole, Kubernetes \
             or such, which gets new ones by itself",
        )
}

/// The server's own explanation on one line, unless it repeats the token or a text of the request's
/// body.
fn explanation(reply: &Response, call: &ApiRequest) -> Option<String> {
    let errors = reply.json()?.get("errors")?;
    let all: Vec<_> = errors.elements().filter_map(Json::as_str).collect();
    let mut echo = Echo::default();
    if let Some(token) = &reply.sent {
        echo = echo.with(token.as_bytes());
    }
    if let Some(body) = &call.body {
        echo = echo.with_body(body);
    }
    for value in call.query_values().filter(|value| value.len() >= SHORTEST_QUERY_VALUE) {
        echo = echo.with(value.as_bytes());
    }
    echo.quotable(&all.join("; "))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn reply(status: u16, body: &str) -> Response {
        Response::new(status, Zeroizing::new(body.as_bytes().to_vec()))
    }

    fn call(body: &str) -> ApiRequest {
        ApiRequest::post("auth/approle/login", Zeroizing::new(body.to_owned())).expect("a path")
    }

    #[test]
    fn every_status_has_its_kind() {
        for (status, kind) in [
            (400, ErrorKind::InvalidInput),
            (403, ErrorKind::AccessDenied),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::Unsupported),
            (429, ErrorKind::Throttled),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (418, ErrorKind::Unexpected),
        ] {
            assert_eq!(from_response(&reply(status, r#"{"errors":[]}"#), &call("{}")).kind(), kind, "{status}");
        }
    }

    #[test]
    fn the_servers_words_are_told_on_one_line() {
        let told = from_response(
            &reply(403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"),
            &call("{}"),
        );
        assert_eq!(told.message(), "Vault answered with status 403: 1 error occurred: * permission denied");
    }

    #[test]
    fn words_that_repeat_the_request_are_left_out() {
        let sent = call(r#"{"role_id":"app","secret_id":"hunter2-hunter2","more":{"pin":[8642]}}"#);
        for body in [r#"{"errors":["bad id hunter2-hunter2"]}"#, r#"{"errors":["no pin 8642"]}"#, "hunter2-hunter2"] {
            let told = format!("{:?}", from_response(&reply(400, body), &sent));
            assert!(!told.contains("hunter2") && !told.contains("8642"), "{told}");
        }
        let login = from_login(&reply(400, r#"{"errors":["invalid role or secret ID"]}"#), &sent);
        assert_eq!(login.kind(), ErrorKind::Unauthenticated);
        assert!(login.message().ends_with("invalid role or secret ID"), "{login}");
    }

    #[test]
    fn a_secret_that_folding_or_cutting_would_hide_is_not_quoted() {
        let long = "0123456789abcdef".repeat(40);
        for secret in ["two  blanks and\ta tab", "line\nbreak here", long.as_str()] {
            let body = serde_json::json!({ "password": secret }).to_string();
            let answer = serde_json::json!({ "errors": [format!("invalid password {secret:?}"), secret] });
            let error = from_response(&reply(400, &answer.to_string()), &call(&body));
            assert_eq!(error.message(), "Vault answered with status 400", "{secret}");
        }
    }

    #[test]
    fn a_token_is_not_quoted() {
        let mut refused = reply(403, r#"{"errors":["bad token s.abcdef0123456789"]}"#);
        refused.sent = Some("s.abcdef0123456789".parse().expect("a header"));
        assert_eq!(from_response(&refused, &call("{}")).message(), "Vault answered with status 403");
    }
}
