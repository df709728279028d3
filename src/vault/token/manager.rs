//! The life of the token: got once for all callers, renewed or replaced ahead of its end, told apart from a denial.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Mutex as Gate, MutexGuard as GateGuard, Notify},
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{
    Token, TokenAction, Validity,
    api::{self, TokenStatus},
    state::State,
};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    vault::{
        auth::{Link, Login},
        error,
        http::Http,
    },
};

/// Keeps one token for all callers of a connection.
pub(in crate::vault) struct TokenManager {
    pub(super) http: Arc<Http>,
    pub(super) login: Box<dyn Login>,
    pub(super) policy: RetryPolicy,
    state: Mutex<State>,
    /// Held during a login: there is one at a time.
    pub(super) gate: Gate<()>,
    /// Held while it is asked whether a refused token is alive.
    probe: Gate<()>,
    pub(super) wake: Arc<Notify>,
}

/// Why a call was refused.
pub(in crate::vault) enum Refusal {
    /// The token is alive: a policy says no.
    Policy,
    /// It was dead. This one is new.
    Dead(Arc<Token>),
}

/// What is known of the token, without it.
pub(in crate::vault) struct Snapshot {
    pub(in crate::vault) method: &'static str,
    pub(in crate::vault) logged_in: bool,
    pub(in crate::vault) expires: Option<Instant>,
    pub(in crate::vault) renewable: bool,
    pub(in crate::vault) uses_left: Option<u64>,
    pub(in crate::vault) last_error: Option<Error>,
    pub(in crate::vault) logins: u64,
    pub(in crate::vault) renewals: u64,
}

impl TokenManager {
    pub(in crate::vault) fn new(http: Arc<Http>, login: Box<dyn Login>) -> Self {
        let policy = http.policy(RetryPolicy::default());
        Self {
            http,
            login,
            policy,
            state: Mutex::default(),
            gate: Gate::new(()),
            probe: Gate::new(()),
            wake: Arc::new(Notify::new()),
        }
    }

    /// The token for one call. Waits only if there is none: for a login, its own or another caller's.
    pub(in crate::vault) async fn token(self: &Arc<Self>) -> Result<Arc<Token>> {
        if let Some(token) = self.ready()? {
            return Ok(token);
        }
        let seen = self.state().rounds();
        let _gate = self.pass(&self.gate).await?;
        if let Some(token) = self.ready()? {
            return Ok(token);
        }
        if let Some(failure) = self.state().shared_failure(seen) {
            return Err(failure);
        }
        self.log_in().await?;
        self.tend();
        self.ready()?.ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "the login's token was over at once"))
    }

    /// Why a call that was begun at `asked` was refused: one question for all who were refused meanwhile.
    pub(in crate::vault) async fn refused(self: &Arc<Self>, token: &Arc<Token>, asked: Instant) -> Result<Refusal> {
        let probing = self.pass(&self.probe).await?;
        let known = self.state().known(token, asked);
        let alive = match known {
            Some(alive) => alive,
            None => self.ask(token).await?,
        };
        if alive {
            return Ok(Refusal::Policy);
        }
        drop(probing);
        self.token().await.map(Refusal::Dead)
    }

    pub(in crate::vault) fn snapshot(&self) -> Snapshot {
        self.state().snapshot(self.login.method())
    }

    /// Ends the background work. The token stays usable until `shut`.
    pub(in crate::vault) fn stop(&self) {
        if let Some(tending) = self.state().tending.take() {
            tending.abort();
        }
    }

    /// Ends everything, and gives up the token if a login of ours got it.
    pub(in crate::vault) fn shut(&self) -> Option<Arc<Token>> {
        self.stop();
        let token = self.state().shut()?;
        self.login.makes_tokens().then_some(token)
    }

    /// The token that is held, if it is good for one more call.
    fn ready(self: &Arc<Self>) -> Result<Option<Arc<Token>>> {
        let mut state = self.state();
        if state.is_shut() {
            let shut = Error::new(ErrorKind::Unavailable, "the connection to Vault was shut down");
            return Err(shut.with_retryable(false));
        }
        if self.login.changed() {
            state.let_go();
        }
        let now = Instant::now();
        let Some(token) = state.take(now) else {
            return Ok(None);
        };
        if token.is_nearly_spent() && state.hurry(now) {
            self.wake.notify_one();
        }
        let idle = state.tending.as_ref().is_none_or(AbortHandle::is_finished);
        drop(state);
        if idle {
            // The runtime that the work ran on is gone, or a held-off login came to nothing.
            self.tend();
        }
        Ok(Some(token))
    }

    /// Asks the server whether it knows the token, and remembers the answer.
    async fn ask(&self, token: &Arc<Token>) -> Result<bool> {
        let began = Instant::now();
        match api::ask_of(&self.http, token, self.policy).await? {
            TokenStatus::Alive => self.state().saw_alive(token, began),
            // There is no other: the refusal stands for itself.
            TokenStatus::Unsaid if !self.login.makes_tokens() => {}
            dead => {
                tracing::info!(word = ?dead, "Vault no longer knows the token, for all that can be told; logging in again");
                self.state().bury(token);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Logs in, and holds the token. To be called under the gate.
    pub(super) async fn log_in(&self) -> Result<()> {
        let asked = Instant::now();
        let granted = self.login.login(&Link::new(&self.http, self.policy)).await;
        let mut state = self.state();
        let result = granted.and_then(|grant| state.admit(grant)).and_then(|grant| {
            let term = Validity::begin(grant.term, asked, grant.uses.is_some());
            let term = self.planned(term);
            state.hold(grant, term)?;
            Ok(term)
        });
        state.end_round(result.as_ref().err());
        // Not held while logging: a subscriber may take its time, or ask in turn.
        drop(state);
        match &result {
            Ok(term) => {
                tracing::debug!(method = self.login.method(), renewable = term.renewable, "logged in to Vault");
                self.wake.notify_one();
            }
            Err(error) => {
                let kind = error.kind().as_str();
                tracing::warn!(method = self.login.method(), kind, "the login to Vault failed");
            }
        }
        result.map(drop)
    }

    /// The term without the login at its end, where a login would only give the same token once more.
    pub(super) fn planned(&self, mut term: Validity) -> Validity {
        if !self.login.makes_tokens() {
            term.next = term.next.filter(|(_, step)| *step != TokenAction::LogIn);
        }
        term
    }

    pub(super) async fn pass<'a>(&self, gate: &'a Gate<()>) -> Result<GateGuard<'a, ()>> {
        // Whoever holds it may be stuck on a runtime that nobody drives.
        timeout(self.policy.longest_call(), gate.lock()).await.map_err(|_| error::timed_out(self.policy))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
