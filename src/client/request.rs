//! The four calls, to be refined before they are made.

use std::{
    borrow::Cow,
    fmt,
    future::{IntoFuture, Ready, ready},
    marker::PhantomData,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{BoxFuture, Either};

use crate::{
    client::{Client, client::name},
    error::{Error, Operation, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Listing, Updated},
    secret::{KeyPath, Metadata, Reference, Secret, SecretValue},
};

/// Marks a request that is made by `.await`.
#[derive(Clone, Copy, Debug)]
pub enum Awaited {}

/// A read of one secret, made by `.await`. See [`get`](crate::get).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct Get<'a, Mode = Awaited> {
    target: Target<'a>,
    default: Option<Secret>,
    options: GetOptions,
    mode: PhantomData<Mode>,
}

/// A read of every secret below a path, made by `.await`. See [`get_by_path`](crate::get_by_path).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct GetByPath<'a, Mode = Awaited> {
    target: Target<'a>,
    options: ListOptions,
    mode: PhantomData<Mode>,
}

/// A look whether something exists, made by `.await`. See [`path_exists`](crate::path_exists).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct PathExists<'a, Mode = Awaited> {
    target: Target<'a>,
    mode: PhantomData<Mode>,
}

/// A new value for a secret, written by `.await`. See [`update`](crate::update).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct Update<'a, Mode = Awaited> {
    target: Target<'a>,
    value: SecretValue,
    options: UpdateOptions,
    mode: PhantomData<Mode>,
}

/// Whom to ask for what.
struct Target<'a> {
    client: Result<&'a Client>,
    provider: Cow<'a, str>,
    path: Cow<'a, str>,
    keypath: KeyPath,
}

/// The future of a request; a read of what is held is ready at once.
pub struct Response<'a, T>(Either<Ready<Result<T>>, BoxFuture<'a, Result<T>>>);

impl<'a, Mode> Get<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self::of(Target::new(client, provider, path))
    }

    pub(crate) fn of_reference(client: Result<&'a Client>, reference: &str) -> Self {
        Self::of(Target::of_reference(client, reference))
    }

    fn of(target: Target<'a>) -> Self {
        Self { target, default: None, options: GetOptions::default(), mode: PhantomData }
    }

    /// What to give where the secret, the version or the key is not there. Never kept by a cache.
    pub fn default(self, value: impl Into<SecretValue>) -> Self {
        let value = value.into();
        let default = match value.expose_text() {
            Some(text) => Secret::text(text, Metadata::default()),
            None => Secret::binary(value.expose_bytes(), Metadata::default()),
        };
        Self { default: Some(default), ..self }
    }

    /// A version by its number (Parameter Store). Of several choices of a version the last one counts.
    pub fn version(mut self, number: u64) -> Self {
        self.options.version = Version::Number(number);
        self
    }

    /// A version by its label (Parameter Store).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.version = Version::Label(label.into());
        self
    }

    /// A version by its id (Secrets Manager).
    pub fn version_id(mut self, id: impl Into<String>) -> Self {
        self.options.version = Version::Id(id.into());
        self
    }

    /// A version by its stage, such as `AWSPREVIOUS` (Secrets Manager).
    pub fn version_stage(mut self, stage: impl Into<String>) -> Self {
        self.options.version = Version::Stage(stage.into());
        self
    }

    /// Whether a SecureString is decrypted (Parameter Store).
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.options.decrypt = decrypt;
        self
    }

    /// The outcome, if it is known without asking anybody.
    pub(crate) fn at_once(&self) -> Option<Result<Secret>> {
        let client = self.target.client.as_ref().ok()?;
        let held = client.held(&self.target.provider, &self.target.path, &self.options)?;
        Some(self.finish(held))
    }

    pub(crate) async fn run(self) -> Result<Secret> {
        let Target { client, provider, path, .. } = &self.target;
        let loaded = match client {
            Ok(client) => client.load(provider, path, &self.options).await,
            Err(error) => Err(error.clone()),
        };
        self.finish(loaded)
    }

    fn finish(&self, loaded: Result<Secret>) -> Result<Secret> {
        let part = match loaded {
            Ok(secret) if self.target.keypath.is_empty() => return Ok(secret),
            Ok(secret) => secret.at(&self.target.keypath),
            Err(error) => Err(error),
        };
        match (part, &self.default) {
            (Err(error), Some(default)) if error.is_not_found() => Ok(default.clone()),
            (part, _) => part.map_err(|error| self.target.explain(error, Operation::Get)),
        }
    }
}

impl<'a, Mode> GetByPath<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        let target = Target::new(client, provider, path);
        Self { target, options: ListOptions::default(), mode: PhantomData }
    }

    /// Whether names further down than one level count. Default: yes.
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.options.recursive = recursive;
        self
    }

    /// Whether SecureStrings are decrypted (Parameter Store). Default: yes.
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.options.decrypt = decrypt;
        self
    }

    /// Whether one unreadable secret fails the call, rather than being among the
    /// [`failures`](Listing::failures) beside the readable ones. Default: yes.
    pub fn fail_on_error(mut self, fail: bool) -> Self {
        self.options.fail_on_error = fail;
        self
    }

    pub(crate) async fn run(self) -> Result<Listing> {
        let Target { client, provider, path, .. } = &self.target;
        let listed = match client {
            Ok(client) => client.list(provider, path, &self.options).await,
            Err(error) => Err(error.clone()),
        };
        listed.map_err(|error| self.target.explain(error, Operation::GetByPath))
    }
}

