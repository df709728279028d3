//! `file`: the secrets that a fetcher wrote to this machine, kept in memory and kept fresh.
//!
//! Two forms are read, told apart by what the path is when the provider is opened:
//!
//! - **A fetcher's `secrets.json`**, as
//!   [baseplate's fetcher](https://baseplate.readthedocs.io/en/stable/cli/secrets.html) writes it: an
//!   object with `secrets`, from names to entries, and `vault`, with the `url` and `token` to go on
//!   with. It can be updated.
//! - **A directory**, the root of a Vault CSI mount: every file under its `..data` is a whole answer of
//!   Vault, whose `data` is the secret. It is read only.
//!
//! # Authentication order
//! None: the permissions of the file decide.
//!
//! # Reference grammar
//! `file://NAME[#KEY]`. `NAME` is the key under `secrets` to the letter, such as `secret/app/db`; in a
//! CSI mount it is the path of the file below `..data`. Names are looked up among what was read, so
//! that `../x` is a name like any other, of no secret.
//!
//! # Freshness
//! A read is a look-up in memory: it takes no lock and does no I/O once anything was loaded. A thread
//! waits for notifications about the file, and about every link and folder on the way to it, and
//! compares its state (modification and change time, size, inode, device) once per
//! [`poll_interval`](FileBuilder::poll_interval) besides. A change is served within some milliseconds
//! where the system notifies, and within the interval elsewhere, as on network file systems.
//!
//! A file that is corrupt, unreadable or gone keeps what was read before being served;
//! [`status`](FileProvider::status) tells for how long and why. A writer that does not replace the file
//! in one step is seen half-way as a corrupt file.
//!
//! # Updates
//! [`update`](crate::Provider::update) rewrites the file as the fetcher would: keys sorted, two spaces
//! of indentation, ASCII only, mode and owner kept, replaced in one step and synced to disk. Writers
//! of this library, in whatever process, take turns by a lock on the file and lose nothing of each
//! other. Another writer knows nothing of that lock: if it is seen to have replaced the file in the
//! meantime the update starts over and in the end is a `Conflict`; one that does so in the instant
//! between that check and the rename goes unnoticed, and its version of the file is lost. Access
//! control lists, extended attributes and further hard links do not follow to the new file. On systems
//! other than Unix the file is read only.
//!
//! # Limits
//! Files beyond 100 MiB are refused as corrupt. Numbers keep their text; of equal keys in an object
//! the last one counts.
//!
//! # Error mapping
//! | what happened | kind |
//! | --- | --- |
//! | no such name | `NotFound` |
//! | nothing was loaded yet, and the file is missing or can't be read | `Unavailable` |
//! | the same for lack of permission, also to write | `AccessDenied` |
//! | not the JSON that it should be; an entry of another shape in a typed read | `Corrupt` |
//! | the time to wait at start, or for another writer's lock, is over | `Timeout` |
//! | somebody else kept replacing the file | `Conflict` |
//! | a new value that is not a JSON object | `InvalidInput` |
//! | update, `vault_url` and `vault_token` of a CSI mount | `Unsupported` |
//! | a directory that is not the root of a CSI mount | `Config` |
//!
//! # Example
//! ```
//! use s1crets::providers::file::FileProvider;
//!
//! # async fn example() -> s1crets::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let path = folder.path().join("secrets.json");
//! # std::fs::write(&path, r#"{"secrets":{"app/key":{"type":"simple","value":"x"}}}"#).expect("written");
//! let file = FileProvider::builder(path).open().await?;
//! let key = file.read("app/key")?.simple()?;
//! assert_eq!(key.expose_bytes(), b"x");
//!
//! // A pool or a key that is made from secrets is made again when they change.
//! let subscription = file.on_change(|secrets| println!("{} secrets", secrets.names().count()));
//! # drop(subscription);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(example())?;
//! # Ok::<(), s1crets::Error>(())
//! ```

mod changes;
mod config;
mod csi;
mod fetcher;
#[cfg(feature = "__fuzzing")]
mod fuzz;
#[cfg(unix)]
mod planted;
mod provider;
mod python_json;
mod read;
mod settings;
mod snapshot;
mod source;
mod store;
mod watch;
mod watch_path;
mod write;

#[cfg(test)]
mod tests;

use crate::fs::fingerprint;

#[cfg(feature = "__fuzzing")]
pub(crate) use fuzz::fetcher_file;

pub use changes::{Changes, Subscription};
pub use config::{DEFAULT_PATH, FileBuilder};
pub use provider::FileProvider;
pub use snapshot::Snapshot;
pub use store::FileStatus;

pub(crate) use settings::FORM;
