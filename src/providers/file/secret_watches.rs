//! Watches of single secrets: what [`Provider::watch`](crate::Provider::watch) returns.
//!
//! The version of a secret is the generation of the file in which it last changed. It is a counter
//! of this provider and tells nothing about the value.

use std::sync::Mutex;

use super::{reloader::lock, snapshot::Loaded};
use crate::watch::{Watch, WatchSender};

/// All watches that somebody still listens to, each with the name of its secret.
#[derive(Default)]
pub(super) struct SecretWatches(Mutex<Vec<(String, WatchSender)>>);

impl SecretWatches {
    /// A watch of this name that starts at what `current` returns.
    ///
    /// The data is looked at under the lock, so that a load meanwhile is either seen or reported.
    pub(super) fn add(&self, name: &str, current: impl FnOnce() -> Option<String>) -> Watch {
        let mut watches = lock(&self.0);
        let (sender, watch) = Watch::channel(current());
        watches.push((name.to_owned(), sender));
        watch
    }

    /// Reports the versions of newly loaded data.
    pub(super) fn report(&self, loaded: &Loaded) {
        let mut watches = lock(&self.0);
        watches.retain(|(_, sender)| !sender.is_closed());
        watches.iter().for_each(|(name, sender)| sender.send(loaded.version(name)));
    }
}
