//! The token in use: the header that is sent, if any, and the uses that are left.

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::Token;
use crate::error::{Error, Result};

/// A token as it is sent. The text is wiped when the last call that uses it has ended.
pub(crate) struct LiveToken {
    /// `None` if no token is sent.
    header: Option<HeaderValue>,
    /// Tells one login's token from the next one's.
    pub(in crate::vault) generation: u64,
    /// Set if the uses are limited: by the login, or once a look-up tells.
    uses: OnceLock<Uses>,
    /// Whether the last of several uses is kept back.
    keeps_last: bool,
}

/// The uses of a token: it is revoked with the last one.
struct Uses {
    left: AtomicI64,
    /// The uses at the start.
    limit: i64,
}

impl LiveToken {
    pub(in crate::vault) fn new(token: Token, generation: u64, uses: Option<u64>) -> Result<Self> {
        // The header shares this buffer, which is wiped on drop.
        let shared = Bytes::from_owner(WipedText(token.into_text()));
        let mut header = HeaderValue::from_maybe_shared(shared).map_err(|_| {
            Error::config("the Vault token is malformed: it holds a line break or another control character")
        })?;
        header.set_sensitive(true);
        let token = Self { header: Some(header), ..Self::absent(generation) };
        if let Some(uses) = uses {
            token.limit_to(uses);
        }
        Ok(token)
    }

    /// No token, in place of one: a proxy adds its own.
    pub(in crate::vault) fn absent(generation: u64) -> Self {
        Self { header: None, generation, uses: OnceLock::new(), keeps_last: false }
    }

    /// Whether no token is sent.
    pub(in crate::vault) fn is_absent(&self) -> bool {
        self.header.is_none()
    }

    /// Keeps the last use back, for a token that a login can replace: the server refuses to issue a
    /// lease to a token with one use left, as that would end with the token.
    pub(in crate::vault) fn keeping_last_use(self) -> Self {
        Self { keeps_last: true, ..self }
    }

    /// Sets how many uses are left, unless that is known.
    pub(in crate::vault) fn limit_to(&self, uses: u64) {
        let limit = i64::try_from(uses).unwrap_or(i64::MAX);
        self.uses.get_or_init(|| Uses { left: AtomicI64::new(limit), limit });
    }

    pub(in crate::vault) fn is_limited(&self) -> bool {
        self.uses.get().is_some()
    }

    pub(in crate::vault) fn header(&self) -> Option<HeaderValue> {
        self.header.clone()
    }

    /// A copy of the token for a caller; `None` if there is none.
    pub(in crate::vault) fn to_token(&self) -> Option<Token> {
        self.header.as_ref().map(|header| Token::new(String::from_utf8_lossy(header.as_bytes())))
    }

    pub(in crate::vault) fn is_same(&self, token: &Token) -> bool {
        self.header.as_ref().is_some_and(|header| header.as_bytes() == token.expose().as_bytes())
    }

    /// Takes one use for an attempt, if there is one left.
    pub(in crate::vault) fn take(&self) -> bool {
        self.uses.get().is_none_or(|uses| uses.take(self.kept(uses)))
    }

    /// Takes one use for a question about the token itself, be it the last one.
    pub(in crate::vault) fn take_any(&self) -> bool {
        self.uses.get().is_none_or(|uses| uses.take(0))
    }

    /// Uses left, if they are limited.
    pub(in crate::vault) fn uses_left(&self) -> Option<u64> {
        Some(u64::try_from(self.uses.get()?.left()).unwrap_or_default())
    }

    /// Whether a tenth of the uses or less is left, so that the next token is due.
    pub(in crate::vault) fn is_nearly_spent(&self) -> bool {
        self.uses.get().is_some_and(|uses| uses.left() <= self.kept(uses).max(uses.limit / 10))
    }

    /// How many uses are kept back.
    fn kept(&self, uses: &Uses) -> i64 {
        i64::from(self.keeps_last && uses.limit > 1)
    }
}

impl Uses {
    fn left(&self) -> i64 {
        self.left.load(Ordering::Acquire)
    }

    /// Takes one use if more than `kept` are left.
    fn take(&self, kept: i64) -> bool {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| (left > kept).then_some(left - 1)).is_ok()
    }
}

struct WipedText(Zeroizing<String>);

impl AsRef<[u8]> for WipedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for LiveToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveToken").field("generation", &self.generation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str, uses: Option<u64>) -> LiveToken {
        LiveToken::new(Token::new(text), 1, uses).expect("a token")
    }

    #[test]
    fn a_use_is_taken_while_there_is_one() {
        let two = token("t", Some(2));
        assert!(two.take() && two.take() && !two.take());
        assert!(token("t", None).take());
    }

    #[test]
    fn the_last_of_several_uses_is_kept_for_questions_about_the_token() {
        let two = token("t", Some(2)).keeping_last_use();
        assert!(two.take() && two.is_nearly_spent() && !two.take());
        assert!(two.take_any() && !two.take_any());
        assert!(token("t", Some(1)).keeping_last_use().take(), "it is good for nothing else");
    }

    #[test]
    fn a_limit_that_is_learned_later_counts_from_then_on() {
        let given = token("t", None);
        assert!(given.take() && given.uses_left().is_none());
        given.limit_to(1);
        assert!(given.is_limited() && given.take() && !given.take());
        given.limit_to(5);
        assert_eq!(given.uses_left(), Some(0), "it is known already");
    }

    #[test]
    fn debug_shows_no_token() {
        let secret = token("hunter2", None);
        let shown = format!("{secret:?} {:?} {:?}", secret.header(), secret.to_token());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.to_token().expect("one").expose(), "hunter2");
        assert!(LiveToken::absent(1).to_token().is_none());
    }
}
