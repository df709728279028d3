//! What AWS answers, as our kinds. The one place where an AWS error becomes one of ours.

use std::{error::Error as StdError, fmt};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{DispatchFailure, SdkError},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;

use super::http::Unanswered;
use crate::{
    error::{Error, ErrorKind},
    retry::RetryPolicy,
    secret::echo::Echo,
};

/// What a service said of a refusal, without the raw answer, which may hold values.
#[derive(Debug)]
struct Refusal {
    code: String,
    status: Option<u16>,
    request_id: Option<String>,
}

/// The kind of an SDK error, with a message that says what AWS said.
///
/// The SDK's own error is dropped: it carries the raw answer. Only the causes of failures to reach
/// the service are kept, which hold none.
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

/// The kind for an error code of AWS, where the code alone decides. From the services' lists of
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

/// Whether fresh credentials may mend it.
pub(crate) fn is_expired<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(|refused| refused.meta().code());
    code.is_some_and(is_expired_code)
}

/// The same for AWS's own code.
pub(crate) fn is_expired_code(code: &str) -> bool {
    EXPIRED.contains(&code)
}

/// One entry of a batch answer that says why a single secret was refused.
#[cfg(feature = "aws-sm")]
pub(crate) fn from_batch_entry(code: &str, message: &str) -> Error {
    let refusal = Refusal { code: code.into(), status: None, request_id: None };
    Error::new(kind_of_code(code).unwrap_or(ErrorKind::Unexpected), said(code, message, &Echo::default()))
        .with_source(refusal)
}

/// AWS's own code of an error, if it has one.
pub(crate) fn code(error: &Error) -> Option<&str> {
    error.source()?.downcast_ref().map(|refusal: &Refusal| refusal.code.as_str())
}

/// An error of a write, without AWS's words where they may quote the new value back, as validation messages do, and
/// as codes may that are not known here.
pub(crate) fn of_write(error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unexpected) {
        return error;
    }
    let code = code(&error).unwrap_or("an error");
    let told = format!("AWS says {code}; its words may quote the new value and are left out");
    Error::new(error.kind(), told)
        .with_hint("check the new value against the store's limits: its size, its pattern, no empty text")
}

/// What AWS answers to credentials that are no longer, or not yet, good.
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
    with_advice(error)
}

fn with_advice(error: Error) -> Error {
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

/// An answer that is not in the service's language: a proxy's, or a cut one.
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
    // Nobody was called: what the error is about is the request, which it would print.
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

/// Credentials that can't be had: the reason lies in the chain, an STS refusal included.
///
/// As above, only the causes of failures to reach STS are kept: its answers hold credentials.
pub(crate) fn from_credentials(error: CredentialsError, policy: RetryPolicy, echo: &Echo) -> Error {
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
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
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

/// A boxed cause as an error of its own.
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

/// Stands where an error type is asked for and there can be none.
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
    fn a_quoted_value_is_left_out() {
        let error = from_batch_entry("ValidationException", "Value 'hunter2' at 'value' failed");
        let error = of_write(error);
        assert!(!format!("{error:?} {error}").contains("hunter2"));
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains("ValidationException"));
    }

    #[test]
    fn a_timeout_says_how_long_was_waited() {
        let policy = RetryPolicy::default().with_attempts(NonZeroU32::MIN).with_timeout(Duration::from_millis(1500));
        assert_eq!(timed_out(policy).message(), "no answer in one attempt of 1s 500ms each");
    }

    #[test]
    fn expired_credentials_are_no_identity() {
        for code in EXPIRED {
            assert_eq!(kind_of_code(code), Some(ErrorKind::Unauthenticated), "{code}");
        }
    }
}
