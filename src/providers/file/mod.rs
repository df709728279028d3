//! `file`: secrets from a local file that a fetcher wrote, kept in memory and kept fresh.
//!
//! Two forms are read, depending on what the path is when the provider is opened:
//!
//! - **A fetcher's `secrets.json`**, as [baseplate's
//!   fetcher](https://baseplate.readthedocs.io/en/stable/cli/secrets.html) writes it: an object
//!   with `secrets`, from names to entries, and `vault`, with the `url` and `token` of Vault. It
//!   can be updated.
//! - **A directory**, the root of a Vault CSI mount: every file under its `..data` is a whole
//!   response of Vault, whose `data` is the secret. It is read-only.
//!
//! | file | what it does |
//! | --- | --- |
//! | `builder` | settings, opening, and the thread that watches the file |
//! | `provider` | reads by name; implements `Provider` |
//! | `reloader` | the data that is served, and when the file is read again |
//! | `source` | which of the two forms the path is |
//! | `fetcher_file`, `csi_mount` | parse the one form and the other |
//! | `read` | reads one file whole, while others may write it |
//! | `snapshot` | all secrets of one moment |
//! | `change_stream`, `secret_watches` | report changes: of the whole file, of one secret |
//! | `update`, `python_json` | change one entry; write the file as Python does |
//!
//! # Authentication order
//! There is no login: the permissions of the file decide.
//!
//! # Reference grammar
//! `file://NAME[#KEY]`. `NAME` is exactly the key under `secrets`, such as `secret/app/db`; in a
//! CSI mount it is the path of the file below `..data`. Names are looked up in what was read:
//! `../x` leads to no other file.
//!
//! # Freshness
//! A read looks up memory: it takes no lock and does no I/O once anything was loaded. A thread
//! waits for notifications about the file, and about every link and folder on the way to it. Once
//! per [poll interval](FileBuilder::with_poll_interval) it also compares the file's state:
//! modification and change time, size, inode, device. A change is served within milliseconds where
//! the system notifies, and within the interval elsewhere, as on network file systems.
//!
//! While a file is corrupt, unreadable or gone, the secrets that were read before are served;
//! [`status`](FileProvider::status) tells since when and why. A writer that does not replace the
//! file in one step can be seen half-way, as a corrupt file.
//!
//! # Changes
//! [`watch`](crate::Provider::watch) reports when one secret changes, appears or is removed.
//! [`changes`](FileProvider::changes) gives a snapshot of all of them after each change of the
//! file. Neither needs a runtime. A file that can't be read is no change: its secrets are still
//! served.
//!
//! # Updates
//! [`update`](crate::Provider::update) rewrites the file as the fetcher would: keys sorted, two
//! spaces of indentation, ASCII only, mode and owner kept. The file is replaced in one step and
//! synced to disk. Writers of this library, in whatever process, take turns by a lock on the file
//! and lose nothing of each other.
//!
//! Other writers know nothing of that lock. If one of them replaces the file meanwhile, the update
//! starts over, and after five attempts it is a `Conflict`. One that replaces it in the instant
//! between the last check and the rename goes unnoticed, and its version of the file is lost.
//!
//! Access control lists, extended attributes and hard links do not follow to the new file. A link,
//! or a file in a shared folder, that another user may have placed there is refused. On systems
//! other than Unix the file is read-only.
//!
//! # Limits
//! Files larger than 100 MiB are refused as corrupt. Numbers keep their text. If an object has a
//! key twice, the last one counts.
//!
//! # Error mapping
//! | what happened | kind |
//! | --- | --- |
//! | no such name | `NotFound` |
//! | nothing was loaded yet, and the file is missing or can't be read | `Unavailable` |
//! | no permission to read or write it; an update over a link of another user | `AccessDenied` |
//! | not valid JSON; an entry of another shape in a typed read | `Corrupt` |
//! | the time to wait at start, or for another writer's lock, is over | `Timeout` |
//! | another writer kept replacing the file | `Conflict` |
//! | a new value that is not a JSON object | `InvalidInput` |
//! | update, `vault_url` and `vault_token` of a CSI mount | `Unsupported` |
//! | a directory that is not the root of a CSI mount | `Config` |
//!
//! # Example
//! ```
//! use s1crets::{Provider, providers::file::FileProvider};
//!
//! # async fn example() -> s1crets::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let path = folder.path().join("secrets.json");
//! # std::fs::write(&path, r#"{"secrets":{"app/key":{"type":"simple","value":"x"}}}"#).expect("written");
//! let file = FileProvider::builder(path).open().await?;
//! let key = file.read("app/key")?.simple()?;
//! assert_eq!(key.expose_bytes()?, b"x");
//!
//! // A connection pool that is made from a secret is made again when the secret changes.
//! let mut watch = file.watch("app/key").await?.expect("this provider can watch");
//! # file.update("app/key", &r#"{"type":"simple","value":"y"}"#.into(), &Default::default()).await?;
//! while watch.changed().await {
//!     let key = file.read("app/key")?.simple()?;
//!     # assert_eq!(key.expose_bytes()?, b"y");
//!     # break;
//! }
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(example())?;
//! # Ok::<(), s1crets::Error>(())
//! ```

mod builder;
mod change_stream;
mod csi_mount;
mod fetcher_file;
#[cfg(feature = "__fuzzing")]
mod fuzz;
mod provider;
mod python_json;
mod read;
mod reloader;
mod secret_watches;
mod settings;
mod snapshot;
mod source;
#[cfg(unix)]
mod update;

#[cfg(test)]
mod tests;

#[cfg(feature = "__fuzzing")]
pub(crate) use fuzz::fuzz;

pub use builder::{DEFAULT_PATH, FileBuilder};
pub use change_stream::Changes;
pub use provider::FileProvider;
pub use reloader::FileStatus;
pub use snapshot::Snapshot;

pub(crate) use settings::FORM;
