//! No token: an agent or proxy between here and the server adds its own to each request.

use async_trait::async_trait;

use super::{Login, LoginClient};
use crate::{error::Result, vault::token::Grant};

/// Sends no token, for an agent or proxy with auto-auth.
#[derive(Debug)]
pub(super) struct NoToken;

#[async_trait]
impl Login for NoToken {
    fn method(&self) -> &'static str {
        "none"
    }

    async fn login(&self, _: &LoginClient<'_>) -> Result<Grant> {
        Ok(Grant::without_token())
    }

    fn issues_tokens(&self) -> bool {
        false
    }
}
