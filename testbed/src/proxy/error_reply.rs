//! Error responses of AWS, in the form of each service.

use serde_json::json;

use super::UsualError;
use crate::http::{Request, Response};

/// Errors of the layer in front of every service. Their member is `message`, where Secrets
/// Manager's own errors have `Message`.
const COMMON_CODES: [&str; 8] = [
    "ExpiredTokenException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnrecognizedClientException",
];

const REQUEST_ID: &str = "00000000-1111-2222-3333-444444444444";

/// The response to an error that every service has. See
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>.
pub(super) fn usual(error: UsualError, request: &Request) -> Response {
    let json = request.header("x-amz-target").is_some();
    let manager = is_secrets_manager(request);
    let (status, code, message) = match error {
        UsualError::Throttled if json => (400, "ThrottlingException", "Rate exceeded"),
        UsualError::Throttled => (400, "Throttling", "Rate exceeded"),
        UsualError::Server if manager => (500, "InternalServiceError", INTERNAL),
        UsualError::Server if json => (500, "InternalServerError", INTERNAL),
        UsualError::Server => (500, "InternalFailure", INTERNAL),
        UsualError::Unavailable => (503, "ServiceUnavailable", "Please try again later"),
        UsualError::AccessDenied if json => (400, "AccessDeniedException", DENIED),
        UsualError::AccessDenied => (403, "AccessDenied", DENIED),
        UsualError::ExpiredToken if json => (400, "ExpiredTokenException", EXPIRED),
        UsualError::ExpiredToken => (403, "ExpiredToken", EXPIRED),
    };
    if json { aws_json(status, code, message, request) } else { aws_query(status, code, message) }
}

const DENIED: &str = "User: arn:aws:sts::123456789012:assumed-role/test/s1crets is not authorized \
     to perform this action because no identity-based policy allows it";
const EXPIRED: &str = "The security token included in the request is expired";
const INTERNAL: &str = "An error occurred on the server side.";

pub(super) fn aws_json(status: u16, code: &str, message: &str, request: &Request) -> Response {
    let own = is_secrets_manager(request) && !COMMON_CODES.contains(&code);
    // Every service writes a denial with `Message`.
    let capital = own || code == "AccessDeniedException";
    let key = if capital { "Message" } else { "message" };
    let body = json!({ "__type": code, key: message }).to_string();
    Response::new(status, "application/x-amz-json-1.1", body)
        .with_header("x-amzn-RequestId", REQUEST_ID)
        .with_header("x-amzn-ErrorType", code)
}

pub(super) fn aws_query(status: u16, code: &str, message: &str) -> Response {
    let (code, message) = (escaped(code), escaped(message));
    let sender = if status < 500 { "Sender" } else { "Receiver" };
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
         <Type>{sender}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    );
    Response::new(status, "text/xml", body).with_header("x-amzn-RequestId", REQUEST_ID)
}

fn is_secrets_manager(request: &Request) -> bool {
    let target = request.header("x-amz-target");
    target.is_some_and(|target| target.starts_with("secretsmanager."))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
