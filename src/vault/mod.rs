//! Vault and OpenBao: one connection with one login, a token that is kept alive, and the typed API.
//!
//! Everything that talks to such a server shares a [`Vault`], as the provider of
//! [key-value secrets](crate::providers::vault_kv) does.
//!
//! ```no_run
//! use s1crets::vault::{AppRole, Auth, SecretSource, Vault, VaultConfig};
//!
//! # async fn example() -> s1crets::Result<()> {
//! let login = AppRole::new("my-role-id", SecretSource::file("/run/secret-id"));
//! let vault = Vault::new(VaultConfig::new("https://vault.internal:8200").with_auth(Auth::AppRole(login)))?;
//! let credential = vault.read("database/creds/app").idempotent(false).await?;
//! println!("lease {:?} for {:?}", credential.lease_id(), credential.lease_duration());
//! # Ok(()) }
//! ```
//!
//! # Requests
//! [`Vault::read`], [`write`](Vault::write), [`list`](Vault::list) and [`delete`](Vault::delete)
//! reach the whole API of the server; [`Request`] has their options, errors and attempts. A
//! [`Response`] carries data, lease, auth, wrap info and warnings.
//!
//! # Logins
//! [`Auth`] names the methods; [`Login`] is implemented for others. A credential is read anew at
//! each login ([`SecretSource`]). [`VaultConfig::from_env`] finds a token as `vault` and `bao` do.
//!
//! # Life of a token
//! The first call obtains a token, once for all callers. It is renewed in the background after 60
//! to 70 % of its TTL. One that can't be renewed any more is replaced by a new login ahead of its
//! end: at its maximum TTL, a batch token, limited uses, a refused renewal.
//!
//! After a refused call, one of the refused callers asks whether the token is still alive. If it
//! is, a policy denied the call. If it is dead, there is one login, and each call is sent once
//! more. A token that was *given* is renewed but can't be replaced; its file is read again when it
//! changes.
//!
//! # Attempts
//! One attempt may take the timeout to connect and again to receive each part of the response. No
//! connection, and the statuses 412, 429, 472, 473 and 503, are retried after a backoff, or after
//! `Retry-After`. If that is longer than an attempt may take, the call ends. Lost responses and the
//! statuses 500, 502 and 504 are retried only for idempotent requests. A standby's redirect (307) is
//! followed to the same call on another node, never from https to http. A certificate that is not
//! accepted is an error of the configuration, and not retried.
//!
//! # Secrets
//! Tokens, request bodies and responses lie in buffers that are wiped; what the HTTP and TLS
//! libraries copy is theirs. No log line, error or `Debug` holds a token, a credential or a value.
//! An error holds the server's message, unless it repeats a text of the request.

mod api;
mod auth;
mod config;
mod connection;
mod destination;
mod env;
mod error;
mod failure;
mod go_duration;
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
mod settings;
mod source;
mod token;
mod token_info;
mod variables;
#[cfg(feature = "vaultrs")]
mod vaultrs;

pub use api::Request;
pub use auth::{AppRole, Auth, Cert, Jwt, Kubernetes, Login, LoginClient, UserPass};
#[cfg(feature = "__aws")]
pub use auth::{AwsEc2, AwsIam};
pub use config::VaultConfig;
pub use connection::{Vault, VaultStatus};
pub use env::env_vars;
pub use health::{Health, HealthState};
pub use response::{AuthInfo, Response, WrapInfo};
pub use source::{SecretFetcher, SecretSource};
pub use token::{Grant, Token};
pub use token_info::TokenInfo;

pub use crate::transport::{ProxyUrl, TlsConfig};

pub(crate) use env::VARIABLES;
pub(crate) use error::{NOT_VAULTS, from_response, is_vaults, misconfiguration};
pub(crate) use named_connections::{SharedVault, VaultConnections};
pub(crate) use path::{check as check_path, cleaned as cleaned_path};
pub(crate) use request::ApiRequest;
pub(crate) use reserved::{any as any_reserved, first as first_reserved};
pub(crate) use response::{malformed_response, parse_time, seconds};
pub(crate) use settings::{ConnectionSettings, FORM};

pub(crate) use crate::transport::Fields;
