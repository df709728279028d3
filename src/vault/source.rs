//! Where a login finds its credential: a given value, a file, a variable, or code that fetches it.

use std::{env, fmt, fs, io::ErrorKind::NotFound, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use zeroize::Zeroizing;

#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::{Error, ErrorKind, Result},
    fs::{fingerprint::Fingerprint, plain_file},
    secret::Secret,
};

/// A token, secret ID, JWT or password: given, or read anew at each login.
///
/// White space at the end is cut off, as `echo` leaves a newline in files and variables.
#[derive(Clone)]
pub struct SecretSource(Kind);

#[derive(Clone)]
enum Kind {
    Given(Zeroizing<String>),
    File(PathBuf),
    Env(String),
    Fetched(Arc<dyn SecretFetcher>),
}

/// Fetches a credential for a login, such as a JWT from a CI system or a cloud's metadata service.
///
/// Closures that return a future implement it:
///
/// ```
/// use s1crets::{Client, vault::{Auth, Jwt, SecretSource, VaultConfig}};
///
/// # fn example(client: Client) -> VaultConfig {
/// // The JWT lies in AWS Secrets Manager, where another program renews it.
/// let source = SecretSource::fetched(move || {
///     let client = client.clone();
///     async move { client.get("aws.sm", "ci/jwt").cached(false).await }
/// });
/// VaultConfig::new("https://vault.internal:8200").with_auth(Auth::Jwt(Jwt::new(source).with_role("ci")))
/// # }
/// ```
#[async_trait]
pub trait SecretFetcher: Send + Sync + 'static {
    /// The credential as it is now, as text. Called at each login, once at a time.
    ///
    /// A fetch that takes longer than a call to the server with all its attempts is cut off.
    ///
    /// # Errors
    /// The login fails with this error, or with this as its source. The kind decides when the next
    /// login is made, and what callers see: see [`Login::login`](crate::vault::Login::login). The
    /// message must not hold the credential.
    async fn fetch(&self) -> Result<Secret>;
}

#[async_trait]
impl<F, Fetch> SecretFetcher for F
where
    F: Fn() -> Fetch + Send + Sync + 'static,
    Fetch: Future<Output = Result<Secret>> + Send,
{
    async fn fetch(&self) -> Result<Secret> {
        self().await
    }
}

impl SecretSource {
    /// The value itself.
    pub fn given(value: impl Into<String>) -> Self {
        Self::wiped(Zeroizing::new(value.into()))
    }

    /// The value itself, which is wiped already.
    pub(super) fn wiped(value: Zeroizing<String>) -> Self {
        Self(Kind::Given(value))
    }

    /// A file that holds the value, read at each login.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// An environment variable that holds the value, read at each login.
    pub fn env(name: impl Into<String>) -> Self {
        Self(Kind::Env(name.into()))
    }

    /// Code that fetches the value at each login.
    ///
    /// The disk cache is off for a connection that logs in by it: nothing tells whose values it
    /// would hold.
    pub fn fetched(fetcher: impl SecretFetcher) -> Self {
        Self(Kind::Fetched(Arc::new(fetcher)))
    }

    /// The value as it is now. `what` names it in errors; a fetch may take `limit`.
    ///
    /// # Errors
    /// `Unauthenticated` if there is no value, `Config` if it can't be one, `Timeout` if a fetch
    /// takes too long, or the fetcher's own error.
    pub(crate) async fn read(&self, what: &str, limit: Duration) -> Result<Zeroizing<String>> {
        let text = match &self.0 {
            Kind::Given(value) => value.clone(),
            Kind::File(path) => plain_file::read_text(path).map_err(|error| {
                let kind = if error.kind() == NotFound { ErrorKind::Unauthenticated } else { ErrorKind::Config };
                Error::new(kind, format!("can't read the {what} from {}", path.display())).with_source(error)
            })?,
            Kind::Env(name) => {
                let unset =
                    |_| missing(format!("the variable {name} holds no {what}")).with_hint(format!("set {name}"));
                Zeroizing::new(env::var(name).map_err(unset)?)
            }
            Kind::Fetched(fetcher) => {
                let late = |_| Error::new(ErrorKind::Timeout, format!("fetching the {what} took too long"));
                let secret = tokio::time::timeout(limit, fetcher.fetch()).await.map_err(late)??;
                Zeroizing::new(secret.expose_str()?.to_owned())
            }
        };
        let trimmed = text.trim_end();
        if trimmed.is_empty() {
            return Err(missing(format!("the {what} is empty")));
        }
        if trimmed.chars().any(char::is_control) {
            return Err(Error::config(format!("the {what} holds a control character")));
        }
        Ok(Zeroizing::new(trimmed.to_owned()))
    }

