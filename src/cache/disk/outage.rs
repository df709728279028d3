//! Outages on disk: the circuit breaker that processes share.
//!
//! Without it, each of the short processes that follow one another during an outage would wait for
//! all attempts of its own call, before it serves the value that it had from the start.
//!
//! A call that fails for a transient reason leaves a small file, which says when the provider may
//! be asked again. It is read by a process that finds an expired value on disk, and removed by the
//! next call that is answered. Rules:
//!
//! - **It only spares calls that have a value to serve.** A read without one always asks.
//! - **It holds for a short time:** at most [`BACKOFF`]'s longest wait, whatever the file says.
//! - **Calls that were under way together are one failure,** as in memory.
//! - **It is not sealed,** as it holds no secret and opens none: its name is a keyed hash, and
//!   whoever can write to the folder could remove the records as well.
//!
//! ```text
//! 0    4   "s1co"
//! 4    1   the version of the format: 1
//! 5    1   how the last call failed: an index into KINDS
//! 6    4   failures in a row, big-endian
//! 10   8   when the last one was noted, in milliseconds since 1970, likewise
//! 18   8   when the provider may be asked again, likewise
//! ```

use std::{io, time::Duration};

use s1crets_fs::Folder;

use super::{
    clock,
    folder::{OUTAGE, UNFINISHED},
};
use crate::{
    cache::breaker::{BACKOFF, Outage},
    error::ErrorKind,
    retry::jitter,
};

/// What the file of an outage says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutageRecord {
    kind: ErrorKind,
    failures: u32,
    /// In milliseconds since 1970, as the other time.
    noted: u64,
    retry_at: u64,
}

const HEAD: [u8; 5] = *b"s1co\x01";
const LENGTH: usize = 26;
/// The kinds of transient failures.
const KINDS: [ErrorKind; 3] = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Throttled];
/// After this time without a failure, the next one counts as the first.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

impl OutageRecord {
    /// The record after one more failed call, begun at `begun`. `None` if it was under way together
    /// with the one that was noted last. `jitter` is a random number from 0 to 1.
    fn after(last: Option<Self>, begun: u64, now: u64, kind: ErrorKind, jitter: f64) -> Option<Self> {
        let last = last.filter(|last| !last.is_forgotten(now));
        if last.is_some_and(|last| begun < last.noted) {
            return None;
        }
        let failures = last.map_or(0, |last| last.failures).saturating_add(1);
        Some(Self { kind, failures, noted: now, retry_at: clock::after(now, BACKOFF.spread(failures, jitter)) })
    }

    /// The outage, while it lasts.
    fn outage(self, now: u64) -> Option<Outage> {
        let left = Duration::from_millis(self.retry_at.checked_sub(now).filter(|left| *left > 0)?);
        // The clock may have been set since.
        let is_believed = !self.is_forgotten(now) && left <= BACKOFF.longest();
        is_believed.then_some(Outage { kind: self.kind, retry_in: left })
    }

    fn is_forgotten(self, now: u64) -> bool {
        clock::is_in_future(self.noted) || now > clock::after(self.noted, FORGOTTEN)
    }

    fn to_bytes(self) -> Vec<u8> {
        let kind = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or_default() as u8;
        let times = [self.noted, self.retry_at].map(u64::to_be_bytes);
        [&HEAD[..], &[kind], &self.failures.to_be_bytes(), times.as_flattened()].concat()
    }

    /// `None` for anything that is not such a record.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (failures, rest) = rest.split_first_chunk()?;
        let (noted, rest) = rest.split_first_chunk()?;
        let (retry_at, rest) = rest.split_first_chunk()?;
        let kind = *KINDS.get(usize::from(*kind))?;
        let [noted, retry_at] = [noted, retry_at].map(|time| u64::from_be_bytes(*time));
        let record = Self { kind, failures: u32::from_be_bytes(*failures), noted, retry_at };
        (*head == HEAD && rest.is_empty()).then_some(record)
    }
}

/// The outage that a file tells of, while it lasts. A file that can't be read tells of none.
pub(super) fn current(folder: &Folder, file: &str) -> Option<Outage> {
    read(folder, file)?.outage(clock::now())
}

/// Writes the file of an outage after a call that was begun at `begun` and failed. Takes no lock.
///
/// # Errors
/// Any error of the system.
pub(super) fn begin(folder: &Folder, file: &str, begun: u64, kind: ErrorKind) -> io::Result<()> {
    let Some(record) = OutageRecord::after(read(folder, file), begun, clock::now(), kind, jitter()) else {
        return Ok(());
    };
    folder.temp_file(UNFINISHED, &record.to_bytes())?.replace(file)
}

/// The file of the outage with this name.
pub(super) fn file_of(name: s1crets_fs::seal::Name) -> String {
    format!("{OUTAGE}{}", name.to_hex())
}

fn read(folder: &Folder, file: &str) -> Option<OutageRecord> {
    OutageRecord::parse(&folder.read(file, LENGTH).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cache::disk::folder;

    const KIND: ErrorKind = ErrorKind::Throttled;

    fn record(failures: u32, noted: u64, retry_at: u64) -> OutageRecord {
        OutageRecord { kind: KIND, failures, noted, retry_at }
    }

    #[test]
    fn each_failure_in_a_row_doubles_the_wait_and_an_old_one_is_forgotten() {
        let now = clock::now();
        let after = |last, begun, now| OutageRecord::after(last, begun, now, KIND, 1.0);
        let first = after(None, now, now).expect("noted");
        assert_eq!(first, record(1, now, now + 1_000));
        assert_eq!(after(Some(first), now - 1, now + 9), None, "they were under way together");
        assert_eq!(after(Some(first), now + 1, now + 1_500), Some(record(2, now + 1_500, now + 3_500)));
        let old = record(9, now - 600_001, now - 570_001);
        assert_eq!(after(Some(old), now, now), Some(first));
        let future = record(9, now + 60_000, now + 90_000);
        assert_eq!(after(Some(future), now, now), Some(first), "the clock was set back");
    }

    #[test]
    fn an_outage_lasts_until_its_end_and_never_longer_than_the_longest_wait() {
        let now = clock::now();
        let left = |noted, retry_at| record(1, noted, retry_at).outage(now).map(|outage| outage.retry_in.as_millis());
        assert_eq!(left(now - 1, now + 700), Some(700));
        assert_eq!(left(now - 1, now), None);
        assert_eq!(left(now - 1, now + 30_001), None, "no process wrote that");
        assert_eq!(left(now + 60_000, now + 700), None, "the clock was set back");
    }

    #[test]
    fn an_outage_is_read_back_as_it_was_written() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder::create(&place.path().join("cache")).expect("created");
        assert_eq!(current(&folder, "o-1"), None);
        begin(&folder, "o-1", clock::now(), ErrorKind::Timeout).expect("written");
        let outage = current(&folder, "o-1").expect("an outage");
        assert_eq!(outage.kind, ErrorKind::Timeout);
        assert!(outage.retry_in <= BACKOFF.first(), "{outage:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in any::<Vec<u8>>(), tail in any::<[u8; LENGTH - HEAD.len()]>()) {
            prop_assert!(OutageRecord::parse(&bytes).is_none_or(|record| record.to_bytes() == bytes));
            let whole = [&HEAD[..], &tail].concat();
            prop_assert_eq!(OutageRecord::parse(&whole).is_some(), usize::from(tail[0]) < KINDS.len());
            prop_assert!(OutageRecord::parse(&whole).is_none_or(|record| record.to_bytes() == whole));
        }
    }
}
