//! Watches of single secrets: what [`Provider::watch`](crate::Provider::watch) returns.
//!
//! The version of a secret is the generation of the file in which it last changed. It is a counter
//! of this provider and tells nothing about the value.

use std::sync::Mutex;

use super::{reloader::lock, snapshot::Loaded};
use crate::watch::{Watch, WatchSender};

/// The watches, each with the name of its secret.
#[derive(Default)]
pub(super) struct SecretWatches(Mutex<State>);

#[derive(Default)]
struct State {
    watches: Vec<(String, WatchSender)>,
    /// How many watches may be kept before those that nobody listens to any more are removed.
    limit: usize,
}

/// As many watches are kept at least before any are removed.
const MIN_LIMIT: usize = 16;

impl SecretWatches {
    /// A watch of this name that starts at what `current` returns.
    ///
    /// The data is looked at under the lock, so that a load meanwhile is either seen or reported.
    pub(super) fn add(&self, name: &str, current: impl FnOnce() -> Option<String>) -> Watch {
        let mut state = lock(&self.0);
        if state.watches.len() >= state.limit {
            state.prune();
        }
        let (sender, watch) = Watch::channel(current());
        state.watches.push((name.to_owned(), sender));
        watch
    }

    /// How many watches are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.0).watches.len()
    }

    /// Reports the versions of newly loaded data.
    pub(super) fn report(&self, loaded: &Loaded) {
        let mut state = lock(&self.0);
        state.prune();
        state.watches.iter().for_each(|(name, sender)| sender.send(loaded.version(name)));
    }
}

impl State {
    /// Removes the watches that nobody listens to any more. Not again before their number has doubled,
    /// so that adding one stays cheap.
    fn prune(&mut self) {
        self.watches.retain(|(_, sender)| !sender.is_closed());
        self.limit = (2 * self.watches.len()).max(MIN_LIMIT);
    }
}
