//! `get_refs`: reads many references at once, in as few calls as their backends allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::IntoFuture,
    marker::PhantomData,
    num::NonZeroU32,
    time::Duration,
};

use futures::future::{BoxFuture, join_all};

use crate::{
    client::{
        Client,
        request::{Awaited, IntoReference, with_cached, with_retry_policy},
        target::sealed::Parse,
    },
    error::{Error, Operation, Result},
    options::GetOptions,
    secret::{Reference, Secret},
};

/// A read of many references, made by `.await`. See [`Client::get_refs`](crate::Client::get_refs).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct GetRefs<'a, Mode = Awaited> {
    client: Result<&'a Client>,
    references: Vec<Result<Reference>>,
    options: GetOptions,
    mode: PhantomData<Mode>,
}

with_cached!(GetRefs);
with_retry_policy!(GetRefs);

impl<'a, Mode> GetRefs<'a, Mode> {
    pub(crate) fn new<I>(client: Result<&'a Client>, references: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoReference<'a>,
    {
        let owned = |reference: I::Item| match reference.parse() {
            Ok(reference) => Ok(reference.into_owned()),
            Err(malformed) => Err(malformed.into_error(Operation::Get)),
        };
        let references = references.into_iter().map(owned).collect();
        Self { client, references, options: GetOptions::default(), mode: PhantomData }
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn len(&self) -> usize {
        self.references.len()
    }

    pub(crate) async fn run(self) -> Vec<Result<Secret>> {
        let reads = self.paths().into_iter().map(|(provider, paths)| self.read(provider, paths));
        let answers = join_all(reads).await.into_iter().flatten().collect();
        self.references.iter().map(|reference| pick(&answers, reference.as_ref())).collect()
    }

    async fn read<'b>(&self, provider: &'b str, paths: BTreeSet<&'b str>) -> Vec<(Place<'b>, Result<Secret>)> {
        let names: Vec<_> = paths.iter().copied().map(str::to_owned).collect();
        let answers = match &self.client {
            Ok(client) => client.load_many(provider, &names, &self.options).await,
            Err(error) => names.iter().map(|_| Err(error.clone())).collect(),
        };
        paths.into_iter().map(|path| (provider, path)).zip(answers).collect()
    }

    /// Each secret that is referred to, once, by its provider.
    fn paths(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut paths = BTreeMap::<_, BTreeSet<_>>::new();
        for reference in self.references.iter().flatten() {
            paths.entry(reference.provider()).or_default().insert(reference.path());
        }
        paths
    }
}

impl<'a> IntoFuture for GetRefs<'a> {
    type Output = Vec<Result<Secret>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<Mode> fmt::Debug for GetRefs<'_, Mode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetRefs").field("references", &self.references).finish_non_exhaustive()
    }
}

/// A provider and a path.
type Place<'a> = (&'a str, &'a str);

/// The answer for one reference: its part of a secret that was read.
fn pick(answers: &BTreeMap<Place<'_>, Result<Secret>>, reference: Result<&Reference, &Error>) -> Result<Secret> {
    let reference = reference.map_err(Clone::clone)?;
    let whole = answers.get(&(reference.provider(), reference.path())).cloned();
    let part = whole.unwrap_or_else(|| Err(Error::unanswered())).and_then(|secret| secret.at(reference.keypath()));
    part.map_err(|error| error.with_context(Operation::Get, || reference.to_string()))
}
