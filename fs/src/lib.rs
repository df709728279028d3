//! Files of the `s1crets` crates: atomic writes, private folders, path watching and sealed records.
//!
//! **Not a public API.** The library, the command and the agent share this package; its interface
//! may change in any release, without notice. No value that passes through it is logged or shown.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`output_path`] | opens the folder of a file to be written, trusting no link of others |
//! | [`atomic_write`] | replaces a file whole or not at all |
//! | [`folder`] | private folders, used through an open handle |
//! | [`temp_file`] | a new file that gets its name once it is whole |
//! | [`plain_file`] | reads small files, bounded and without blocking |
//! | [`fingerprint`] | tells whether a file changed without reading it |
//! | `watch` | watches a path: the file, its folder, and every link on the way |
//! | `seal`, `key` | encrypts records on disk |
//!
//! Features: `watch` and `seal` each add a module with the dependencies that it needs.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod access_list;
#[cfg(unix)]
pub mod atomic_write;
#[cfg(not(unix))]
mod by_path;
pub mod error;
pub mod fingerprint;
#[cfg(unix)]
pub mod folder;
#[cfg(feature = "seal")]
pub mod key;
#[cfg(unix)]
mod leftovers;
#[cfg(unix)]
pub mod output_path;
pub mod plain_file;
#[cfg(feature = "seal")]
pub mod seal;
#[cfg(unix)]
pub mod temp_file;
#[cfg(all(test, unix))]
mod tests;
#[cfg(feature = "watch")]
pub mod watch;
#[cfg(feature = "watch")]
mod watch_path;

#[cfg(not(unix))]
pub use self::by_path::{AtomicWrite, NamedTarget, Target};
#[cfg(feature = "watch")]
pub use self::watch::PathWatcher;
#[cfg(unix)]
pub use self::{
    atomic_write::{AtomicWrite, PendingWrite},
    folder::{Folder, is_private},
    output_path::{NamedTarget, Target},
    temp_file::TempFile,
};
pub use self::{
    error::{Error, Refusal, Result, Step},
    fingerprint::Fingerprint,
};
#[cfg(feature = "seal")]
pub use self::{key::Key, seal::Seal};
