//! A secret that is kept fresh for as long as somebody holds on to it.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use futures::stream::{self, Stream};
use tokio::{sync::watch, task::AbortHandle};

use crate::{
    client::Client,
    error::{Error, Result},
    retry::Backoff,
    secret::{KeyPath, Reference, Secret},
};

/// A secret, or a part of one, that is kept fresh in the background while this or a clone of it lives.
///
/// Reading it is one atomic load: no look-up, no lock and no await, from any thread, and no thread slows another down. See
/// [`Client::handle`].
#[derive(Clone)]
pub struct Handle(Arc<Held>);

struct Held {
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// What the handle and its task in the background share.
struct Shared {
    current: ArcSwap<Secret>,
    newest: watch::Sender<Secret>,
    error: Mutex<Option<Error>>,
}

/// What a [`Handle`] had when it was asked: a [`Secret`] to read from, whatever comes after it.
///
/// It costs nothing that threads would have to share, not even a reference count. For use on the spot: one that is kept
/// keeps the value from being wiped, and makes the handle's next changes dearer.
pub struct HandleRef(Guard<Arc<Secret>>);

/// The values that follow, for one listener.
#[derive(Clone)]
pub struct HandleChanges(watch::Receiver<Secret>);

/// The waits between attempts to read a value that can't be read.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// A look is taken this often at least, and not more often than the other: in between, changes come by the cache.
const LOOKS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(60)];

/// A look is taken that often where other processes may change what is held, who can't tell the handle.
const SHARED: Duration = Duration::from_secs(1);

/// How often a provider without a cache is looked at: its reads are look-ups.
const LOCAL: Duration = Duration::from_millis(500);

impl Handle {
    /// Reads the secret once, and begins to keep it fresh.
    pub(crate) async fn open(client: Client, reference: Reference) -> Result<Self> {
        let mut follower = Follower::new(client, reference).await?;
        let first = follower.read().await?;
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(first.clone()),
            newest: watch::Sender::new(first),
            error: Mutex::new(None),
        });
        let task = tokio::spawn({
            let shared = shared.clone();
            async move { follower.follow(&shared).await }
        });
        Ok(Self(Arc::new(Held { shared, task: task.abort_handle() })))
    }

    /// The value as of now, borrowed: clone it to keep it. [`Secret::freshness`] tells how old it is, and whether it can
    /// still be read.
    pub fn get(&self) -> HandleRef {
        HandleRef(self.0.shared.current.load())
    }

    /// Why the last attempt to read the value failed, if it did: it may be gone, or denied, by now.
    pub fn last_error(&self) -> Option<Error> {
        self.0.shared.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The changes of the value from now on.
    pub fn changes(&self) -> HandleChanges {
        HandleChanges(self.0.shared.newest.subscribe())
    }

    /// Waits for the next change and gives the new value. To miss none in between, keep [`changes`](Self::changes).
    pub async fn changed(&self) -> Secret {
        let secret = self.changes().next().await;
        secret.unwrap_or_else(|| self.get().clone())
    }
}

impl HandleChanges {
    /// Waits for a value that differs from the last one given, or from the one that was current when this was made. Of
    /// several in between only the latest is given. `None` once the handle, with all its clones, is gone.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Secret> {
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Secret> + Send {
        stream::unfold(self, async |mut changes| changes.next().await.map(|secret| (secret, changes)))
    }
}

/// Reads a secret whenever it may have changed, as a reader that is never idle.
struct Follower {
    client: Client,
    provider: String,
    path: String,
    keypath: KeyPath,
    /// Tells of loads and of drops; nothing for a provider without a cache.
    landings: Option<watch::Receiver<()>>,
}

impl Follower {
    async fn new(client: Client, reference: Reference) -> Result<Self> {
        let (provider, path) = (reference.provider().to_owned(), reference.path().to_owned());
        let landings = client.landings(&provider, &path).await?;
        Ok(Self { client, provider, path, keypath: reference.keypath().clone(), landings })
    }

    async fn read(&mut self) -> Result<Secret> {
        if let Some(landings) = &mut self.landings {
            landings.mark_unchanged();
        }
        self.client.get(&self.provider, &self.path).keypath(self.keypath.clone()).await
    }

    /// Goes on until the task is aborted.
    async fn follow(&mut self, shared: &Shared) {
        let mut failures = 0;
        loop {
            let wait = match failures {
                0 => self.until_due(&shared.current.load()),
                failures => BACKOFF.wait(failures),
            };
            self.wait(wait).await;
            match self.read().await {
                Ok(secret) => {
                    failures = 0;
                    shared.put(secret);
                }
                Err(error) => {
                    failures += 1;
                    *shared.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        }
    }

    /// Until the value is to be looked at again: a look at one that is about to expire has it loaded anew.
    fn until_due(&self, secret: &Secret) -> Duration {
        let [shortest, longest] = LOOKS;
        let longest = if self.client.is_shared(&self.provider) { SHARED } else { longest };
        match secret.freshness() {
            _ if self.landings.is_none() => LOCAL,
            // The cache decides when it is due; looking some times on the way finds that moment.
            Some(freshness) => (freshness.expires_in / 20).clamp(shortest, longest),
            None => longest,
        }
    }

    async fn wait(&mut self, wait: Duration) {
        let landing = async {
            let told = match &mut self.landings {
                Some(landings) => landings.changed().await.is_ok(),
                None => false,
            };
            if !told {
                std::future::pending().await
            }
        };
        let _ = tokio::time::timeout(wait, landing).await;
    }
}

impl Shared {
    fn put(&self, secret: Secret) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.current.store(Arc::new(secret.clone()));
        // Told only of another value: a new version with the same one changes nothing for those who use it.
        self.newest.send_if_modified(|newest| {
            let differs = *newest != secret;
            *newest = secret;
            differs
        });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("current", &self.0.shared.current.load()).finish_non_exhaustive()
    }
}

impl Deref for HandleRef {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.0
    }
}

