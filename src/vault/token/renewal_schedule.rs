//! Renewal schedule of a token: when it expires, and when it is renewed or replaced before.
//!
//! Nothing here waits or makes a call: the time is a parameter.
//!
//! - Time counts from before the request that granted it, so a token is given up before the server
//!   drops it.
//! - A renewable token is renewed 60 to 70 % into its TTL. The rest leaves time for retries.
//! - Any other token is replaced by a login at 70 to 80 % of its TTL, so that it serves longer.
//! - A renewal that grants less than 90 % of what was asked for is the last one: the token nears
//!   its maximum TTL. So does one that grants nothing, which the server says with a TTL of 0.
//! - A token with limited uses is never renewed, since a renewal takes one of them. How many a given
//!   token has, only a look-up tells.

use std::time::Duration;

use super::Lifetime;
use crate::{clock::Instant, retry::jitter};

/// When a token expires, and what is to be done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(in crate::vault) expires: Option<Instant>,
    /// The TTL that each renewal asks for: the longest that was granted so far.
    pub(in crate::vault) full_ttl: Duration,
    pub(in crate::vault) renewable: bool,
    /// Whether the uses are limited.
    counted: bool,
    pub(in crate::vault) next: Option<(Instant, TokenAction)>,
}

/// What the background task does to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAction {
    /// Ask how long a given token lives.
    LookUp,
    Renew,
    /// Log in, while the old token still serves.
    LogIn,
}

/// A given token is looked up this long after its first use. A command that reads one secret has
/// ended by then, and spares the server a call and the token a use.
const LOOK_UP_AFTER: Duration = Duration::from_secs(1);

/// A renewal that grants less than this part of what was asked for is the last one.
const CAPPED: f64 = 0.9;

impl Validity {
    /// A lifetime that was asked for at `asked`. `counted` is a token with limited uses.
    pub(in crate::vault) fn begin(lifetime: Lifetime, asked: Instant, counted: bool) -> Self {
        let (ttl, renewable) = match lifetime {
            Lifetime::Unknown => return Self::endless(counted, Some((asked + LOOK_UP_AFTER, TokenAction::LookUp))),
            Lifetime::Endless => return Self::endless(counted, None),
            Lifetime::Limited { ttl, renewable } => (ttl, renewable && !counted),
        };
        let next = Some(plan(asked, ttl, renewable, jitter()));
        Self { expires: Some(asked + ttl), full_ttl: ttl, renewable, counted, next }
    }

    /// This validity after a renewal that asked for `increment`, or for the full TTL, and was
    /// granted `lifetime`.
    pub(in crate::vault) fn renewed(self, lifetime: Lifetime, asked: Instant, increment: Option<Duration>) -> Self {
        let Lifetime::Limited { ttl, renewable } = lifetime else {
            // Less than a second was left, which the server tells as 0. The token still ends.
            return Self { renewable: false, next: Some((asked, TokenAction::LogIn)), ..self };
        };
        let full_ttl = self.full_ttl.max(ttl);
        let requested = increment.unwrap_or(full_ttl);
        let renewable = renewable && !self.counted && ttl.as_secs_f64() >= requested.as_secs_f64() * CAPPED;
        let next = Some(plan(asked, ttl, renewable, jitter()));
        Self { expires: Some(asked + ttl), full_ttl, renewable, next, ..self }
    }

    fn endless(counted: bool, next: Option<(Instant, TokenAction)>) -> Self {
        Self { expires: None, full_ttl: Duration::ZERO, renewable: false, counted, next }
    }