impl<'a, Mode> PathExists<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self { target: Target::new(client, provider, path), mode: PhantomData }
    }

    pub(crate) async fn run(self) -> Result<bool> {
        self.look().await.map_err(|error| self.target.explain(error, Operation::PathExists))
    }

    async fn look(&self) -> Result<bool> {
        let Target { client, provider, path, keypath } = &self.target;
        let client = client.as_ref().map_err(Clone::clone)?;
        if keypath.is_empty() {
            return client.exists(provider, path).await;
        }
        match client.load(provider, path, &GetOptions::default()).await.and_then(|secret| secret.at(keypath)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl<'a, Mode> Update<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str, value: SecretValue) -> Self {
        let target = Target::new(client, provider, path);
        Self { target, value, options: UpdateOptions::default(), mode: PhantomData }
    }

    /// Writes only if this is still the current version.
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.options.if_version = Some(version.into());
        self
    }

    pub(crate) async fn run(mut self) -> Result<Updated> {
        self.options.keypath = self.target.keypath.clone();
        let Target { client, provider, path, .. } = &self.target;
        let written = match client {
            Ok(client) => client.write(provider, path, &self.value, &self.options).await,
            Err(error) => Err(error.clone()),
        };
        written.map_err(|error| self.target.explain(error, Operation::Update))
    }
}

impl<'a> Target<'a> {
    fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self { client, provider: provider.into(), path: path.into(), keypath: KeyPath::default() }
    }

    fn of_reference(client: Result<&'a Client>, text: &str) -> Self {
        match text.parse::<Reference>() {
            Ok(reference) => Self {
                client,
                provider: reference.provider().to_owned().into(),
                path: reference.path().to_owned().into(),
                keypath: reference.keypath().clone(),
            },
            Err(error) => Self {
                client: Err(error.with_context(Operation::Get, || format!("{text:?}"))),
                provider: Cow::Borrowed(""),
                path: Cow::Borrowed(""),
                keypath: KeyPath::default(),
            },
        }
    }

    fn push(&mut self, step: impl Into<String>) {
        self.keypath.push(step.into());
    }

    /// Says what was attempted on what.
    fn explain(&self, error: Error, operation: Operation) -> Error {
        error.with_context(operation, || match Reference::new(&*self.provider, &*self.path) {
            Ok(reference) => reference.with_keypath(self.keypath.clone()).to_string(),
            Err(_) => name(&self.provider, &self.path),
        })
    }
}

/// Requests that can be for a part of a value.
macro_rules! with_keypath {
    ($($name:ident: $what:literal),*) => {$(
        impl<Mode> $name<'_, Mode> {
            /// One more step into the JSON value: a key, or an index (see [`KeyPath`]).
            #[doc = $what]
            pub fn key(mut self, step: impl Into<String>) -> Self {
                self.target.push(step);
                self
            }

            /// The steps into the JSON value, instead of those so far.
            pub fn keypath(mut self, path: impl Into<KeyPath>) -> Self {
                self.target.keypath = path.into();
                self
            }
        }
    )*};
}

with_keypath!(
    Get: "That part is what is given.",
    PathExists: "Then the value is read, and a cache may answer.",
    Update: "Only that part is changed. Text becomes a JSON string there."
);

/// Adds the setters of the retry policy to a request.
macro_rules! with_retry_policy {
    ($($name:ident),*) => {$(
        impl<Mode> $name<'_, Mode> {
            /// Attempts in total, for each call of the backend that this takes. 0 counts as 1.
            pub fn retry(mut self, attempts: u32) -> Self {
                let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
        self.options.retry_policy = self.options.retry_policy.with_attempts(attempts);
                self
            }

            /// The time to connect, and again to wait for an answer, of one attempt.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.options.retry_policy = self.options.retry_policy.with_timeout(timeout);
                self
            }
        }
    )*};
}

with_retry_policy!(Get, GetByPath, Update);

/// Requests that a cache may answer.
macro_rules! with_cached {
    ($($name:ident),*) => {$(
        impl<Mode> $name<'_, Mode> {
            /// Whether a cache may answer. Either way the answer is kept for others.
            pub fn cached(mut self, cached: bool) -> Self {
                self.options.cached = cached;
                self
            }
        }
    )*};
}

with_cached!(Get, GetByPath);

impl<'a> IntoFuture for Get<'a> {
    type Output = Result<Secret>;
    type IntoFuture = Response<'a, Secret>;

    fn into_future(self) -> Self::IntoFuture {
        match self.at_once() {
            Some(outcome) => Response(Either::Left(ready(outcome))),
            None => Response::later(self.run()),
        }
    }
}

impl<'a> IntoFuture for GetByPath<'a> {
    type Output = Result<Listing>;
    type IntoFuture = Response<'a, Listing>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a> IntoFuture for PathExists<'a> {
    type Output = Result<bool>;
    type IntoFuture = Response<'a, bool>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a> IntoFuture for Update<'a> {
    type Output = Result<Updated>;
    type IntoFuture = Response<'a, Updated>;

    fn into_future(self) -> Self::IntoFuture {
        Response::later(self.run())
    }
}

impl<'a, T> Response<'a, T> {
    fn later(future: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self(Either::Right(Box::pin(future)))
    }
}

impl<T: Unpin> Future for Response<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> fmt::Debug for Response<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}

/// Debug by target alone: values and defaults stay out.
macro_rules! debug_by_target {
    ($($name:ident),*) => {$(
        impl<Mode> fmt::Debug for $name<'_, Mode> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Target { provider, path, keypath, .. } = &self.target;
                f.debug_struct(stringify!($name))
                    .field("provider", provider)
                    .field("path", path)
                    .field("keypath", keypath)
                    .finish_non_exhaustive()
            }
        }
    )*};
}

debug_by_target!(Get, GetByPath, PathExists, Update);
