//! Lookups of mounts at the server: one at a time, whose outage is shared by everyone who waited.
//!
//! A burst of first reads asks once: whoever comes later finds the mount known. If the lookup fails
//! because the server is away, everyone who waited fails with it. Otherwise each would make its own
//! lookup in turn, and the last of N readers would wait for N timeouts.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Mutex as Gate;

use crate::error::Error;

/// The lookup under way, and how the last one ended.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// Held during a lookup.
    pub(super) gate: Gate<()>,
    ended: Mutex<Ended>,
}

/// How many lookups have ended, and the outage that the last one met, with how long it was tried.
#[derive(Debug, Default)]
struct Ended {
    count: u64,
    outage: Option<(Duration, Error)>,
}

impl Lookups {
    /// How many lookups have ended.
    pub(super) fn ended(&self) -> u64 {
        self.state().count
    }

    /// The outage that a lookup met which ended after the first `seen` ones, if it was tried for as
    /// long as the caller would.
    pub(super) fn outage_since(&self, seen: u64, tried: Duration) -> Option<Error> {
        let ended = self.state();
        let (longest, outage) = ended.outage.as_ref()?;
        (ended.count != seen && *longest >= tried).then(|| outage.clone())
    }

    /// Counts a lookup. Of failures only an outage holds for other paths too.
    pub(super) fn end(&self, failure: Option<&Error>, tried: Duration) {
        let mut ended = self.state();
        ended.count += 1;
        ended.outage = failure.filter(|error| error.kind().is_transient()).map(|error| (tried, error.clone()));
    }

    fn state(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_outage_is_shared_by_those_who_waited_and_would_not_try_longer() {
        let (lookups, second) = (Lookups::default(), Duration::from_secs(1));
        let seen = lookups.ended();
        lookups.end(Some(&Error::new(ErrorKind::Unavailable, "away")), second);
        assert!(lookups.outage_since(seen, second).is_some());
        assert!(lookups.outage_since(seen, second * 2).is_none(), "it was tried for a shorter time");
        assert!(lookups.outage_since(lookups.ended(), second).is_none(), "it may be over by now");
        lookups.end(Some(&Error::new(ErrorKind::Unsupported, "another engine")), second);
        assert!(lookups.outage_since(seen, second).is_none(), "that holds for one path only");
    }
}
