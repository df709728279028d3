//! The background task of a handle: waits until its secret may have changed, and reads it again.
//!
//! The task wakes for, whichever comes first:
//!
//! - A change that the provider reports, where it does. The cache is brought up to that version
//!   first.
//! - A load or a drop in this process' cache.
//! - The moment when a read starts the next reload. While the circuit breaker is open, that is the
//!   time of its next attempt.
//! - Where other processes share the cache: a look every second, as a disk wakes nobody.
//! - For a local provider that reports no changes: a look twice a second.
//!
//! A read that fails, or leaves the entry due for a reload, is followed by a pause with backoff.
//!
//! The event of its own load must not wake the task, or the provider would be asked in a tight
//! loop. So the end of a load counts only if it left an entry in the cache, and in a pause only if
//! that entry is fresh.

use std::{pin::pin, time::Duration};

use futures::future::{self, Either, OptionFuture};
use tokio::sync::watch;

use super::{Publisher, Source, State};
use crate::{
    cache::LoadEvents,
    client::dispatch::ChangeSignals,
    clock::{Instant, sleep_until},
    error::Result,
    retry::Backoff,
    secret::Secret,
    watch::Watch,
};

/// The pauses after reads that failed.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// How long a value goes without a read if nothing tells when it is due: the cache does not keep it.
const UNCACHED_INTERVAL: Duration = Duration::from_secs(60);

/// The part of its remaining life after which such a value is read again if it has an end of its own.
const UNCACHED_REFRESH_AHEAD: f64 = 0.8;

/// How often a cache is looked at that other processes may change. A look costs a few microseconds.
const SHARED_INTERVAL: Duration = Duration::from_secs(1);

/// How often a local provider without change reports is looked at. Its reads are lookups in memory.
const LOCAL_INTERVAL: Duration = Duration::from_millis(500);

pub(super) struct Follower {
    source: Source,
    publisher: Publisher,
    load_events: Option<watch::Receiver<LoadEvents>>,
    /// The drops seen so far.
    drops: u64,
    watch: Option<Watch>,
    /// The longest time between two reads.
    interval: Duration,
    /// Whether a reported change is yet to be loaded.
    is_behind: bool,
}

/// What ended a wait.
enum Wakeup {
    Deadline,
    CacheEvent,
    /// The provider reported a change; `false` if it has ended.
    Report(bool),
}

impl Follower {
    pub(super) fn new(source: Source, signals: ChangeSignals, publisher: Publisher) -> Self {
        let interval = match signals {
            ChangeSignals { is_local: true, .. } => LOCAL_INTERVAL,
            ChangeSignals { is_shared: true, .. } => SHARED_INTERVAL,
            _ => Duration::MAX,
        };
        let ChangeSignals { load_events, watch, .. } = signals;
        // The first read may have been a hit that is older than what the provider had reported.
        let is_behind = watch
            .as_ref()
            .is_some_and(|watch| watch.version().as_deref() != publisher.shared.snapshot.load().secret.version());
        let drops = load_events.as_ref().map_or(0, |events| events.borrow().drops);
        Self { source, publisher, load_events, drops, watch, interval, is_behind }
    }

    /// Runs until the task is aborted or its runtime stops.
    pub(super) async fn follow(mut self) {
        let mut failures = 0;
        loop {
            if failures > 0 || !self.is_behind {
                self.wait(failures).await;
            }
            failures = match self.read().await {
                Ok(secret) => {
                    self.publisher.put(secret, State::Followed);
                    if self.is_due() { failures + 1 } else { 0 }
                }
                Err(error) => {
                    self.publisher.fail(error);
                    failures + 1
                }
            };
        }
    }

