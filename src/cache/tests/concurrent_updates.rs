//! Reads while a secret is updated, on several threads.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::secret::SecretValue;

/// A read that begins after an update has returned never gives an older value: neither from the map
/// of reads, nor from a load that was under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_is_older_than_the_last_finished_update() {
    const UPDATES: u64 = 1_000;
    let cached = Arc::new(cached(Arc::new(Memory::new().with("a", "0")), CachePolicy::default()));
    let (finished, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (cached, finished, reads) = (cached.clone(), finished.clone(), reads.clone());
            tokio::spawn(async move {
                loop {
                    let oldest = finished.load(Ordering::SeqCst);
                    for _ in 0..16 {
                        let secret = cached.get("a", &GetOptions::default()).await.expect("a secret");
                        let value: u64 = secret.expose_str().expect("text").parse().expect("a number");
                        assert!(value >= oldest, "{value} after the update to {oldest}");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                    if oldest == UPDATES {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for update in 1..=UPDATES {
        // Some updates follow each other at once, others after many reads.
        if update % 4 == 0 {
            let seen = reads.load(Ordering::Relaxed);
            while reads.load(Ordering::Relaxed) < seen + 1_000 {
                assert!(!readers.iter().any(tokio::task::JoinHandle::is_finished), "a read was stale");
                tokio::task::yield_now().await;
            }
        }
        let value = SecretValue::text(update.to_string());
        cached.update("a", &value, &UpdateOptions::default()).await.expect("updated");
        finished.store(update, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.expect("no stale read");
    }
    assert!(reads.load(Ordering::Relaxed) >= 250_000);
}
