//! What can go wrong with a request.

use std::time::{Duration, SystemTime};

/// What the proxy does to a request in place of forwarding it, or besides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Forwards untouched: scripted before another fault, it lets the first calls through.
    Pass,
    /// Answers with this status, no body and no AWS error code, as a load balancer would.
    Status(u16),
    /// One of the errors that every AWS service has, in the words of the service that was asked.
    Usual(UsualError),
    /// Answers with an error of the JSON protocol (Parameter Store, Secrets Manager).
    AwsJson {
        /// The HTTP status; AWS uses 400 for most.
        status: u16,
        /// The error's name, such as `ParameterNotFound`.
        code: String,
        /// What it tells a person.
        message: String,
    },
    /// Answers with an error of the query protocol, which is XML (STS, IAM).
    AwsQuery {
        /// The HTTP status.
        status: u16,
        /// The error's name, such as `AccessDenied`: without the `Exception` of the JSON protocol.
        code: String,
        /// What it tells a person.
        message: String,
    },
    /// Forwards with one more header on the request, as a gateway may add one.
    WithHeader(String, String),
    /// Never answers, and keeps the connection open until the client gives up.
    Hang,
    /// Forwards after this long.
    Delay(Duration),
    /// Ends the connection with a TCP reset.
    Reset,
    /// Closes the connection properly, without an answer.
    Close,
    /// Forwards, and cuts the answer's body after this many bytes by closing the connection; the
    /// headers promise all of it.
    Truncate(usize),
    /// Answers 200 with bytes that are neither JSON nor XML.
    Garbage,
    /// Answers with exactly this.
    Respond {
        /// The HTTP status.
        status: u16,
        /// The `Content-Type`, such as `application/x-amz-json-1.1`.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Forwards, and replaces the first text by the second wherever the answer's body has it.
    Rewrite(String, String),
    /// Forwards, and puts the text in place of what this element of the XML answer holds.
    Element(String, String),
}

/// An error that every AWS service can answer with, each protocol and service under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsualError {
    /// Too many requests: `ThrottlingException`, to STS `Throttling`.
    Throttled,
    /// A failure inside the service, status 500: `InternalServerError`, to Secrets Manager
    /// `InternalServiceError`, to STS `InternalFailure`.
    Server,
    /// Status 503: `ServiceUnavailable`.
    Unavailable,
    /// A policy says no: `AccessDeniedException`, to STS `AccessDenied`.
    AccessDenied,
    /// Credentials past their time: `ExpiredTokenException`, to STS `ExpiredToken`.
    ExpiredToken,
}

impl Fault {
    /// Too many requests, which is worth another try.
    pub fn throttled() -> Self {
        Self::Usual(UsualError::Throttled)
    }

    /// A failure inside the service, which is worth another try.
    pub fn server_error() -> Self {
        Self::Usual(UsualError::Server)
    }

    /// The service is away, which is worth another try.
    pub fn unavailable() -> Self {
        Self::Usual(UsualError::Unavailable)
    }

    /// A policy says no, and will say so again.
    pub fn access_denied() -> Self {
        Self::Usual(UsualError::AccessDenied)
    }

    /// The credentials are past their time: only new ones help.
    pub fn expired_token() -> Self {
        Self::Usual(UsualError::ExpiredToken)
    }

    /// Makes the credentials that STS hands out end at this time: moto's never do.
    pub fn expiration(at: SystemTime) -> Self {
        let time = humantime::format_rfc3339_seconds(at).to_string();
        Self::Element("Expiration".to_owned(), time)
    }

    /// An error of the JSON protocol with AWS's usual status for it, 400.
    pub fn aws_json(code: &str, message: &str) -> Self {
        Self::AwsJson { status: 400, code: code.to_owned(), message: message.to_owned() }
    }

    /// A JSON answer with status 200, for replies that moto does not give.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::Respond {
            status: 200,
            content_type: "application/x-amz-json-1.1".to_owned(),
            body: body.to_string().into_bytes(),
        }
    }
}
