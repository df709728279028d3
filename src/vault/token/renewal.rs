//! The work in the background: each step of a token's life at its time.

use std::sync::{Arc, Weak};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{TokenManager, api};
use crate::{
    error::Result,
    vault::token::{Token, TokenAction, Validity},
};

impl TokenManager {
    /// Starts it on the caller's runtime, unless it runs.
    pub(in crate::vault) fn tend(self: &Arc<Self>) {
        let mut state = self.state();
        if state.is_shut() || state.tending.as_ref().is_some_and(|tending| !tending.is_finished()) {
            return;
        }
        let task = tokio::spawn(tend(Arc::downgrade(self), self.wake.clone()));
        state.tending = Some(task.abort_handle());
    }

    async fn step(&self, step: TokenAction) {
        let Some(token) = self.state().held() else {
            return;
        };
        let result = match step {
            TokenAction::LookUp => self.look_up(&token).await,
            TokenAction::Renew => self.renew(&token).await,
            TokenAction::LogIn => self.replace(&token).await,
        };
        if let Err(error) = result {
            tracing::warn!(
                ?step,
                kind = error.kind().as_str(),
                "the Vault token could not be kept alive; trying again"
            );
            self.state().set_back(&token, step, error, self.login.makes_tokens());
        }
    }

    async fn look_up(&self, token: &Token) -> Result<()> {
        let asked = Instant::now();
        let life = api::life(&self.http, token, self.policy).await?;
        let term = self.planned(Validity::begin(life, asked, false));
        self.state().set_term(token, term);
        Ok(())
    }

    async fn renew(&self, token: &Token) -> Result<()> {
        let Some(before) = self.state().term_of(token) else {
            return Ok(());
        };
        let asked = Instant::now();
        let life = api::renew(&self.http, token, before.full, self.policy).await?;
        let term = self.planned(before.renewed(life, asked));
        self.state().renewed(token, term);
        Ok(())
    }

    /// A new login while the old token still serves.
    async fn replace(&self, token: &Token) -> Result<()> {
        let _gate = self.pass(&self.gate).await?;
        if self.state().term_of(token).is_none() {
            return Ok(());
        }
        self.log_in().await
    }
}

/// Waits for each step and makes it, for as long as the connection is there.
async fn tend(keeper: Weak<TokenManager>, wake: Arc<Notify>) {
    while let Some(next) = keeper.upgrade().map(|keeper| keeper.state().next()) {
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
