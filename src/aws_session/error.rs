//! Error mapping of AWS: makes our [`Error`] of the SDK's, by AWS's error code or the HTTP status.
//!
//! The SDK's errors carry the raw response, which may hold values, so they are never kept as a
//! source. The only causes kept are those of failures to reach the service. A message of AWS is
//! quoted unless it repeats a secret of the request ([`Echo`]).

use std::{error::Error as StdError, fmt, time::SystemTime};

use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError, ServiceError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;

use super::{clock_skew, failed_call::explained, http::Unanswered};
use crate::{
    aws_credentials::failure::find,
    error::{Error, ErrorKind},
    retry::RetryPolicy,
    secret::echo::Echo,
};

/// The code of an AWS error, without the raw response, which may hold values.
#[derive(Debug)]
pub(super) struct Refusal {
    code: String,
    status: Option<u16>,
    request_id: Option<String>,
}

/// Makes an error of the SDK's, with AWS's message unless it repeats a secret of `echo`.
pub(crate) fn from_sdk<E>(error: SdkError<E, HttpResponse>, policy: RetryPolicy, echo: &Echo) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::TimeoutError(_) => timed_out(policy),
        SdkError::DispatchFailure(failure) => from_dispatch(failure, policy),
        SdkError::ServiceError(ref refused) => from_service(refused, echo),
        SdkError::ResponseError(ref unread) => match find::<LengthLimitError>(&error) {
            Some(_) => Error::corrupt("the answer is longer than any of AWS's"),
            None => from_unread(unread.raw().status().as_u16()),
        },
        SdkError::ConstructionFailure(_) => Error::invalid_input("the request can't be made from this input"),
        _ => Error::new(ErrorKind::Unexpected, "the AWS SDK failed in a way that s1crets doesn't know"),
    }
}

/// The kind of an AWS error code, from the services' lists of
/// [common errors](https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html) and of errors by call.
pub(crate) fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => ErrorKind::NotFound,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "OptInRequired" | "DecryptionFailure" => {
            ErrorKind::AccessDenied
        }
        code if is_expired_code(code) => ErrorKind::Unauthenticated,
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "AuthFailure"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "InvalidIdentityToken"
        | "IDPRejectedClaim"
        | "RequestTimeTooSkewed" => ErrorKind::Unauthenticated,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "ProvisionedThroughputExceededException" => ErrorKind::Throttled,
        "InternalServerError"
        | "InternalServiceError"
        | "InternalFailure"
        | "InternalServiceErrorException"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "IDPCommunicationError" => ErrorKind::Unavailable,
        "RequestTimeout" | "RequestTimeoutException" => ErrorKind::Timeout,
        "ResourceExistsException" | "ParameterAlreadyExists" | "PreconditionNotMetException" | "TooManyUpdates" => {
            ErrorKind::Conflict
        }
        "ValidationException"
        | "ValidationError"
        | "InvalidParameterException"
        | "InvalidParameterValue"
        | "InvalidRequestException"
        | "InvalidFilterKey"
        | "InvalidFilterOption"
        | "InvalidFilterValue"
        | "InvalidKeyId"
        | "InvalidNextToken"
        | "InvalidNextTokenException"
        | "LimitExceededException"
        | "EncryptionFailure"
        | "UnsupportedParameterType"
        | "ParameterPatternMismatchException"
        | "ParameterMaxVersionLimitExceeded"
        | "HierarchyTypeMismatchException"
        | "HierarchyLevelLimitExceededException"
        | "InvalidAllowedPatternException"
        | "PoliciesLimitExceededException"
        | "IncompatiblePolicyException"
        | "InvalidPolicyTypeException"
        | "InvalidPolicyAttributeException" => ErrorKind::InvalidInput,
        _ => return None,
    })
}

/// Whether fresh credentials may help.
pub(crate) fn is_expired<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(|refused| refused.meta().code());
    code.is_some_and(is_expired_code)
}

/// Whether AWS's code says that the credentials have expired.
pub(crate) fn is_expired_code(code: &str) -> bool {
    EXPIRED.contains(&code)
}

/// Whether a secret exists, and has no version such as the one that was asked for. Secrets Manager
/// has one code for both; its message tells them apart.
pub(crate) fn is_missing_version(error: &Error) -> bool {
    match code(error) {
        Some("ParameterVersionNotFound") => true,
        Some("ResourceNotFoundException") => error.message().contains("secret value for "),
        _ => false,
    }
}

