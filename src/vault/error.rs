//! Error mapping of Vault: makes our `Error` of a reply.

use super::{request::ApiRequest, response::Response};
use crate::{
    error::{Error, ErrorKind, Result},
    retry::RetryPolicy,
    secret::echo::Echo,
    transport::{Address, AddressError},
};

/// The hint for a reply that came from something else.
pub(crate) const NOT_VAULTS: &str = "the answer is not Vault's: does the address name a Vault or OpenBao server?";

/// Shorter values of a query are not searched for: any message may hold `true` or a version.
const SHORTEST_QUERY_VALUE: usize = 8;

/// A message of Vault's or OpenBao's that says more than the status it comes with.
struct Known {
    /// The statuses that it comes with.
    statuses: &'static [u16],
    /// A part of the message, in lower case.
    text: &'static str,
    /// The kind of the error, where the status alone would give another one.
    kind: Option<ErrorKind>,
    /// Whether the same request may succeed later, where the kind alone would say otherwise.
    retryable: Option<bool>,
    /// What to do. `{server}` stands for the address and the namespace.
    hint: &'static str,
}

impl Known {
    const fn new(statuses: &'static [u16], text: &'static str, hint: &'static str) -> Self {
        Self { statuses, text, kind: None, retryable: None, hint }
    }

    const fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    const fn lasting(self) -> Self {
        Self { retryable: Some(false), ..self }
    }
}

/// Every message that is known. The test `known_messages` has each one from a real OpenBao, or says
/// that only HashiCorp's Vault sends it. The first one that matches counts.
///
/// A secret that doesn't exist comes with no message at all. So a 404 with one is a mistake in the
/// settings or in the path, which no default may answer for.
const KNOWN: [Known; 20] = [
    // Settings and paths.
    Known::new(
        &[404],
        "no handler for route",
        "nothing is mounted at this path on {server}: check the path's first part, the namespace and the address; \
         `bao secrets list` and `bao auth list` show the mounts",
    )
    .of_kind(ErrorKind::Config),
    Known::new(
        &[404],
        "namespace not found",
        "there is no such namespace; asked {server}: check VAULT_NAMESPACE, and `namespace` in the config file",
    )
    .of_kind(ErrorKind::Config),
    Known::new(&[404], "unsupported path", "the engine that is mounted there has no such path; asked {server}")
        .of_kind(ErrorKind::Unsupported),
    Known::new(&[405], "unsupported operation", "the engine that is mounted there can't do this; asked {server}"),
    // Identity.
    Known::new(
        &[400, 403],
        "missing client token",
        "no token was sent, or no login method is mounted at this path; asked {server}: check `auth` in the config \
         file, with its `mount`, or set VAULT_TOKEN",
    )
    .of_kind(ErrorKind::Unauthenticated),
    Known::new(
        &[400],
        "invalid role or secret id",
        "the role's id is wrong, or the secret id is wrong, used up or expired; asked {server}",
    )
    .of_kind(ErrorKind::Unauthenticated),
    Known::new(&[400], "invalid role id", "there is no role of this id; asked {server}")
        .of_kind(ErrorKind::Unauthenticated),
    Known::new(&[400], "invalid secret id", "the secret id is wrong, used up or expired: issue a new one")
        .of_kind(ErrorKind::Unauthenticated),
    Known::new(
        &[400],
        "invalid username or password",
        "check `username`, and the file or the variable of the password",
    )
    .of_kind(ErrorKind::Unauthenticated),
    Known::new(
        &[400],
        "wrapping token is not valid",
        "it has expired, or somebody has unwrapped it already; asked {server}",
    )
    .of_kind(ErrorKind::Unauthenticated),
    // Writes.
    Known::new(
        &[400],
        "check-and-set parameter did not match",
        "somebody else has changed the secret in the meantime: read it again, and repeat the change",
    )
    .of_kind(ErrorKind::Conflict),
    Known::new(
        &[400],
        "check-and-set parameter required",
        "the mount or the secret has `cas_required`: name the version to replace (`options.cas`)",
    ),
    Known::new(
        &[400],
        "lease not found",
        "the lease has expired or was revoked, or is one of another server or namespace",
    ),
    // The state of the server. Each of these may pass by itself, unless it says otherwise.
    Known::new(&[503], "vault is sealed", "somebody has to unseal it: `bao operator unseal`"),
    Known::new(&[400, 500, 503], "namespace is sealed", "somebody has to unseal the namespace; asked {server}")
        .of_kind(ErrorKind::Unavailable),
    Known::new(
        &[400, 503],
        "api access to this namespace has been locked",
        "an administrator has locked the namespace, and has to unlock it; asked {server}",
    )
    .of_kind(ErrorKind::Unavailable)
    .lasting(),
    Known::new(
        &[400],
        "upgrading from non-versioned to versioned data",
        "the server upgrades the mount to KV version 2, which takes some seconds",
    )
    .of_kind(ErrorKind::Unavailable),
    Known::new(
        &[500],
        "active cluster node not found",
        "no node of the cluster is active: most of them are down or sealed",
    ),
    Known::new(
        &[429],
        "rate limit quota exceeded",
        "an administrator limits the rate of requests (`sys/quotas/rate-limit`): a longer `cache.ttl` makes fewer",
    ),
    Known::new(&[429], "lease count quota exceeded", "an administrator limits the leases (`sys/quotas/lease-count`)"),
];

