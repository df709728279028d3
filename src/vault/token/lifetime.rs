//! A token, and for how long it is one.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    retry::jitter,
    secret::Json,
    vault::response::{not_as_vault, seconds},
};

/// A token as it is sent. It is wiped when the last call that uses it has ended.
pub(crate) struct Token {
    header: HeaderValue,
    /// Tells one login's token from the next.
    pub(in crate::vault) generation: u64,
    /// Uses left, where they are limited.
    uses: Option<AtomicI64>,
    /// How many there were at first.
    limit: i64,
}

/// What a login gave.
pub(crate) struct Grant {
    pub(in crate::vault) token: Zeroizing<String>,
    pub(in crate::vault) term: Lifetime,
    pub(in crate::vault) uses: Option<u64>,
}

/// For how long a token lives, as the server said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Nobody has asked yet.
    Unknown,
    /// It does not end.
    Endless,
    /// So long from when it was asked for, and renewable for the same again or not.
    Limited { ttl: Duration, renewable: bool },
}

/// A lifetime that began, and what is to be done about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(in crate::vault) expires: Option<Instant>,
    /// What was granted at first, and is asked for again.
    pub(in crate::vault) full: Duration,
    pub(in crate::vault) renewable: bool,
    pub(in crate::vault) next: Option<(Instant, TokenAction)>,
}

/// What keeps a token alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// Ask how long a token that was given lives.
    LookUp,
    Renew,
    /// A new login, ahead of the end.
    LogIn,
}

/// A token that was given is looked at this long after its first use: a command that reads one secret is gone by then,
/// and spares the server the call and the token a use.
const LOOK_UP_AFTER: Duration = Duration::from_secs(1);

/// Longer lives are cut to a century, which no process sees the end of: the end of a longer one is no time that every
/// machine can name.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Less than this part of what was asked for means that the token nears the end of what it can be renewed to.
const CAPPED: f64 = 0.9;

impl Token {
    pub(in crate::vault) fn new(text: Zeroizing<String>, generation: u64, uses: Option<u64>) -> Result<Self> {
        let limit = uses.and_then(|uses| i64::try_from(uses).ok()).unwrap_or_default();
        // The bytes stay in a buffer that is wiped; the header only points there.
        let shared = Bytes::from_owner(Owner(text));
        let mut header = HeaderValue::from_maybe_shared(shared)
            .map_err(|_| Error::config("the Vault token is malformed: it holds a line break or another control"))?;
        header.set_sensitive(true);
        Ok(Self { header, generation, uses: uses.map(|_| AtomicI64::new(limit)), limit })
    }

    pub(in crate::vault) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    pub(in crate::vault) fn is_same(&self, text: &str) -> bool {
        self.header.as_bytes() == text.as_bytes()
    }

    /// Takes one use for an attempt, if there is one left.
    pub(in crate::vault) fn take(&self) -> bool {
        let Some(uses) = &self.uses else {
            return true;
        };
        uses.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| (left > 0).then_some(left - 1)).is_ok()
    }

    /// Uses that are left, where they are limited.
    pub(in crate::vault) fn uses_left(&self) -> Option<u64> {
        let left = self.uses.as_ref()?.load(Ordering::Acquire);
        Some(u64::try_from(left).unwrap_or_default())
    }

    /// Whether so few uses are left that the next token should be got now.
    pub(in crate::vault) fn is_nearly_spent(&self) -> bool {
        self.uses.as_ref().is_some_and(|uses| uses.load(Ordering::Acquire) <= self.limit / 10)
    }
}

