//! Requests: `get`, `get_by_path`, `path_exists` and `update` with their options, made by `.await`
//! or `.call()`.

mod response;

use std::{
    borrow::Cow,
    fmt,
    marker::PhantomData,
    num::NonZeroU32,
    ops::{Deref, DerefMut},
    time::Duration,
};

use crate::{
    client::{
        Client,
        target::{Steps, Target},
    },
    error::{Error, Operation, Result},
    options::{GetOptions, ListOptions, UpdateOptions, Version},
    provider::{Listing, Updated},
    secret::{KeyPath, Metadata, Secret, SecretValue},
};

pub use self::response::{Read, Response};
pub use super::target::{At, IntoReference};

/// Marks a request that is made by `.await`.
#[derive(Clone, Copy, Debug)]
pub enum Awaited {}

/// A read of one secret, made by `.await`. See [`get`](crate::get).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct Get<'a, Mode = Awaited> {
    target: Target<'a>,
    default: Option<Box<Secret>>,
    options: Boxed<GetOptions>,
    mode: PhantomData<Mode>,
}

/// A read of every secret below a path, made by `.await`. See [`get_by_path`](crate::get_by_path).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct GetByPath<'a, Mode = Awaited> {
    target: Target<'a>,
    options: ListOptions,
    mode: PhantomData<Mode>,
}

/// A check whether something exists, made by `.await`. See [`path_exists`](crate::path_exists).
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

/// Options that take no room in a request until one of them is set: each setter moves the request.
#[derive(Default)]
struct Boxed<T>(Option<Box<T>>);

impl Deref for Boxed<GetOptions> {
    type Target = GetOptions;

    fn deref(&self) -> &GetOptions {
        static DEFAULT: GetOptions = GetOptions::new();
        self.0.as_deref().unwrap_or(&DEFAULT)
    }
}

impl DerefMut for Boxed<GetOptions> {
    fn deref_mut(&mut self) -> &mut GetOptions {
        self.0.get_or_insert_default()
    }
}

impl<'a, Mode> Get<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self::of(Target::new(client, provider, path))
    }

    pub(super) fn of(target: Target<'a>) -> Self {
        Self { target, default: None, options: Boxed::default(), mode: PhantomData }
    }

    /// Sets the value to return if the secret, the version or the key does not exist. It is
    /// returned whole, without the keypath, and never cached. Any other error stays one: the value
    /// does not stand in for a secret that is denied, or whose JSON is corrupt. Default: none, so
    /// absence is an error.
    pub fn default(self, value: impl Into<SecretValue>) -> Self {
        Self { default: Some(Box::new(Secret::new(value, Metadata::default()))), ..self }
    }

    /// Selects a version by its number, from 1 (Parameter Store). The last selection of a version
    /// wins; without one, the current version is read.
    pub fn version(mut self, number: u64) -> Self {
        self.options.version = Version::Number(number);
        self
    }

    /// Selects a version by its label (Parameter Store). Default: the current version.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.version = Version::Label(label.into());
        self
    }

    /// Selects a version by its id (Secrets Manager). Default: the current version.
    pub fn version_id(mut self, id: impl Into<String>) -> Self {
        self.options.version = Version::Id(id.into());
        self
    }

    /// Selects a version by its stage, such as `AWSPREVIOUS` (Secrets Manager). Default: the
    /// current version.
    pub fn version_stage(mut self, stage: impl Into<String>) -> Self {
        self.options.version = Version::Stage(stage.into());
        self
    }

    /// Sets whether a SecureString is decrypted (Parameter Store). Default: `true`.
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.options.decrypt = decrypt;
        self
    }

    /// The outcome, if it is known without a call.
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
            Ok(secret) => self.target.keypath.part_of(secret),
            Err(error) => Err(error),
        };
        match (part, &self.default) {
            (Err(error), Some(default)) if error.is_not_found() => Ok(Secret::clone(default)),
            (part, _) => part.map_err(|error| self.target.explain(error, Operation::Get)),
        }
    }
}