    /// The file's fingerprint; `None` if this is no file or the file is missing.
    pub(crate) fn stamp(&self) -> Option<Fingerprint> {
        let Kind::File(path) = &self.0 else {
            return None;
        };
        fs::metadata(path).ok().map(|metadata| Fingerprint::of(&metadata))
    }
}

#[cfg(all(feature = "disk-cache", unix))]
impl SecretSource {
    /// Binds disk cache records to where the credential is. A file's content is left out, as it
    /// rotates by design.
    pub(crate) fn bind_place(&self, binding: &mut Binding<'_>) {
        match &self.0 {
            Kind::Given(value) => binding.value("secret given to a login", Some(value.as_bytes())),
            Kind::File(path) => binding.name("auth.file", Some(path)),
            Kind::Env(name) => {
                binding.value("auth.env", Some(name));
                binding.variable(name);
            }
            Kind::Fetched(_) => binding.unknown_identity(),
        }
    }

    /// Binds disk cache records to the token itself, which decides the identity.
    pub(crate) fn bind_token(&self, binding: &mut Binding<'_>) {
        match &self.0 {
            Kind::File(path) => binding.token_file("auth.file of a token", path),
            Kind::Given(_) | Kind::Env(_) | Kind::Fetched(_) => self.bind_place(binding),
        }
    }
}

/// Without a credential there is no identity.
fn missing(message: String) -> Error {
    Error::new(ErrorKind::Unauthenticated, message)
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Given(_) => f.write_str("Given([redacted])"),
            Kind::File(path) => f.debug_tuple("File").field(path).finish(),
            Kind::Env(name) => f.debug_tuple("Env").field(name).finish(),
            Kind::Fetched(_) => f.write_str("Fetched"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(source: &SecretSource) -> Result<Zeroizing<String>> {
        source.read("token", Duration::from_secs(1)).await
    }

    #[tokio::test]
    async fn a_value_that_is_no_header_is_refused_without_repeating_it() {
        for value in ["", " \n", "hunter2\nhunter2", "hunter2\0"] {
            let source = SecretSource::given(value);
            let error = read(&source).await.expect_err("no token");
            assert!(!format!("{source:?} {error:?}").contains("hunter2"));
        }
        for absent in [SecretSource::file("/nonexistent/token"), SecretSource::env("S1CRETS_NO_SUCH_VARIABLE")] {
            assert_eq!(read(&absent).await.expect_err("nothing").kind(), ErrorKind::Unauthenticated);
        }
        #[cfg(unix)]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let pipe = folder.path().join("pipe");
            rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("made");
            let error = read(&SecretSource::file(&pipe)).await.expect_err("a pipe that nobody writes to");
            assert_eq!(error.kind(), ErrorKind::Config);
        }
        assert_eq!(*read(&SecretSource::given("hunter2\r\n")).await.expect("a token"), "hunter2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetched_value_is_fetched_at_each_read_and_not_waited_for_without_end() {
        let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = count.clone();
        let source = SecretSource::fetched(move || {
            let number = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move { Ok(Secret::text(format!("jwt-{number}\n"), crate::Metadata::default())) }
        });
        assert_eq!(*read(&source).await.expect("a value"), "jwt-0");
        assert_eq!(*read(&source).await.expect("a value"), "jwt-1");
        assert_eq!(format!("{source:?}"), "Fetched");
        let stuck = SecretSource::fetched(std::future::pending::<Result<Secret>>);
        assert_eq!(read(&stuck).await.expect_err("too late").kind(), ErrorKind::Timeout);
    }
}
