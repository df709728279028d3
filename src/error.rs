//! `Error`: the kind of a failure, the operation and reference it is about, its hint and its cause.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// An error has a [`kind`](Error::kind), the [`operation`](Error::operation) that failed, the
/// [`reference`](Error::reference) it was about, and its cause as [`source`](StdError::source). It
/// contains no secret value. Cloning is cheap: all callers that waited for one load share its
/// error.
///
/// `Display` shows operation, reference and message, but not the cause. To print the causes too,
/// follow the chain of `source`.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// The kind of a failure, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret, version or path does not exist, or is deleted.
    NotFound,
    /// The secret exists, but the keypath leads nowhere in it.
    KeyNotFound,
    /// The identity is known, but lacks the permission.
    AccessDenied,
    /// There are no credentials, or they are wrong or have expired.
    Unauthenticated,
    /// The backend limits the rate of requests.
    Throttled,
    /// No response within the timeout, in any attempt.
    Timeout,
    /// The backend can't be reached, or reports that it can't serve requests now.
    Unavailable,
    /// Another writer changed the secret in the meantime.
    Conflict,
    /// The request is malformed, or exceeds a limit of the backend.
    InvalidInput,
    /// The stored value or the response is not in the expected form.
    Corrupt,
    /// The provider can't do this, or the feature is not in this build.
    Unsupported,
    /// The settings are incomplete, wrong or contradictory.
    Config,
    /// Anything else, including bugs.
    Unexpected,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Reading one secret by name.
    Get,
    /// Reading all secrets below a path.
    GetByPath,
    /// Reading the version of a secret without its value.
    Version,
    /// Checking whether a name or a path exists.
    PathExists,
    /// Giving an existing secret a new value.
    Update,
    /// Opening a provider: its settings, credentials and files.
    Connect,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    retryable: bool,
    operation: Option<Operation>,
    reference: Option<String>,
    hint: Option<Cow<'static, str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind. The message is in lower case, has no final period, and contains no
    /// secret.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            retryable: kind.is_transient(),
            operation: None,
            reference: None,
            hint: None,
            source: None,
        }))
    }

    /// Sets the cause, which must not contain a secret either. Default: none.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    /// Sets the hint: how to fix the failure, for people to read. Default: none.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.hint = Some(hint.into()))
    }

    /// Sets whether a retry can help. Default: whether the kind [is
    /// transient](ErrorKind::is_transient).
    #[must_use]
    pub fn with_retryable(self, retryable: bool) -> Self {
        self.change(|inner| inner.retryable = retryable)
    }

    /// Adds the operation and reference, unless an inner layer already did.
    #[must_use]
    pub(crate) fn with_context(self, operation: Operation, reference: impl FnOnce() -> String) -> Self {
        if self.0.operation.is_some() {
            return self;
        }
        self.change(|inner| {
            inner.operation = Some(operation);
            inner.reference = Some(reference());
        })
    }

    /// The kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later, with nothing else changed. The library has already
    /// made all attempts of the [`RetryPolicy`](crate::RetryPolicy).
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether the secret, or the key in it, does not exist: [`ErrorKind::NotFound`] or
    /// [`ErrorKind::KeyNotFound`].
    pub fn is_not_found(&self) -> bool {
        matches!(self.0.kind, ErrorKind::NotFound | ErrorKind::KeyNotFound)
    }

    /// The operation that failed; `None` if it is unknown.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// What the operation was about, as the text of a [`Reference`](crate::Reference); `None` if it
    /// is unknown.
    pub fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// What happened, without the operation and reference that `Display` adds.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How to fix the failure, for people to read; `None` without advice. Not part of `Display`.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl ErrorKind {
    /// All kinds, for tables and tests.
    pub const ALL: &'static [Self] = &[
        Self::NotFound,
        Self::KeyNotFound,
        Self::AccessDenied,
        Self::Unauthenticated,
        Self::Throttled,
        Self::Timeout,
        Self::Unavailable,
        Self::Conflict,
        Self::InvalidInput,
        Self::Corrupt,
        Self::Unsupported,
        Self::Config,
        Self::Unexpected,
    ];

    /// A stable token in lower case, such as `not_found`, for JSON, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::KeyNotFound => "key_not_found",
            Self::AccessDenied => "access_denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid_input",
            Self::Corrupt => "corrupt",
            Self::Unsupported => "unsupported",
            Self::Config => "config",
            Self::Unexpected => "unexpected",
        }
    }

    /// Whether this is an outage, which may end without a change on the caller's side: `Throttled`,
    /// `Timeout` or `Unavailable`.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Timeout | Self::Unavailable)
    }
}

impl Operation {
    /// The name of the operation in this library, such as `get_by_path`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::GetByPath => "get_by_path",
            Self::Version => "version",
            Self::PathExists => "path_exists",
            Self::Update => "update",
            Self::Connect => "connect",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation} ")?;
        }
        if let Some(reference) = &self.0.reference {
            write!(f, "{reference}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("reference", &self.0.reference)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Constructors for the kinds that this library itself returns.
impl Error {
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    pub(crate) fn invalid_input(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    pub(crate) fn corrupt(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    pub(crate) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// A provider returned fewer answers than it was asked for.
    pub(crate) fn unanswered() -> Self {
        Self::new(ErrorKind::Unexpected, "the provider gave no answer for this name")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_token() {
        let tokens: HashSet<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(tokens.len(), ErrorKind::ALL.len());
        for token in tokens {
            assert!(token.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{token}");
        }
    }

    #[test]
    fn the_context_of_an_inner_layer_is_kept() {
        let error = Error::not_found("no such secret")
            .with_context(Operation::Get, || "memory://inner".into())
            .with_context(Operation::GetByPath, || "memory://outer".into());
        assert_eq!(error.to_string(), "get memory://inner: no such secret");
    }

    #[test]
    fn display_does_not_repeat_the_cause() {
        let error = Error::config("can't read s1crets.toml").with_source(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "can't read s1crets.toml");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk on fire"));
    }
}