    pub(in crate::vault) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The next action for a token that lives for `ttl` from `asked` on, and when. `jitter`, from 0 to
/// 1, spreads processes that were started together.
fn plan(asked: Instant, ttl: Duration, renewable: bool, jitter: f64) -> (Instant, TokenAction) {
    let (part, action) = if renewable { (0.60, TokenAction::Renew) } else { (0.70, TokenAction::LogIn) };
    (asked + ttl.mul_f64(part + 0.1 * jitter), action)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limited(seconds: u64, renewable: bool) -> Lifetime {
        Lifetime::Limited { ttl: Duration::from_secs(seconds), renewable }
    }

    fn action(validity: Validity) -> Option<TokenAction> {
        validity.next.map(|(_, action)| action)
    }

    #[test]
    fn a_token_is_renewed_or_replaced_well_before_it_expires() {
        let now = Instant::now();
        for jitter in [0.0, 0.5, 1.0] {
            let (at, action) = plan(now, MINUTE, true, jitter);
            assert_eq!(action, TokenAction::Renew);
            assert!((now + MINUTE.mul_f64(0.6)..=now + MINUTE.mul_f64(0.7)).contains(&at));
            let (at, action) = plan(now, MINUTE, false, jitter);
            assert_eq!(action, TokenAction::LogIn);
            assert!((now + MINUTE.mul_f64(0.7)..=now + MINUTE.mul_f64(0.8)).contains(&at));
        }
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_replaced() {
        let now = Instant::now();
        assert_eq!(action(Validity::begin(limited(60, true), now, false)), Some(TokenAction::Renew));
        assert_eq!(action(Validity::begin(limited(60, false), now, false)), Some(TokenAction::LogIn));
        assert_eq!(
            action(Validity::begin(limited(60, true), now, true)),
            Some(TokenAction::LogIn),
            "a renewal would take a use"
        );
        let by_caller = Validity::begin(limited(60, true), now, true).renewed(limited(60, true), now, None);
        assert_eq!(action(by_caller), Some(TokenAction::LogIn), "though a caller has renewed it");
        assert_eq!(action(Validity::begin(Lifetime::Endless, now, false)), None);
        assert_eq!(action(Validity::begin(Lifetime::Unknown, now, false)), Some(TokenAction::LookUp));
    }

    #[test]
    fn a_renewal_that_grants_less_is_the_last_one() {
        let now = Instant::now();
        let validity = Validity::begin(limited(60, true), now, false);
        let again = validity.renewed(limited(60, true), now + MINUTE, None);
        assert_eq!((action(again), again.expires), (Some(TokenAction::Renew), Some(now + MINUTE * 2)));
        assert_eq!(action(again.renewed(limited(40, true), now, None)), Some(TokenAction::LogIn));
        assert_eq!(action(again.renewed(limited(60, false), now, None)), Some(TokenAction::LogIn));
    }

    #[test]
    fn a_renewal_that_grants_nothing_leaves_the_expiry_in_place() {
        let now = Instant::now();
        let validity = Validity::begin(limited(60, true), now, false);
        let last = validity.renewed(Lifetime::Endless, now + MINUTE / 2, None);
        assert_eq!((last.expires, last.next), (Some(now + MINUTE), Some((now + MINUTE / 2, TokenAction::LogIn))));
    }

    #[test]
    fn a_ttl_that_no_clock_reaches_does_not_panic() {
        for ttl in [i64::MAX, i64::MAX / 2, 10_000_000_000] {
            let life = Lifetime::new(Duration::from_secs(ttl.unsigned_abs()), Some(true));
            let validity = Validity::begin(life, Instant::now(), false).renewed(life, Instant::now(), None);
            assert!(validity.expires.is_some_and(|at| at > Instant::now() + MINUTE));
        }
    }

    #[test]
    fn a_renewal_that_asked_for_less_is_not_the_last_one() {
        let now = Instant::now();
        let validity = Validity::begin(limited(3600, true), now, false);
        let shortened = validity.renewed(limited(60, true), now, Some(MINUTE));
        assert_eq!((action(shortened), shortened.expires), (Some(TokenAction::Renew), Some(now + MINUTE)));
        assert_eq!(shortened.full_ttl, MINUTE * 60, "later renewals ask for the full TTL again");
    }
}
