//! The faults that the proxy injects.

use std::time::{Duration, SystemTime};

/// What the proxy does instead of just forwarding a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Forwards unchanged. Scripted before another fault, it lets the first requests through.
    Pass,
    /// Responds with this status, and no body or AWS error code, like a load balancer.
    Status(u16),
    /// Responds with an error that every AWS service has, in the form of the service.
    Usual(UsualError),
    /// Responds with an error of the JSON protocol (Parameter Store, Secrets Manager).
    AwsJson {
        /// The HTTP status. AWS uses 400 for most errors.
        status: u16,
        /// The error code, such as `ParameterNotFound`.
        code: String,
        /// The message for people.
        message: String,
    },
    /// Responds with an error of the query protocol, which is XML (STS, IAM).
    AwsQuery {
        /// The HTTP status.
        status: u16,
        /// The error code, such as `AccessDenied`, without the `Exception` of the JSON protocol.
        code: String,
        /// The message for people.
        message: String,
    },
    /// Forwards with an additional request header, like a gateway.
    WithHeader(String, String),
    /// Never responds, and keeps the connection open until the client closes it.
    Hang,
    /// Forwards after this time.
    Delay(Duration),
    /// Ends the connection with a TCP reset.
    Reset,
    /// Closes the connection properly, without a response.
    Close,
    /// Forwards, and closes the connection after this many bytes of the response's body. The
    /// headers announce the whole body.
    Truncate(usize),
    /// Responds with status 200 and bytes that are neither JSON nor XML.
    Garbage,
    /// Responds with exactly this.
    Respond {
        /// The HTTP status.
        status: u16,
        /// The `Content-Type`, such as `application/x-amz-json-1.1`.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Forwards, and replaces each occurrence of the first text in the response's body by the
    /// second.
    Rewrite(String, String),
    /// Forwards, and replaces the content of this element of the XML response by the text.
    Element(String, String),
}

/// An error that every AWS service has, under a name that depends on the protocol and service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsualError {
    /// Too many requests: `ThrottlingException`, or `Throttling` from STS.
    Throttled,
    /// An internal error, status 500: `InternalServerError`, or `InternalServiceError` from Secrets
    /// Manager, or `InternalFailure` from STS.
    Server,
    /// Status 503: `ServiceUnavailable`.
    Unavailable,
    /// Denied by a policy: `AccessDeniedException`, or `AccessDenied` from STS.
    AccessDenied,
    /// Expired credentials: `ExpiredTokenException`, or `ExpiredToken` from STS.
    ExpiredToken,
}

impl Fault {
    /// Too many requests. A client should retry.
    pub fn throttled() -> Self {
        Self::Usual(UsualError::Throttled)
    }

    /// An internal error of the service. A client should retry.
    pub fn server_error() -> Self {
        Self::Usual(UsualError::Server)
    }

    /// The service is unavailable. A client should retry.
    pub fn unavailable() -> Self {
        Self::Usual(UsualError::Unavailable)
    }

    /// Denied by a policy. A retry does not help.
    pub fn access_denied() -> Self {
        Self::Usual(UsualError::AccessDenied)
    }

    /// Expired credentials. A client needs new ones.
    pub fn expired_token() -> Self {
        Self::Usual(UsualError::ExpiredToken)
    }

    /// Sets when the credentials that STS issues expire. Those of moto never do.
    pub fn expiration(at: SystemTime) -> Self {
        let time = humantime::format_rfc3339_seconds(at).to_string();
        Self::Element("Expiration".to_owned(), time)
    }

    /// An error of the JSON protocol with status 400, which AWS uses for most errors.
    pub fn aws_json(code: &str, message: &str) -> Self {
        Self::AwsJson { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// A JSON response with status 200, for responses that moto lacks.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::Respond {
            status: 200,
            content_type: "application/x-amz-json-1.1".to_owned(),
            body: body.to_string().into_bytes(),
        }
    }
}
