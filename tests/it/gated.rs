//! A provider outside the library, whose reads wait until the test releases them.

use std::sync::Arc;

use async_trait::async_trait;
use s1crets::{
    Capabilities, GetOptions, ListOptions, Listing, Provider, Result, Secret, SecretValue, UpdateOptions, Updated,
    providers::memory::Memory,
};
use tokio::sync::{Semaphore, watch};

use crate::support::within;

/// [`Memory`] behind a gate. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Gated {
    pub(crate) memory: Memory,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    arrived: Arc<watch::Sender<usize>>,
}

const MANY: usize = Semaphore::MAX_PERMITS / 2;

impl Gated {
    /// The gate is shut for reads, and open for writes.
    pub(crate) fn new(memory: Memory) -> Self {
        let (reads, writes) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(MANY)));
        Self { memory, reads, writes, arrived: Arc::default() }
    }

    /// Lets this many reads go on, those to come included.
    pub(crate) fn let_through(&self, reads: usize) {
        self.reads.add_permits(reads);
    }

    /// Lets all reads go on from now on.
    pub(crate) fn open(&self) {
        self.let_through(MANY);
    }

    /// Lets no write go on from now on.
    pub(crate) fn hold_writes(&self) {
        self.writes.forget_permits(MANY);
    }

    /// Waits until this many calls have come to the gate, those that went through included.
    pub(crate) async fn arrived(&self, calls: usize) {
        within(self.arrived.subscribe().wait_for(|arrived| *arrived >= calls)).await.unwrap();
    }

    async fn pass(&self, gate: &Semaphore) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        within(gate.acquire()).await.unwrap().forget();
    }
}

/// What was read before the gate is answered behind it: a slow answer is an old one. A write is made before it.
#[async_trait]
impl Provider for Gated {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let answer = self.memory.get(path, options).await;
        self.pass(&self.reads).await;
        answer
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let answers = self.memory.get_many(paths, options).await;
        self.pass(&self.reads).await;
        answers
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        let answer = self.memory.get_by_path(path, options).await;
        self.pass(&self.reads).await;
        answer
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.memory.path_exists(path).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let answer = self.memory.update(path, value, options).await;
        self.pass(&self.writes).await;
        answer
    }
}
