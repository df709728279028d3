//! Why a source gives no AWS credentials, and what to do about it.
//!
//! The SDK's errors are not repeated: they may quote a profile or a response. What they say is
//! recognised and put into words of ours. The only causes kept are those of failed connections.

use std::{error::Error as StdError, fmt, io, time::Duration};

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};
use aws_smithy_runtime_api::client::{
    orchestrator::HttpResponse,
    result::{ConnectorError, SdkError},
};

use super::profile::sources::{Sso, WebIdentity};
use crate::{
    error::{Error, ErrorKind},
    shell,
};

/// The variable with the address of a container's credentials, when it is a whole URL.
pub(super) const CONTAINER_URL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// The same when it is a path at the usual address.
pub(super) const CONTAINER_PATH: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";

const CONTAINER_HOST: &str = "http://169.254.170.2";

const NOTHING_FOUND: &str =
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role";

const NAMED_METADATA: &str = "credential_source = Ec2InstanceMetadata works only on an EC2 instance with a role";

/// The error behind that of a credentials provider, if it is one of ours.
pub(crate) fn told(error: &CredentialsError) -> Option<&Error> {
    find(error)
}

/// Recognises an error of a call that got no answer because of a setting here: certificates or a
/// proxy. The HTTP client that makes the calls knows how to.
pub(crate) type Explain = fn(&(dyn StdError + 'static)) -> Option<Error>;

/// The first error of a type in a chain of causes.
pub(crate) fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error and its causes.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Whether the error is one of STS about a role, which is mapped where all errors of AWS are.
pub(super) fn is_of_sts(error: &CredentialsError) -> bool {
    find::<SdkError<AssumeRoleError, HttpResponse>>(error).is_some()
        || find::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>(error).is_some()
}

/// The text of an error with all its causes, to recognise what happened.
fn text(error: &CredentialsError) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A failed connection: whether it timed out, and its causes as text.
fn disconnected(error: &CredentialsError) -> Option<(bool, Copied)> {
    let connector: &ConnectorError = find(error)?;
    Some((connector.is_timeout(), Copied::of(connector.source()?)))
}

/// The text of an error and its causes.
#[derive(Debug)]
struct Copied {
    text: String,
    cause: Option<Box<Self>>,
}

impl Copied {
    fn of(error: &(dyn StdError + 'static)) -> Self {
        Self { text: error.to_string(), cause: error.source().map(|cause| Box::new(Self::of(cause))) }
    }
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Copied {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The error of a source that can't be reached. `what` is its name and address.
fn unreachable(what: &str, hint: impl Into<String>, (timed_out, cause): (bool, Copied)) -> Error {
    let (kind, how) = match timed_out {
        true => (ErrorKind::Timeout, "gave no answer in time"),
        false => (ErrorKind::Unavailable, "can't be reached"),
    };
    Error::new(kind, format!("{what} {how}")).with_source(cause).with_hint(hint.into())
}

/// The error of a source that took longer than `limit`.
pub(super) fn timed_out(source: &str, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    Error::new(ErrorKind::Timeout, format!("{source} gave no answer in time ({limit})"))
        .with_hint("raise `timeout`, or see why it is slow")
}

/// Why SSO gives no credentials.
pub(super) fn of_sso(sso: &Sso, error: &CredentialsError) -> Error {
    let Sso { profile, region, account_id, role_name, .. } = sso;
    if let Some(disconnected) = disconnected(error) {
        let what = format!("the SSO portal of AWS profile {profile:?}");
        return unreachable(&what, format!("check the network, and the profile's sso_region, {region}"), disconnected);
    }
    let (text, login) = (text(error), login_command(profile));
    let says = |part: &str| text.contains(part);
    let without_login = |what: String| Error::new(ErrorKind::Unauthenticated, what).with_hint(login.clone());
    if says("has expired") || says("UnauthorizedException") {
        without_login(format!("the SSO login of AWS profile {profile:?} has expired"))
    } else if says("ForbiddenException") || says("ResourceNotFoundException") || says("InvalidRequestException") {
        let what =
            format!("the SSO login of AWS profile {profile:?} may not use role {role_name:?} in account {account_id}");
        Error::new(ErrorKind::AccessDenied, what).with_hint(
            "check sso_account_id and sso_role_name of the profile, and the assignment in IAM Identity Center",
        )
    } else if says("TooManyRequests") {
        Error::new(ErrorKind::Throttled, "the SSO portal limits the rate of requests")
    } else if says("timed out") {
        Error::new(ErrorKind::Timeout, format!("the SSO portal of AWS profile {profile:?} gave no answer in time"))
    } else if says("InternalServer") || says("ServiceUnavailable") {
        Error::new(ErrorKind::Unavailable, format!("the SSO portal of AWS profile {profile:?} fails"))
    } else if says("resolve a home directory") {
        Error::config("HOME is not set, so that SSO logins can't be found").with_hint("set HOME to the home folder")
    } else if says("SSO token") || says("failed to read") {
        without_login(format!("there is no SSO login of AWS profile {profile:?}"))
    } else {
        without_login(format!("the SSO login of AWS profile {profile:?} gives no credentials"))
    }
}

/// Why a web identity gives no credentials, apart from STS's own errors.
pub(super) fn of_web_identity(web: &WebIdentity, error: &CredentialsError) -> Error {
    let WebIdentity { token_file, named_by, .. } = web;
    let what = format!("the web identity token {}, which {named_by} names,", token_file.display());
    let hint = match named_by.starts_with("AWS_") {
        true => format!("Kubernetes mounts it for the pod's service account: check the mount, or unset {named_by}"),
        false => "correct web_identity_token_file in the profile, or mount the file".to_owned(),
    };
    match find::<io::Error>(error) {
        Some(cause) if cause.kind() == io::ErrorKind::InvalidData => {
            Error::config(format!("{what} is not text")).with_hint(hint)
        }
        Some(cause) => Error::new(ErrorKind::Unauthenticated, format!("{what} can't be read: {cause}")).with_hint(hint),
        None => Error::new(ErrorKind::Unauthenticated, format!("{what} gives no credentials")).with_hint(hint),
    }
}

/// Why the container's credentials can't be had.
pub(super) fn of_container(error: &CredentialsError) -> Error {
    let [path, url] = [CONTAINER_PATH, CONTAINER_URL].map(|name| std::env::var(name).ok());
    let (named_by, address) = match (path, url) {
        (Some(path), _) => (CONTAINER_PATH, format!("{CONTAINER_HOST}{path}")),
        (None, Some(url)) => (CONTAINER_URL, url),
        (None, None) => {
            return Error::config(format!("neither {CONTAINER_URL} nor {CONTAINER_PATH} is set"))
                .with_hint("credential_source = EcsContainer works only in a container of ECS or EKS");
        }
    };
    // A password or a token may be in the query.
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let address = match address.contains('@') {
        true => "***",
        false => address,
    };
    let what = format!("the container credentials endpoint {address}");
    let hint = format!("check {named_by}: ECS and EKS set it for a task or pod that has a role");
    if let Some(disconnected) = disconnected(error) {
        return unreachable(&what, hint, disconnected);
    }
    if let Some(cause) = find::<io::Error>(error) {
        let what = format!("the token for {what}, in AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, can't be read: {cause}");
        return Error::new(ErrorKind::Unauthenticated, what).with_hint(hint);
    }
    if matches!(error, CredentialsError::InvalidConfiguration(_)) {
        let text = text(error);
        let why = match () {
            () if text.contains("allowed IP") => "plain HTTP is allowed only to this machine, ECS and EKS",
            () if text.contains("DNS") => "its host is unknown",
            () if text.contains("auth token") => "its token has a character that a header can't hold",
            () => "it is not a URL",
        };
        return Error::config(format!("{what} can't be used: {why}")).with_hint(hint);
    }
    match status(&text(error)) {
        Some(status @ (401 | 403)) => {
            let hint = "check the task's or pod's role, and AWS_CONTAINER_AUTHORIZATION_TOKEN or its file";
            Error::new(ErrorKind::AccessDenied, format!("{what} refused the request (HTTP {status})")).with_hint(hint)
        }
        Some(status @ 500..) => Error::new(ErrorKind::Unavailable, format!("{what} failed (HTTP {status})")),
        Some(status) => {
            let what = format!("{what} has no credentials (HTTP {status})");
            Error::new(ErrorKind::Unauthenticated, what).with_hint(hint)
        }
        None => Error::new(ErrorKind::Unauthenticated, format!("{what} answered without credentials")).with_hint(hint),
    }
}

/// The HTTP status in a text such as `… status …: StatusCode(403)`.
fn status(text: &str) -> Option<u16> {
    let digits = text.split_once("StatusCode(")?.1;
    digits.split(')').next()?.parse().ok()
}

/// Why instance metadata was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetadataReason {
    /// Nothing else is configured. The machine may be none of EC2's.
    NothingElse,
    /// The profile of this name was selected, and names no credentials.
    EmptyProfile(String),
    /// `credential_source = Ec2InstanceMetadata`.
    Named,
    /// It gave credentials before, so it is there.
    HasGiven,
}

/// Why instance metadata gives no credentials.
pub(super) fn of_instance_metadata(error: &CredentialsError, reason: &MetadataReason) -> Error {
    let text = text(error);
    let says = |part: &str| text.contains(part);
    if says("IMDS disabled by") {
        return nothing_found("instance metadata is turned off by AWS_EC2_METADATA_DISABLED", reason);
    }
    if let Some((timed_out, cause)) = disconnected(error) {
        return match reason {
            MetadataReason::Named => unreachable("instance metadata", NAMED_METADATA, (timed_out, cause)),
            MetadataReason::HasGiven => unreachable("instance metadata", "try again", (timed_out, cause)),
            MetadataReason::NothingElse | MetadataReason::EmptyProfile(_) => {
                nothing_found("instance metadata can't be reached", reason).with_source(cause)
            }
        };
    }
    let status = match find(error) {
        Some(ImdsError::ErrorResponse(refused)) => Some(refused.response().status().as_u16()),
        _ => None,
    };
    let told = |kind, what: &str, hint| Error::new(kind, what.to_owned()).with_hint(hint);
    match status {
        Some(status @ 500..) => {
            let what = format!("instance metadata failed (HTTP {status})");
            told(ErrorKind::Unavailable, &what, "try again: the service may be starting")
        }
        _ if status == Some(404) || says("received 404") => {
            let hint = "attach an instance profile with a role, or set AWS_PROFILE";
            told(ErrorKind::Unauthenticated, "this EC2 instance has no role", hint)
        }
        _ if status.is_some() || says("request forbidden") => {
            let hint =
                "turn it on for the instance, with a hop limit of 2 for containers, or configure other credentials";
            told(ErrorKind::Unauthenticated, "instance metadata refused the request", hint)
        }
        _ if says("AssumeRoleUnauthorizedAccess") => {
            let hint = "let the role's trust policy allow ec2.amazonaws.com";
            told(ErrorKind::Unauthenticated, "EC2 may not assume the role of this instance", hint)
        }
        _ => {
            let what = "instance metadata answered without credentials";
            told(ErrorKind::Unauthenticated, what, "check the role of the instance")
        }
    }
}

/// The error where instance metadata was the last source, and is not there.
pub(super) fn nothing_found(metadata: &str, reason: &MetadataReason) -> Error {
    let (what, hint) = match reason {
        MetadataReason::NothingElse => {
            let what = format!("no AWS credentials found: no variables, no profile, and {metadata}");
            (what, NOTHING_FOUND)
        }
        MetadataReason::EmptyProfile(name) => (
            format!("no AWS credentials found: the AWS profile {name:?} names none, and {metadata}"),
            "give the profile an access key, credential_process, a role or an SSO login, or the machine a role",
        ),
        MetadataReason::Named => (format!("no AWS credentials: {metadata}"), NAMED_METADATA),
        MetadataReason::HasGiven => (format!("no AWS credentials: {metadata}"), "try again"),
    };
    Error::new(ErrorKind::Unauthenticated, what).with_hint(hint)
}

/// A command to log in to SSO with a profile.
fn login_command(profile: &str) -> String {
    format!("run `aws sso login --profile {}`", shell::quoted(profile))
}
