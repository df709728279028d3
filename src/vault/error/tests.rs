//! Unit tests of the error mapping.

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
    let told =
        from_response(&reply(403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"), &call("{}"));
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
