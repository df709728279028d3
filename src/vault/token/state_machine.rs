//! The token state machine: which token is held, what is done to it next, and who shares which
//! failure.
//!
//! It is pure bookkeeping: it makes no call and never waits. The manager holds it behind a lock.
//!
//! ```text
//! none -- login --> held -- renewed --> held
//!   ^                |-- replaced by a login --> held (next generation)
//!   |                |-- expired, dead, revoked or its file changed --> none
//!   '----------------'
//! ```
//!
//! Invariants:
//! - Each login's token has a generation of its own. A result that arrives for an older generation
//!   changes nothing.
//! - After a shutdown no token is held again. One that is to be revoked stays in `left` until it is.
//! - A token that is known to be dead is not held again: a static token would be sent and refused
//!   at every call.
//! - After a failed action, the next one comes after a backoff, never at each call.
//! - A refused login is shared by all who come within `HOLD_OFF`; an outage is shared only by those
//!   who waited for that login, as it may be over by the next call.

use std::{sync::Arc, time::Duration};

use tokio::task::AbortHandle;

use super::Snapshot;
use crate::{
    clock::Instant,
    error::{Error, ErrorKind, Result},
    retry::Backoff,
    vault::{
        error,
        token::{Grant, LiveToken, TokenAction, Validity},
    },
};

/// A refused login is not repeated for this long, however many callers come: wrong credentials in
/// a busy service would lock the role out.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// Where nothing tells a dead token from a denied call, and a login did not help, the next one is
/// made no sooner than this. Each login leaves a token behind.
const NO_HELP: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(in crate::vault) struct State {
    held: Option<(Arc<LiveToken>, Validity)>,
    generation: u64,
    /// The last token that was found dead.
    dead: Option<Arc<LiveToken>>,
    /// Counts logins that ended, so that those who waited for one share its outcome.
    logins_ended: u64,
    failure: Option<(Instant, Error)>,
    /// When a call was refused to the new token as to the one before it.
    no_help: Option<Instant>,
    /// The generation that was last seen alive, and when the question was sent.
    alive: Option<(u64, Instant)>,
    /// Failures of the background task in a row.
    failures: u32,
    last_error: Option<Error>,
    logins: u64,
    renewals: u64,
    is_shut_down: bool,
    /// Tokens that a shutdown has yet to revoke.
    left: Vec<Arc<LiveToken>>,
    /// The background task.
    pub(in crate::vault) task: Option<AbortHandle>,
}

/// What callers ask for.
impl State {
    /// The token, with one use taken, if it is good for one more call.
    pub(in crate::vault) fn take(&mut self, now: Instant) -> Option<Arc<LiveToken>> {
        let (token, validity) = self.held.as_ref()?;
        (!validity.has_expired(now) && token.take()).then(|| token.clone())
    }

    /// Plans the next login for now, as few uses are left. Returns whether that changed the plan.
    /// After a failure the backoff decides when, not each call.
    pub(in crate::vault) fn log_in_early(&mut self, now: Instant) -> bool {
        let failing = self.failures > 0;
        let Some((_, validity)) = &mut self.held else {
            return false;
        };
        if failing || matches!(validity.next, Some((at, TokenAction::LogIn)) if at <= now) {
            return false;
        }
        validity.next = Some((now, TokenAction::LogIn));
        true
    }

    /// The generation of the token that is held.
    pub(in crate::vault) fn generation(&self) -> Option<u64> {
        self.held.as_ref().map(|(token, _)| token.generation)
    }

    /// Drops the token of this generation, if it is still held.
    pub(in crate::vault) fn drop_token(&mut self, generation: Option<u64>) {
        if self.generation() == generation {
            self.held = None;
        }
    }

    pub(in crate::vault) fn is_shut_down(&self) -> bool {
        self.is_shut_down
    }

    /// # Errors
    /// `Unavailable` after a shutdown.
    pub(in crate::vault) fn check_open(&self) -> Result<()> {
        if !self.is_shut_down {
            return Ok(());
        }
        let shut = Error::new(ErrorKind::Unavailable, "the connection to Vault was shut down");
        Err(shut.with_retryable(false))
    }

    /// Refuses all further calls, and drops the token. `revokes` leaves it to be revoked.
    pub(in crate::vault) fn shut_down(&mut self, revokes: bool) {
        self.is_shut_down = true;
        let held = self.held.take().filter(|(_, validity)| revokes && !validity.has_expired(Instant::now()));
        self.left.extend(held.map(|(token, _)| token));
    }

    /// The tokens that a shutdown has yet to revoke.
    pub(in crate::vault) fn left_to_revoke(&self) -> Vec<Arc<LiveToken>> {
        self.left.clone()
    }

    pub(in crate::vault) fn was_revoked(&mut self, token: &LiveToken) {
        self.left.retain(|left| left.generation != token.generation);
    }

