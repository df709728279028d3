//! `vault.kv`: the key-value engine of Vault and OpenBao, version 1 and version 2.
//!
//! # Authentication order
//! What the settings name, else the environment: see [`VaultConfig::from_env`](crate::vault::VaultConfig::from_env).
//!
//! # Reference grammar
//! `vault.kv://MOUNT/PATH[#KEY]`, as in `bao kv get`, without the `data/` of version 2. The mount may
//! have slashes. Empty segments and slashes at the ends are dropped, as `bao` and `vault` do. The
//! segments `.` and `..` are refused: proxies and the server would resolve them to another path. A
//! path that begins with `auth`, `sys`, `identity` or `cubbyhole`, in any spelling, is refused
//! before any call.
//!
//! The value is the JSON map of the secret. Its text is the server's own, which sorts keys and writes
//! `1.10` as `1.1`. Only version 2 has versions (by number), creation times and custom metadata.
//!
//! # Mounts and versions
//! The settings ([`KvMounts`]) say whether a mount is version 1 or 2, or else the server, which is
//! asked once for each mount. If the server doesn't say, the path's first segment is assumed to be the
//! mount, and the replies show the version. Such a path must not contain any of the four names above,
//! because a namespace may precede them, and it can't be updated.
//!
//! # Replies of other engines
//! A reply with a `lease_id`, an `auth` or a `wrap_info` block comes from another engine, and is
//! refused. So is a map without the `lease_duration` that version 1 sends with every secret. A lease
//! or token that was issued by mistake is revoked. If the policy forbids that, the error names it
//! and when it ends.
//!
//! # Updates
//! On version 2 every write is a check-and-set, and custom metadata stays. One top-level key is changed
//! by PATCH where the policy allows it. Otherwise, and for deeper keys, the map is read, changed and
//! written. If somebody else changed the secret in between, the update is a `Conflict`. An update
//! never creates a secret, so that of a whole map needs the right to read metadata or data.
//!
//! **Version 1 has no check-and-set. If two write at once, the last one wins and the other write is
//! lost**, even if they change different keys.
//!
//! # Limits
//! A secret has up to 1 MiB on OpenBao with raft storage. A listing, or a read of many names, has up to
//! 16 calls in flight.
//!
//! # Error mapping
//! | what happened | kind |
//! | --- | --- |
//! | no such secret or version; deleted; destroyed | `NotFound` |
//! | a policy denies it; no such mount, to a token that may not see it | `AccessDenied` |
//! | no such mount or namespace; an address with a wrong path; a wrong version in the settings | `Config` |
//! | the login is refused, or the token is dead and can't be replaced | `Unauthenticated` |
//! | 429 | `Throttled` |
//! | sealed, no leader, 5xx, no connection, no proxy | `Unavailable` |
//! | a certificate that is not accepted, TLS where there is none, a redirect elsewhere | `Config` |
//! | no answer within the timeout | `Timeout` |
//! | somebody else has changed the secret since it was read | `Conflict` |
//! | a new value that is no JSON map; a path with `..` | `InvalidInput` |
//! | an answer that is not one of Vault's | `Corrupt` |
//! | a version or a condition, on version 1; a path or a reply of another engine than KV | `Unsupported` |
//! | an update where the server doesn't say which engine it is | `Unsupported` |
//!
//! # Example
//! ```no_run
//! use s1crets::{Client, providers::vault_kv::VaultKv, vault::{Vault, VaultConfig}};
//!
//! # async fn example() -> s1crets::Result<()> {
//! let vault = Vault::new(VaultConfig::from_env())?;
//! let client = Client::builder().with_provider("vault.kv", VaultKv::new(vault)).build()?;
//! let password = client.get("vault.kv", "secret/app/db").key("password").await?;
//! # drop(password);
//! # Ok(())
//! # }
//! ```

mod exists;
mod kv_mounts;
mod kv_reply;
mod list;
mod lookups;
mod mounts;
mod place;
mod provider;
mod read;
mod settings;
mod version_check;
mod write;

pub use kv_mounts::{KvMounts, KvVersion};
pub use provider::VaultKv;

pub(crate) use settings::{FORM, VaultKvSettings};
