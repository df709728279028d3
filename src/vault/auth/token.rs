//! A token that somebody else got.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;

use super::{Link, Login};
#[cfg(all(feature = "disk-cache", unix))]
use crate::cache_scope::Binding;
use crate::{
    error::Result,
    fs::fingerprint::Fingerprint,
    vault::{source::SecretSource, token::Grant},
};

/// A file's state is looked at no more often than this.
const LOOK: Duration = Duration::from_millis(500);

/// The token of a variable, a file, or the settings.
#[derive(Debug)]
pub(super) struct StaticToken {
    source: SecretSource,
    seen: Mutex<Option<Seen>>,
}

/// The file's state when it was read.
#[derive(Debug)]
struct Seen {
    stamp: Option<Fingerprint>,
    looked: Instant,
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

    #[cfg(all(feature = "disk-cache", unix))]
    fn bind(&self, binding: &mut Binding<'_>) {
        let Self { source, seen: _ } = self;
        source.bind_token(binding);
    }

    async fn login(&self, _: &Link<'_>) -> Result<Grant> {
        // The state before the text: a change in between is then seen as one.
        let seen = Seen { stamp: self.source.stamp(), looked: Instant::now() };
        let token = self.source.read("token").map_err(|error| match error.hint() {
            Some(_) => error,
            None => error
                .with_hint("set VAULT_TOKEN, or `auth` in s1crets.toml, or log in with `vault login` or `bao login`"),
        })?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(Grant::given(token))
    }

    fn makes_tokens(&self) -> bool {
        false
    }

    /// Whether the file is another one. One that is gone, or being replaced, keeps what was read of it.
    fn changed(&self) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_mut().filter(|seen| seen.looked.elapsed() >= LOOK) else {
            return false;
        };
        seen.looked = Instant::now();
        let stamp = self.source.stamp();
        stamp.is_some() && stamp != seen.stamp
    }
}
