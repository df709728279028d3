//! Error mapping of credentials: why a source gives none, or STS no role.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{
    clock_skew,
    error::{Refusal, code, from_service, from_unread, timed_out},
    failed_call::explained,
};
use crate::{
    aws_credentials::failure::{self, find},
    error::{Error, ErrorKind},
    retry::RetryPolicy,
    secret::echo::Echo,
};

/// Makes an error of credentials that can't be loaded. The reason is in the chain of causes: an
/// error of ours, or one of STS.
pub(super) fn from_credentials(error: CredentialsError, policy: RetryPolicy, echo: &Echo) -> Error {
    if let Some(told) = failure::told(&error) {
        return told.clone();
    }
    if let Some(error) = explained(&error) {
        return error;
    }
    if let Some(sts) = find::<SdkError<AssumeRoleError, HttpResponse>>(&error) {
        let (told, unreachable) = (from_sts(sts, "assume the role", policy, echo), is_io(sts));
        return if unreachable { told.with_source(error) } else { told };
    }
    if let Some(sts) = find::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>(&error) {
        let (told, unreachable) = (from_sts(sts, "assume the role by web identity", policy, echo), is_io(sts));
        return if unreachable { told.with_source(error) } else { told };
    }
    // None of the sources fails in these ways: those that do are worded where they are.
    Error::new(ErrorKind::Unauthenticated, "AWS credentials can't be loaded")
        .with_hint("see the profile that AWS_PROFILE names, and where it gets credentials from")
}

fn is_io<E, R>(error: &SdkError<E, R>) -> bool {
    matches!(error, SdkError::DispatchFailure(failure) if failure.is_io())
}

fn from_sts<E>(error: &SdkError<E, HttpResponse>, what: &str, policy: RetryPolicy, echo: &Echo) -> Error
where
    E: ProvideErrorMetadata,
{
    let told = match error {
        SdkError::TimeoutError(_) => timed_out(policy),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timed_out(policy),
        SdkError::DispatchFailure(_) => Error::new(ErrorKind::Unavailable, "STS can't be reached"),
        SdkError::ServiceError(refused) => from_service(refused, echo),
        SdkError::ResponseError(unread) => from_unread(unread.raw().status().as_u16()),
        _ => Error::invalid_input("the request can't be made"),
    };
    let too_long = duration_hint(told.message());
    let kind = match told.kind() {
        _ if too_long.is_some() => ErrorKind::Config,
        ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::Unexpected => ErrorKind::AccessDenied,
        kind => kind,
    };
    let error = Error::new(kind, format!("can't {what}: {}", told.message()));
    let error = match code(&told) {
        Some(code) => error.with_source(Refusal::by_code(code)),
        None => error,
    };
    match (kind, too_long) {
        (_, Some(hint)) => error.with_hint(hint),
        _ if told.hint() == Some(clock_skew::HINT) => error.with_hint(clock_skew::HINT),
        (ErrorKind::AccessDenied | ErrorKind::Unauthenticated, _) if what.ends_with("web identity") => error.with_hint(
            "check that the token is current, and the role's trust policy: OIDC provider, audience and subject",
        ),
        (ErrorKind::Unauthenticated, _) => error.with_hint(
            "AWS refuses the credentials that the role is assumed with: log in again, or correct the access key",
        ),
        (ErrorKind::AccessDenied, _) => error.with_hint("check the role's ARN, its trust policy and the external id"),
        _ => error,
    }
}

/// The hint for a role that is to last longer than AWS allows, by the message of STS.
fn duration_hint(message: &str) -> Option<&'static str> {
    if !message.contains("DurationSeconds exceeds") {
        return None;
    }
    Some(match message.contains("role chaining") {
        true => "a role assumed by another role lasts one hour at most: set its duration to 1h or less",
        false => "set the role's duration lower, or raise its maximum session duration in IAM",
    })
}
