//! Credentials: loaded once for all callers, and renewed before they end.

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

use super::{error::from_credentials, session::silently};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::echo::Echo,
    single_flight::Flights,
};

/// Credentials are renewed this long before they expire, so that none dies on its way to AWS.
const RENEW_AHEAD: Duration = Duration::from_secs(60);

/// How long credentials are kept that don't say when they expire: as long as the SDK keeps them.
const UNDATED: Duration = Duration::from_secs(15 * 60);

/// The least that a source may take: one that starts a program is slower than a server. The SDK's own default.
const AT_LEAST: Duration = Duration::from_secs(5);

/// AWS's own secret keys have 40 characters.
const SHORTEST_SECRET: usize = 16;

/// A source of credentials that remembers what it gave.
///
/// The SDK's own cache loads inside the attempt of whoever needs credentials first: a short timeout would cut the
/// calls to STS off and begin them anew with the next attempt, and those who wait for a load that fails
/// would repeat it, one after the other.
pub(crate) struct Kept {
    source: SharedCredentialsProvider,
    /// Whose credentials the source itself needs. They are there before it begins.
    before: Option<Arc<Kept>>,
    limit: Option<Duration>,
    policy: RetryPolicy,
    held: Arc<ArcSwapOption<Held>>,
    loads: Arc<Flights<(), Credentials>>,
}

struct Held {
    credentials: Credentials,
    until: SystemTime,
}

impl Kept {
    /// What the first source that is asked gives: it answers within a limit, or is given up.
    pub(crate) fn first(source: SharedCredentialsProvider, policy: RetryPolicy) -> Arc<Self> {
        let limit = policy.longest_attempt().saturating_mul(policy.attempts().get());
        Self::new(source, None, Some(limit.max(AT_LEAST)), policy)
    }

    /// What a source gives that needs the credentials of another one, to call STS as patiently as its client does.
    pub(crate) fn by(before: Arc<Self>, source: impl ProvideCredentials + 'static) -> Arc<Self> {
        let policy = before.policy;
        Self::new(SharedCredentialsProvider::new(source), Some(before), None, policy)
    }

    fn new(
        source: SharedCredentialsProvider,
        before: Option<Arc<Self>>,
        limit: Option<Duration>,
        policy: RetryPolicy,
    ) -> Arc<Self> {
        Arc::new(Self { source, before, limit, policy, held: Arc::default(), loads: Flights::new() })
    }

    /// Credentials that last a while. Boxed, for one source waits for another.
    pub(crate) fn current(self: &Arc<Self>) -> BoxFuture<'_, Result<Credentials>> {
        Box::pin(async {
            let held = self.held.clone();
            let land = move |(): &(), outcome: &Result<Credentials>| {
                if let Ok(credentials) = outcome {
                    held.store(Some(Arc::new(Held::new(credentials.clone()))));
                }
            };
            let load = |_| {
                let kept = self.clone();
                silently(async move { vec![kept.load().await] })
            };
            let mut outcomes = self.loads.fly(&[()], |()| self.held(RENEW_AHEAD), load, land, || {}).await;
            let outcome = outcomes.pop().unwrap_or_else(|| Err(Error::new(ErrorKind::Unexpected, "nothing was asked")));
            // The old ones may still be good for the while that the new ones can't be had.
            outcome.or_else(|error| self.held(Duration::ZERO).ok_or(error))
        })
    }

    /// For the SDK's clients: what is held now. Whoever makes a call has seen to it that it lasts.
    pub(crate) fn shared(self: &Arc<Self>) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone() as Arc<dyn ProvideCredentials>)
    }

    /// What is held, if it lasts this long.
    fn held(&self, at_least: Duration) -> Option<Credentials> {
        let held = self.held.load();
        let lasting = held.as_ref().filter(|held| SystemTime::now() + at_least < held.until);
        lasting.map(|held| held.credentials.clone())
    }

    /// What an error must not repeat. The canonical request that AWS quotes where a signature is
    /// wrong holds the session token.
    pub(crate) fn echo(&self) -> Echo {
        let held = self.held.load();
        let Some(held) = held.as_ref() else {
            return Echo::default();
        };
        let secrets = [Some(held.credentials.secret_access_key()), held.credentials.session_token()];
        // Those of local test servers are words such as `test`.
        let real = secrets.into_iter().flatten().filter(|secret| secret.len() >= SHORTEST_SECRET);
        real.fold(Echo::default(), |echo, secret| echo.with(secret.as_bytes()))
    }

    async fn load(&self) -> Result<Credentials> {
        if let Some(before) = &self.before {
            before.current().await?;
        }
        let given = self.source.provide_credentials();
        let given = match self.limit {
            Some(limit) => {
                timeout(limit, given).await.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(limit)))
            }
            None => given.await,
        };
        let echo = self.before.as_ref().map(|before| before.echo()).unwrap_or_default();
        given.map_err(|error| from_credentials(error, self.policy, &echo))
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let held = self.held.load();
        // Those that expired on the way too: AWS says so, and then new ones are taken.
        let credentials = held.as_ref().map(|held| held.credentials.clone());
        future::ProvideCredentials::ready(credentials.ok_or_else(|| CredentialsError::not_loaded("not loaded yet")))
    }
}

impl Held {
    fn new(credentials: Credentials) -> Self {
        let until = credentials.expiry().unwrap_or_else(|| SystemTime::now() + RENEW_AHEAD + UNDATED);
        Self { credentials, until }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