/// The kind for a status, as Vault
/// [uses them](https://developer.hashicorp.com/vault/api-docs#http-status-codes). A 403 means a policy
/// here: whether the token is dead has been asked before.
pub(crate) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        400 | 413 | 414 | 422 => ErrorKind::InvalidInput,
        401 | 407 => ErrorKind::Unauthenticated,
        403 => ErrorKind::AccessDenied,
        404 => ErrorKind::NotFound,
        405 | 415 => ErrorKind::Unsupported,
        408 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        429 => ErrorKind::Throttled,
        // 412: a replica that lags behind. 472 and 473: a standby that doesn't serve.
        412 | 472 | 473 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// The hint for a status of Vault's that comes with no known message.
fn hint_of_status(status: u16) -> Option<&'static str> {
    Some(match status {
        412 => "the node lags behind: ask again, or name the active node in `address`",
        413 => "the value is larger than the server takes",
        429 => "the server limits the rate of requests: ask less often",
        472 => "this is a secondary for disaster recovery, which serves nothing: name the primary in `address`",
        473 => "this is a performance standby that doesn't serve this: name the active node in `address`",
        501 => "the server was never initialized: `bao operator init`",
        _ => return None,
    })
}

/// The error of a reply that is no success.
///
/// It quotes the server's explanation, unless that repeats a secret of the request, as a proxy's echo
/// may.
pub(crate) fn from_response(reply: &Response, call: &ApiRequest) -> Error {
    let is_vaults = is_vaults(reply, call);
    let known = known(reply);
    let kind = match kind_of_status(reply.status) {
        // A web server's page is no "not found": a wrong address would make callers use their default.
        ErrorKind::NotFound if !is_vaults => ErrorKind::Corrupt,
        kind => known.and_then(|known| known.kind).unwrap_or(kind),
    };
    let status = format!("Vault answered with status {}", reply.status);
    let error = Error::new(
        kind,
        match explanation(reply, call) {
            Some(explanation) => format!("{status}: {explanation}"),
            None => status,
        },
    );
    // 501: not initialized. Only a person can do that.
    let retryable = known.and_then(|known| known.retryable).or((reply.status == 501).then_some(false));
    let error = retryable.into_iter().fold(error, Error::with_retryable);
    match (kind, known) {
        (_, Some(known)) => error.with_hint(known.hint.replace("{server}", &reply.destination())),
        (ErrorKind::Corrupt | ErrorKind::AccessDenied, None) if !is_vaults => error.with_hint(NOT_VAULTS),
        (ErrorKind::AccessDenied, None) => error.with_hint(missing_right(reply, call)),
        (_, None) if is_vaults => hint_of_status(reply.status).into_iter().fold(error, Error::with_hint),
        _ => error,
    }
}

/// Whether a reply without success is Vault's own, rather than that of another server. Vault sends
/// an empty body for a change of something that doesn't exist.
pub(crate) fn is_vaults(reply: &Response, call: &ApiRequest) -> bool {
    reply.is_from_vault() || reply.is_empty() && call.is_change()
}

/// The error of a reply that shows a mistake in the settings; `None` for any other reply.
pub(crate) fn misconfiguration(reply: &Response, call: &ApiRequest) -> Option<Error> {
    let is_mistake = known(reply).is_some_and(|known| known.kind == Some(ErrorKind::Config));
    is_mistake.then(|| from_response(reply, call))
}

/// The known message of a reply, if it is the server's own.
fn known(reply: &Response) -> Option<&'static Known> {
    let explained = reply.is_from_vault().then(|| reply.explanations().join("\n").to_ascii_lowercase())?;
    KNOWN.iter().find(|known| known.statuses.contains(&reply.status) && explained.contains(known.text))
}

/// The hint for a denied request: what a policy would have to allow, and whose policy.
fn missing_right(reply: &Response, call: &ApiRequest) -> String {
    let whose = match reply.sent {
        Some(_) => "the token is alive",
        None => "no token is sent, and that of the proxy is alive",
    };
    format!("{whose}: its policies need {}", call.right())
}

