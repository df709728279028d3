//! Revocation of the connection's token, and the shutdown of a connection.

use super::{
    LiveToken, TokenManager,
    api::{self, TokenStatus},
};
use crate::error::{ErrorKind, Result};

impl TokenManager {
    /// Revokes the token that is held, if there is one; the next call logs in.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke). The token is then still held.
    pub(in crate::vault) async fn revoke_held(&self) -> Result<()> {
        self.check_open()?;
        // What a proxy adds is not ours to revoke.
        if let Some(token) = self.held().filter(|token| !token.is_absent()) {
            self.revoke(&token).await?;
            self.state().declare_dead(&token);
        }
        Ok(())
    }

    /// Revokes a token. One that the server does not know any more counts as revoked.
    ///
    /// # Errors
    /// `AccessDenied` if the token is alive, or nothing tells that it is dead, and those of a server
    /// that can't be asked.
    async fn revoke(&self, token: &LiveToken) -> Result<()> {
        let refused = match api::revoke(&self.http, token, self.policy).await {
            Err(error) if error.kind() == ErrorKind::AccessDenied => error,
            outcome => return outcome,
        };
        match api::status(&self.http, token, self.policy).await? {
            TokenStatus::Dead => Ok(()),
            TokenStatus::Alive | TokenStatus::Unknown => Err(refused),
        }
    }

    /// Refuses all further calls, ends the background task, and revokes the tokens of our logins if
    /// that is set. A login under way is waited for: it obtains a token yet.
    ///
    /// # Errors
    /// As [`revoke`](Self::revoke); the next call tries again. `Timeout` if the login under way
    /// takes too long: its token is revoked when it ends.
    pub(in crate::vault) async fn shut_down(&self) -> Result<()> {
        let revokes = self.revokes_at_shutdown();
        self.state().shut_down(revokes);
        if !revokes {
            self.stop_task();
            return Ok(());
        }
        let pass = self.enter_login().await;
        let revoked = self.revoke_left().await;
        // The task is not aborted in the middle of a login.
        let _pass = pass?;
        self.stop_task();
        revoked
    }

    /// Ends the background task of a connection that nobody has any more. No token is revoked.
    pub(in crate::vault) fn close(&self) {
        self.state().shut_down(false);
        self.stop_task();
    }

    fn stop_task(&self) {
        if let Some(task) = self.state().task.take() {
            task.abort();
        }
    }

    fn revokes_at_shutdown(&self) -> bool {
        self.revoke_at_shutdown && self.login.issues_tokens()
    }

    /// Revokes the tokens that were in use at the shutdown, or obtained after it.
    pub(super) async fn revoke_left(&self) -> Result<()> {
        let left = self.state().left_to_revoke();
        let mut outcome = Ok(());
        for token in left {
            match self.revoke(&token).await {
                Ok(()) => self.state().was_revoked(&token),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }
}