    pub(in crate::vault) fn snapshot(&self, method: &'static str) -> Snapshot {
        let held = self.held.as_ref().filter(|(_, validity)| !validity.has_expired(Instant::now()));
        Snapshot {
            method,
            logged_in: held.is_some_and(|(token, _)| !token.is_absent()),
            expires: held.and_then(|(_, validity)| validity.expires),
            renewable: held.is_some_and(|(_, validity)| validity.renewable),
            uses_left: held.and_then(|(token, _)| token.uses_left()),
            last_error: self.last_error.clone(),
            logins: self.logins,
            renewals: self.renewals,
        }
    }
}

/// Logins.
impl State {
    pub(in crate::vault) fn logins_ended(&self) -> u64 {
        self.logins_ended
    }

    /// The failure of a login that ended after the first `seen` ones, or was refused within
    /// `HOLD_OFF`.
    pub(in crate::vault) fn shared_failure(&self, seen: u64) -> Option<Error> {
        let (at, error) = self.failure.as_ref()?;
        let held_off = !error.kind().is_transient() && at.elapsed() < HOLD_OFF;
        (self.logins_ended != seen || held_off).then(|| error.clone())
    }

    /// The grant, unless its token is known to be dead.
    ///
    /// # Errors
    /// `Unauthenticated` for a dead token.
    pub(in crate::vault) fn reject_dead(&self, grant: Grant) -> Result<Grant> {
        match (&self.dead, &grant.token) {
            (Some(dead), Some(token)) if dead.is_same(token) => Err(error::dead_token()),
            _ => Ok(grant),
        }
    }

    /// Takes over the token of a login, which can be replaced if `issues_tokens`. After a shutdown
    /// nobody uses it: `revokes` leaves it to be revoked.
    pub(in crate::vault) fn hold(
        &mut self,
        grant: Grant,
        validity: Validity,
        issues_tokens: bool,
        revokes: bool,
    ) -> Result<()> {
        self.generation += 1;
        let token = match grant.token {
            Some(token) => LiveToken::new(token, self.generation, grant.uses)?,
            None => LiveToken::absent(self.generation),
        };
        let token = Arc::new(if issues_tokens { token.keeping_last_use() } else { token });
        if !self.is_shut_down {
            self.held = Some((token, validity));
        } else if revokes {
            self.left.push(token);
        }
        self.failures = 0;
        self.logins += 1;
        Ok(())
    }

    /// Notes how a login ended, for those who wait for it.
    pub(in crate::vault) fn login_ended(&mut self, failure: Option<&Error>) {
        self.logins_ended += 1;
        self.failure = failure.map(|error| (Instant::now(), error.clone()));
        self.last_error = failure.cloned();
    }
}

/// Refused calls.
impl State {
    /// Whether the token of a call that was sent at `asked` and refused is alive, if that is known:
    /// it was replaced since, or seen alive since.
    pub(in crate::vault) fn known_alive(&self, token: &LiveToken, asked: Instant) -> Option<bool> {
        if self.validity_of(token).is_none() {
            return Some(false);
        }
        // Seen alive after the refused call was sent, so it was valid for that call.
        let alive = self.alive.is_some_and(|(generation, at)| generation == token.generation && at >= asked);
        alive.then_some(true)
    }

    pub(in crate::vault) fn seen_alive(&mut self, token: &LiveToken, at: Instant) {
        self.alive = Some((token.generation, at));
    }

    /// Notes that a call was refused to a new token as it was to the one before it.
    pub(in crate::vault) fn login_was_no_help(&mut self, now: Instant) {
        self.no_help = Some(now);
    }

    /// Whether a login was of no help to a refused call within [`NO_HELP`].
    pub(in crate::vault) fn is_login_no_help(&self, now: Instant) -> bool {
        self.no_help.is_some_and(|at| now - at < NO_HELP)
    }

    pub(in crate::vault) fn declare_dead(&mut self, token: &Arc<LiveToken>) {
        if self.validity_of(token).is_some() {
            self.held = None;
        }
        self.dead = Some(token.clone());
    }
}

/// The background task.
impl State {
    pub(in crate::vault) fn held(&self) -> Option<Arc<LiveToken>> {
        self.held.as_ref().map(|(token, _)| token.clone())
    }

    pub(in crate::vault) fn next(&self) -> Option<(Instant, TokenAction)> {
        self.held.as_ref()?.1.next
    }

    /// The validity of this token, unless another one is held by now.
    pub(in crate::vault) fn validity_of(&self, token: &LiveToken) -> Option<Validity> {
        self.held.as_ref().filter(|(held, _)| held.generation == token.generation).map(|(_, validity)| *validity)
    }

    /// Sets the validity of this token. Returns whether it is still held.
    pub(in crate::vault) fn set_validity(&mut self, token: &LiveToken, new: Validity) -> bool {
        let Some((_, validity)) = self.held.as_mut().filter(|(held, _)| held.generation == token.generation) else {
            return false;
        };
        *validity = new;
        (self.failures, self.last_error) = (0, None);
        true
    }

