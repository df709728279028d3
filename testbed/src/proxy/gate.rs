//! Holding every request back until the test says go.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};

/// A test that waits this long for requests will not see them any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many holds there are, and how many requests wait for their end.
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

    /// Lets a request through once nothing holds it.
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
        let enough = timeout(PATIENCE, waiting.wait_for(|waiting| *waiting >= count)).await;
        if enough.is_err() {
            panic!("{} requests are held, {count} were expected", self.waiting());
        }
    }
}

/// Holds back every request that reaches the proxy, until it is dropped.
#[derive(Debug)]
#[must_use = "requests are held for as long as this lives"]
pub struct Hold(#[expect(dead_code, reason = "it works by being dropped")] Counted);

impl Hold {
    /// Lets the requests go on, unless another hold is left.
    pub fn release(self) {}
}

/// One more, for as long as it lives.
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