    async fn read(&mut self) -> Result<Secret> {
        if let Some(load_events) = &mut self.load_events {
            self.drops = load_events.borrow_and_update().drops;
        }
        if self.is_behind {
            let (provider, path) = (self.source.reference.provider(), self.source.reference.path());
            let version = self.watch.as_ref().and_then(Watch::version);
            let loaded = self.source.client.catch_up_to(provider, path, version.as_deref()).await;
            // A secret that is gone or denied is an answer; only an outage is tried again.
            self.is_behind = loaded.as_ref().is_err_and(|error| error.kind().is_transient());
            loaded.map_err(|error| self.source.explain(error))?;
        }
        self.source.read().await
    }

    /// Waits until a read may bring something new. `failures` is how many reads in a row failed, or
    /// found the entry due for a reload and left it so.
    async fn wait(&mut self, failures: u32) {
        let begun = Instant::now();
        let retry_at = (failures > 0).then(|| begun + BACKOFF.wait(failures));
        loop {
            let next = self.next_refresh().unwrap_or_else(|| self.uncached_refresh(begun)).min(begun + self.interval);
            match self.wakeup(retry_at.unwrap_or(next)).await {
                Wakeup::Deadline => return,
                Wakeup::Report(true) => {
                    self.is_behind = true;
                    return;
                }
                Wakeup::Report(false) => self.watch = None,
                // In a pause, only an entry that is fresh again, or an open breaker, is news.
                Wakeup::CacheEvent if retry_at.is_some() && !self.has_news() => {}
                Wakeup::CacheEvent if self.next_refresh().is_some() || self.was_dropped() => return,
                Wakeup::CacheEvent => {}
            }
        }
    }

    async fn wakeup(&mut self, deadline: Instant) -> Wakeup {
        let cache_event = OptionFuture::from(self.load_events.as_mut().map(watch::Receiver::changed));
        let report = OptionFuture::from(self.watch.as_mut().map(Watch::changed));
        // Absent signals never come.
        let cache_event = async {
            if cache_event.await.is_none_or(|event| event.is_err()) {
                future::pending::<()>().await;
            }
        };
        let report = async {
            match report.await {
                Some(is_change) => is_change,
                None => future::pending().await,
            }
        };
        let (report, cache_event) = (pin!(report), pin!(cache_event));
        let events = future::select(report, cache_event);
        match future::select(events, pin!(sleep_until(deadline))).await {
            Either::Left((Either::Left((is_change, _)), _)) => Wakeup::Report(is_change),
            Either::Left((Either::Right(_), _)) => Wakeup::CacheEvent,
            Either::Right(_) => Wakeup::Deadline,
        }
    }

    fn next_refresh(&self) -> Option<Instant> {
        let reference = &self.source.reference;
        self.source.client.next_refresh(reference.provider(), reference.path())
    }

    /// When a value is read again that the cache does not keep: ahead of its own end, if it has one.
    fn uncached_refresh(&self, begun: Instant) -> Instant {
        let latest = begun + UNCACHED_INTERVAL;
        let Some(end) = self.publisher.shared.snapshot.load().end else { return latest };
        let left = end.saturating_duration_since(begun).min(UNCACHED_INTERVAL);
        latest.min(begun + left.mul_f64(UNCACHED_REFRESH_AHEAD).max(BACKOFF.first()))
    }

    /// Whether anything was dropped since the last read: an update, here or by another process.
    fn was_dropped(&self) -> bool {
        self.load_events.as_ref().is_some_and(|events| events.borrow().drops != self.drops)
    }

    /// Whether a read would bring something without a load of its own.
    fn has_news(&self) -> bool {
        !self.is_behind && self.next_refresh().is_some_and(|next| next > Instant::now())
    }

    /// Whether the entry is due for a reload now.
    fn is_due(&self) -> bool {
        self.next_refresh().is_some_and(|next| next <= Instant::now())
    }
}

/// However the task ends, readers learn that nobody keeps the value fresh any more.
impl Drop for Follower {
    fn drop(&mut self) {
        let secret = self.publisher.shared.snapshot.load().secret.clone();
        self.publisher.shared.store(secret, State::Stopped);
    }
}
