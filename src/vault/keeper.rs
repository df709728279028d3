//! The life of the token: got once for all callers, renewed or replaced ahead of its end, told apart from a denial.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::{
    sync::{Mutex as Gate, MutexGuard as GateGuard, Notify},
    task::AbortHandle,
    time::{Duration, Instant, timeout, timeout_at},
};
use zeroize::Zeroizing;

use super::{
    auth::{Link, Login},
    body::Fields,
    call::Call,
    error,
    http::{Bearer, Http},
    reply::not_as_vault,
    retry::{Patience, backoff},
    token::{Grant, Lifetime, Step, Term, Token},
};
use crate::{
    error::{Error, ErrorKind, Result},
    options::Effort,
};

/// A login that was refused is not made again for this long, however many callers come: wrong credentials in a busy
/// service would lock the role out.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// Keeps one token for all callers of a connection.
pub(super) struct Keeper {
    http: Arc<Http>,
    login: Box<dyn Login>,
    patience: Patience,
    state: Mutex<State>,
    /// Held during a login: there is one at a time.
    gate: Gate<()>,
    /// Held while it is asked whether a refused token is alive.
    probe: Gate<()>,
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    held: Option<(Arc<Token>, Term)>,
    generation: u64,
    /// The token that is known to be none any more.
    dead: Option<Arc<Token>>,
    /// Counts logins that came to an end, so that those who waited for one share how it ended.
    rounds: u64,
    failure: Option<(Instant, Error)>,
    /// When a generation was last asked about and found alive.
    alive: Option<(u64, Instant)>,
    /// Failures of the background in a row.
    setbacks: u32,
    last_error: Option<Error>,
    logins: u64,
    renewals: u64,
    tending: Option<AbortHandle>,
    shut: bool,
}

/// Why a call was refused.
pub(super) enum Refusal {
    /// The token is alive: a policy says no.
    Policy,
    /// It was dead. This one is new.
    Dead(Arc<Token>),
}

/// What is known of the token, without it.
pub(super) struct Snapshot {
    pub(super) method: &'static str,
    pub(super) logged_in: bool,
    pub(super) expires: Option<Instant>,
    pub(super) renewable: bool,
    pub(super) uses_left: Option<u64>,
    pub(super) last_error: Option<Error>,
    pub(super) logins: u64,
    pub(super) renewals: u64,
}

impl Keeper {
    pub(super) fn new(http: Arc<Http>, login: Box<dyn Login>) -> Self {
        let patience = http.patience(Effort::default());
        Self {
            http,
            login,
            patience,
            state: Mutex::default(),
            gate: Gate::new(()),
            probe: Gate::new(()),
            wake: Arc::new(Notify::new()),
        }
    }

