//! The server calls about a token: is it alive, how long does it live, renew it, revoke it.

use std::{num::NonZeroU32, time::Duration};

use zeroize::Zeroizing;

use crate::{
    error::Result,
    retry::RetryPolicy,
    secret::Json,
    vault::{
        Fields, error,
        http::{Bearer, Http},
        request::ApiRequest,
        response::malformed_response,
        token::{Lifetime, LiveToken},
    },
};

/// Whether the server knows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vault) enum TokenStatus {
    Alive,
    Dead,
    /// Something between us and the server blocks the question.
    Unknown,
}

/// Asks whether the server still knows the token. A token without a use left is dead.
///
/// `lookup-self` takes a policy, which most tokens have. The list of mounts is open to every token
/// that is alive, and also to nobody, so it tells nothing of the token that a proxy adds.
pub(in crate::vault) async fn status(http: &Http, token: &LiveToken, policy: RetryPolicy) -> Result<TokenStatus> {
    let mut status = TokenStatus::Dead;
    let questions = ["auth/token/lookup-self", "sys/internal/ui/mounts"];
    for path in questions.into_iter().take(if token.is_absent() { 1 } else { 2 }) {
        if !token.take_any() {
            return Ok(TokenStatus::Dead);
        }
        let request = ApiRequest::get(path)?;
        let response = http.exchange(&request, Bearer::Token(token), policy).await?;
        match response.status {
            403 if response.is_from_vault() => {}
            403 => status = TokenStatus::Unknown,
            // A page of a proxy is no answer of Vault's: `data` fails on it.
            _ if response.is_success() => return response.data().map(|_| TokenStatus::Alive),
            _ => return Err(error::from_response(&response, &request)),
        }
    }
    Ok(status)
}

/// Asks how long a token lives, and how many uses it has left if they are limited. One that may not
/// ask, or is dead, counts as endless: the next call finds out.
///
/// The caller has taken a use for it.
pub(in crate::vault) async fn lifetime(
    http: &Http,
    token: &LiveToken,
    policy: RetryPolicy,
) -> Result<(Lifetime, Option<u64>)> {
    let request = ApiRequest::get("auth/token/lookup-self")?;
    let response = http.exchange(&request, Bearer::Token(token), policy).await?;
    match response.status {
        403 => Ok((Lifetime::Endless, None)),
        _ if response.is_success() => {
            let data = response.data()?;
            Ok((Lifetime::from_lookup(data)?, uses_left(data)))
        }
        _ => Err(error::from_response(&response, &request)),
    }
}

/// The uses left by a lookup, which took one: 0 means no limit, and a negative number that it took
/// the last one.
fn uses_left(data: Json<'_>) -> Option<u64> {
    match data.get("num_uses").and_then(Json::as_i64)? {
        0 => None,
        left => Some(u64::try_from(left).unwrap_or_default()),
    }
}

/// The request that renews a token by `increment`, counted from now, or by the server's default.
pub(in crate::vault) fn renewal_request(increment: Option<Duration>) -> Result<ApiRequest> {
    let increment = increment.map(|increment| format!("{}s", increment.as_secs()));
    let body = Fields::default().optional("increment", increment.as_deref()).finish();
    Ok(ApiRequest::post("auth/token/renew-self", body)?.idempotent())
}

/// Renews a token by `increment`, in one attempt: the background task repeats it while time is
/// left.
pub(in crate::vault) async fn renew(
    http: &Http,
    token: &LiveToken,
    increment: Duration,
    policy: RetryPolicy,
) -> Result<Lifetime> {
    let request = renewal_request(Some(increment))?;
    let once = policy.with_attempts(NonZeroU32::MIN);
    let response = http.exchange(&request, Bearer::Token(token), once).await?;
    if !response.is_success() {
        return Err(error::from_response(&response, &request));
    }
    Lifetime::from_auth(response.object("auth").ok_or_else(malformed_response)?)
}

/// Revokes a token, and with it every lease that it took.
///
/// # Errors
/// `AccessDenied` for a token that is dead, too.
pub(in crate::vault) async fn revoke(http: &Http, token: &LiveToken, policy: RetryPolicy) -> Result<()> {
    let request = ApiRequest::post("auth/token/revoke-self", Zeroizing::new("{}".to_owned()))?.idempotent();
    let response = http.exchange(&request, Bearer::Token(token), policy).await?;
    if response.is_success() { Ok(()) } else { Err(error::from_response(&response, &request)) }
}
