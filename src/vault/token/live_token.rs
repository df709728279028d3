//! The token in use: the header that is sent, and the uses that are left.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

use super::Token;
use crate::error::{Error, Result};

/// A token as it is sent. The text is wiped when the last call that uses it has ended.
pub(crate) struct LiveToken {
    header: HeaderValue,
    /// Tells one login's token from the next one's.
    pub(in crate::vault) generation: u64,
    /// Uses left, if they are limited.
    uses: Option<AtomicI64>,
    /// The uses at the start.
    limit: i64,
}

impl LiveToken {
    pub(in crate::vault) fn new(token: Token, generation: u64, uses: Option<u64>) -> Result<Self> {
        let limit = uses.map_or(0, |uses| i64::try_from(uses).unwrap_or(i64::MAX));
        // The header shares this buffer, which is wiped on drop.
        let shared = Bytes::from_owner(WipedText(token.into_text()));
        let mut header = HeaderValue::from_maybe_shared(shared).map_err(|_| {
            Error::config("the Vault token is malformed: it holds a line break or another control character")
        })?;
        header.set_sensitive(true);
        Ok(Self { header, generation, uses: uses.map(|_| AtomicI64::new(limit)), limit })
    }

    pub(in crate::vault) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// A copy of the token for a caller.
    pub(in crate::vault) fn to_token(&self) -> Token {
        Token::new(String::from_utf8_lossy(self.header.as_bytes()))
    }

    pub(in crate::vault) fn is_same(&self, token: &Token) -> bool {
        self.header.as_bytes() == token.expose().as_bytes()
    }

    /// Takes one use for an attempt, if there is one left.
    pub(in crate::vault) fn take(&self) -> bool {
        let Some(uses) = &self.uses else {
            return true;
        };
        uses.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| (left > 0).then_some(left - 1)).is_ok()
    }

    /// Uses left, if they are limited.
    pub(in crate::vault) fn uses_left(&self) -> Option<u64> {
        let left = self.uses.as_ref()?.load(Ordering::Acquire);
        Some(u64::try_from(left).unwrap_or_default())
    }

    /// Whether a tenth of the uses or less is left, so that the next token is due.
    pub(in crate::vault) fn is_nearly_spent(&self) -> bool {
        self.uses.as_ref().is_some_and(|uses| uses.load(Ordering::Acquire) <= self.limit / 10)
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
    fn debug_shows_no_token() {
        let secret = token("hunter2", None);
        let shown = format!("{secret:?} {:?} {:?}", secret.header(), secret.to_token());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.to_token().expose(), "hunter2");
    }
}
