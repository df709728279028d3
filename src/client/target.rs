//! What a request is about: a provider with a path and keypath, or a reference.

use std::{borrow::Cow, fmt, marker::PhantomData};

use crate::{
    client::{
        Client,
        dispatch::name,
        request::{Awaited, Get, GetByPath, PathExists, Update},
    },
    error::{Error, Operation, Result},
    secret::{KeyPath, Reference, Secret, SecretValue},
};

/// The provider, path and keypath of a request, and the client that makes it.
pub(super) struct Target<'a> {
    /// An error if there is no client, or if the reference is malformed.
    pub(super) client: Result<&'a Client>,
    pub(super) provider: Cow<'a, str>,
    pub(super) path: Cow<'a, str>,
    pub(super) keypath: Steps<'a>,
}

/// The steps of a request's keypath. Up to two that are borrowed, as most are, take no allocation.
#[derive(Debug)]
pub(super) enum Steps<'a> {
    Borrowed([&'a str; 2], u8),
    Path(KeyPath),
}

impl<'a> Steps<'a> {
    const NONE: Self = Self::Borrowed([""; 2], 0);

    #[inline]
    pub(super) fn push(&mut self, step: Cow<'a, str>) {
        match (&mut *self, step) {
            (Self::Borrowed(steps, count @ 0..2), Cow::Borrowed(step)) => {
                steps[usize::from(*count)] = step;
                *count += 1;
            }
            (Self::Path(path), step) => path.push(step.into_owned()),
            (Self::Borrowed(..), step) => {
                let mut path = self.to_keypath();
                path.push(step.into_owned());
                *self = Self::Path(path);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Borrowed(_, count) => *count == 0,
            Self::Path(path) => path.is_empty(),
        }
    }

    /// The part of a secret that the steps lead to.
    pub(super) fn part_of(&self, secret: Secret) -> Result<Secret> {
        match self {
            Self::Borrowed(steps, count) => secret.into_part(steps[..usize::from(*count)].iter(), false),
            Self::Path(path) => secret.at(path),
        }
    }

    pub(super) fn to_keypath(&self) -> KeyPath {
        match self {
            Self::Borrowed(steps, count) => KeyPath::new(steps[..usize::from(*count)].iter().copied()),
            Self::Path(path) => path.clone(),
        }
    }
}

/// A [`Reference`], or text that is parsed as one: `&str`, `String` and whatever else is
/// `AsRef<str>`.
///
/// A [`Reference`] that is lent is not copied.
pub trait IntoReference<'a>: sealed::Parse<'a> {}

impl<'a, T: sealed::Parse<'a>> IntoReference<'a> for T {}

/// The calls on what one reference points to. See [`Client::at`](crate::Client::at).
#[must_use = "this names a secret; its methods make the calls"]
pub struct At<'a, Mode = Awaited> {
    client: Result<&'a Client>,
    reference: Result<Cow<'a, Reference>, Malformed>,
    mode: PhantomData<Mode>,
}

/// Text that is no reference.
#[derive(Clone, Debug)]
pub struct Malformed {
    text: String,
    error: Error,
}

impl<'a> Target<'a> {
    pub(super) fn new(client: Result<&'a Client>, provider: &'a str, path: &'a str) -> Self {
        Self { client, provider: provider.into(), path: path.into(), keypath: Steps::NONE }
    }

    fn of_reference(client: Result<&'a Client>, reference: Cow<'a, Reference>) -> Self {
        let keypath = Steps::Path(reference.keypath().clone());
        let (provider, path) = match reference {
            Cow::Borrowed(reference) => (reference.provider().into(), reference.path().into()),
            Cow::Owned(reference) => (reference.provider().to_owned().into(), reference.path().to_owned().into()),
        };
        Self { client, provider, path, keypath }
    }

    /// The client.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn client(&self) -> Result<&'a Client> {
        self.client.clone()
    }

    /// Adds the operation and the reference to an error, unless an inner layer already did.
    pub(super) fn explain(&self, error: Error, operation: Operation) -> Error {
        error.with_context(operation, || match Reference::new(&*self.provider, &*self.path) {
            Ok(reference) => reference.with_keypath(self.keypath.to_keypath()).to_string(),
            Err(_) => name(&self.provider, &self.path),
        })
    }
}

