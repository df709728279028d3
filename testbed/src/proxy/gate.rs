//! Holds requests back until the test releases them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

/// How long a test waits for requests to arrive before it fails.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);

/// The number of holds, and of requests that wait for their release.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    holds: Arc<watch::Sender<usize>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { holds: Arc::new(watch::Sender::new(0)), waiting: Arc::new(watch::Sender::new(0)) }
    }

    pub(super) fn hold(&self) -> Hold {
        Hold(Counted::new(&self.holds))
    }

    /// Waits until there is no hold.
    pub(super) async fn pass(&self) {
        let _waiting = Counted::new(&self.waiting);
        let free = self.holds.subscribe().wait_for(|holds| *holds == 0).await.is_ok();
        assert!(free, "the gate holds the sender");
    }

    pub(super) fn waiting(&self) -> usize {
        *self.waiting.borrow()
    }

    pub(super) async fn wait_for_held(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        let enough = timeout(WAIT_TIMEOUT, waiting.wait_for(|waiting| *waiting >= count)).await;
        if enough.is_err() {
            panic!("{} requests are held, expected {count}", self.waiting());
        }
    }
}

/// A guard that holds back every request to the proxy until it is dropped.
#[derive(Debug)]
#[must_use = "requests are held for as long as this lives"]
pub struct Hold(#[expect(dead_code, reason = "dropping it releases the requests")] Counted);

impl Hold {
    /// Releases the requests, unless there is another hold.
    pub fn release(self) {}
}

/// Adds one to a counter for as long as it lives.
#[derive(Debug)]
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(counter: &Arc<watch::Sender<usize>>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