    pub(in crate::vault) fn renewed(&mut self, token: &LiveToken, validity: Validity) {
        self.renewals += u64::from(self.set_validity(token, validity));
    }

    /// Plans what follows a failed action: the same again after a backoff, or a login if a renewal
    /// was refused and the login issues tokens.
    pub(in crate::vault) fn action_failed(
        &mut self,
        token: &LiveToken,
        action: TokenAction,
        error: Error,
        issues_tokens: bool,
    ) {
        self.failures += 1;
        let wait = Backoff::DEFAULT.wait(self.failures);
        let refused = !error.is_retryable();
        self.last_error = Some(error);
        let Some((_, validity)) = self.held.as_mut().filter(|(held, _)| held.generation == token.generation) else {
            return;
        };
        let now = Instant::now();
        validity.next = match action {
            TokenAction::Renew if refused => issues_tokens.then_some((now, TokenAction::LogIn)),
            // The calls themselves find out whether the token works.
            TokenAction::LookUp if refused => None,
            TokenAction::LogIn if refused => Some((now + wait.max(HOLD_OFF), TokenAction::LogIn)),
            _ => Some((now + wait, action)),
        };
        // Once the token has expired, the next caller logs in.
        let late = validity.expires.is_some_and(|expires| validity.next.is_some_and(|(at, _)| at >= expires));
        if late {
            validity.next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::token::{Lifetime, Token};

    fn holding(ttl: u64, uses: Option<u64>) -> (State, Arc<LiveToken>) {
        let mut state = State::default();
        let lifetime = Lifetime::Limited { ttl: Duration::from_secs(ttl), renewable: true };
        let grant = Grant { lifetime, uses, ..Grant::new(Token::new("t")) };
        let validity = Validity::begin(lifetime, Instant::now(), uses.is_some());
        state.hold(grant, validity, true, false).expect("a token");
        let token = state.held().expect("held");
        (state, token)
    }

    fn unavailable() -> Error {
        Error::new(ErrorKind::Unavailable, "away")
    }

    #[test]
    fn a_failing_login_is_not_repeated_at_each_call() {
        let (mut state, token) = holding(3600, Some(10));
        let now = Instant::now();
        assert!(state.log_in_early(now), "few uses are left");
        assert!(!state.log_in_early(now), "it is on its way");
        state.action_failed(&token, TokenAction::LogIn, unavailable(), true);
        let (at, _) = state.next().expect("a next try");
        assert!(!state.log_in_early(now + Duration::from_secs(1)), "the next try is when the failure says");
        assert_eq!(state.next(), Some((at, TokenAction::LogIn)));
    }

    #[test]
    fn a_login_that_was_no_help_is_tried_again_after_a_while() {
        let (mut state, now) = (State::default(), Instant::now());
        assert!(!state.is_login_no_help(now));
        state.login_was_no_help(now);
        assert!(state.is_login_no_help(now + (NO_HELP - Duration::from_secs(1))));
        assert!(!state.is_login_no_help(now + NO_HELP), "the token may be dead by then");
    }

    #[test]
    fn a_refused_renewal_leads_to_a_login_and_an_outage_to_a_retry() {
        let (mut state, token) = holding(3600, None);
        state.action_failed(&token, TokenAction::Renew, unavailable(), true);
        assert!(matches!(state.next(), Some((_, TokenAction::Renew))));
        state.action_failed(&token, TokenAction::Renew, Error::new(ErrorKind::InvalidInput, "no"), true);
        assert!(matches!(state.next(), Some((_, TokenAction::LogIn))));
        state.action_failed(&token, TokenAction::Renew, Error::new(ErrorKind::InvalidInput, "no"), false);
        assert_eq!(state.next(), None, "a given token can't be replaced");
    }

    #[test]
    fn the_renewal_of_a_replaced_token_changes_and_counts_nothing() {
        let (mut state, old) = holding(3600, None);
        let validity = state.validity_of(&old).expect("held");
        let grant = Grant { lifetime: Lifetime::Endless, ..Grant::new(Token::new("u")) };
        state.hold(grant, Validity::begin(Lifetime::Endless, Instant::now(), false), true, false).expect("a token");
        state.renewed(&old, validity);
        let shown = state.snapshot("test");
        assert_eq!((shown.renewals, shown.logins, shown.expires), (0, 2, None));
    }

    #[test]
    fn an_outage_is_shared_by_those_who_waited_and_a_refusal_by_those_who_come_soon() {
        let mut state = State::default();
        let seen = state.logins_ended();
        state.login_ended(Some(&unavailable()));
        assert!(state.shared_failure(seen).is_some());
        assert!(state.shared_failure(state.logins_ended()).is_none(), "an outage may be over by now");
        state.login_ended(Some(&error::dead_token()));
        assert!(state.shared_failure(state.logins_ended()).is_some());
    }
}
