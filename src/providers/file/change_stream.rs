//! Stream of snapshots: tells one listener when the contents of the file changed.

use futures::stream::{self, Stream};
use tokio::sync::watch;

use super::{reloader::Reloader, snapshot::Snapshot};

/// The snapshots that follow, for one listener.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<Option<Snapshot>>);

impl Changes {
    pub(super) fn of(reloader: &Reloader) -> Self {
        let mut newest = reloader.newest.subscribe();
        newest.mark_unchanged();
        Self(newest)
    }

    /// Waits for a snapshot whose content differs from the one that was current when this was made,
    /// or from the last one returned. Of several changes in between only the latest is returned.
    /// `None` once the provider, with all its clones, is gone.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Snapshot> {
        loop {
            self.0.changed().await.ok()?;
            if let Some(snapshot) = self.0.borrow_and_update().clone() {
                return Some(snapshot);
            }
        }
    }

    /// Turns this into a [`Stream`].
    pub fn into_stream(self) -> impl Stream<Item = Snapshot> + Send {
        stream::unfold(self, async |mut changes| changes.next().await.map(|snapshot| (snapshot, changes)))
    }
}