    /// The token for one call. Waits only if there is none: for a login, its own or another caller's.
    pub(super) async fn token(self: &Arc<Self>) -> Result<Arc<Token>> {
        if let Some(token) = self.ready()? {
            return Ok(token);
        }
        let seen = self.state().rounds;
        let _gate = self.pass(&self.gate).await?;
        if let Some(token) = self.ready()? {
            return Ok(token);
        }
        self.shared_failure(seen)?;
        self.log_in().await?;
        self.tend();
        self.ready()?.ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "the login's token was over at once"))
    }

    /// Why a call that was begun at `asked` was refused: one question for all who were refused meanwhile.
    pub(super) async fn refused(self: &Arc<Self>, token: &Arc<Token>, asked: Instant) -> Result<Refusal> {
        let probing = self.pass(&self.probe).await?;
        match self.known(token, asked) {
            Some(true) => return Ok(Refusal::Policy),
            Some(false) => {}
            None => {
                let began = Instant::now();
                if self.is_alive(token).await? {
                    self.state().alive = Some((token.generation, began));
                    return Ok(Refusal::Policy);
                }
                self.bury(token);
            }
        }
        drop(probing);
        self.token().await.map(Refusal::Dead)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        let held = state.held.as_ref().filter(|(_, term)| !term.is_over(Instant::now()));
        Snapshot {
            method: self.login.method(),
            logged_in: held.is_some(),
            expires: held.and_then(|(_, term)| term.expires),
            renewable: held.is_some_and(|(_, term)| term.renewable),
            uses_left: held.and_then(|(token, _)| token.uses_left()),
            last_error: state.last_error.clone(),
            logins: state.logins,
            renewals: state.renewals,
        }
    }

    /// Ends the background work. The token stays usable until `shut`.
    pub(super) fn stop(&self) {
        if let Some(tending) = self.state().tending.take() {
            tending.abort();
        }
    }

    /// Ends everything, and gives up the token if a login of ours got it.
    pub(super) fn shut(&self) -> Option<Arc<Token>> {
        self.stop();
        let mut state = self.state();
        state.shut = true;
        let (token, _) = state.held.take()?;
        self.login.makes_tokens().then_some(token)
    }

    /// The token that is held, if it is good for one more call.
    fn ready(self: &Arc<Self>) -> Result<Option<Arc<Token>>> {
        let mut state = self.state();
        if state.shut {
            let shut = Error::new(ErrorKind::Unavailable, "the connection to Vault was shut down");
            return Err(shut.with_retryable(false));
        }
        if self.login.changed() {
            state.held = None;
        }
        let Some((token, term)) = &mut state.held else {
            return Ok(None);
        };
        if term.is_over(Instant::now()) || !token.take() {
            return Ok(None);
        }
        if token.is_nearly_spent() && !matches!(term.next, Some((at, Step::LogIn)) if at <= Instant::now()) {
            term.next = Some((Instant::now(), Step::LogIn));
            self.wake.notify_one();
        }
        let token = token.clone();
        let idle = state.tending.as_ref().is_none_or(AbortHandle::is_finished);
        drop(state);
        if idle {
            // The runtime that the work ran on is gone, or a held-off login came to nothing.
            self.tend();
        }
        Ok(Some(token))
    }

    /// How a login ended that others made while this caller waited, or a moment ago.
    fn shared_failure(&self, seen: u64) -> Result<()> {
        let state = self.state();
        match &state.failure {
            Some((_, error)) if state.rounds != seen => Err(error.clone()),
            Some((at, error)) if !error.kind().is_transient() && at.elapsed() < HOLD_OFF => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Logs in, and holds the token. To be called under the gate.
    async fn log_in(&self) -> Result<()> {
        let asked = Instant::now();
        let result = self.login.login(&Link::new(&self.http, self.patience)).await.and_then(|grant| self.check(grant));
        let mut state = self.state();
        state.rounds += 1;
        match result {
            Ok(grant) => self.hold(&mut state, grant, asked),
            Err(error) => {
                tracing::warn!(method = self.login.method(), kind = error.kind().as_str(), "the login to Vault failed");
                state.failure = Some((Instant::now(), error.clone()));
                state.last_error = Some(error.clone());
                Err(error)
            }
        }
    }

    fn hold(&self, state: &mut State, grant: Grant, asked: Instant) -> Result<()> {
        state.generation += 1;
        let limited = grant.uses.is_some();
        let token = Token::new(grant.token, state.generation, grant.uses)?;
        let mut term = Term::begin(grant.term, asked, limited);
        if !self.login.makes_tokens() {
            term.next = term.next.filter(|(_, step)| *step != Step::LogIn);
        }
        tracing::debug!(method = self.login.method(), renewable = term.renewable, "logged in to Vault");
        state.held = Some((Arc::new(token), term));
        (state.failure, state.last_error, state.setbacks) = (None, None, 0);
        state.logins += 1;
        self.wake.notify_one();
        Ok(())
    }

    /// A token that was given stays the same: one that is known to be dead is not tried again.
    fn check(&self, grant: Grant) -> Result<Grant> {
        match &self.state().dead {
            Some(dead) if dead.is_same(&grant.token) => Err(error::dead_token()),
            _ => Ok(grant),
        }
    }

    /// What is known of a refused token without asking: alive, or replaced by now.
    fn known(&self, token: &Arc<Token>, asked: Instant) -> Option<bool> {
        let state = self.state();
        if state.held.as_ref().is_none_or(|(held, _)| held.generation != token.generation) {
            return Some(false);
        }
        // It was alive after the call had been sent, so it was alive then.
        let alive = state.alive.is_some_and(|(generation, at)| generation == token.generation && at >= asked);
        alive.then_some(true)
    }

    fn bury(&self, token: &Arc<Token>) {
        tracing::info!("Vault no longer knows the token; logging in again");
        let mut state = self.state();
        state.held = None;
        state.dead = Some(token.clone());
    }

    /// Whether the server still knows the token. Looking itself up takes a policy, which most tokens have; what
    /// mounts there are is told to every token that is alive.
    async fn is_alive(&self, token: &Token) -> Result<bool> {
        for path in ["auth/token/lookup-self", "sys/internal/ui/mounts"] {
            let call = Call::get(path)?;
            let reply = self.http.exchange(&call, Bearer::Token(token), self.patience).await?;
            match reply.status {
                403 => {}
                _ if reply.is_success() => return Ok(true),
                _ => return Err(error::from_reply(&reply, &call)),
            }
        }
        Ok(false)
    }

    async fn pass<'a>(&self, gate: &'a Gate<()>) -> Result<GateGuard<'a, ()>> {
        // Whoever holds it may be stuck on a runtime that nobody drives.
        timeout(self.patience.total(), gate.lock()).await.map_err(|_| error::timed_out(self.patience))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work in the background.
impl Keeper {
    /// Starts it on the caller's runtime, unless it runs.
    fn tend(self: &Arc<Self>) {
        let mut state = self.state();
        if state.shut || state.tending.as_ref().is_some_and(|tending| !tending.is_finished()) {
            return;
        }
        let task = tokio::spawn(tend(Arc::downgrade(self), self.wake.clone()));
        state.tending = Some(task.abort_handle());
    }

    fn next(&self) -> Option<(Instant, Step)> {
        self.state().held.as_ref()?.1.next
    }

    async fn step(&self, step: Step) {
        let Some((token, _)) = self.state().held.clone() else {
            return;
        };
        let result = match step {
            Step::LookUp => self.look_up(&token).await,
            Step::Renew => self.renew(&token).await,
            Step::LogIn => self.replace(&token).await,
        };
        if let Err(error) = result {
            self.set_back(&token, step, error);
        }
    }

    async fn look_up(&self, token: &Token) -> Result<()> {
        let asked = Instant::now();
        let call = Call::get("auth/token/lookup-self")?;
        let reply = self.http.exchange(&call, Bearer::Token(token), self.patience).await?;
        let lifetime = match reply.status {
            // No right to look, or dead: the next call finds out.
            403 => Lifetime::Endless,
            _ if reply.is_success() => Lifetime::of_look_up(reply.data()?)?,
            _ => return Err(error::from_reply(&reply, &call)),
        };
        let mut term = Term::begin(lifetime, asked, false);
        term.next = term.next.filter(|(_, step)| *step == Step::Renew);
        self.set_term(token, term);
        Ok(())
    }

    async fn renew(&self, token: &Token) -> Result<()> {
        let Some(before) = self.term_of(token) else {
            return Ok(());
        };
        let asked = Instant::now();
        let increment = Fields::default().text("increment", &format!("{}s", before.full.as_secs())).finish();
        let call = Call::post("auth/token/renew-self", increment)?.repeatable();
        // One attempt: the tries within what is left are ours.
        let once = Patience { attempts: std::num::NonZeroU32::MIN, ..self.patience };
        let reply = self.http.exchange(&call, Bearer::Token(token), once).await?;
        if !reply.is_success() {
            return Err(error::from_reply(&reply, &call));
        }
        let lifetime = Lifetime::of_auth(reply.object("auth").ok_or_else(not_as_vault)?)?;
        let mut term = before.renewed(lifetime, asked);
        if !self.login.makes_tokens() {
            term.next = term.next.filter(|(_, step)| *step == Step::Renew);
        }
        self.set_term(token, term);
        self.state().renewals += 1;
        Ok(())
    }

    /// A new login while the old token still serves.
    async fn replace(&self, token: &Token) -> Result<()> {
        let _gate = self.pass(&self.gate).await?;
        if self.term_of(token).is_none() {
            return Ok(());
        }
        self.log_in().await
    }

    /// What comes after a step that failed: the same again within what is left, or a login where a renewal was refused.
    fn set_back(&self, token: &Token, step: Step, error: Error) {
        tracing::warn!(?step, kind = error.kind().as_str(), "the Vault token could not be kept alive; trying again");
        let mut state = self.state();
        state.setbacks += 1;
        let wait = backoff(state.setbacks);
        let refused = !error.is_retryable();
        state.last_error = Some(error);
        let Some((_, term)) = state.held.as_mut().filter(|(held, _)| held.generation == token.generation) else {
            return;
        };
        let now = Instant::now();
        let makes = self.login.makes_tokens();
        term.next = match step {
            Step::Renew if refused => makes.then_some((now, Step::LogIn)),
            // The calls themselves find out how the token fares.
            Step::LookUp if refused => None,
            Step::LogIn if refused => Some((now + wait.max(HOLD_OFF), Step::LogIn)),
            _ => Some((now + wait, step)),
        };
        // Past its end nobody is served by this work: the next caller logs in.
        let late = term.expires.is_some_and(|expires| term.next.is_some_and(|(at, _)| at >= expires));
        if late {
            term.next = None;
        }
    }

    fn term_of(&self, token: &Token) -> Option<Term> {
        let state = self.state();
        state.held.as_ref().filter(|(held, _)| held.generation == token.generation).map(|(_, term)| *term)
    }

    fn set_term(&self, token: &Token, new: Term) {
        let mut state = self.state();
        state.setbacks = 0;
        if let Some((_, term)) = state.held.as_mut().filter(|(held, _)| held.generation == token.generation) {
            *term = new;
            state.last_error = None;
        }
    }
}

/// Waits for each step and makes it, for as long as the connection is there.
async fn tend(keeper: Weak<Keeper>, wake: Arc<Notify>) {
    while let Some(next) = keeper.upgrade().map(|keeper| keeper.next()) {
        let Some((at, step)) = next else {
            wake.notified().await;
            continue;
        };
        if timeout_at(at, wake.notified()).await.is_ok() {
            // Another token, or another time for this one.
            continue;
        }
        let Some(keeper) = keeper.upgrade() else {
            return;
        };
        keeper.step(step).await;
    }
}

/// Gives a token back.
pub(super) async fn revoke(http: &Http, token: &Token) -> Result<()> {
    let call = Call::post("auth/token/revoke-self", Zeroizing::new("{}".to_owned()))?.repeatable();
    let reply = http.exchange(&call, Bearer::Token(token), http.patience(Effort::default())).await?;
    if reply.is_success() { Ok(()) } else { Err(error::from_reply(&reply, &call)) }
}
