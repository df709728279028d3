//! Error mapping of AWS: makes our [`Error`] of the SDK's, by AWS's error code or the HTTP status.
//!
//! The SDK's errors carry the raw response, which may hold values, so they are never kept as a
//! source. The only causes kept are those of failures to reach the service. A message of AWS is
//! quoted unless it repeats a secret of the request ([`Echo`]).

use std::{error::Error as StdError, fmt};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;

use super::{failed_call::explained, http::Unanswered};
use crate::{
    error::{Error, ErrorKind},
    retry::RetryPolicy,
    secret::echo::Echo,
};

/// The code of an AWS error, without the raw response, which may hold values.
#[derive(Debug)]
struct Refusal {
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
        SdkError::ServiceError(ref refused) => {
            let request_id = refused.raw().headers().get(REQUEST_ID);
            from_service(refused.err(), refused.raw().status().as_u16(), request_id, echo)
        }
        SdkError::ResponseError(ref unread) => match find::<LengthLimitError>(&error) {
            Some(_) => Error::corrupt("the answer is longer than any of AWS's"),
            None => from_unread(unread.raw().status().as_u16()),
        },
        SdkError::ConstructionFailure(_) => Error::invalid_input("the request can't be made from this input"),
        _ => Error::new(ErrorKind::Unexpected, "the AWS SDK failed in a way it didn't know before"),
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
        | "NotAuthorized" => ErrorKind::Unauthenticated,
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
        | "ServiceUnavailableException" => ErrorKind::Unavailable,
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

/// Makes an error of a batch answer's entry for a secret that was refused.
#[cfg(feature = "aws-sm")]
pub(crate) fn from_batch_entry(code: &str, message: &str) -> Error {
    let refusal = Refusal { code: code.into(), status: None, request_id: None };
    Error::new(kind_of_code(code).unwrap_or(ErrorKind::Unexpected), said(code, message, &Echo::default()))
        .with_source(refusal)
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

fn from_service<E: ProvideErrorMetadata>(refused: &E, status: u16, request_id: Option<&str>, echo: &Echo) -> Error {
    let Some(code) = refused.meta().code() else {
        return from_unread(status);
    };
    let kind = kind_of_code(code).or_else(|| kind_of_status(status)).unwrap_or(ErrorKind::Unexpected);
    let refusal = Refusal { code: code.into(), status: Some(status), request_id: request_id.map(Into::into) };
    let message = said(code, refused.meta().message().unwrap_or_default(), echo);
    let error = Error::new(kind, message).with_source(refusal);
    with_usual_hint(error)
}

fn with_usual_hint(error: Error) -> Error {
    match error.kind() {
        ErrorKind::AccessDenied => error.with_hint(
            "the identity needs this action on this resource, and kms:Decrypt where the key is the account's own",
        ),
        ErrorKind::Unauthenticated => error.with_hint("check the credentials with `aws sts get-caller-identity`"),
        _ => error,
    }
}

/// AWS's code with its message, unless that repeats a secret of the request.
fn said(code: &str, message: &str, echo: &Echo) -> String {
    match echo.quotable(message) {
        Some(message) => format!("AWS says {code}: {}", message.trim_end_matches('.')),
        None => format!("AWS says {code}"),
    }
}

/// The error of a response that the SDK can't parse, such as a proxy's or a truncated one.
fn from_unread(status: u16) -> Error {
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

fn timed_out(policy: RetryPolicy) -> Error {
    let attempts = match policy.attempts().get() {
        1 => "one attempt".into(),
        more => format!("up to {more} attempts"),
    };
    let each = humantime::format_duration(policy.timeout());
    Error::new(ErrorKind::Timeout, format!("no answer in {attempts} of {each} each"))
}

/// Makes an error of credentials that can't be loaded. The reason is in the chain of causes, an
/// error of STS included.
pub(crate) fn from_credentials(error: CredentialsError, policy: RetryPolicy, echo: &Echo) -> Error {
    if let Some(error) = explained(&error) {
        return error;
    }
    if let Some(sts) = find::<SdkError<AssumeRoleError, HttpResponse>>(&error) {
        let (told, unreachable) =
            (from_sts(sts, policy, echo), matches!(sts, SdkError::DispatchFailure(failure) if failure.is_io()));
        return if unreachable { told.with_source(error) } else { told };
    }
    match error {
        CredentialsError::CredentialsNotLoaded(_) => Error::new(ErrorKind::Unauthenticated, "no AWS credentials found")
            .with_hint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"),
        CredentialsError::ProviderTimedOut(_) => {
            Error::new(ErrorKind::Timeout, "the source of AWS credentials gave no answer in time")
        }
        CredentialsError::InvalidConfiguration(_) => Error::config("the AWS profile's credential settings are invalid"),
        _ => Error::new(ErrorKind::Unauthenticated, "AWS credentials can't be loaded")
            .with_hint("see the profile that AWS_PROFILE names, and where it gets credentials from"),
    }
}

fn from_sts(error: &SdkError<AssumeRoleError, HttpResponse>, policy: RetryPolicy, echo: &Echo) -> Error {
    let told = match error {
        SdkError::TimeoutError(_) => timed_out(policy),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(policy),
        SdkError::DispatchFailure(_) => Error::new(ErrorKind::Unavailable, "STS can't be reached"),
        SdkError::ServiceError(refused) => from_service(refused.err(), refused.raw().status().as_u16(), None, echo),
        SdkError::ResponseError(unread) => from_unread(unread.raw().status().as_u16()),
        _ => Error::invalid_input("the request can't be made"),
    };
    let kind = match told.kind() {
        ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::Unexpected => ErrorKind::AccessDenied,
        kind => kind,
    };
    let error = Error::new(kind, format!("can't assume the role: {}", told.message()));
    let error = match code(&told) {
        Some(code) => error.with_source(Refusal { code: code.into(), status: None, request_id: None }),
        None => error,
    };
    match kind {
        ErrorKind::AccessDenied | ErrorKind::Unauthenticated => {
            error.with_hint("check the role's ARN, its trust policy and the external id")
        }
        _ => error,
    }
}

/// The first error of a type in a chain of causes.
pub(super) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
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
