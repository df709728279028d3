//! The token that a login obtained, and the redacted type of every token that callers see.

use std::{fmt, time::Duration};

use zeroize::Zeroizing;

use super::Lifetime;
use crate::{
    error::Result,
    secret::Json,
    vault::response::{Response, malformed_response},
};

/// A Vault token, or a wrapping token. `Debug` is redacted, and the text is wiped on drop.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

/// The token that a [`Login`](crate::vault::Login) obtained, with its lifetime.
///
/// The connection renews the token while it can, and logs in again before the token expires.
#[derive(Clone, Debug)]
pub struct Grant {
    /// `None` if a proxy adds its own token.
    pub(in crate::vault) token: Option<Token>,
    pub(in crate::vault) lifetime: Lifetime,
    /// How many calls the token is good for; `None` if that is not limited.
    pub(in crate::vault) uses: Option<u64>,
}

impl Token {
    /// A token by its text. The buffer is taken over, not copied.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The token's text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(in crate::vault) fn into_text(self) -> Zeroizing<String> {
        self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

impl Grant {
    /// A token whose lifetime is not known. The connection asks the server for it soon after the
    /// first use.
    pub fn new(token: Token) -> Self {
        Self { token: Some(token), lifetime: Lifetime::Unknown, uses: None }
    }

    /// No token, for a connection through a proxy that adds its own.
    pub(in crate::vault) fn without_token() -> Self {
        Self { token: None, lifetime: Lifetime::Endless, uses: None }
    }

    /// The token of a login response.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) if the response holds no token, or none with a
    /// lifetime.
    pub fn from_response(response: &Response) -> Result<Self> {
        Self::from_auth(response.object("auth").ok_or_else(malformed_response)?)
    }

    /// Sets how long the token lives, from when the login began. Zero is a token that never
    /// expires. `renewable` says whether the server renews it.
    #[must_use]
    pub fn with_ttl(self, ttl: Duration, renewable: bool) -> Self {
        Self { lifetime: Lifetime::new(ttl, Some(renewable)), ..self }
    }

    /// Sets how many calls the token is good for. Default, and 0 as in the server's `num_uses`: no
    /// limit. The last of several is kept back: the server issues no lease for it.
    #[must_use]
    pub fn with_uses(self, uses: u64) -> Self {
        Self { uses: Some(uses).filter(|uses| *uses > 0), ..self }
    }

    /// Reads the `auth` of a login response.
    fn from_auth(auth: Json<'_>) -> Result<Self> {
        let token = auth.get("client_token").and_then(Json::as_str).filter(|token| !token.is_empty());
        let token = Token::new(token.ok_or_else(malformed_response)?);
        let uses = auth.get("num_uses").and_then(Json::as_i64).and_then(|uses| u64::try_from(uses).ok());
        Ok(Self { token: Some(token), lifetime: Lifetime::from_auth(auth)?, uses: uses.filter(|uses| *uses > 0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_token() {
        let grant = Grant::new(Token::new("hunter2")).with_ttl(Duration::from_secs(60), true).with_uses(3);
        let shown = format!("{grant:?} {:?}", grant.token);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
