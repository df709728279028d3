//! One way to ask for a secret, whoever keeps it.
//!
//! ```no_run
//! # async fn example() -> Result<(), s1crets::Error> {
//! let password = s1crets::get("aws.sm", "prod/db").key("password").await?;
//! connect(password.expose_str()?);
//! # Ok(()) }
//! # fn connect(_: &str) {}
//! ```
//!
//! # The four calls
//!
//! [`get`], [`get_by_path`], [`path_exists`] and [`update`] take a provider's name and a path, and give a request that
//! can be refined before it is awaited. They share one process-wide [`Client`], which is made at the first call from
//! `s1crets.toml` and the environment ([`Config::from_env`]). [`get_ref`] takes both in one word,
//! `aws.sm://prod/db#password`; [`get_many`] reads many secrets in as few calls as the backend allows.
//!
//! What comes back is a [`Secret`]: exact as it was received, text or bytes, JSON parsed when a key is asked for, shared
//! when cloned, redacted when printed, wiped when dropped.
//!
//! [`Client::builder`] is for those who set things in code, [`blocking`] for those without async.
//!
//! # Providers
//!
//! | name | keeps | feature |
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
//! | `memory` | [a map, for tests](providers::memory) | always there |
//!
//! Others implement [`Provider`] and are given to [`ClientBuilder::with_provider`].
//!
//! # What is held
//!
//! In front of each provider that calls a backend stands a cache ([`Cached`]): 1000 entries and 15 minutes unless
//! [`CachePolicy`] says otherwise. A read of what it holds is a look-up in a map. A thousand tasks that ask for what it
//! doesn't hold make one call, and none of them can spoil it for the others by going away. What is about to expire is
//! loaded anew behind its readers. In an outage the last value is served for up to an hour after its time, and says so:
//! [`Secret::freshness`]. [`update`] drops what it changed before it returns. When a database refuses a password,
//! [`Client::rejected`] gets the newer one, once for all who ask.
//!
//! # Features
//!
//! - `file`, on by default: the provider `file`.
//! - `blocking`, on by default: the module [`blocking`].
//! - `aws-sm`, `aws-ps`, and `aws` for both: the AWS providers.
//! - `disk-cache`: the cache on disk behind those in memory, on Unix; off until it is asked for.
//! - `vault`: the provider `vault.kv`. Its logins by AWS identities need one of the AWS features too.
//! - `vaultrs`: [`Vault::vaultrs`](https://docs.rs/s1crets/latest/s1crets/vault/struct.Vault.html#method.vaultrs), a
//!   client of the crate vaultrs on our connection. It turns on the feature `log` of `tracing`.
//! - `metrics`: the caches' counters as metrics of the process, through the [`metrics`](https://docs.rs/metrics) facade.
//! - `unstable-conformance`: the contract of [`Provider`] as tests, for those who write one. It may change in any release.
//!
//! No feature changes what another one does. Features that begin with `__` are private.
//!
//! # Logs
//!
//! Events are sent through [`tracing`](https://docs.rs/tracing) under the target `s1crets`. No event at any level holds a
//! secret; names of secrets appear at the debug level and below. The AWS SDK would print whole answers at its trace
//! level: its own events are turned off for calls that are made here.
//!
//! # Runtime
//!
//! Calls run on [Tokio](https://docs.rs/tokio), as the AWS SDK does. The library starts no runtime of its own, but for the
//! blocking calls.

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
#[cfg(all(feature = "disk-cache", unix))]
#[cfg_attr(
    not(all(feature = "__aws", feature = "vault")),
    allow(dead_code, reason = "one vendor binds what another one has not")
)]
mod cache_scope;

#[cfg(feature = "vault")]
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
    Client, ClientBuilder, GetRefs, Handle, HandleChanges, HandleRef, get, get_by_path, get_many, get_ref, get_refs,
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
