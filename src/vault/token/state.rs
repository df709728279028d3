//! What is known of the token, and what follows from it: nothing here waits, and no call is made.

use std::sync::Arc;

use tokio::{
    task::AbortHandle,
    time::{Duration, Instant},
};

use super::Snapshot;
use crate::{
    error::{Error, Result},
    retry::Backoff,
    vault::{
        error,
        token::{Grant, Token, TokenAction, Validity},
    },
};

/// A login that was refused is not made again for this long, however many callers come: wrong credentials in a busy
/// service would lock the role out.
const HOLD_OFF: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::vault) struct State {
    held: Option<(Arc<Token>, Validity)>,
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
    shut: bool,
    /// The work in the background.
    pub(in crate::vault) tending: Option<AbortHandle>,
}

/// For callers.
impl State {
    /// The token, of which one use is taken, if it is good for one more call.
    pub(in crate::vault) fn take(&mut self, now: Instant) -> Option<Arc<Token>> {
        let (token, term) = self.held.as_ref()?;
        (!term.is_over(now) && token.take()).then(|| token.clone())
    }

    /// Has the next login made now, as few uses are left; whether that is news. After a failure it is made when that
    /// says, not at each call.
    pub(in crate::vault) fn hurry(&mut self, now: Instant) -> bool {
        let failing = self.setbacks > 0;
        let Some((_, term)) = &mut self.held else {
            return false;
        };
        if failing || matches!(term.next, Some((at, TokenAction::LogIn)) if at <= now) {
            return false;
        }
        term.next = Some((now, TokenAction::LogIn));
        true
    }

    pub(in crate::vault) fn let_go(&mut self) {
        self.held = None;
    }

    pub(in crate::vault) fn is_shut(&self) -> bool {
        self.shut
    }

    /// Lets no call through any more; the token that was held.
    pub(in crate::vault) fn shut(&mut self) -> Option<Arc<Token>> {
        self.shut = true;
        self.held.take().map(|(token, _)| token)
    }

    pub(in crate::vault) fn snapshot(&self, method: &'static str) -> Snapshot {
        let held = self.held.as_ref().filter(|(_, term)| !term.is_over(Instant::now()));
        Snapshot {
            method,
            logged_in: held.is_some(),
            expires: held.and_then(|(_, term)| term.expires),
            renewable: held.is_some_and(|(_, term)| term.renewable),
            uses_left: held.and_then(|(token, _)| token.uses_left()),
            last_error: self.last_error.clone(),
            logins: self.logins,
            renewals: self.renewals,
        }
    }
}

/// Logins.
impl State {
    pub(in crate::vault) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// How a login failed that others made since round `seen`, or a moment ago.
    pub(in crate::vault) fn shared_failure(&self, seen: u64) -> Option<Error> {
        let (at, error) = self.failure.as_ref()?;
        let held_off = !error.kind().is_transient() && at.elapsed() < HOLD_OFF;
        (self.rounds != seen || held_off).then(|| error.clone())
    }

    /// A token that was given stays the same: one that is known to be dead is not tried again.
    pub(in crate::vault) fn admit(&self, grant: Grant) -> Result<Grant> {
        match &self.dead {
            Some(dead) if dead.is_same(&grant.token) => Err(error::dead_token()),
            _ => Ok(grant),
        }
    }

    pub(in crate::vault) fn hold(&mut self, grant: Grant, term: Validity) -> Result<()> {
        self.generation += 1;
        let token = Token::new(grant.token, self.generation, grant.uses)?;
        self.held = Some((Arc::new(token), term));
        self.setbacks = 0;
        self.logins += 1;
        Ok(())
    }

    /// Tells those who wait how the login ended.
    pub(in crate::vault) fn end_round(&mut self, failure: Option<&Error>) {
        self.rounds += 1;
        self.failure = failure.map(|error| (Instant::now(), error.clone()));
        self.last_error = failure.cloned();
    }
}

/// Refusals.
impl State {
    /// What is known of a token that was refused at a call since `asked`, without asking: alive, or replaced by now.
    pub(in crate::vault) fn known(&self, token: &Token, asked: Instant) -> Option<bool> {
        if self.term_of(token).is_none() {
            return Some(false);
        }
        // It was alive after the call had been sent, so it was alive then.
        let alive = self.alive.is_some_and(|(generation, at)| generation == token.generation && at >= asked);
        alive.then_some(true)
    }

    pub(in crate::vault) fn saw_alive(&mut self, token: &Token, at: Instant) {
        self.alive = Some((token.generation, at));
    }

    pub(in crate::vault) fn bury(&mut self, token: &Arc<Token>) {
        self.held = None;
        self.dead = Some(token.clone());
    }
}

/// The work in the background.
impl State {
    pub(in crate::vault) fn held(&self) -> Option<Arc<Token>> {
        self.held.as_ref().map(|(token, _)| token.clone())
    }

    pub(in crate::vault) fn next(&self) -> Option<(Instant, TokenAction)> {
        self.held.as_ref()?.1.next
    }

