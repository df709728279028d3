//! Change notifications for one secret: versions as they appear, never values.

use tokio::sync::watch;

/// Reports when one secret changes, as [`Provider::watch`](crate::Provider::watch) returns it.
///
/// It yields versions and never values: whoever is told reads the secret again. Waiting takes no
/// runtime, and a dropped future loses nothing. Clones wait independently.
#[derive(Clone, Debug)]
pub struct Watch(watch::Receiver<Option<String>>);

/// The provider's end of a [`Watch`].
#[derive(Debug)]
pub struct WatchSender(watch::Sender<Option<String>>);

impl Watch {
    /// A connected pair that starts at a version; `None` for a secret that does not exist.
    pub fn channel(version: Option<String>) -> (WatchSender, Self) {
        let (sender, receiver) = watch::channel(version);
        (WatchSender(sender), Self(receiver))
    }

    /// The latest version; `None` while the secret does not exist.
    pub fn version(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Whether there is a change that [`changed`](Self::changed) has not returned yet; `None` once
    /// the provider is gone. One atomic load.
    pub(crate) fn has_changed(&self) -> Option<bool> {
        self.0.has_changed().ok()
    }

    /// Counts the latest change as seen.
    pub(crate) fn mark_seen(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for the next change. Of several changes in between only the latest is seen.
    ///
    /// Returns `false` once the provider is gone: nothing more will be reported.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl WatchSender {
    /// Reports a version, `None` for a secret that is gone. The same version twice is one change.
    ///
    /// A version must not be derived from the value: a digest of a short password gives it away.
    pub fn send(&self, version: Option<String>) {
        self.0.send_if_modified(|current| {
            let differs = *current != version;
            *current = version;
            differs
        });
    }

    /// Whether nobody waits any more.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_change_is_reported_once_and_without_a_runtime() {
        let (sender, mut watch) = Watch::channel(Some("1".to_owned()));
        assert_eq!(watch.changed().now_or_never(), None, "nothing has changed yet");
        sender.send(Some("1".to_owned()));
        assert_eq!(watch.changed().now_or_never(), None, "the same version is no change");
        sender.send(Some("2".to_owned()));
        sender.send(None);
        assert_eq!(watch.changed().now_or_never(), Some(true));
        assert_eq!(watch.version(), None, "only the latest is seen");
        drop(sender);
        assert_eq!(watch.changed().now_or_never(), Some(false));
    }
}
