//! What a login may do to the server.

use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Result},
    json::Json,
    vault::{
        call::Call,
        error,
        http::{Bearer, Http},
        reply::not_as_vault,
        retry::Patience,
        token::{Grant, Token},
    },
};

/// The server, for somebody without a token.
pub(in crate::vault) struct Link<'a> {
    http: &'a Http,
    patience: Patience,
}

impl<'a> Link<'a> {
    pub(in crate::vault) fn new(http: &'a Http, patience: Patience) -> Self {
        Self { http, patience }
    }

    /// How long one try may take.
    #[cfg(feature = "__aws")]
    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// Logs in at `auth/MOUNT/REST`.
    pub(super) async fn login(&self, mount: &str, rest: &str, body: Zeroizing<String>) -> Result<Grant> {
        // A login whose answer was lost left a token behind, which dies at its end: better than no login.
        let call = Call::post(&format!("auth/{}/{rest}", mount.trim_matches('/')), body)?.repeatable();
        let reply = self.http.exchange(&call, Bearer::Nobody, self.patience).await?;
        if !reply.is_success() {
            return Err(error::from_login(&reply, &call));
        }
        Grant::of_auth(reply.object("auth").ok_or_else(not_as_vault)?)
    }

    /// What a wrapping token wraps: the text of its member `key`. A token is unwrapped once; that it can't be is told
    /// as what it may mean.
    pub(super) async fn unwrap(&self, token: Zeroizing<String>, key: &str) -> Result<Zeroizing<String>> {
        let token = Token::new(token, 0, None)?;
        let call = Call::post("sys/wrapping/unwrap", Zeroizing::new("{}".to_owned()))?;
        let reply = self.http.exchange(&call, Bearer::Token(&token), self.patience).await?;
        match reply.status {
            _ if reply.is_success() => {}
            400 | 403 | 404 if reply.is_vaults() => return Err(stolen()),
            _ => return Err(error::from_login(&reply, &call)),
        }
        let text = reply.data()?.get(key).and_then(Json::as_str).ok_or_else(not_as_vault)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

fn stolen() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the wrapping token is not valid: it has expired, or SOMEBODY ELSE HAS UNWRAPPED IT, which is possible theft",
    )
    .with_hint("have the secret id revoked and look in the audit log for who used the wrapping token")
}
