//! `vault.kv`: the key-value engine of Vault and OpenBao, version 1 and version 2.
//!
//! # Authentication order
//! What the settings name, else the environment: see [`VaultConfig::from_env`](crate::vault::VaultConfig::from_env).
//!
//! # Reference grammar
//! `vault.kv://MOUNT/PATH[#KEY]`, as `bao kv get` has it, without the `data/` of version 2 in
//! between. The mount may have slashes. Segments that are empty, `.` or `..` are refused: on the
//! way to the server they would come to mean something else. A path that begins with `auth`, `sys`,
//! `identity` or `cubbyhole`, in any spelling, is refused before any call. The value is the JSON
//! map; its text is the server's own, which sorts keys and writes `1.10` as `1.1`. Version, time of
//! creation and custom metadata are those of version 2; so is asking for a version, by number.
//!
//! # Which version
//! Whether a mount is version 1 or 2 is taken from the settings ([`KvMounts`]), else asked of the
//! server (once for each mount). If the server doesn't say, the path's first segment is taken for
//! the mount, and the replies show the version. Then no segment may be one of the four names above,
//! as a namespace may be in front of it, and updates are refused.
//!
//! # Replies
//! A reply with a `lease_id`, an `auth` or a `wrap_info` block comes from another engine, and is
//! refused; so is a map without the `lease_duration` that version 1 gives to every secret. A lease
//! or token that was issued by mistake is revoked. If the policy forbids that, the error names it
//! and its end.
//!
//! # Updates
//! On version 2 all writes are check-and-set, and custom metadata stays. One top-level key is changed by PATCH where the
//! policy allows it; else, and further down, the map is read, changed and written. A key or a version that somebody else
//! has changed meanwhile is a `Conflict`. A whole map needs the right to read metadata or data: updates never create.
//! **Version 1 has no check-and-set: of two who write at once, the last one wins, and what the other one wrote is lost**,
//! also where they changed different keys.
//!
//! # Limits
//! A map takes 1 MiB on OpenBao with raft. Sixteen calls are under way at once for a listing or for many names.
//!
//! # Error mapping
//! | what happened | kind |
//! | --- | --- |
//! | no such secret or version; deleted; destroyed | `NotFound` |
//! | a policy says no | `AccessDenied` |
//! | the login is refused, or the token is dead and can't be replaced | `Unauthenticated` |
//! | 429 | `Throttled` |
//! | sealed, no leader, 5xx, no connection, a redirect that was not followed | `Unavailable` |
//! | no answer within the timeout | `Timeout` |
//! | check-and-set lost | `Conflict` |
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
mod kv_reply;
mod list;
mod mounts;
mod provider;
mod read;
mod settings;
mod write;

pub use mounts::{KvMounts, KvVersion};
pub use provider::VaultKv;

pub(crate) use settings::{FORM, VaultKvSettings};
