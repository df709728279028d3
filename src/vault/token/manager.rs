//! The token manager: one token for all callers, one login at a time, and dead tokens told apart
//! from denied calls.
//!
//! Invariants:
//! - **One login at a time.** `login_gate` is held during a login, whoever makes it: a caller that
//!   found no token, or the background task. Callers that wait for the gate share its outcome, also
//!   its failure, so that a wrong credential is sent once and not once per caller.
//! - **A caller that goes away spoils no login.** The login runs in a task of its own, or each
//!   impatient caller would stop it for all who wait, and could spend a secret that is good for one
//!   login.
//! - **A caller waits only if there is no token.** A token that nears its end still serves while
//!   the background task replaces it.
//! - **A 403 does not say whether the token is dead or a policy denied the call.** One of the
//!   refused callers asks, under `probe_gate`, and the others share the answer: a token that was
//!   seen alive after a call was sent was valid for that call.
//! - **A call refused for a dead token is sent once more,** with a new token. The server does
//!   nothing for a dead token, so the replay does no harm even to a write. It is sent once only:
//!   a second refusal is an answer, so a server that refuses everything causes no loop.
//! - **Denied calls make no login each,** even where a gateway blocks the question whether the token
//!   is alive. If a login did not help, the next one for such a call comes a minute later.
//! - **A failed login is never "not found", nor a denied call.** A login that misses its credential
//!   fails as `Unauthenticated`, or a caller would take its default for a secret that is there.
//! - **A shutdown leaves no token behind** if it is to revoke. It waits for a login under way, and
//!   one that ends even later revokes its own token.
//! - **No wait is endless.** Gates are waited for as long as a call may take, and a login as long
//!   as four calls: its task may hang. One on a runtime that nobody drives any more is taken over:
//!   see [`login_gate`](super::login_gate).
//! - The state's lock is never held across an await, a log event, or a method of the login, which
//!   may be foreign code that looks at this connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Gate, Notify},
    task::{AbortHandle, JoinError},
    time::timeout,
};

use super::{
    Grant, Lifetime, LiveToken, TokenAction, Validity,
    api::{self, TokenStatus},
    login_gate::{LoginGate, LoginPass},
    state_machine::State,
};
use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    vault::{
        auth::{Login, LoginClient},
        error,
        http::Http,
    },
};

/// The longest login: three calls to the server, and one to wherever its credential comes from.
const CALLS_PER_LOGIN: u32 = 4;

/// Keeps one token for all callers of a connection.
pub(in crate::vault) struct TokenManager {
    pub(super) http: Arc<Http>,
    pub(super) login: Arc<dyn Login>,
    pub(super) policy: RetryPolicy,
    state: Mutex<State>,
    /// Whether a shutdown revokes the tokens of our logins.
    pub(super) revoke_at_shutdown: bool,
    pub(super) login_gate: LoginGate,
    /// Held while the server is asked whether a refused token is alive.
    probe_gate: Gate<()>,
    /// Tells the background task that the plan has changed.
    pub(super) wake: Arc<Notify>,
}

/// Why a call was refused.
pub(in crate::vault) enum Refusal {
    /// The token is alive: a policy denies the call.
    Policy,
    /// The token was dead; this is the new one.
    Dead(Arc<LiveToken>),
}