impl<'a, Mode> GetByPath<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self::of(Target::new(client, provider, path))
    }

    pub(super) fn of(target: Target<'a>) -> Self {
        Self { target, options: ListOptions::default(), mode: PhantomData }
    }

    /// Sets whether secrets more than one level below the path are included. Default: `true`.
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.options.recursive = recursive;
        self
    }

    /// Sets whether SecureStrings are decrypted (Parameter Store). Default: `true`.
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.options.decrypt = decrypt;
        self
    }

    /// Sets whether one unreadable secret fails the whole call. Otherwise it is among the
    /// [`failures`](Listing::failures) of the listing. Default: `true`.
    pub fn fail_on_error(mut self, fail: bool) -> Self {
        self.options.fail_on_error = fail;
        self
    }

    pub(crate) async fn run(self) -> Result<Listing> {
        self.list().await.map_err(|error| self.target.explain(error, Operation::GetByPath))
    }

    async fn list(&self) -> Result<Listing> {
        let client = self.target.client()?;
        if !self.target.keypath.is_empty() {
            return Err(Error::invalid_input("a listing takes a path, not the key of a secret"));
        }
        client.list(&self.target.provider, &self.target.path, &self.options).await
    }
}

impl<'a, Mode> PathExists<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self::of(Target::new(client, provider, path))
    }

    pub(super) fn of(target: Target<'a>) -> Self {
        Self { target, mode: PhantomData }
    }

    pub(crate) async fn run(self) -> Result<bool> {
        self.check().await.map_err(|error| self.target.explain(error, Operation::PathExists))
    }

    async fn check(&self) -> Result<bool> {
        let Target { provider, path, keypath, .. } = &self.target;
        let client = self.target.client()?;
        if keypath.is_empty() {
            return client.exists(provider, path).await;
        }
        match client.load(provider, path, &GetOptions::default()).await.and_then(|secret| keypath.part_of(secret)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl<'a, Mode> Update<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str, value: SecretValue) -> Self {
        Self::of(Target::new(client, provider, path), value)
    }

    pub(super) fn of(target: Target<'a>, value: SecretValue) -> Self {
        Self { target, value, options: UpdateOptions::default(), mode: PhantomData }
    }

    /// Sets the version that must still be the current one; otherwise the update fails as a
    /// `Conflict`. Default: any version.
    pub fn if_version(mut self, version: impl Into<String>) -> Self {
        self.options.if_version = Some(version.into());
        self
    }

    pub(crate) async fn run(mut self) -> Result<Updated> {
        self.options.keypath = self.target.keypath.to_keypath();
        let Target { client, provider, path, .. } = &self.target;
        let written = match client {
            Ok(client) => client.write(provider, path, &self.value, &self.options).await,
            Err(error) => Err(error.clone()),
        };
        written.map_err(|error| self.target.explain(error, Operation::Update))
    }
}

/// Requests that can be about a part of a value.
macro_rules! with_keypath {
    ($($name:ident: $what:literal),*) => {$(
        impl<'a, Mode> $name<'a, Mode> {
            /// Appends a step to the keypath into a JSON value: a key, or the index of an array
            /// element, from 0 (see [`KeyPath`]). Default: no steps, which means the whole value.
            #[doc = $what]
            pub fn key(mut self, step: impl Into<Cow<'a, str>>) -> Self {
                self.target.keypath.push(step.into());
                self
            }

            /// Sets the keypath into a JSON value, instead of the steps so far. Default: the whole
            /// value.
            pub fn keypath(mut self, path: impl Into<KeyPath>) -> Self {
                self.target.keypath = Steps::Path(path.into());
                self
            }
        }
    )*};
}

with_keypath!(
    Get: "The part is returned as a secret of its own.",
    PathExists: "With a key, the value is read, and a cache may answer.",
    Update: "Only that part is changed. Text becomes a JSON string there."
);

/// Requests whose attempts and timeout can be set.
macro_rules! with_retry_policy {
    ($($name:ident),*) => {$(
        impl<Mode> $name<'_, Mode> {
            /// Sets how often each call of the backend is tried in total, the first attempt
            /// included: 1 or more; 0 counts as 1. Default: the client's setting, or else 3.
            pub fn retry(mut self, attempts: u32) -> Self {
                let attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
                self.options.retry_policy = self.options.retry_policy.with_attempts(attempts);
                self
            }

            /// Sets how long one attempt may take to connect, and again to receive each part of the
            /// response. A whole attempt takes at most twice as long. Default: the client's
            /// setting, or else 5 seconds.
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.options.retry_policy = self.options.retry_policy.with_timeout(timeout);
                self
            }
        }
    )*};
}
pub(super) use with_retry_policy;

with_retry_policy!(Get, GetByPath, Update);

/// Requests that a cache may answer.
macro_rules! with_cached {
    ($($name:ident),*) => {$(
        impl<Mode> $name<'_, Mode> {
            /// Sets whether a cache may answer. If not, the provider is asked, and its answer is
            /// cached. Default: `true`.
            pub fn cached(mut self, cached: bool) -> Self {
                self.options.cached = cached;
                self
            }
        }
    )*};
}
pub(super) use with_cached;

with_cached!(Get, GetByPath);

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
