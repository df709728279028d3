//! Cache of AWS credentials: loaded once for all callers, and renewed before they expire.
//!
//! # Why not the SDK's cache
//! It loads inside the attempt of whoever needs credentials first. A short timeout would cut off the
//! calls to STS, and the next attempt would begin them anew. If a load fails, its waiters would each
//! repeat it, one after the other.
//!
//! # Invariants
//! - One load at a time, which all callers share, failure included ([`Flights`]).
//! - Credentials are there before a request's first attempt begins, so loading takes none of its time.
//! - They are renewed [`RENEW_AHEAD`] of their end. If that fails, the old ones serve to their end.
//! - A role's credentials need those of the role before: sources form a chain, loaded in order.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::credentials_error::from_credentials;
use crate::{
    aws_credentials::{source::AwsCredentialSource, variables::check_sendable, without_sdk_logs},
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::echo::Echo,
    single_flight::{Executor, SingleFlight},
};

/// Credentials are renewed this long before they expire, so that none expires on its way to AWS.
const RENEW_AHEAD: Duration = Duration::from_secs(60);

/// How long credentials without an expiry are cached, as in the SDK.
const UNDATED: Duration = Duration::from_secs(15 * 60);

/// The shortest time limit of a source, as in the SDK: one that starts a program is slower than a server.
const AT_LEAST: Duration = Duration::from_secs(5);

/// AWS's own secret keys have 40 characters.
const SHORTEST_SECRET: usize = 16;

/// A source of credentials, and the last ones that it gave.
pub(crate) struct CredentialCache {
    source: SharedCredentialsProvider,
    /// The cache of the credentials that the source itself signs its calls with.
    before: Option<Arc<CredentialCache>>,
    limit: Option<Limit>,
    policy: RetryPolicy,
    cached: Arc<ArcSwapOption<Cached>>,
    loads: Arc<SingleFlight<(), Credentials>>,
}

struct Cached {
    credentials: Credentials,
    until: SystemTime,
}

/// How long a source may take.
struct Limit {
    limit: Duration,
    /// The error if it takes longer the first time.
    first: Error,
    /// The error if it gave credentials before.
    later: Error,
}

impl Limit {
    fn error(&self, has_given: bool) -> Error {
        if has_given { self.later.clone() } else { self.first.clone() }
    }
}

impl CredentialCache {
    /// Caches the first source of a chain. It has to answer within a limit.
    pub(crate) fn first(
        source: SharedCredentialsProvider,
        chosen: &AwsCredentialSource,
        policy: RetryPolicy,
    ) -> Arc<Self> {
        let limit = policy.longest_attempt().saturating_mul(policy.attempts().get()).max(AT_LEAST);
        let [first, later] = [false, true].map(|has_given| chosen.timed_out(limit, has_given));
        Self::new(source, None, Some(Limit { limit, first, later }), policy)
    }

    /// Caches a source that calls STS with the credentials of `before`. Its STS client has the timeout.
    pub(crate) fn by(before: Arc<Self>, source: impl ProvideCredentials + 'static) -> Arc<Self> {
        let policy = before.policy;
        Self::new(SharedCredentialsProvider::new(source), Some(before), None, policy)
    }

    fn new(
        source: SharedCredentialsProvider,
        before: Option<Arc<Self>>,
        limit: Option<Limit>,
        policy: RetryPolicy,
    ) -> Arc<Self> {
        Arc::new(Self {
            source,
            before,
            limit,
            policy,
            cached: Arc::default(),
            loads: SingleFlight::new(Executor::Caller),
        })
    }

    /// Credentials that are valid for a while. Boxed, as one source waits for another.
    pub(crate) fn current(self: &Arc<Self>) -> BoxFuture<'_, Result<Credentials>> {
        Box::pin(async {
            let cached = self.cached.clone();
            let land = move |(): &(), outcome: &Result<Credentials>| {
                if let Ok(credentials) = outcome {
                    cached.store(Some(Arc::new(Cached::new(credentials.clone()))));
                }
                || {}
            };
            let load = |_| {
                let cache = self.clone();
                without_sdk_logs(async move { vec![cache.load().await] })
            };
            let mut outcomes = self.loads.load(&[()], |()| self.cached(RENEW_AHEAD), load, land, || {}).await;
            let outcome = outcomes.pop().unwrap_or_else(|| Err(Error::new(ErrorKind::Unexpected, "nothing was asked")));
            // The old ones are still valid for a while.
            outcome.or_else(|error| self.cached(Duration::ZERO).ok_or(error))
        })
    }

    /// For the SDK's clients: the cached credentials. The session has refreshed them before the call.
    pub(crate) fn shared(self: &Arc<Self>) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone() as Arc<dyn ProvideCredentials>)
    }

    /// The cached credentials, if they are valid for this long.
    fn cached(&self, at_least: Duration) -> Option<Credentials> {
        let cached = self.cached.load();
        let lasting = cached.as_ref().filter(|cached| SystemTime::now() + at_least < cached.until);
        lasting.map(|cached| cached.credentials.clone())
    }

    /// The account of the cached credentials, if their source tells it.
    pub(crate) fn account(&self) -> Option<String> {
        let cached = self.cached.load();
        cached.as_ref()?.credentials.account_id().map(|account| account.as_str().to_owned())
    }

    /// The credentials at the beginning of the chain, which no call to STS renews. They may have
    /// expired. `None` before they are loaded.
    pub(crate) fn first_of_chain(&self) -> Option<Credentials> {
        match &self.before {
            Some(before) => before.first_of_chain(),
            None => self.cached.load().as_ref().map(|cached| cached.credentials.clone()),
        }
    }

    /// What an error must not repeat. The canonical request that AWS quotes where a signature is
    /// wrong holds the session token.
    pub(crate) fn echo(&self) -> Echo {
        let cached = self.cached.load();
        let Some(cached) = cached.as_ref() else {
            return Echo::default();
        };
        let secrets = [Some(cached.credentials.secret_access_key()), cached.credentials.session_token()];
        // Those of local test servers are words such as `test`.
        let real = secrets.into_iter().flatten().filter(|secret| secret.len() >= SHORTEST_SECRET);
        real.fold(Echo::default(), |echo, secret| echo.with(secret.as_bytes()))
    }

    async fn load(&self) -> Result<Credentials> {
        if let Some(before) = &self.before {
            before.current().await?;
        }
        let given = self.source.provide_credentials();
        let given = match &self.limit {
            Some(limit) => timeout(limit.limit, given).await.map_err(|_| limit.error(self.cached.load().is_some()))?,
            None => given.await,
        };
        let echo = self.before.as_ref().map(|before| before.echo()).unwrap_or_default();
        let given = given.map_err(|error| from_credentials(error, self.policy, &echo))?;
        check_sendable(&given)?;
        Ok(given)
    }
}

impl ProvideCredentials for CredentialCache {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let cached = self.cached.load();
        // Expired ones too: AWS refuses them, and the session gets new ones.
        let credentials = cached.as_ref().map(|cached| cached.credentials.clone());
        future::ProvideCredentials::ready(credentials.ok_or_else(|| CredentialsError::not_loaded("not loaded yet")))
    }
}

impl Cached {
    fn new(credentials: Credentials) -> Self {
        let until = credentials.expiry().unwrap_or_else(|| SystemTime::now() + RENEW_AHEAD + UNDATED);
        Self { credentials, until }
    }
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache").finish_non_exhaustive()
    }
}