impl<'a, Mode> At<'a, Mode> {
    pub(crate) fn new(client: Result<&'a Client>, reference: impl IntoReference<'a>) -> Self {
        Self { client, reference: reference.parse(), mode: PhantomData }
    }

    /// Reads the secret, or the part that the reference points to. See [`get`](crate::get).
    pub fn get(self) -> Get<'a, Mode> {
        Get::of(self.target(Operation::Get))
    }

    /// Reads it from the provider, whatever the cache holds, and caches the answer. See
    /// [`Client::refresh`](crate::Client::refresh).
    pub fn refresh(self) -> Get<'a, Mode> {
        self.get().cached(false)
    }

    /// Reads every secret below the path. See [`get_by_path`](crate::get_by_path).
    ///
    /// # Errors
    /// The call fails with `InvalidInput` if the reference has a key.
    pub fn get_by_path(self) -> GetByPath<'a, Mode> {
        GetByPath::of(self.target(Operation::GetByPath))
    }

    /// Checks whether the secret, or its key, exists. See [`path_exists`](crate::path_exists).
    pub fn path_exists(self) -> PathExists<'a, Mode> {
        PathExists::of(self.target(Operation::PathExists))
    }

    /// Writes a new value of the secret, or of the part that the reference points to. See
    /// [`update`](crate::update).
    pub fn update(self, value: impl Into<SecretValue>) -> Update<'a, Mode> {
        Update::of(self.target(Operation::Update), value.into())
    }

    /// Drops what memory and disk hold of the whole secret. See
    /// [`Client::invalidate`](crate::Client::invalidate).
    ///
    /// # Errors
    /// `InvalidInput` if there is no such provider, or the reference is malformed.
    pub fn invalidate(self) -> Result<()> {
        let target = self.target(Operation::Get);
        target.client()?.invalidate(&target.provider, &target.path)
    }

    /// What [`rejected`](Self::rejected) gives, once it is polled.
    pub(super) async fn replacement(self, refused: &Secret) -> Result<Option<Secret>> {
        let target = self.target(Operation::Get);
        let newer = async {
            match target.client()?.replacement(&target.provider, &target.path, refused).await? {
                Some(newer) => target.keypath.part_of(newer).map(Some),
                None => Ok(None),
            }
        };
        newer.await.map_err(|error| target.explain(error, Operation::Get))
    }

    fn target(self, operation: Operation) -> Target<'a> {
        match self.reference {
            Ok(reference) => Target::of_reference(self.client, reference),
            Err(malformed) => Target::new(Err(malformed.into_error(operation)), "", ""),
        }
    }
}

impl At<'_> {
    /// Gets the replacement for what the reference points to, if its user has rejected it; `None`
    /// if there is none yet. See [`Client::rejected`](crate::Client::rejected), which gives the
    /// whole secret.
    ///
    /// # Errors
    /// As [`get`](crate::get).
    pub async fn rejected(self, refused: &Secret) -> Result<Option<Secret>> {
        self.replacement(refused).await
    }
}

impl Malformed {
    /// The error of an operation on it.
    pub(super) fn into_error(self, operation: Operation) -> Error {
        self.error.with_context(operation, || format!("{:?}", self.text))
    }
}

impl<Mode> Clone for At<'_, Mode> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), reference: self.reference.clone(), mode: PhantomData }
    }
}

impl<Mode> fmt::Debug for At<'_, Mode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("At").field(&self.reference.as_ref().map_err(|malformed| &malformed.text)).finish()
    }
}

pub(super) mod sealed {
    use std::borrow::Cow;

    use super::Malformed;
    use crate::secret::Reference;

    pub trait Parse<'a> {
        #[doc(hidden)]
        fn parse(self) -> Result<Cow<'a, Reference>, Malformed>;
    }

    impl<'a, T: AsRef<str>> Parse<'a> for T {
        fn parse(self) -> Result<Cow<'a, Reference>, Malformed> {
            let text = self.as_ref();
            text.parse().map(Cow::Owned).map_err(|error| Malformed { text: text.to_owned(), error })
        }
    }

    impl<'a> Parse<'a> for Reference {
        fn parse(self) -> Result<Cow<'a, Reference>, Malformed> {
            Ok(Cow::Owned(self))
        }
    }

    impl<'a> Parse<'a> for &'a Reference {
        fn parse(self) -> Result<Cow<'a, Reference>, Malformed> {
            Ok(Cow::Borrowed(self))
        }
    }
}