/// What is known about the token, without the token.
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
    pub(in crate::vault) fn new(http: Arc<Http>, login: Arc<dyn Login>, revoke_at_shutdown: bool) -> Self {
        let policy = http.policy(RetryPolicy::default());
        Self {
            http,
            login,
            policy,
            state: Mutex::default(),
            revoke_at_shutdown,
            login_gate: LoginGate::default(),
            probe_gate: Gate::new(()),
            wake: Arc::new(Notify::new()),
        }
    }

    /// The token for one call. Logs in, or waits for another caller's login, if there is none.
    pub(in crate::vault) async fn token(self: &Arc<Self>) -> Result<Arc<LiveToken>> {
        if let Some(token) = self.usable_token()? {
            return Ok(token);
        }
        let seen = self.state().logins_ended();
        let pass = self.enter_login().await?;
        if let Some(token) = self.usable_token()? {
            return Ok(token);
        }
        if let Some(failure) = self.state().shared_failure(seen) {
            return Err(failure);
        }
        self.log_in_for_all(pass).await?;
        self.start_task();
        self.usable_token()?.ok_or_else(|| {
            Error::new(ErrorKind::Unauthenticated, "the login returned a token that has expired already")
        })
    }

    /// Why a call that was sent at `asked` was refused. Callers that were refused meanwhile share
    /// one question to the server.
    pub(in crate::vault) async fn refused(self: &Arc<Self>, token: &Arc<LiveToken>, asked: Instant) -> Result<Refusal> {
        if self.is_alive(token, asked).await? {
            return Ok(Refusal::Policy);
        }
        self.token().await.map(Refusal::Dead)
    }

    /// Whether the token of a refused call that was sent at `asked` is alive.
    pub(in crate::vault) async fn is_alive(&self, token: &Arc<LiveToken>, asked: Instant) -> Result<bool> {
        // Whoever holds it longer than a call takes is not driven any more. To ask twice does no
        // harm.
        let _probing = timeout(self.policy.longest_call(), self.probe_gate.lock()).await.ok();
        let known = self.state().known_alive(token, asked);
        match known {
            Some(alive) => Ok(alive),
            None => self.probe(token).await,
        }
    }

    /// The TTL that a renewal of this token asks for.
    pub(in crate::vault) fn full_ttl(&self, token: &LiveToken) -> Option<Duration> {
        self.state().validity_of(token).map(|validity| validity.full_ttl).filter(|ttl| !ttl.is_zero())
    }

    /// Notes a renewal of this token that asked for `increment`, or for the full TTL.
    pub(in crate::vault) fn renewed(
        &self,
        token: &LiveToken,
        lifetime: Lifetime,
        asked: Instant,
        increment: Option<Duration>,
    ) {
        let before = self.state().validity_of(token);
        let Some(before) = before else {
            return;
        };
        let validity = self.without_login_if_static(before.renewed(lifetime, asked, increment));
        self.state().renewed(token, validity);
        self.wake.notify_one();
    }

    /// The token that is held, if there is one. Takes no use of it.
    pub(in crate::vault) fn held(&self) -> Option<Arc<LiveToken>> {
        self.state().held()
    }

    pub(in crate::vault) fn snapshot(&self) -> Snapshot {
        let method = self.login.method();
        self.state().snapshot(method)
    }

    /// # Errors
    /// `Unavailable` after a shutdown.
    pub(in crate::vault) fn check_open(&self) -> Result<()> {
        self.state().check_open()
    }

    /// The held token, if it is good for one more call.
    fn usable_token(self: &Arc<Self>) -> Result<Option<Arc<LiveToken>>> {
        let generation = self.state().generation();
        let has_changed = self.login.has_changed();
        let mut state = self.state();
        state.check_open()?;
        if has_changed {
            state.drop_token(generation);
        }
        let now = Instant::now();
        let Some(token) = state.take(now) else {
            return Ok(None);
        };
        if token.is_nearly_spent() && state.log_in_early(now) {
            self.wake.notify_one();
        }
        let idle = state.task.as_ref().is_none_or(AbortHandle::is_finished);
        drop(state);
        if idle {
            // The runtime that the task ran on has ended.
            self.start_task();
        }
        Ok(Some(token))
    }

    /// Notes that a call was refused to the new token too.
    pub(in crate::vault) fn login_was_no_help(&self) {
        self.state().login_was_no_help(Instant::now());
    }

    /// Whether a new token would not help a refused call, as far as is known.
    fn is_login_no_help(&self) -> bool {
        !self.login.issues_tokens() || self.state().is_login_no_help(Instant::now())
    }

    /// Asks the server whether it knows the token, and remembers the answer.
    async fn probe(&self, token: &Arc<LiveToken>) -> Result<bool> {
        let asked = Instant::now();
        match api::status(&self.http, token, self.policy).await? {
            TokenStatus::Alive => self.state().seen_alive(token, asked),
            // There is no other token to try, or it did no better: the refusal stands.
            TokenStatus::Unknown if self.is_login_no_help() => {}
            // Not remembered as dead: the proxy may have its token a moment later.
            _ if token.is_absent() => return Err(error::no_token_added()),
            status => {
                tracing::info!(?status, "Vault does not accept the token any more; logging in again");
                self.state().declare_dead(token);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Logs in, in a task of its own, which holds the gate.
    async fn log_in_for_all(self: &Arc<Self>, pass: LoginPass) -> Result<()> {
        let (manager, number) = (self.clone(), pass.number());
        let login = tokio::spawn(async move {
            let _pass = pass;
            manager.log_in().await
        });
        self.login_gate.begun(number, login.abort_handle());
        match login.await.map_err(JoinError::try_into_panic) {
            Ok(outcome) => outcome,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // Its runtime has ended, or stood still for so long that another caller logs in.
            Err(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the runtime of the login to Vault has ended")),
        }
    }

    /// Logs in and holds the token. The caller holds `login_gate`.
    pub(super) async fn log_in(&self) -> Result<()> {
        let asked = Instant::now();
        let client = LoginClient::new(&self.http, self.policy);
        let limit = self.policy.longest_call().saturating_mul(CALLS_PER_LOGIN);
        let granted = timeout(limit, self.login.login(&client)).await;
        let granted = granted.unwrap_or_else(|_| Err(error::timed_out(self.policy))).map_err(error_of_login);
        let result = self.take_over(granted, asked);
        if let Err(shut_down) = self.check_open() {
            if let Err(error) = self.revoke_left().await {
                let kind = error.kind().as_str();
                tracing::warn!(kind, "the token of a login that outlasted the connection to Vault was not revoked");
            }
            return Err(shut_down);
        }
        match &result {
            Ok(validity) => {
                tracing::debug!(method = self.login.method(), renewable = validity.renewable, "logged in to Vault");
                self.wake.notify_one();
            }
            Err(error) => {
                let kind = error.kind().as_str();
                tracing::warn!(method = self.login.method(), kind, "the login to Vault failed");
            }
        }
        result.map(drop)
    }

    /// Holds the token of a login that began at `asked`, and notes how the login ended.
    fn take_over(&self, granted: Result<Grant>, asked: Instant) -> Result<Validity> {
        let issues_tokens = self.login.issues_tokens();
        let revokes = issues_tokens && self.revoke_at_shutdown;
        let granted = granted.map(|grant| {
            let validity = Validity::begin(grant.lifetime, asked, grant.uses.is_some());
            (grant, self.without_login_if_static(validity))
        });
        let mut state = self.state();
        let result = granted.and_then(|(grant, validity)| {
            let grant = state.reject_dead(grant)?;
            state.hold(grant, validity, issues_tokens, revokes)?;
            Ok(validity)
        });
        state.login_ended(result.as_ref().err());
        result
    }

    /// Plans no login for a static token: it would only return the same token again.
    pub(super) fn without_login_if_static(&self, mut validity: Validity) -> Validity {
        if !self.login.issues_tokens() {
            validity.next = validity.next.filter(|(_, action)| *action != TokenAction::LogIn);
        }
        validity
    }

    /// Waits until no other login is under way.
    ///
    /// # Errors
    /// `Timeout` if the other one takes longer than a call may.
    pub(super) async fn enter_login(&self) -> Result<LoginPass> {
        let (limit, patience) = (self.policy.longest_call(), self.policy.timeout());
        self.login_gate.enter(limit, patience).await.map_err(|_| error::timed_out(self.policy))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The failure of a login as that of a call that needed its token.
///
/// What a login misses or may not read is not what the call asked for: passed on as it is, "not
/// found" would let callers use their default, and "denied" blame a policy of the call.
fn error_of_login(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::KeyNotFound
        | ErrorKind::AccessDenied
        | ErrorKind::InvalidInput
        | ErrorKind::Conflict => {
            let hint = error.hint().map(str::to_owned);
            let failed = Error::new(ErrorKind::Unauthenticated, "the login to Vault failed").with_source(error);
            hint.into_iter().fold(failed, Error::with_hint)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::vault::VaultConfig;

    #[derive(Debug)]
    struct NeverReturns;

    #[async_trait]
    impl Login for NeverReturns {
        fn method(&self) -> &'static str {
            "never"
        }

        async fn login(&self, _: &LoginClient<'_>) -> Result<Grant> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_never_returns_ends_as_a_timeout() {
        let http = Http::new(VaultConfig::new("http://127.0.0.1:1")).expect("settings");
        let manager = Arc::new(TokenManager::new(Arc::new(http), Arc::new(NeverReturns), false));
        let error = manager.token().await.expect_err("no token");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(manager.login_gate.is_free(), "the next caller may try");
    }
}
