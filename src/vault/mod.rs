//! The connection to Vault and OpenBao: one server, one login, a token that is kept alive.
//!
//! Everything that talks to such a server shares a [`Vault`]: the provider of
//! [key-value secrets](crate::providers::vault_kv) does.
//!
//! # Logins
//! [`Auth`] names them. What a login proves itself with, a file or a variable, is read anew at each one
//! ([`SecretSource`]). [`VaultConfig::from_env`] finds a token as `vault` and `bao` do.
//!
//! # Life of a token
//! It is got at the first call, once however many ask, and renewed in the background two thirds into what is left of it.
//! One that can't be renewed any more (at its maximum, a batch token, a limited number of uses, a refused renewal) is
//! replaced by a new login ahead of its end. A call that is refused asks once, for all that were refused with it, whether
//! the token is still one: if not, there is one login, and the call is made once more; if it is, the policy said no. A
//! token that was *given* is renewed while the server allows it and can't be replaced; its file is read again when it
//! changes.
//!
//! # Attempts
//! An attempt may take the timeout to connect and once more to answer. Connection failures, and the statuses 412, 429,
//! 472, 473 and 503, are tried again after a wait that grows and varies, and `Retry-After` is honoured, as seconds and as
//! a date; a wait that is longer than an attempt ends the call instead. Statuses 500, 502, 504 and answers that got lost
//! are tried again only where making the call twice does no harm. A standby's redirect (307) is followed to the same call
//! on another node, never from https to http.
//!
//! # Secrets
//! Tokens, request bodies and replies lie in buffers that are wiped; what the HTTP and TLS libraries copy on the way is
//! theirs. No log line, error or `Debug` holds a token, a credential or a value. What the server says of a failure is
//! told, unless it repeats a text of the request.

mod address;
mod auth;
mod body;
mod client;
mod config;
mod connection;
mod env;
mod error;
mod health;
mod http;
mod identity;
mod login_settings;
mod named_connections;
mod path;
mod request;
mod reserved;
mod resolve;
mod response;
mod retry;
mod settings;
mod source;
mod token;

pub use auth::{AppRole, Auth, Cert, Jwt, Kubernetes, UserPass};
#[cfg(feature = "__aws")]
pub use auth::{AwsEc2, AwsIam};
pub use config::{ProxyUrl, TlsConfig, VaultConfig};
pub use connection::{Vault, VaultStatus};
pub use env::env_vars;
pub use health::{Health, HealthState};
pub use source::SecretSource;

pub(crate) use body::Fields;
pub(crate) use env::VARIABLES;
pub(crate) use error::from_reply;
pub(crate) use named_connections::{SharedVault, VaultConnections};
pub(crate) use path::check as check_path;
pub(crate) use request::Call;
pub(crate) use reserved::{any as any_reserved, first as first_reserved};
pub(crate) use response::{Reply, not_as_vault, seconds};
pub(crate) use settings::{ConnectionSettings, FORM};

/// The SDK's trace level prints whole requests, credentials included: its own log is turned off.
#[cfg(feature = "__aws")]
fn silently<F: Future>(future: F) -> impl Future<Output = F::Output> {
    use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};

    future.with_subscriber(NoSubscriber::default())
}
