//! Records the requests that pass the proxy.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Instant,
};

use serde_json::Value;

use crate::http::{Request, Response};

/// A request and its response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// When the whole request had arrived.
    pub asked: Instant,
    /// The request.
    pub request: Request,
    /// The status of the response.
    pub status: u16,
    /// The body of the response, or `Null` if it is not JSON.
    pub answer: Value,
}

/// All requests so far, and how many were in flight at once.
#[derive(Debug, Default)]
pub(super) struct Log {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
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
    /// Records a request, which counts as in flight until the returned guard is dropped.
    pub(super) fn record(&self, operation: &str, request: &Request) -> InFlight<'_> {
        let mut records = self.records();
        let answer = Arc::default();
        records.requests.push(Entry {
            operation: operation.to_owned(),
            asked: Instant::now(),
            request: request.clone(),
            answer: Arc::clone(&answer),
        });
        records.in_flight += 1;
        records.max_in_flight = records.max_in_flight.max(records.in_flight);
        InFlight { log: self, answer }
    }

    pub(super) fn requests(&self, operation: &str) -> Vec<Request> {
        let records = self.records();
        let wanted = records.requests.iter().filter(|entry| entry.operation == operation);
        wanted.map(|entry| entry.request.clone()).collect()
    }

    pub(super) fn exchanges(&self, operation: &str) -> Vec<Exchange> {
        let records = self.records();
        let wanted = records.requests.iter().filter(|entry| entry.operation == operation);
        wanted.filter_map(Entry::exchange).collect()
    }

    pub(super) fn count(&self, operation: &str) -> usize {
        let records = self.records();
        records.requests.iter().filter(|entry| entry.operation == operation).count()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in &self.records().requests {
            *counts.entry(entry.operation.clone()).or_default() += 1;
        }
        counts
    }

    pub(super) fn total(&self) -> usize {
        self.records().requests.len()
    }

    pub(super) fn max_in_flight(&self) -> usize {
        self.records().max_in_flight
    }

    pub(super) fn reset(&self) {
        let mut records = self.records();
        records.requests.clear();
        records.max_in_flight = records.in_flight;
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("nothing panics while it holds the lock")
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

/// A request in flight.
pub(super) struct InFlight<'a> {
    log: &'a Log,
    answer: Arc<OnceLock<Response>>,
}

impl InFlight<'_> {
    /// Records the response.
    pub(super) fn answered(&self, response: &Response) {
        // A request has only one response, so this can't fail.
        let _ = self.answer.set(response.clone());
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.log.records().in_flight -= 1;
    }
}
