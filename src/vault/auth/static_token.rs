//! A static token: one that somebody else obtained, from a variable, a file or the settings.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{Login, LoginClient};
use crate::{
    error::Result,
    fs::fingerprint::Fingerprint,
    vault::{
        source::SecretSource,
        token::{Grant, Token},
    },
};

/// The file is checked for changes no more often than this.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// A token that is given and not obtained by a login. A file is read again when it changes.
#[derive(Debug)]
pub(super) struct StaticToken {
    source: SecretSource,
    seen: Mutex<Option<Seen>>,
}

/// The file's fingerprint when it was read, and when it was last checked.
#[derive(Debug)]
struct Seen {
    stamp: Option<Fingerprint>,
    checked: Instant,
}

impl StaticToken {
    pub(super) fn new(source: SecretSource) -> Self {
        Self { source, seen: Mutex::default() }
    }
}

#[async_trait]
impl Login for StaticToken {
    fn method(&self) -> &'static str {
        "token"
    }

    async fn login(&self, client: &LoginClient<'_>) -> Result<Grant> {
        // Taken before the text is read, so that a change in between is noticed.
        let seen = Seen { stamp: self.source.stamp(), checked: Instant::now() };
        let token = client.credential("token", &self.source).await.map_err(|error| match error.hint() {
            Some(_) => error,
            None => error
                .with_hint("set VAULT_TOKEN, or `auth` in s1crets.toml, or log in with `vault login` or `bao login`"),
        })?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(Grant::new(Token::new(token.as_str())))
    }

    fn issues_tokens(&self) -> bool {
        false
    }

    /// Whether the file has changed. While it is missing, as during a replacement, the old token
    /// stays.
    fn has_changed(&self) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_mut().filter(|seen| seen.checked.elapsed() >= CHECK_INTERVAL) else {
            return false;
        };
        seen.checked = Instant::now();
        let stamp = self.source.stamp();
        stamp.is_some() && stamp != seen.stamp
    }
}
