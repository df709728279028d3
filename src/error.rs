//! What can go wrong, by kind, with what was attempted on what.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc};

/// A `Result` whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed.
///
/// An error says what was attempted ([`operation`](Error::operation)) on what
/// ([`reference`](Error::reference)), of which kind the failure is, and keeps its cause as
/// [`source`](StdError::source). It never holds a secret value. Cloning is cheap: the callers
/// that waited for one load share one error.
///
/// `Display` gives the whole of it but the cause; who prints walks the chain.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// The kinds of failure, by what a caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such secret, version or path, or it is deleted.
    NotFound,
    /// The secret is there; what the keypath asks for is not in it.
    KeyNotFound,
    /// The identity is known and has no right to this.
    AccessDenied,
    /// There is no identity: no credentials, or ones that are wrong or have expired.
    Unauthenticated,
    /// The backend asks to be called less often.
    Throttled,
    /// No answer within the timeout, all attempts included.
    Timeout,
    /// The backend can't be reached, or says that it can't serve now.
    Unavailable,
    /// Somebody else changed the secret in the meantime.
    Conflict,
    /// What was asked is malformed, or outside what the backend takes.
    InvalidInput,
    /// What is stored, or what was answered, is not what it should be.
    Corrupt,
    /// The provider can't do this, or the feature is not in this build.
    Unsupported,
    /// The settings are incomplete or contradict each other.
    Config,
    /// Anything else, a bug included.
    Unexpected,
}

/// What was being done when an error arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// One secret by name.
    Get,
    /// Every secret under a path.
    GetByPath,
    /// The version of a secret, without its value.
    Version,
    /// Whether a name or a path exists.
    PathExists,
    /// A new value for an existing secret.
    Update,
    /// Making a provider ready: settings, credentials, files.
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
    /// An error of a kind. The message is lower case, has no final period, and holds no secret.
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

    /// The same with its cause. The cause must not hold a secret either.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    /// The same with advice on what would mend it, for a person.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.hint = Some(hint.into()))
    }

    /// The same, with another word on whether trying again can help than the kind gives.
    #[must_use]
    pub fn with_retryable(self, retryable: bool) -> Self {
        self.change(|inner| inner.retryable = retryable)
    }

    /// Says what was attempted on what, unless that was said nearer to the cause.
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

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed if made again, later, with nothing else changed.
    ///
    /// The library has then already made all the attempts that `retry` allows.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Whether the secret, or the key in it, is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self.0.kind, ErrorKind::NotFound | ErrorKind::KeyNotFound)
    }

    /// What was attempted, where that is known.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// What it was attempted on, as a [`Reference`](crate::Reference) in text, where known.
    pub fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// What happened, without the context that `Display` adds.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would mend it, as advice for a person. Not part of `Display`.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 13] = [
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

    /// A stable token in lower case, for JSON, logs and metrics.
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

    /// Whether this kind passes by itself: an outage rather than an answer.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Timeout | Self::Unavailable)
    }
}

impl Operation {
    /// The name of the call, as in the library.
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

/// Shorthands for the kinds that the library itself raises.
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

    /// A provider broke its contract.
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
    fn the_context_nearest_to_the_cause_stays() {
        let error = Error::not_found("no such secret")
            .with_context(Operation::Get, || "memory://inner".into())
            .with_context(Operation::GetByPath, || "memory://outer".into());
        assert_eq!(error.to_string(), "get memory://inner: no such secret");
    }

    #[test]
    fn display_leaves_the_cause_to_the_chain() {
        let error = Error::config("can't read s1crets.toml").with_source(std::io::Error::other("disk on fire"));
        assert_eq!(error.to_string(), "can't read s1crets.toml");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("disk on fire"));
    }
}
