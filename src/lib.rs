//! Read secrets from AWS, Vault or OpenBao, or a local file through one cached API.
//!
//! ```no_run
//! # async fn example() -> Result<(), s1crets::Error> {
//! let password = s1crets::get("aws.sm", "prod/db").key("password").await?;
//! connect(password.expose_str()?);
//! # Ok(()) }
//! # fn connect(_: &str) {}
//! ```
//!
//! # Calls
//!
//! [`get`], [`get_by_path`], [`path_exists`] and [`update`] take a provider and a path. Each
//! returns a request, whose options are set before it is awaited: a key of a JSON value, a version,
//! a timeout.
//!
//! A [`Reference`] names provider, path and keys in one text, such as `aws.sm://prod/db#password`.
//! [`get_ref`] reads one, [`get_refs`] reads many in as few calls as the backends allow, and [`at`]
//! has the other calls for it.
//!
//! The result is a [`Secret`]: text or bytes exactly as they were received, or a map of named values,
//! with its version. JSON is parsed when a key is asked for. Clones share the value; it is never
//! printed, and is wiped when the last clone is dropped.
//!
//! These functions share one process-wide [`Client`]. It is set up at the first call, from
//! `s1crets.toml` and the environment ([`Config::from_env`]). To set up a client in code, use
//! [`Client::builder`]. Without async, use [`blocking`].
//!
//! # Providers
//!
//! | name | backend | feature |
//! | --- | --- | --- |
#![cfg_attr(
    feature = "aws-sm",
    doc = "| `aws.sm` | [AWS Secrets Manager](providers::aws::SecretsManager) | `aws-sm` |"
)]
#![cfg_attr(not(feature = "aws-sm"), doc = "| `aws.sm` | AWS Secrets Manager | `aws-sm` |")]
#![cfg_attr(
    feature = "aws-ps",
    doc = "| `aws.ps` | [AWS Parameter Store](providers::aws::ParameterStore) | `aws-ps` |"
)]
#![cfg_attr(not(feature = "aws-ps"), doc = "| `aws.ps` | AWS Parameter Store | `aws-ps` |")]
#![cfg_attr(
    feature = "file",
    doc = "| `file` | [a fetcher's `secrets.json`, or a Vault CSI mount](providers::file) | `file`, on by default |"
)]
#![cfg_attr(
    not(feature = "file"),
    doc = "| `file` | a fetcher's `secrets.json`, or a Vault CSI mount | `file`, on by default |"
)]
//! | `vault.kv` | HashiCorp Vault or OpenBao, KV version 1 and 2 | `vault` |
//! | `memory` | [a map, for tests](providers::memory) | always built |
//!
//! For another backend, implement [`Provider`] and pass it to [`ClientBuilder::with_provider`].
//!
//! # Cache
//!
//! Every provider except `file` has a cache in front ([`Cached`]), of 1000 entries and with a TTL of
//! 15 minutes by default ([`CachePolicy`]):
//!
//! - A hit is a lookup in memory, without a lock or an await.
//! - A missing secret is loaded once, however many tasks ask for it. The load goes on if a task is
//!   cancelled.
//! - An entry that is about to expire is reloaded in the background.
//! - In an outage the last value is served for up to an hour after its TTL, marked as stale
//!   ([`Secret::freshness`]).
//! - [`update`] drops the old value before it returns.
//!
//! If a database rejects a password after a rotation, [`Client::rejected`] gets the new one, with
//! one load for all callers. A [`Handle`] keeps one secret fresh and reports its changes.
//!
//! # Features
//!
//! - `file`, on by default: the provider `file`.
//! - `blocking`, on by default: the module [`blocking`].
//! - `aws-sm`, `aws-ps`, and `aws` for both: the AWS providers.
//! - `vault`: the provider `vault.kv`. Its logins with an AWS identity need an AWS feature as well.
//! - `vaultrs`: [`Vault::vaultrs`](https://docs.rs/s1crets/latest/s1crets/vault/struct.Vault.html#method.vaultrs),
//!   a client of the crate vaultrs on our connection. It turns on the feature `log` of `tracing`.
//! - `disk-cache`: a cache on disk behind those in memory, on Unix. It is used only if it is
//!   configured.
//! - `metrics`: exports the cache counters through the [`metrics`](https://docs.rs/metrics) facade.
//! - `schema`: `Config::schema`, the JSON Schema of `s1crets.toml`.
//! - `unstable-conformance`: tests for implementations of [`Provider`]. It may change in any
//!   release.
//! - `test-util`: the cache follows Tokio's paused time in tests.
//!
//! A feature only adds; none changes what another one does. Features that begin with `__` are
//! private.
//!
//! # Logs
//!
//! Events go to [`tracing`](https://docs.rs/tracing), under the target `s1crets`. No event at any
//! level contains a secret value. Names of secrets appear at the debug level and below. The AWS SDK
//! would print whole responses at its trace level, so its events are turned off for the calls of
//! this crate.
//!
//! # Runtime
//!
//! Async calls run on the caller's [Tokio](https://docs.rs/tokio) runtime. Only [`blocking`] starts
//! a runtime of its own.

// From the lowest layer to the highest: a module imports from those above it, never from below.
// `cargo xtask layers` checks that.
mod error;

mod clock;
mod fs;
mod retry;
mod shell;
mod single_flight;

mod secret;

mod capabilities;
mod options;
mod watch;

mod provider;

mod cache;

pub mod config;

#[cfg(feature = "__aws")]
mod aws_credentials;
#[cfg(feature = "__aws")]
mod aws_session;
#[cfg(all(feature = "disk-cache", unix))]
#[cfg_attr(
    not(all(feature = "__aws", feature = "vault")),
    allow(dead_code, reason = "one vendor binds what another one has not")
)]
mod cache_scope;

#[cfg(any(feature = "vault", feature = "__aws"))]
mod transport;
#[cfg(feature = "vault")]
pub mod vault;

pub mod providers;

mod client;

#[cfg(feature = "unstable-conformance")]
pub mod conformance;
#[cfg(feature = "__fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use cache::{CachePolicy, CacheStats, Cached};
#[cfg(all(feature = "disk-cache", unix))]
pub use cache::{DiskCache, DiskKey, DiskStats, PruneStats};
pub use capabilities::Capabilities;
#[cfg(feature = "blocking")]
pub use client::blocking;
pub use client::{
    Client, ClientBuilder, GetRefs, Handle, HandleChanges, HandleRef, at, get, get_by_path, get_ref, get_refs,
    path_exists, request, update,
};
pub use config::Config;
pub use error::{Error, ErrorKind, Operation, Result};
pub use options::{GetOptions, ListOptions, UpdateOptions, Version};
pub use provider::{Identity, Listing, Provider, Updated};
pub use retry::{Backoff, RetryPolicy};
pub use secret::{
    Credential, Freshness, Json, JsonKind, KeyPath, Lease, Metadata, Reference, Secret, SecretValue, Source, Versioned,
};
pub use watch::{Watch, WatchSender};

/// Compiles the Rust examples of the README and of the providers' pages.
#[cfg(all(doctest, feature = "aws", feature = "file", feature = "vault"))]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/providers/aws.md")]
#[doc = include_str!("../docs/providers/file.md")]
#[doc = include_str!("../docs/providers/memory.md")]
#[doc = include_str!("../docs/providers/vault.md")]
pub struct Pages;
