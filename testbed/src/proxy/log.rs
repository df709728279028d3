//! What has come by.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use crate::http::Request;

/// Every request, and how many there were at once.
#[derive(Debug, Default)]
pub(super) struct Log {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<(String, Request)>,
    in_flight: usize,
    max_in_flight: usize,
}

impl Log {
    /// Counts the request as in flight until the answer is dropped.
    pub(super) fn record(&self, operation: &str, request: &Request) -> InFlight<'_> {
        let mut seen = self.seen();
        seen.requests.push((operation.to_owned(), request.clone()));
        seen.in_flight += 1;
        seen.max_in_flight = seen.max_in_flight.max(seen.in_flight);
        InFlight(self)
    }

    pub(super) fn requests(&self, operation: &str) -> Vec<Request> {
        let seen = self.seen();
        let wanted = seen.requests.iter().filter(|(name, _)| name == operation);
        wanted.map(|(_, request)| request.clone()).collect()
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        let seen = self.seen();
        seen.requests.iter().filter(|(name, _)| name == operation).count()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (operation, _) in &self.seen().requests {
            *counts.entry(operation.clone()).or_default() += 1;
        }
        counts
    }

    pub(super) fn total(&self) -> usize {
        self.seen().requests.len()
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.seen().max_in_flight
    }

    pub(super) fn reset(&self) {
        let mut seen = self.seen();
        seen.requests.clear();
        seen.max_in_flight = seen.in_flight;
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it counts")
    }
}

/// One request under way.
pub(super) struct InFlight<'a>(&'a Log);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.seen().in_flight -= 1;
    }
}
