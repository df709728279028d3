//! Loads that are asked for one by one and go out together.

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

use super::calls::Calls;
use crate::{
    error::Result,
    options::{GetOptions, Version},
    provider::Provider,
    secret::Secret,
};

/// How many batches are under way at once; the next ones wait. The rate limits of the AWS stores are those of the whole
/// account.
const CONCURRENCY: usize = 4;

/// Gathers what is asked for within a short window, and asks for it in as few calls as the provider allows.
///
/// A load that somebody waits for and that finds nothing else going on leaves at once, or rather after all tasks that
/// are ready by then have had their turn: a burst is gathered, a lone miss waits for nobody. Everything else is
/// gathered until the window is over, or until there is enough for a full call.
pub(super) struct Batches<P: ?Sized> {
    calls: Arc<Calls<P>>,
    window: Duration,
    /// How many names fit one call.
    size: usize,
    state: Mutex<State>,
    permits: Semaphore,
}

/// Whether somebody waits for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// A reader does.
    Awaited,
    /// Nobody does: the value is still good.
    Background,
}

#[derive(Default)]
struct State {
    gathering: Vec<Batch>,
    next_id: u64,
    under_way: usize,
}

/// What is asked for in the same way, and will leave together.
struct Batch {
    id: u64,
    options: GetOptions,
    asks: Vec<Ask>,
}

struct Ask {
    path: String,
    answer: oneshot::Sender<Result<Secret>>,
}

impl<P: Provider + ?Sized> Batches<P> {
    pub(super) fn new(calls: Arc<Calls<P>>, window: Duration) -> Arc<Self> {
        let size = calls.capabilities().batch;
        Arc::new(Self { calls, window, size, state: Mutex::default(), permits: Semaphore::new(CONCURRENCY) })
    }

    /// One secret, by a call of its own or by one with others.
    pub(super) async fn get(self: &Arc<Self>, path: &str, options: &GetOptions, haste: Priority) -> Result<Secret> {
        if !self.gathers(options) {
            return self.calls.get(path, options).await;
        }
        let (answer, opened) = self.join(path, options);
        let answer = match opened {
            None => answer.await,
            Some(batch) => match select(answer, pin!(self.lead(batch, haste))).await {
                Either::Left((answer, _)) => answer,
                Either::Right((Some(alone), _)) => return alone,
                Either::Right((None, answer)) => answer.await,
            },
        };
        match answer {
            Ok(answer) => answer,
            // The batch panicked, or the runtime that it ran on is gone: that is no fault of this name.
            Err(_) => self.calls.get(path, options).await,
        }
    }

    /// Versions other than the current one are rarely asked for together.
    fn gathers(&self, options: &GetOptions) -> bool {
        self.size > 1 && !self.window.is_zero() && options.version == Version::Current
    }

    /// Puts a name into the batch of its kind; if that had to be opened, whoever did so is to see it off. A full one leaves.
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

    /// Waits until the batch is to leave, and lets it go. The answer, if there was one ask only.
    async fn lead(self: &Arc<Self>, batch: Opened<'_, P>, haste: Priority) -> Option<Result<Secret>> {
        if batch.quiet && haste == Priority::Awaited {
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

    /// Has the names of a batch asked for, by a task of its own: nobody's leaving stops it.
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

impl<P: Provider + ?Sized> Calls<P> {
    async fn ask(&self, batch: Batch) {
        let (paths, senders): (Vec<_>, Vec<_>) = batch.asks.into_iter().map(|ask| (ask.path, ask.answer)).unzip();
        let answers = match paths.as_slice() {
            [path] => vec![self.get(path, &batch.options).await],
            paths => self.get_many(paths, &batch.options).await,
        };
        // Those who have gone away need no answer.
        senders.into_iter().zip(answers).for_each(|(sender, answer)| drop(sender.send(answer)));
    }
}

impl State {
    /// The id of the batch if it was opened for this, and whether nothing else was going on.
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

/// A batch in the care of whoever opened it. If its task ends, those who joined are on their own.
struct Opened<'a, P: Provider + ?Sized> {
    batches: &'a Batches<P>,
    id: u64,
    quiet: bool,
}

impl<P: Provider + ?Sized> Drop for Opened<'_, P> {
    fn drop(&mut self) {
        drop(self.batches.state().take(self.id));
    }
}

/// Counts a call for as long as it is under way.
struct UnderWay<P: Provider + ?Sized>(Arc<Batches<P>>);

impl<P: Provider + ?Sized> UnderWay<P> {
    fn begin(batches: &Arc<Batches<P>>) -> Self {
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
