//! The disk cache: sealed records in a private folder, which all processes of a user share.
//!
//! It is the second tier of a cache, behind the entries in memory. A record is one file: the
//! encrypted answer of a provider for one key. Its file name is a keyed hash of the key and of the
//! scope: everything that decides which server the provider asks, and with which identity.
//!
//! # Invariants
//!
//! 1. **Nothing that a finished drop covers is served.** An update, an invalidation or a clear is a
//!    *drop*. It removes the records that match, under the folder's lock, and then advances the
//!    *generation*, a file that every read compares with the last state it has seen. A process that
//!    sees a new generation empties its memory, and finds none of the old records. What was read
//!    from disk is used only if the generation is still the same afterwards.
//! 2. **What must be removed and can't be removed is not served by the process that tried.** A drop
//!    is *pending* from the call that asks for it until its records are gone. Meanwhile this
//!    process reads every record that matches as missing. A drop that fails stays pending, and is
//!    tried again with later reads.
//! 3. **A load from before a drop is not stored after it.** A load takes a snapshot of the
//!    generation before it asks the provider. Its answer is stored under the folder's lock, and
//!    only if the generation is still the same. A drop that can't get the lock advances the
//!    generation first, and removes the unfinished files of stopped writers, so that they have
//!    nothing to rename.
//! 4. **A drop reads headers only.** A header is in clear, but sealed together with the body:
//!    a header that was changed to keep a record from being dropped makes a record that never
//!    opens. A record that is not understood (another format, another key, a damaged header) is
//!    removed.
//! 5. **Nothing on disk stops a read.** A record that can't be read, for any reason, counts as
//!    missing and causes one warning. A momentary failure, such as running out of file descriptors,
//!    skips one read or write; the disk is used again with the next one.
//! 6. **No thread of the async runtime waits for another process.** Drops, and writes of records,
//!    run on threads that may block.
//! 7. **One load per key, in however many processes,** as long as the load takes no longer than
//!    others wait for it. A miss reads the file of its record once.
//!
//! A process that can't look at the generation behaves as one without a disk cache until it can
//! again: it neither reads nor stores records, and does not learn of drops by other processes.
//!
//! # Modules
//!
//! | module | what it does |
//! | --- | --- |
//! | `settings` | where the folder is and where its key comes from |
//! | `folder` | opens the private folder |
//! | `key` | finds or creates the key |
//! | `scope` | what the records of one provider are bound to |
//! | `header` | the clear part of a record: its times, and what it is about, as keyed hashes |
//! | `record` | a record's bytes; the encoding of secrets and listings |
//! | `generation` | whether anything was dropped; the state that a process has seen |
//! | `lock` | one load per key, and one writer of the folder, across processes |
//! | `drops` | removes the records that match, and tracks the drops that are not finished |
//! | `store` | reads, writes and drops the records of a folder |
//! | `scoped` | the records of one provider |
//! | `tier` | the disk cache as the cache uses it: restores, loads, drops |
//! | `sweep` | removes expired records, those above the limit, and leftovers |
//! | `maintenance` | statistics, clearing and pruning, for `s1crets cache` |
//! | `momentary` | which failures pass by themselves |
//! | `outage` | the circuit breaker that processes share |
//! | `warnings` | logs each kind of trouble once |

mod clock;
mod drops;
mod folder;
mod generation;
mod header;
mod key;
mod lock;
mod maintenance;
mod momentary;
mod outage;
mod record;
mod scope;
mod scoped;
mod settings;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod tier;
mod warnings;

pub use maintenance::DiskStats;
pub(super) use record::OnDisk;
pub(crate) use scope::{CurrentScope, ScopeSource};
pub use settings::{DiskCache, DiskKey};
pub use sweep::PruneStats;
pub(crate) use tier::Disk;
pub(super) use tier::DiskTier;

#[cfg(feature = "__fuzzing")]
pub(crate) use record::fuzz;
