//! How much is held.

use super::*;

struct Bounded {
    memory: Memory,
    cached: Cached<Memory>,
}

impl Bounded {
    fn new(policy: CachePolicy) -> Self {
        let memory = Memory::new();
        Self { cached: cached(Arc::new(memory.clone()), policy.with_ttl(TTL)), memory }
    }

    /// Makes a secret of that many bytes, its name and version included, and reads it.
    async fn read(&self, name: &str, bytes: usize) {
        let value = vec![b'x'; bytes - name.len() - "1".len()];
        self.memory.set(name, value);
        self.cached.get(name, &GetOptions::default()).await.expect("a secret");
    }

    fn holds(&self, name: &str) -> bool {
        self.cached.held(name, &GetOptions::default()).is_some()
    }
}

#[tokio::test(start_paused = true)]
async fn the_bytes_stay_within_their_bound_and_the_newest_stay() {
    let bounded = Bounded::new(CachePolicy::default().with_max_bytes(10_000));
    for index in 0..100 {
        let name = format!("n/{index:02}");
        bounded.read(&name, 1000).await;
        let stats = bounded.cached.stats();
        assert!(stats.bytes <= 10_000 && bounded.holds(&name), "{stats:?}");
        advance(Duration::from_millis(1)).await;
    }
    let stats = bounded.cached.stats();
    assert!(stats.entries >= 9 && stats.evicted == 100 - stats.entries, "{stats:?}");
    assert!(!bounded.holds("n/00"));
}

#[tokio::test(start_paused = true)]
async fn many_small_values_and_a_large_one_fit_as_far_as_their_bytes_do() {
    let bounded = Bounded::new(CachePolicy::default().with_entries(1000).with_max_bytes(100_000));
    for index in 0..900 {
        bounded.read(&format!("n/{index:03}"), 20).await;
    }
    bounded.read("large", 80_000).await;
    let stats = bounded.cached.stats();
    assert_eq!((stats.entries, stats.bytes, stats.evicted), (901, 98_000, 0));
}

#[tokio::test(start_paused = true)]
async fn the_entries_stay_within_their_bound_too() {
    let bounded = Bounded::new(CachePolicy::default().with_entries(10).with_max_bytes(100_000));
    for index in 0..100 {
        bounded.read(&format!("n/{index:02}"), 20).await;
    }
    let stats = bounded.cached.stats();
    assert_eq!((stats.entries, stats.bytes, stats.evicted), (10, 200, 90));
}

#[tokio::test(start_paused = true)]
async fn a_value_larger_than_the_bound_is_served_and_not_kept() {
    let bounded = Bounded::new(CachePolicy::default().with_max_bytes(100));
    bounded.read("a", 50).await;
    bounded.read("large", 101).await;
    assert!(bounded.holds("a") && !bounded.holds("large"));
    assert_eq!(bounded.cached.stats().bytes, 50);
}

#[tokio::test(start_paused = true)]
async fn what_is_replaced_or_dropped_counts_no_more() {
    let bounded = Bounded::new(CachePolicy::default().with_max_bytes(1000));
    for bytes in [100, 300, 200] {
        bounded.read("a", bytes).await;
        bounded.cached.refresh("a", &GetOptions::default()).await.expect("a secret");
        assert_eq!(bounded.cached.stats().bytes, bytes as u64);
    }
    bounded.read("b", 100).await;
    bounded.cached.invalidate("a");
    assert_eq!(bounded.cached.stats().bytes, 100);
    bounded.cached.clear();
    assert_eq!((bounded.cached.stats().bytes, bounded.cached.stats().entries), (0, 0));
    assert_eq!(bounded.cached.stats().evicted, 0, "nothing had to make room");
}

#[tokio::test(start_paused = true)]
async fn listings_have_a_bound_of_their_own() {
    let bounded = Bounded::new(CachePolicy::default().with_max_bytes(1000));
    bounded.read("p/a", 600).await;
    let listing = bounded.cached.get_by_path("p", &ListOptions::default()).await.expect("a listing");
    assert_eq!(listing.len(), 1);
    let stats = bounded.cached.stats();
    assert_eq!((stats.entries, stats.bytes), (2, 600 + 600 + "p/a".len() as u64));
}