/// The message of a parameter that does not exist.
pub(crate) const NO_PARAMETER: &str = "no such parameter";

/// Makes an error of a batch answer's entry for a secret that was refused.
#[cfg(feature = "aws-sm")]
pub(crate) fn from_batch_entry(code: &str, message: &str) -> Error {
    Error::new(kind_of_code(code).unwrap_or(ErrorKind::Unexpected), said(code, message, &Echo::default()))
        .with_source(Refusal::by_code(code))
}

/// AWS's error code, if the error has one.
pub(crate) fn code(error: &Error) -> Option<&str> {
    error.source()?.downcast_ref().map(|refusal: &Refusal| refusal.code.as_str())
}

/// Drops AWS's message from an error of a write if it may describe the new value, as validation
/// messages do. For a code that is not known here, nobody knows.
pub(crate) fn of_write(error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unexpected) {
        return error;
    }
    let code = code(&error).unwrap_or("an error");
    let told = format!("AWS says {code}; its message may quote the new value and is left out");
    Error::new(error.kind(), told)
        .with_hint("check the new value against the store's limits: its size, its pattern, no empty text")
}

/// Codes for credentials that have expired, or are not valid yet.
const EXPIRED: [&str; 5] =
    ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException", "InvalidClientTokenId"];

const REQUEST_ID: &str = "x-amzn-requestid";

pub(super) fn from_service<E: ProvideErrorMetadata>(refused: &ServiceError<E, HttpResponse>, echo: &Echo) -> Error {
    let (status, headers) = (refused.raw().status().as_u16(), refused.raw().headers());
    let (meta, request_id) = (refused.err().meta(), headers.get(REQUEST_ID));
    let Some(code) = meta.code() else {
        return from_unread(status);
    };
    let kind = kind_of_code(code).or_else(|| kind_of_status(status)).unwrap_or(ErrorKind::Unexpected);
    let refusal = Refusal { code: code.into(), status: Some(status), request_id: request_id.map(Into::into) };
    let message = meta.message().unwrap_or_default();
    if let Some(told) = clock_skew::told(code, message, headers.get("date"), SystemTime::now()) {
        return Error::new(ErrorKind::Unauthenticated, told).with_source(refusal).with_hint(clock_skew::HINT);
    }
    // AWS sends no message with it, and a batch call not even the code.
    let message = match code {
        "ParameterNotFound" => NO_PARAMETER.to_owned(),
        _ => said(code, message, echo),
    };
    let error = Error::new(kind, message).with_source(refusal);
    with_usual_hint(error)
}

fn with_usual_hint(error: Error) -> Error {
    match error.kind() {
        ErrorKind::AccessDenied => match denied_action(error.message()) {
            Some(allow) => error.with_hint(allow),
            None => error.with_hint(
                "the identity needs this action on this resource, and kms:Decrypt where the key is the account's own",
            ),
        },
        ErrorKind::Unauthenticated => error.with_hint("check the credentials with `aws sts get-caller-identity`"),
        _ => error,
    }
}

/// The permission that a message of AWS names, such as `… not authorized to perform: ACTION on
/// resource: ARN …`.
fn denied_action(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let first_word = |text: &str| text.split([' ', ',']).next().map(str::to_owned);
    let action = first_word(rest).filter(|action| action.contains(':'))?;
    let resource = rest.split_once("on resource: ").and_then(|(_, resource)| first_word(resource));
    let resource = resource.map(|resource| format!(" on {}", resource.trim_end_matches('.'))).unwrap_or_default();
    Some(format!("allow {action}{resource}; and kms:Decrypt if it is encrypted with a customer managed key"))
}

/// AWS's code with its message, unless that repeats a secret of the request.
fn said(code: &str, message: &str, echo: &Echo) -> String {
    match echo.quotable(message) {
        Some(message) => format!("AWS says {code}: {}", message.trim_end_matches('.')),
        None => format!("AWS says {code}"),
    }
}

