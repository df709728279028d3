//! What the server is asked about a token.

use std::{num::NonZeroU32, time::Duration};

use zeroize::Zeroizing;

use crate::{
    error::Result,
    retry::RetryPolicy,
    vault::{
        Fields, error,
        http::{Bearer, Http},
        request::Call,
        response::not_as_vault,
        token::{Lifetime, Token},
    },
};

/// What the server says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vault) enum TokenStatus {
    Alive,
    Dead,
    /// Something in between does not let the question through.
    Unsaid,
}

/// Whether the server still knows the token. Looking itself up takes a policy, which most tokens have; what mounts there
/// are is told to every token that is alive.
pub(in crate::vault) async fn ask_of(http: &Http, token: &Token, policy: RetryPolicy) -> Result<TokenStatus> {
    let mut word = TokenStatus::Dead;
    for path in ["auth/token/lookup-self", "sys/internal/ui/mounts"] {
        let call = Call::get(path)?;
        let reply = http.exchange(&call, Bearer::Token(token), policy).await?;
        match reply.status {
            403 if reply.is_vaults() => {}
            403 => word = TokenStatus::Unsaid,
            // Only Vault knows: a page of something in between says nothing of the token.
            _ if reply.is_success() => return reply.data().map(|_| TokenStatus::Alive),
            _ => return Err(error::from_reply(&reply, &call)),
        }
    }
    Ok(word)
}

/// How long a token lives, by its own word. One that may not look, or is dead, counts as endless: the next call finds out.
pub(in crate::vault) async fn life(http: &Http, token: &Token, policy: RetryPolicy) -> Result<Lifetime> {
    let call = Call::get("auth/token/lookup-self")?;
    let reply = http.exchange(&call, Bearer::Token(token), policy).await?;
    match reply.status {
        403 => Ok(Lifetime::Endless),
        _ if reply.is_success() => Lifetime::of_look_up(reply.data()?),
        _ => Err(error::from_reply(&reply, &call)),
    }
}

/// Asks for `full` more, in one attempt: the tries within what is left are the caller's.
pub(in crate::vault) async fn renew(
    http: &Http,
    token: &Token,
    full: Duration,
    policy: RetryPolicy,
) -> Result<Lifetime> {
    let increment = Fields::default().text("increment", &format!("{}s", full.as_secs())).finish();
    let call = Call::post("auth/token/renew-self", increment)?.idempotent();
    let once = policy.with_attempts(NonZeroU32::MIN);
    let reply = http.exchange(&call, Bearer::Token(token), once).await?;
    if !reply.is_success() {
        return Err(error::from_reply(&reply, &call));
    }
    Lifetime::of_auth(reply.object("auth").ok_or_else(not_as_vault)?)
}

/// Gives a token back.
pub(in crate::vault) async fn revoke(http: &Http, token: &Token) -> Result<()> {
    let call = Call::post("auth/token/revoke-self", Zeroizing::new("{}".to_owned()))?.idempotent();
    let reply = http.exchange(&call, Bearer::Token(token), http.policy(RetryPolicy::default())).await?;
    if reply.is_success() { Ok(()) } else { Err(error::from_reply(&reply, &call)) }
}
