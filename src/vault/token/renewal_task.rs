//! Token renewal: the background task that looks up, renews and replaces the token when due.
//!
//! - One task per connection, on the runtime of the call that started it. It holds a weak
//!   reference, so it ends with the connection. The next call starts it again if its runtime ended.
//! - The task decides nothing. It sleeps until the action that the state machine planned, or until
//!   `wake` says that the plan changed, and carries the action out.
//! - Each action names the token that it is for. If another token is held by the time that the
//!   server responds, the result is dropped.
//! - Callers never wait for the task. Only its login takes the login gate, as theirs does.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::{TokenManager, api};
use crate::{
    clock::{Instant, timeout_at},
    error::Result,
    vault::token::{Lifetime, LiveToken, TokenAction, Validity},
};

impl TokenManager {
    /// Starts the background task on the caller's runtime, unless it runs.
    pub(in crate::vault) fn start_task(self: &Arc<Self>) {
        let mut state = self.state();
        if state.is_shut_down() || state.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let task = tokio::spawn(run(Arc::downgrade(self), self.wake.clone()));
        state.task = Some(task.abort_handle());
    }

    async fn perform(&self, action: TokenAction) {
        let Some(token) = self.state().held() else {
            return;
        };
        let result = match action {
            TokenAction::LookUp => self.look_up(&token).await,
            TokenAction::Renew => self.renew(&token).await,
            TokenAction::LogIn => self.replace(&token).await,
        };
        if let Err(error) = result {
            let kind = error.kind().as_str();
            tracing::warn!(?action, kind, "the Vault token could not be kept alive; trying again");
            let issues_tokens = self.login.issues_tokens();
            self.state().action_failed(&token, action, error, issues_tokens);
        }
    }

    async fn look_up(&self, token: &LiveToken) -> Result<()> {
        let asked = Instant::now();
        let lifetime = match token.take() {
            true => self.lifetime_and_uses(token).await?,
            // No use is left to ask with.
            false => Lifetime::Endless,
        };
        let validity = self.without_login_if_static(Validity::begin(lifetime, asked, token.is_limited()));
        self.state().set_validity(token, validity);
        Ok(())
    }

    async fn lifetime_and_uses(&self, token: &LiveToken) -> Result<Lifetime> {
        let (lifetime, uses) = api::lifetime(&self.http, token, self.policy).await?;
        if let Some(uses) = uses {
            token.limit_to(uses);
        }
        Ok(lifetime)
    }

    async fn renew(&self, token: &LiveToken) -> Result<()> {
        let Some(before) = self.state().validity_of(token) else {
            return Ok(());
        };
        let asked = Instant::now();
        let lifetime = api::renew(&self.http, token, before.full_ttl, self.policy).await?;
        self.renewed(token, lifetime, asked, None);
        Ok(())
    }

    /// Logs in while the old token still serves.
    async fn replace(&self, token: &LiveToken) -> Result<()> {
        let pass = self.enter_login().await?;
        if let Some(task) = self.state().task.clone() {
            self.login_gate.begun(pass.number(), task);
        }
        if self.state().validity_of(token).is_none() {
            return Ok(());
        }
        self.log_in().await
    }
}

/// Carries out each action when it is due, for as long as the connection is there.
async fn run(manager: Weak<TokenManager>, wake: Arc<Notify>) {
    while let Some(next) = manager.upgrade().map(|manager| manager.state().next()) {
        let Some((at, action)) = next else {
            wake.notified().await;
            continue;
        };
        if timeout_at(at, wake.notified()).await.is_some() {
            // There is another token, or another plan for this one.
            continue;
        }
        let Some(manager) = manager.upgrade() else {
            return;
        };
        manager.perform(action).await;
    }
}