struct Owner(Zeroizing<String>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Grant {
    /// A token whose life is not known yet.
    pub(in crate::vault) fn given(token: Zeroizing<String>) -> Self {
        Self { token, term: Lifetime::Unknown, uses: None }
    }

    /// The `auth` of a login's answer.
    pub(in crate::vault) fn of_auth(auth: Json<'_>) -> Result<Self> {
        let token = auth.get("client_token").and_then(Json::as_str).filter(|token| !token.is_empty());
        let token = Zeroizing::new(token.ok_or_else(not_as_vault)?.to_owned());
        let uses = auth.get("num_uses").and_then(Json::as_i64).and_then(|uses| u64::try_from(uses).ok());
        Ok(Self { token, term: Lifetime::of_auth(auth)?, uses: uses.filter(|uses| *uses > 0) })
    }
}

impl Lifetime {
    /// As in the `auth` of a login and of a renewal.
    pub(in crate::vault) fn of_auth(auth: Json<'_>) -> Result<Self> {
        let ttl = seconds(auth, "lease_duration").ok_or_else(not_as_vault)?;
        Ok(Self::new(ttl, auth.get("renewable").and_then(Json::as_bool)))
    }

    /// As in the `data` of a look-up.
    pub(in crate::vault) fn of_look_up(data: Json<'_>) -> Result<Self> {
        let ttl = seconds(data, "ttl").ok_or_else(not_as_vault)?;
        let batch = data.get("type").and_then(Json::as_str) == Some("batch");
        let renewable = data.get("renewable").and_then(Json::as_bool).filter(|_| !batch);
        Ok(Self::new(ttl, renewable))
    }

    fn new(ttl: Duration, renewable: Option<bool>) -> Self {
        match ttl.min(LONGEST) {
            Duration::ZERO => Self::Endless,
            ttl => Self::Limited { ttl, renewable: renewable.unwrap_or(false) },
        }
    }
}

impl Validity {
    /// A lifetime that began at `asked`: before the answer, so that the token is given up before the server does.
    /// `limited` is a token whose uses are counted: a renewal would cost one.
    pub(in crate::vault) fn begin(lifetime: Lifetime, asked: Instant, limited: bool) -> Self {
        let (ttl, renewable) = match lifetime {
            Lifetime::Unknown => return Self::without_end(Some((asked + LOOK_UP_AFTER, TokenAction::LookUp))),
            Lifetime::Endless => return Self::without_end(None),
            Lifetime::Limited { ttl, renewable } => (ttl, renewable && !limited),
        };
        Self { expires: Some(asked + ttl), full: ttl, renewable, next: Some(plan(asked, ttl, renewable, jitter())) }
    }

    /// The same after a renewal that granted `lifetime`.
    pub(in crate::vault) fn renewed(self, lifetime: Lifetime, asked: Instant) -> Self {
        let Lifetime::Limited { ttl, renewable } = lifetime else {
            // What was left is less than a second, which the server tells as none: not that there is no end any more.
            return Self { renewable: false, next: Some((asked, TokenAction::LogIn)), ..self };
        };
        let full = self.full.max(ttl);
        let renewable = renewable && ttl.as_secs_f64() >= full.as_secs_f64() * CAPPED;
        Self { expires: Some(asked + ttl), full, renewable, next: Some(plan(asked, ttl, renewable, jitter())) }
    }

    fn without_end(next: Option<(Instant, TokenAction)>) -> Self {
        Self { expires: None, full: Duration::ZERO, renewable: false, next }
    }

    pub(in crate::vault) fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What to do about a life of `ttl` from `asked` on, and when. Two thirds in for a renewal, which leaves a third for
/// trying again; a login later, as its token is used in full that way. `jitter` from 0 to 1 spreads processes that were
/// started together.
fn plan(asked: Instant, ttl: Duration, renewable: bool, jitter: f64) -> (Instant, TokenAction) {
    let (part, step) = if renewable { (0.60, TokenAction::Renew) } else { (0.70, TokenAction::LogIn) };
    (asked + ttl.mul_f64(part + 0.1 * jitter), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limited(seconds: u64, renewable: bool) -> Lifetime {
        Lifetime::Limited { ttl: Duration::from_secs(seconds), renewable }
    }

    fn step(term: Validity) -> Option<TokenAction> {
        term.next.map(|(_, step)| step)
    }

    #[test]
    fn a_step_is_made_well_before_the_end() {
        let now = Instant::now();
        for jitter in [0.0, 0.5, 1.0] {
            let (at, step) = plan(now, MINUTE, true, jitter);
            assert_eq!(step, TokenAction::Renew);
            assert!((now + MINUTE.mul_f64(0.6)..=now + MINUTE.mul_f64(0.7)).contains(&at));
            let (at, step) = plan(now, MINUTE, false, jitter);
            assert_eq!(step, TokenAction::LogIn);
            assert!((now + MINUTE.mul_f64(0.7)..=now + MINUTE.mul_f64(0.8)).contains(&at));
        }
    }

    #[test]
    fn what_can_not_be_renewed_is_replaced() {
        let now = Instant::now();
        assert_eq!(step(Validity::begin(limited(60, true), now, false)), Some(TokenAction::Renew));
        assert_eq!(step(Validity::begin(limited(60, false), now, false)), Some(TokenAction::LogIn));
        assert_eq!(
            step(Validity::begin(limited(60, true), now, true)),
            Some(TokenAction::LogIn),
            "its uses are counted"
        );
        assert_eq!(step(Validity::begin(Lifetime::Endless, now, false)), None);
        assert_eq!(step(Validity::begin(Lifetime::Unknown, now, false)), Some(TokenAction::LookUp));
    }

    #[test]
    fn a_renewal_that_grants_less_was_the_last() {
        let now = Instant::now();
        let term = Validity::begin(limited(60, true), now, false);
        let again = term.renewed(limited(60, true), now + MINUTE);
        assert_eq!((step(again), again.expires), (Some(TokenAction::Renew), Some(now + MINUTE * 2)));
        assert_eq!(step(again.renewed(limited(40, true), now)), Some(TokenAction::LogIn));
        assert_eq!(step(again.renewed(limited(60, false), now)), Some(TokenAction::LogIn));
    }

    #[test]
    fn a_renewal_that_grants_nothing_takes_no_end_away() {
        let now = Instant::now();
        let term = Validity::begin(limited(60, true), now, false);
        let last = term.renewed(Lifetime::Endless, now + MINUTE / 2);
        assert_eq!((last.expires, last.next), (Some(now + MINUTE), Some((now + MINUTE / 2, TokenAction::LogIn))));
    }

    #[test]
    fn a_life_that_no_clock_can_name_is_long_and_no_panic() {
        for ttl in [i64::MAX, i64::MAX / 2, 10_000_000_000] {
            let life = Lifetime::new(Duration::from_secs(ttl.unsigned_abs()), Some(true));
            let term = Validity::begin(life, Instant::now(), false).renewed(life, Instant::now());
            assert!(term.expires.is_some_and(|at| at > Instant::now() + MINUTE));
        }
    }

    #[test]
    fn a_use_is_taken_while_there_is_one() {
        let token = Token::new(Zeroizing::new("t".into()), 1, Some(2)).expect("a token");
        assert!(token.take() && token.take() && !token.take());
        assert!(Token::new(Zeroizing::new("t".into()), 1, None).expect("a token").take());
        let shown = format!("{:?}", Token::new(Zeroizing::new("hunter2".into()), 1, None).expect("a token").header());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
