//! Many references at once, in as few calls as their backends allow.

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
    client::{Client, request::Awaited},
    error::{Error, Operation, Result},
    options::GetOptions,
    secret::{Reference, Secret},
};

/// A read of what many references point to, made by `.await`. See [`Client::get_refs`](crate::Client::get_refs).
#[must_use = "a request does nothing until it is awaited or called"]
pub struct GetRefs<'a, Mode = Awaited> {
    client: Result<&'a Client>,
    references: Vec<Result<Reference>>,
    options: GetOptions,
    mode: PhantomData<Mode>,
}

impl<'a, Mode> GetRefs<'a, Mode> {
    pub(crate) fn new<I>(client: Result<&'a Client>, references: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let references = references.into_iter().map(|text| parse(text.as_ref())).collect();
        Self { client, references, options: GetOptions::default(), mode: PhantomData }
    }

    /// Whether a cache may answer. Either way the answers are kept for others.
    pub fn cached(mut self, cached: bool) -> Self {
        self.options.cached = cached;
        self
    }

    /// Attempts in total, for each call of a backend that this takes. 0 counts as 1.
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

    #[cfg(feature = "blocking")]
    pub(crate) fn len(&self) -> usize {
        self.references.len()
    }

    pub(crate) async fn run(self) -> Vec<Result<Secret>> {
        let answers = self.ask().await;
        self.references.iter().map(|reference| pick(&answers, reference.as_ref())).collect()
    }

    /// Every secret that is referred to, once, from all providers at the same time.
    async fn ask(&self) -> BTreeMap<Place<'_>, Result<Secret>> {
        let asked = self.secrets().into_iter().map(|(provider, paths)| self.ask_one(provider, paths));
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn ask_one<'b>(&self, provider: &'b str, paths: BTreeSet<&'b str>) -> Vec<(Place<'b>, Result<Secret>)> {
        let names: Vec<_> = paths.iter().copied().map(str::to_owned).collect();
        let answers = match &self.client {
            Ok(client) => client.load_many(provider, &names, &self.options).await,
            Err(error) => names.iter().map(|_| Err(error.clone())).collect(),
        };
        paths.into_iter().map(|path| (provider, path)).zip(answers).collect()
    }

    fn secrets(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut secrets = BTreeMap::<_, BTreeSet<_>>::new();
        for reference in self.references.iter().flatten() {
            secrets.entry(reference.provider()).or_default().insert(reference.path());
        }
        secrets
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

fn parse(text: &str) -> Result<Reference> {
    text.parse().map_err(|error: Error| error.with_context(Operation::Get, || format!("{text:?}")))
}

/// The part that one reference means of what was read for all.
fn pick(answers: &BTreeMap<Place<'_>, Result<Secret>>, reference: Result<&Reference, &Error>) -> Result<Secret> {
    let reference = reference.map_err(Clone::clone)?;
    let whole = answers.get(&(reference.provider(), reference.path())).cloned();
    let part = whole.unwrap_or_else(|| Err(Error::unanswered())).and_then(|secret| secret.at(reference.keypath()));
    part.map_err(|error| error.with_context(Operation::Get, || reference.to_string()))
}