/// The error of a response that the SDK can't parse, such as a proxy's or a truncated one.
pub(super) fn from_unread(status: u16) -> Error {
    match kind_of_status(status) {
        Some(kind) => Error::new(kind, format!("the endpoint answered HTTP {status} without an AWS error code")),
        None => Error::new(ErrorKind::Unavailable, format!("the endpoint's answer (HTTP {status}) can't be read"))
            .with_hint("is this the endpoint of the service?"),
    }
}

fn kind_of_status(status: u16) -> Option<ErrorKind> {
    match status {
        401 => Some(ErrorKind::Unauthenticated),
        403 => Some(ErrorKind::AccessDenied),
        429 => Some(ErrorKind::Throttled),
        500.. => Some(ErrorKind::Unavailable),
        _ => None,
    }
}

fn from_dispatch(failure: DispatchFailure, policy: RetryPolicy) -> Error {
    if failure.is_timeout() {
        return timed_out(policy);
    }
    let is_io = failure.is_io();
    let Some(connector) = failure.as_connector_error() else { return unsent() };
    if let Some(error) = explained(connector) {
        return error;
    }
    // Without an endpoint no call was made. The error is about the request, and would print it.
    let Some(Unanswered { endpoint, .. }) = find::<Unanswered>(connector) else { return unsent() };
    let told = match is_io {
        true => format!("the endpoint {endpoint} can't be reached"),
        false => format!("the connection to the endpoint {endpoint} broke"),
    };
    let error = Error::new(ErrorKind::Unavailable, told);
    match SdkError::<Never, ()>::DispatchFailure(failure).into_source() {
        Ok(cause) if is_io => error.with_source(Cause(cause)),
        _ => error,
    }
}

fn unsent() -> Error {
    Error::new(ErrorKind::Unavailable, "the endpoint can't be called")
        .with_hint("is it a URL, such as http://HOST:PORT?")
}

pub(super) fn timed_out(policy: RetryPolicy) -> Error {
    let attempts = match policy.attempts().get() {
        1 => "one attempt".into(),
        more => format!("up to {more} attempts"),
    };
    let each = humantime::format_duration(policy.timeout());
    Error::new(ErrorKind::Timeout, format!("no answer in {attempts} of {each} each"))
}

impl Refusal {
    /// A refusal with its code alone.
    pub(super) fn by_code(code: &str) -> Self {
        Self { code: code.into(), status: None, request_id: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        if let Some(status) = self.status {
            write!(f, ", HTTP {status}")?;
        }
        match &self.request_id {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

impl StdError for Refusal {}

/// Makes a source of a boxed cause.
#[derive(Debug)]
struct Cause(Box<dyn StdError + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// The error of an operation that can't fail.
#[derive(Debug)]
enum Never {}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl StdError for Never {}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::*;

    #[test]
    fn a_message_that_quotes_the_value_is_left_out() {
        let error = from_batch_entry("ValidationException", "Value 'hunter2' at 'value' failed");
        let error = of_write(error);
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("ValidationException"));
    }

    #[test]
    fn a_denial_names_the_permission_that_aws_names() {
        let arn = "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-AbCdEf";
        for (message, expected) in [
            (
                format!(
                    "AWS says AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized to perform: \
                     secretsmanager:GetSecretValue on resource: {arn} because no identity-based policy allows it"
                ),
                Some(format!("allow secretsmanager:GetSecretValue on {arn};")),
            ),
            ("x is not authorized to perform: ssm:GetParameter".to_owned(), Some("allow ssm:GetParameter;".to_owned())),
            ("x is not authorized to perform: this action".to_owned(), None),
            ("Access to KMS is not allowed".to_owned(), None),
        ] {
            let hint = denied_action(&message);
            assert_eq!(hint.is_some(), expected.is_some(), "{hint:?}");
            assert!(hint.unwrap_or_default().starts_with(&expected.unwrap_or_default()), "{message}");
        }
    }

    #[test]
    fn a_timeout_names_attempts_and_timeout() {
        let policy = RetryPolicy::default().with_attempts(NonZeroU32::MIN).with_timeout(Duration::from_millis(1500));
        assert_eq!(timed_out(policy).message(), "no answer in one attempt of 1s 500ms each");
    }

    #[test]
    fn codes_of_expired_credentials_are_unauthenticated() {
        for code in EXPIRED {
            assert_eq!(kind_of_code(code), Some(ErrorKind::Unauthenticated), "{code}");
        }
    }
}