    /// The term of this token, unless another one is held by now.
    pub(in crate::vault) fn term_of(&self, token: &Token) -> Option<Validity> {
        self.held.as_ref().filter(|(held, _)| held.generation == token.generation).map(|(_, term)| *term)
    }

    /// Whether this token is still the one that is held, which has this term now.
    pub(in crate::vault) fn set_term(&mut self, token: &Token, new: Validity) -> bool {
        let Some((_, term)) = self.held.as_mut().filter(|(held, _)| held.generation == token.generation) else {
            return false;
        };
        *term = new;
        (self.setbacks, self.last_error) = (0, None);
        true
    }

    pub(in crate::vault) fn renewed(&mut self, token: &Token, term: Validity) {
        self.renewals += u64::from(self.set_term(token, term));
    }

    /// What comes after a step that failed: the same again within what is left, or a login where a renewal was refused
    /// and logins make tokens (`makes`).
    pub(in crate::vault) fn set_back(&mut self, token: &Token, step: TokenAction, error: Error, makes: bool) {
        self.setbacks += 1;
        let wait = Backoff::DEFAULT.wait(self.setbacks);
        let refused = !error.is_retryable();
        self.last_error = Some(error);
        let Some((_, term)) = self.held.as_mut().filter(|(held, _)| held.generation == token.generation) else {
            return;
        };
        let now = Instant::now();
        term.next = match step {
            TokenAction::Renew if refused => makes.then_some((now, TokenAction::LogIn)),
            // The calls themselves find out how the token fares.
            TokenAction::LookUp if refused => None,
            TokenAction::LogIn if refused => Some((now + wait.max(HOLD_OFF), TokenAction::LogIn)),
            _ => Some((now + wait, step)),
        };
        // Past its end nobody is served by this work: the next caller logs in.
        let late = term.expires.is_some_and(|expires| term.next.is_some_and(|(at, _)| at >= expires));
        if late {
            term.next = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::{error::ErrorKind, vault::token::Lifetime};

    fn holding(ttl: u64, uses: Option<u64>) -> (State, Arc<Token>) {
        let mut state = State::default();
        let life = Lifetime::Limited { ttl: Duration::from_secs(ttl), renewable: true };
        let grant = Grant { token: Zeroizing::new("t".to_owned()), term: life, uses };
        let term = Validity::begin(life, Instant::now(), uses.is_some());
        state.hold(grant, term).expect("a token");
        let token = state.held().expect("held");
        (state, token)
    }

    fn unavailable() -> Error {
        Error::new(ErrorKind::Unavailable, "away")
    }

    #[test]
    fn a_failing_login_is_not_hurried_at_each_call() {
        let (mut state, token) = holding(3600, Some(10));
        let now = Instant::now();
        assert!(state.hurry(now), "few uses are left");
        assert!(!state.hurry(now), "it is on its way");
        state.set_back(&token, TokenAction::LogIn, unavailable(), true);
        let (at, _) = state.next().expect("a next try");
        assert!(!state.hurry(now + Duration::from_secs(1)), "the next try is when the failure says");
        assert_eq!(state.next(), Some((at, TokenAction::LogIn)));
    }

    #[test]
    fn a_refused_renewal_leads_to_a_login_and_an_outage_to_another_try() {
        let (mut state, token) = holding(3600, None);
        state.set_back(&token, TokenAction::Renew, unavailable(), true);
        assert!(matches!(state.next(), Some((_, TokenAction::Renew))));
        state.set_back(&token, TokenAction::Renew, Error::new(ErrorKind::InvalidInput, "no"), true);
        assert!(matches!(state.next(), Some((_, TokenAction::LogIn))));
        state.set_back(&token, TokenAction::Renew, Error::new(ErrorKind::InvalidInput, "no"), false);
        assert_eq!(state.next(), None, "a given token can't be replaced");
    }

    #[test]
    fn a_renewal_of_a_token_that_is_replaced_by_now_changes_and_counts_nothing() {
        let (mut state, old) = holding(3600, None);
        let term = state.term_of(&old).expect("held");
        let grant = Grant { token: Zeroizing::new("u".to_owned()), term: Lifetime::Endless, uses: None };
        state.hold(grant, Validity::begin(Lifetime::Endless, Instant::now(), false)).expect("a token");
        state.renewed(&old, term);
        let shown = state.snapshot("test");
        assert_eq!((shown.renewals, shown.logins, shown.expires), (0, 2, None));
    }

    #[test]
    fn a_failure_is_shared_by_those_who_waited_and_a_refusal_by_those_who_come_soon() {
        let mut state = State::default();
        let seen = state.rounds();
        state.end_round(Some(&unavailable()));
        assert!(state.shared_failure(seen).is_some());
        assert!(state.shared_failure(state.rounds()).is_none(), "an outage may be over by now");
        state.end_round(Some(&error::dead_token()));
        assert!(state.shared_failure(state.rounds()).is_some());
    }
}
