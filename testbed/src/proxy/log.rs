//! What has come by.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Instant,
};

use serde_json::Value;

use crate::http::{Request, Response};

/// A request that came by, when, and what was answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// When the request had arrived.
    pub asked: Instant,
    /// What was asked.
    pub request: Request,
    /// The answer's status.
    pub status: u16,
    /// The answer's body, `Null` where that is no JSON.
    pub answer: Value,
}

/// Every request, and how many there were at once.
#[derive(Debug, Default)]
pub(super) struct Log {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<Entry>,
    in_flight: usize,
    max_in_flight: usize,
}

#[derive(Debug)]
struct Entry {
    operation: String,
    asked: Instant,
    request: Request,
    answer: Arc<OnceLock<Response>>,
}

impl Log {
    /// Counts the request as in flight until the answer is dropped.
    pub(super) fn record(&self, operation: &str, request: &Request) -> InFlight<'_> {
        let mut seen = self.seen();
        let answer = Arc::default();
        seen.requests.push(Entry {
            operation: operation.to_owned(),
            asked: Instant::now(),
            request: request.clone(),
            answer: Arc::clone(&answer),
        });
        seen.in_flight += 1;
        seen.max_in_flight = seen.max_in_flight.max(seen.in_flight);
        InFlight { log: self, answer }
    }

    pub(super) fn requests(&self, operation: &str) -> Vec<Request> {
        let seen = self.seen();
        let wanted = seen.requests.iter().filter(|entry| entry.operation == operation);
        wanted.map(|entry| entry.request.clone()).collect()
    }

    pub(super) fn exchanges(&self, operation: &str) -> Vec<Exchange> {
        let seen = self.seen();
        let wanted = seen.requests.iter().filter(|entry| entry.operation == operation);
        wanted.filter_map(Entry::exchange).collect()
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        let seen = self.seen();
        seen.requests.iter().filter(|entry| entry.operation == operation).count()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.seen().requests {
            *counts.entry(entry.operation.clone()).or_default() += 1;
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

impl Entry {
    fn exchange(&self) -> Option<Exchange> {
        let answer = self.answer.get()?;
        Some(Exchange {
            asked: self.asked,
            request: self.request.clone(),
            status: answer.status,
            answer: serde_json::from_slice(&answer.body).unwrap_or_default(),
        })
    }
}

/// One request under way.
pub(super) struct InFlight<'a> {
    log: &'a Log,
    answer: Arc<OnceLock<Response>>,
}

impl InFlight<'_> {
    /// Keeps what is answered to it.
    pub(super) fn answered(&self, response: &Response) {
        // It is answered once.
        let _ = self.answer.set(response.clone());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.log.seen().in_flight -= 1;
    }
}