impl fmt::Debug for HandleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Secret::fmt(self, f)
    }
}

impl fmt::Debug for HandleChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandleChanges")
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;
    use crate::{
        cache::CachePolicy,
        error::{ErrorKind, Operation},
        providers::memory::{Fault, Memory},
    };

    const TTL: Duration = Duration::from_secs(100);

    fn client() -> (Memory, Client) {
        let memory = Memory::new().with("a", r#"{"k":"one","other":1}"#);
        let client = Client::builder()
            .with_provider("m", memory.clone())
            .with_cache(CachePolicy::default().with_ttl(TTL))
            .build()
            .expect("a client");
        (memory, client)
    }

    fn text(secret: &Secret) -> &str {
        secret.expose_str().expect("text")
    }

    /// Lets the clock run in small steps, as the task in the background wants to see it.
    async fn pass(seconds: u64) {
        for _ in 0..seconds {
            advance(Duration::from_secs(1)).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_handle_is_kept_fresh_though_nobody_reads_it() {
        let (memory, client) = client();
        let handle = client.handle("m://a#k").await.expect("a handle");
        assert_eq!(text(&handle.get()), "one");
        memory.set("a", r#"{"k":"two"}"#);
        pass(100).await;
        assert_eq!(text(&handle.get()), "two");
        assert_eq!(memory.calls_of(Operation::Get), 2, "one load at the start and one ahead of the end");
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_reaches_every_handle_at_once() {
        let (_, client) = client();
        let handles = [client.handle("m://a#k").await, client.handle("m://a#/k").await].map(|it| it.expect("a handle"));
        client.update("m", "a", "two").key("k").await.expect("updated");
        for handle in handles {
            let newest = async {
                while text(&handle.get()) != "two" {
                    tokio::task::yield_now().await
                }
            };
            timeout(Duration::from_secs(1), newest).await.expect("the update is seen");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_once_each_and_only_if_the_part_differs() {
        let (memory, client) = client();
        let handle = client.handle("m://a#k").await.expect("a handle");
        let mut changes = handle.changes();
        for value in ["two", "three"] {
            memory.set("a", format!("{{\"k\":\"{value}\"}}"));
            client.refresh("m", "a").await.expect("loaded");
            let change = timeout(Duration::from_secs(5), changes.next()).await.expect("in time").expect("a change");
            assert_eq!(text(&change), value);
        }
        memory.set("a", r#"{"k":"three","other":2}"#);
        client.refresh("m", "a").await.expect("loaded");
        assert!(timeout(Duration::from_secs(5), changes.next()).await.is_err(), "this part is the same");
        drop(handle);
        assert!(changes.next().await.is_none(), "the handle is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_leaves_the_value_and_says_so() {
        let (memory, client) = client();
        let handle = client.handle("m://a#k").await.expect("a handle");
        for _ in 0..1000 {
            memory.fail_next(Fault::new(ErrorKind::Unavailable));
        }
        pass(150).await;
        let secret = handle.get();
        let freshness = secret.freshness().expect("cached");
        assert!(freshness.stale && freshness.refresh_error == Some(ErrorKind::Unavailable));
        assert_eq!(text(&secret), "one");
        memory.clear_faults();
        pass(40).await;
        assert!(!handle.get().freshness().expect("cached").stale);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_is_gone_is_told_and_the_last_value_stays() {
        let (memory, client) = client();
        let handle = client.handle("m://a#k").await.expect("a handle");
        memory.remove("a");
        pass(110).await;
        assert_eq!(handle.last_error().expect("an error").kind(), ErrorKind::NotFound);
        assert_eq!(text(&handle.get()), "one");
        memory.set("a", r#"{"k":"back"}"#);
        pass(40).await;
        assert!(handle.last_error().is_none());
        assert_eq!(text(&handle.get()), "back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_handle_leaves_no_task_behind() {
        let (memory, client) = client();
        let handle = client.handle("m://a#k").await.expect("a handle");
        let clone = handle.clone();
        drop(handle);
        pass(100).await;
        assert_eq!(memory.calls(), 2, "the clone keeps it fresh");
        drop(clone);
        pass(1000).await;
        assert_eq!(memory.calls(), 2);
    }

    #[tokio::test]
    async fn what_is_not_there_has_no_handle() {
        let (_, client) = client();
        assert_eq!(client.handle("m://nope").await.expect_err("no secret").kind(), ErrorKind::NotFound);
        assert_eq!(client.handle("m://a#nope").await.expect_err("no key").kind(), ErrorKind::KeyNotFound);
        assert_eq!(client.handle("m:a").await.expect_err("no reference").kind(), ErrorKind::InvalidInput);
    }
}
