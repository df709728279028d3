//! Batching: loads of single secrets that go out together in one call.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    channel::oneshot,
    future::{Either, select},
};
use tokio::{sync::Semaphore, task::yield_now, time::sleep};

use super::provider_calls::ProviderCalls;
use crate::{
    error::Result,
    options::{GetOptions, Version},
    provider::Provider,
    secret::Secret,
};

/// How many batches are under way at once; further ones wait. The rate limits of the AWS stores count
/// for the whole account.
const CONCURRENCY: usize = 4;

/// Collects loads within a short window, and makes as few calls of them as the provider allows.
///
/// - A load that a reader waits for, while nothing else is going on, is delayed by one turn of the
///   ready tasks only. So a burst becomes a batch, and a lone miss waits for nobody.
/// - Every other load waits for the window to end, or for a full call's worth of names.
/// - The first load of a batch, its leader, sends it off. If the leader goes away, the others make
///   their own calls: [`Opened`] dissolves the batch.
/// - A batch runs as a task of its own. If that panics, or its runtime ends, each name is loaded alone.
pub(super) struct Batcher<P: ?Sized> {
    calls: Arc<ProviderCalls<P>>,
    window: Duration,
    /// How many names fit into one call.
    size: usize,
    state: Mutex<State>,
    permits: Semaphore,
}

/// Whether a reader waits for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// A reader waits.
    Awaited,
    /// Nobody waits: the cached value is still fresh.
    Background,
}

#[derive(Default)]
struct State {
    gathering: Vec<Batch>,
    next_id: u64,
    under_way: usize,
}

/// Loads with the same options, which will go out in one call.
struct Batch {
    id: u64,
    options: GetOptions,
    asks: Vec<Ask>,
}

struct Ask {
    path: String,
    answer: oneshot::Sender<Result<Secret>>,
}

impl<P: Provider + ?Sized> Batcher<P> {
    pub(super) fn new(calls: Arc<ProviderCalls<P>>, window: Duration) -> Arc<Self> {
        let size = calls.capabilities().batch;
        Arc::new(Self { calls, window, size, state: Mutex::default(), permits: Semaphore::new(CONCURRENCY) })
    }

    /// Loads one secret, by a call of its own or together with others.
    pub(super) async fn get(self: &Arc<Self>, path: &str, options: &GetOptions, priority: Priority) -> Result<Secret> {
        if !self.gathers(options) {
            return self.calls.get(path, options).await;
        }
        let (answer, opened) = self.join(path, options);
        let answer = match opened {
            None => answer.await,
            Some(batch) => match select(answer, pin!(self.lead(batch, priority))).await {
                Either::Left((answer, _)) => answer,
                Either::Right((Some(alone), _)) => return alone,
                Either::Right((None, answer)) => answer.await,
            },
        };
        match answer {
            Ok(answer) => answer,
            // The batch panicked, or its runtime is gone. That is not this name's fault.
            Err(_) => self.calls.get(path, options).await,
        }
    }

    /// Versions other than the current one are rarely asked for together.
    fn gathers(&self, options: &GetOptions) -> bool {
        self.size > 1 && !self.window.is_zero() && options.version == Version::Current
    }

    /// Adds a name to the batch with its options, and sends the batch if it is full. A caller that
    /// opened the batch leads it.
    fn join(
        self: &Arc<Self>,
        path: &str,
        options: &GetOptions,
    ) -> (oneshot::Receiver<Result<Secret>>, Option<Opened<'_, P>>) {
        let (sender, receiver) = oneshot::channel();
        let ask = Ask { path: path.to_owned(), answer: sender };
        let mut state = self.state();
        let opened = state.put(ask, options).map(|(id, quiet)| Opened { batches: self, id, quiet });
        let full = state.take_full(options, self.size);
        drop(state);
        full.into_iter().for_each(|batch| self.send(batch));
        (receiver, opened)
    }

    /// Waits for the batch to fill, and sends it. The answer, if this load stayed alone.
    async fn lead(self: &Arc<Self>, batch: Opened<'_, P>, priority: Priority) -> Option<Result<Secret>> {
        if batch.quiet && priority == Priority::Awaited {
            yield_now().await;
            let lone = self.state().take_lone(batch.id);
            if let Some((ask, options)) = lone {
                let _call = UnderWay::begin(self);
                return Some(self.calls.get(&ask.path, &options).await);
            }
        }
        sleep(self.window).await;
        let gathered = self.state().take(batch.id);
        gathered.into_iter().for_each(|batch| self.send(batch));
        None
    }

    /// Calls the provider for a batch, in a task of its own, which no caller's leaving stops.
    fn send(self: &Arc<Self>, batch: Batch) {
        let (batches, call) = (self.clone(), UnderWay::begin(self));
        tokio::spawn(async move {
            let _call = call;
            // Never closed.
            let _permit = batches.permits.acquire().await;
            batches.calls.ask(batch).await;
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Provider + ?Sized> ProviderCalls<P> {
    async fn ask(&self, batch: Batch) {
        let (paths, senders): (Vec<_>, Vec<_>) = batch.asks.into_iter().map(|ask| (ask.path, ask.answer)).unzip();
        let answers = match paths.as_slice() {
            [path] => vec![self.get(path, &batch.options).await],
            paths => self.get_many(paths, &batch.options).await,
        };
        // A caller that has gone away needs no answer.
        senders.into_iter().zip(answers).for_each(|(sender, answer)| drop(sender.send(answer)));
    }
}

impl State {
    /// The id of the batch if it was opened for this load, and whether nothing else was going on.
    fn put(&mut self, ask: Ask, options: &GetOptions) -> Option<(u64, bool)> {
        if let Some(batch) = self.gathering.iter_mut().find(|batch| batch.options == *options) {
            batch.asks.push(ask);
            return None;
        }
        let quiet = self.under_way == 0 && self.gathering.is_empty();
        let id = self.next_id;
        self.next_id += 1;
        self.gathering.push(Batch { id, options: options.clone(), asks: vec![ask] });
        Some((id, quiet))
    }

    fn take_full(&mut self, options: &GetOptions, size: usize) -> Option<Batch> {
        self.take_if(|batch| batch.asks.len() >= size && batch.options == *options)
    }

    fn take_lone(&mut self, id: u64) -> Option<(Ask, GetOptions)> {
        let mut batch = self.take_if(|batch| batch.id == id && batch.asks.len() == 1)?;
        batch.asks.pop().map(|ask| (ask, batch.options))
    }

    fn take(&mut self, id: u64) -> Option<Batch> {
        self.take_if(|batch| batch.id == id)
    }

    fn take_if(&mut self, wanted: impl Fn(&Batch) -> bool) -> Option<Batch> {
        self.gathering.iter().position(wanted).map(|at| self.gathering.swap_remove(at))
    }
}

/// A batch and its leader. Dropping this dissolves the batch, and those who joined load on their own.
struct Opened<'a, P: Provider + ?Sized> {
    batches: &'a Batcher<P>,
    id: u64,
    quiet: bool,
}

impl<P: Provider + ?Sized> Drop for Opened<'_, P> {
    fn drop(&mut self) {
        drop(self.batches.state().take(self.id));
    }
}

/// Counts a call while it is under way.
struct UnderWay<P: Provider + ?Sized>(Arc<Batcher<P>>);

impl<P: Provider + ?Sized> UnderWay<P> {
    fn begin(batches: &Arc<Batcher<P>>) -> Self {
        batches.state().under_way += 1;
        Self(batches.clone())
    }
}

impl<P: Provider + ?Sized> Drop for UnderWay<P> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way = state.under_way.saturating_sub(1);
    }
}
