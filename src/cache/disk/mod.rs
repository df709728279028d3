//! The cache on disk: sealed records in a folder that processes share.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `settings` | where the folder is and where its key comes from |
//! | `folder` | the private folder, opened once (`s1crets_fs::Folder`) |
//! | `key` | the key: named in the settings, or created once |
//! | `scope` | what the records of one provider are bound to |
//! | `record` | the bytes of a record, sealed by `s1crets_fs::seal` |
//! | `lock` | one load a key, whichever process |
//! | `generation` | whether anything was dropped since |
//! | `store` | all of it together: read, publish, drop |
//! | `tier` | what the memory asks of it |
//! | `sweep` | what is removed by itself |
//! | `maintenance` | what `s1crets cache` does |

mod clock;
mod folder;
mod generation;
mod key;
mod lock;
mod maintenance;
mod record;
mod scope;
mod settings;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod tier;
mod warnings;

pub use maintenance::{DiskStats, PruneStats};
pub(super) use record::OnDisk;
pub(crate) use scope::{CurrentScope, ScopeSource};
pub use settings::{DiskCache, DiskKey};
pub(crate) use tier::Disk;
pub(super) use tier::DiskTier;

#[cfg(feature = "__fuzzing")]
pub(crate) use record::fuzz;