/// The error of a lookup of the token itself, which only Vault can refuse.
pub(crate) fn from_identity(reply: &Response, call: &ApiRequest) -> Error {
    let error = from_response(reply, call);
    match error.kind() {
        ErrorKind::AccessDenied if !reply.is_from_vault() => {
            Error::corrupt(error.message().to_owned()).with_hint(NOT_VAULTS)
        }
        _ => error,
    }
}

/// The error of a refused login.
pub(crate) fn from_login(reply: &Response, call: &ApiRequest) -> Error {
    let error = from_response(reply, call);
    match error.kind() {
        ErrorKind::InvalidInput
        | ErrorKind::AccessDenied
        | ErrorKind::NotFound
        | ErrorKind::Unsupported
        | ErrorKind::Unauthenticated => {
            let refused = Error::new(ErrorKind::Unauthenticated, format!("the login was refused: {}", error.message()));
            refused.with_hint(match (known(reply), error.hint()) {
                (Some(_), Some(hint)) => hint.to_owned(),
                _ => refused_login(reply, call),
            })
        }
        _ => error,
    }
}

/// The hint for a login that was refused without a known message. A server says the same of a login
/// method that isn't there as of a credential that it refuses.
fn refused_login(reply: &Response, call: &ApiRequest) -> String {
    if !reply.is_from_vault() {
        return NOT_VAULTS.to_owned();
    }
    format!(
        "check the credential and the role in `auth`; or no login method is mounted at {}; asked {}",
        call.mount_of_login(),
        reply.destination()
    )
}

/// The error of an address whose path leads to no API, such as `https://vault:8200/v1`.
pub(super) fn address_with_wrong_path(address: &str) -> Error {
    let added = match address.trim_end_matches('/').split('/').skip(3).any(|part| part == "v1") {
        true => "the `v1` of the API is added to each request: leave it out",
        false => "leave the path out, unless a gateway serves Vault there",
    };
    Error::config(format!("there is no API of Vault below the path of the address {address}"))
        .with_hint(format!("{added}, in VAULT_ADDR or in `address` of the config file"))
}

/// Reads the address of a server.
///
/// # Errors
/// `Config` if it is malformed, or holds a password; the message doesn't repeat it.
pub(super) fn parse_address(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|error| match error {
        AddressError::Malformed => Error::config("the address of Vault is malformed")
            .with_hint("write it as https://HOST:PORT, http://HOST:PORT or unix:///PATH"),
        AddressError::HoldsCredentials => Error::config("the address of Vault can't hold a user name or a password")
            .with_hint("leave them out of the address: `auth` in the config file names a login"),
    })
}

/// The error of a request without a response in time.
pub(crate) fn timed_out(policy: RetryPolicy) -> Error {
    let (attempts, timeout) = (policy.attempts(), policy.timeout());
    Error::new(ErrorKind::Timeout, format!("Vault did not answer in time (attempts: {attempts}, timeout: {timeout:?})"))
}

/// The error of a token that is not valid any more, and can't be replaced.
pub(crate) fn dead_token() -> Error {
    Error::new(ErrorKind::Unauthenticated, "the Vault token is not valid: expired, revoked or unknown to this server")
        .with_hint(
            "give another token, by `auth` in the config file, VAULT_TOKEN or `vault login`; or log in by AppRole, Kubernetes \
             or such, which gets new ones by itself",
        )
}

/// The error of a connection without a token, behind which no proxy adds a valid one.
pub(crate) fn no_token_added() -> Error {
    Error::new(ErrorKind::Unauthenticated, "no token is sent to Vault, and no proxy in between adds a valid one")
        .with_hint(
            "set `auto_auth`, and `use_auto_auth_token = true` below `api_proxy`, in the config of the agent or proxy, \
             and look into its log; or set VAULT_TOKEN, or `auth` in the config file",
        )
}

/// The error of a call about the connection's own token, where it has none.
pub(crate) fn sends_no_token() -> Error {
    Error::unsupported("this connection has no token of its own: its login is `none`, and a proxy adds one")
}

/// The server's own explanation on one line, unless it repeats the token or a text of the request's
/// body.
fn explanation(reply: &Response, call: &ApiRequest) -> Option<String> {
    let mut echo = Echo::default();
    if let Some(token) = &reply.sent {
        echo = echo.with(token.as_bytes());
    }
    if let Some(body) = &call.body {
        echo = echo.with_body(body);
    }
    for value in call.query_values().filter(|value| value.len() >= SHORTEST_QUERY_VALUE) {
        echo = echo.with(value.as_bytes());
    }
    echo.quotable(&reply.explanations().join("; "))
}

#[cfg(test)]
mod tests;
