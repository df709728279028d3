//! The hazards of a cache in time, on the provider in memory and a paused clock.

mod batching; // loads that go out together, or not
mod bounds;
mod concurrent_updates; // how much is held
mod exported; // what metrics and logs tell, and what they don't
mod lifetimes; // values that end by themselves, and updates under another name
#[cfg(all(feature = "disk-cache", unix))]
mod on_disk; // all of this again with a disk behind the memory, and what the disk adds
mod revalidation; // values that are fresh again without being read

use std::{sync::Arc, time::Duration};

use tokio::time::{advance, sleep};

use super::{CachePolicy, Cached};
use crate::{
    error::{ErrorKind, Operation},
    options::{GetOptions, ListOptions, UpdateOptions},
    provider::Provider,
    providers::memory::{Fault, Memory},
    secret::{Secret, Source},
};

const TTL: Duration = Duration::from_secs(100);
const MAX_STALE: Duration = Duration::from_secs(1000);
const OUTAGES: [ErrorKind; 3] = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Throttled];

/// A cache in front of a provider; with a disk behind it, if these tests are run again for that.
fn cached<P: Provider>(provider: Arc<P>, policy: CachePolicy) -> Cached<P> {
    let cached = Cached::new(provider, policy);
    #[cfg(all(feature = "disk-cache", unix))]
    let cached = on_disk::if_run_again(cached);
    cached
}

struct Bench {
    memory: Memory,
    cached: Cached<Memory>,
}

impl Bench {
    fn new(policy: CachePolicy) -> Self {
        let memory = Memory::new().with("a", "one");
        Self { cached: cached(Arc::new(memory.clone()), policy.with_ttl(TTL).with_max_stale(MAX_STALE)), memory }
    }

    async fn try_get(&self) -> crate::Result<Secret> {
        self.cached.get("a", &GetOptions::default()).await
    }

    async fn get(&self) -> Secret {
        self.try_get().await.expect("a secret")
    }

    async fn text(&self) -> String {
        self.get().await.expose_str().expect("text").to_owned()
    }

    fn gets(&self) -> usize {
        self.memory.calls_of(Operation::Get)
    }

    /// Every further call fails, as in an outage.
    fn outage(&self, kind: ErrorKind) {
        for _ in 0..10_000 {
            self.memory.fail_next(Fault::new(kind));
        }
    }
}

/// Lets the tasks in the background run, and what they gather go out.
async fn settle() {
    sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_about_to_expire_is_loaded_behind_its_reader() {
    let bench = Bench::new(CachePolicy::default().with_refresh_ahead(0.5));
    assert_eq!(bench.text().await, "one");
    bench.memory.set("a", "two");
    advance(TTL.mul_f64(0.49)).await;
    assert_eq!((bench.text().await.as_str(), bench.gets()), ("one", 1), "not due yet");
    advance(TTL.mul_f64(0.27)).await;
    // A slow load: whoever reads meanwhile is answered at once.
    bench.memory.fail_next(Fault::delay(Duration::from_secs(5)));
    for _ in 0..100 {
        assert_eq!(bench.text().await, "one");
    }
    settle().await;
    assert_eq!(bench.gets(), 2, "one load, however many read");
    advance(Duration::from_secs(6)).await;
    settle().await;
    assert_eq!((bench.text().await.as_str(), bench.gets()), ("two", 2));
    let stats = bench.cached.stats();
    assert_eq!((stats.refreshes, stats.misses), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_idle_value_is_not_loaded() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    advance(TTL * 3).await;
    settle().await;
    assert_eq!(bench.gets(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_expired_value_is_loaded_before_it_is_answered() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    bench.memory.set("a", "two");
    advance(TTL).await;
    assert_eq!((bench.text().await.as_str(), bench.gets()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_answered_from_memory_marked_as_stale_and_within_its_bound() {
    for kind in OUTAGES {
        let bench = Bench::new(CachePolicy::default());
        bench.get().await;
        bench.outage(kind);
        advance(TTL - Duration::from_secs(1)).await;
        assert!(!bench.get().await.freshness().expect("cached").stale);
        advance(Duration::from_secs(2)).await;
        let mut reads = 0;
        while reads < 990 {
            let secret = bench.get().await;
            let freshness = secret.freshness().expect("cached");
            assert!(freshness.stale && freshness.refresh_error == Some(kind), "{freshness:?}");
            assert_eq!(freshness.expires_in, Duration::ZERO);
            advance(Duration::from_secs(1)).await;
            reads += 1;
        }
        advance(Duration::from_secs(11)).await;
        assert_eq!(bench.try_get().await.expect_err("too old").kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_met_with_a_storm() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    bench.outage(ErrorKind::Unavailable);
    advance(TTL).await;
    for _ in 0..600 {
        bench.get().await;
        advance(Duration::from_secs(1)).await;
    }
    // Pauses of 1, 2, 4, 8, 16 and then 30 s at most, 15 s at least. With a disk, the outage that is
    // noted there, by a clock that is not paused, makes some of them longer.
    let calls = bench.gets();
    assert!((10..=50).contains(&calls), "{calls} calls in 600 s");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_attempt_that_may_fail_again() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    bench.outage(ErrorKind::Timeout);
    advance(TTL).await;
    bench.get().await;
    bench.memory.clear_faults();
    for _ in 0..100 {
        // Long in coming, as when attempts run into their timeouts.
        bench.memory.fail_next(Fault::new(ErrorKind::Timeout).with_delay(Duration::from_secs(5)));
    }
    for _ in 0..200 {
        let asked = tokio::time::Instant::now();
        assert!(bench.get().await.freshness().expect("cached").stale);
        assert_eq!(asked.elapsed(), Duration::ZERO);
        sleep(Duration::from_millis(500)).await;
    }
    assert!(bench.gets() >= 5, "it is asked all the same: {}", bench.gets());
}

/// Stale since an outage that ended so long ago; since then there is a new value.
async fn after_an_outage(ago: Duration) -> Bench {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    bench.outage(ErrorKind::Unavailable);
    advance(TTL).await;
    bench.get().await;
    bench.memory.clear_faults();
    bench.memory.set("a", "two");
    advance(ago).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn reads_are_fresh_again_soon_after_an_outage() {
    let bench = after_an_outage(Duration::from_secs(2)).await;
    // This one brings it about.
    assert!(bench.get().await.freshness().expect("cached").stale);
    settle().await;
    let secret = bench.get().await;
    let freshness = secret.freshness().expect("cached");
    assert_eq!(secret.expose_bytes().expect("bytes"), b"two");
    assert!(!freshness.stale && freshness.refresh_error.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_read_long_after_an_outage_is_fresh() {
    let bench = after_an_outage(Duration::from_secs(60)).await;
    let secret = bench.get().await;
    let freshness = secret.freshness().expect("cached");
    assert_eq!(secret.expose_bytes().expect("bytes"), b"two");
    assert!(!freshness.stale && freshness.refresh_error.is_none() && freshness.source == Source::Provider);
}

#[tokio::test(start_paused = true)]
async fn stale_answers_can_be_turned_off() {
    let memory = Memory::new().with("a", "one");
    let policy = CachePolicy::default().with_ttl(TTL).with_max_stale(Duration::ZERO);
    let cached = cached(Arc::new(memory.clone()), policy);
    cached.get("a", &GetOptions::default()).await.expect("a secret");
    memory.fail_next(Fault::new(ErrorKind::Unavailable));
    advance(TTL).await;
    let error = cached.get("a", &GetOptions::default()).await.expect_err("an outage");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn gone_and_denied_are_answers_not_outages() {
    for kind in [ErrorKind::NotFound, ErrorKind::AccessDenied] {
        let bench = Bench::new(CachePolicy::default().with_negative_ttl(Duration::ZERO));
        bench.get().await;
        advance(TTL).await;
        bench.memory.fail_next(Fault::new(kind));
        assert_eq!(bench.try_get().await.expect_err("an answer").kind(), kind);
        // Dropped: an outage right after it has nothing to serve.
        bench.memory.fail_next(Fault::new(ErrorKind::Unavailable));
        assert_eq!(bench.try_get().await.expect_err("nothing held").kind(), ErrorKind::Unavailable);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_leaves_the_value_and_says_so() {
    let bench = Bench::new(CachePolicy::default().with_refresh_ahead(0.5));
    bench.get().await;
    advance(TTL.mul_f64(0.8)).await;
    bench.memory.fail_next(Fault::new(ErrorKind::Throttled));
    bench.get().await;
    settle().await;
    let freshness = bench.get().await.freshness().expect("cached");
    assert!(!freshness.stale);
    assert_eq!(freshness.refresh_error, Some(ErrorKind::Throttled));
    assert_eq!(bench.gets(), 2, "it is not tried again at once");
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_is_remembered_briefly_and_no_other_error_is() {
    let bench = Bench::new(CachePolicy::default());
    let nope = async || bench.cached.get("nope", &GetOptions::default()).await;
    for _ in 0..10 {
        assert_eq!(nope().await.expect_err("missing").kind(), ErrorKind::NotFound);
    }
    assert_eq!(bench.gets(), 1);
    bench.memory.set("nope", "made");
    advance(Duration::from_secs(5)).await;
    assert_eq!(nope().await.expect("made").expose_bytes().expect("bytes"), b"made");

    for &kind in ErrorKind::ALL.iter().filter(|kind| **kind != ErrorKind::NotFound) {
        let before = bench.gets();
        for _ in 0..2 {
            bench.memory.fail_next(Fault::new(kind));
            let error = bench.cached.get("other", &GetOptions::default()).await.expect_err("a failure");
            assert_eq!(error.kind(), kind);
        }
        assert_eq!(bench.gets() - before, 2, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_ends_what_is_remembered_of_a_missing_secret() {
    let bench = Bench::new(CachePolicy::default());
    let nope = async || bench.cached.get("nope", &GetOptions::default()).await;
    nope().await.expect_err("missing");
    bench.memory.set("nope", "made");
    bench.cached.update("nope", &"new".into(), &UpdateOptions::default()).await.expect("updated");
    assert_eq!(nope().await.expect("made").expose_bytes().expect("bytes"), b"new");
}

#[tokio::test(start_paused = true)]
async fn listings_age_as_secrets_do() {
    let bench = Bench::new(CachePolicy::default());
    let list = async || bench.cached.get_by_path("", &ListOptions::default()).await;
    let first = list().await.expect("a listing");
    assert_eq!(first.get("a").and_then(Secret::freshness).expect("cached").source, Source::Provider);
    bench.outage(ErrorKind::Timeout);
    advance(TTL).await;
    let stale = list().await.expect("a stale listing");
    let freshness = stale.get("a").and_then(Secret::freshness).expect("cached");
    assert!(freshness.stale && freshness.source == Source::Memory);
    assert_eq!(freshness.refresh_error, Some(ErrorKind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn freshness_tells_how_old_a_value_is() {
    let bench = Bench::new(CachePolicy::default());
    let first = bench.get().await;
    assert_eq!(first.freshness().expect("cached").source, Source::Provider);
    advance(Duration::from_secs(30)).await;
    let held = bench.get().await.freshness().expect("cached");
    assert_eq!((held.age, held.expires_in), (Duration::from_secs(30), TTL - Duration::from_secs(30)));
    assert_eq!((held.source, held.stale, held.refresh_error), (Source::Memory, false, None));
    // A handle that is kept grows old too.
    advance(TTL).await;
    assert!(first.freshness().expect("cached").stale);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_is_not_called_fresh() {
    let memory = Memory::new().with("a", "one");
    let cached = cached(Arc::new(memory.clone()), CachePolicy::default().with_entries(0));
    for _ in 0..2 {
        assert!(cached.get("a", &GetOptions::default()).await.expect("a secret").freshness().is_none());
    }
    assert_eq!(memory.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_counters_add_up() {
    let bench = Bench::new(CachePolicy::default());
    let (one, two) = tokio::join!(bench.get(), bench.get());
    assert_eq!(one, two);
    bench.get().await;
    let stats = bench.cached.stats();
    assert_eq!((stats.misses, stats.coalesced, stats.hits, stats.loaded, stats.entries), (2, 1, 1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_wants_nothing_from_the_cache_is_told_of_an_outage() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    bench.outage(ErrorKind::Unavailable);
    let options = GetOptions { cached: false, ..GetOptions::default() };
    let error = bench.cached.get("a", &options).await.expect_err("an outage");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        bench.cached.refresh("a", &GetOptions::default()).await.expect_err("an outage").kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(bench.text().await, "one", "what is held stays");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_secret_is_read_once_for_all_who_report_it() {
    let bench = Bench::new(CachePolicy::default());
    let old = bench.get().await;
    bench.memory.set("a", "two");
    bench.memory.fail_next(Fault::delay(Duration::from_secs(1)));
    let options = GetOptions::default();
    let reports = futures::future::join_all((0..50).map(|_| bench.cached.rejected("a", &options, &old))).await;
    for newer in reports {
        assert_eq!(newer.expect("an answer").expect("a newer one").expose_bytes().expect("bytes"), b"two");
    }
    assert_eq!(bench.gets(), 2);
    // Whoever comes late is given what is held by then.
    let newer = bench.cached.rejected("a", &options, &old).await.expect("an answer").expect("a newer one");
    assert_eq!((newer.expose_bytes().expect("bytes"), bench.gets()), (&b"two"[..], 2));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_does_not_become_a_storm() {
    let bench = Bench::new(CachePolicy::default());
    let secret = bench.get().await;
    let options = GetOptions::default();
    for _ in 0..60 {
        assert!(bench.cached.rejected("a", &options, &secret).await.expect("an answer").is_none());
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(bench.gets(), 1 + 6, "one in ten seconds");
}

/// The provider answers again only after readers have gone: their load goes on, and what it brings is held.
#[tokio::test(start_paused = true)]
async fn a_reader_that_goes_away_leaves_its_load() {
    let bench = Bench::new(CachePolicy::default());
    bench.memory.fail_next(Fault::delay(Duration::from_secs(5)));
    let left = tokio::time::timeout(Duration::from_secs(1), bench.get()).await;
    assert!(left.is_err());
    advance(Duration::from_secs(5)).await;
    settle().await;
    assert_eq!((bench.text().await.as_str(), bench.gets()), ("one", 1));
}

/// Twenty failures in a row would keep the provider from being asked for half a minute.
#[tokio::test(start_paused = true)]
async fn one_failed_batch_of_many_names_opens_the_breaker_as_one_failure() {
    let names: Vec<_> = (0..20).map(|number| format!("name-{number}")).collect();
    let memory = names.iter().fold(Memory::new(), |memory, name| memory.with(name, "one"));
    let policy = CachePolicy::default().with_ttl(TTL).with_max_stale(MAX_STALE);
    let cached = cached(Arc::new(memory.clone()), policy);
    let read_all = async || cached.get_many(&names, &GetOptions::default()).await;
    assert!(read_all().await.iter().all(Result::is_ok));
    names.iter().for_each(|name| memory.set(name, "two"));
    advance(TTL).await;
    memory.fail_next(Fault::new(ErrorKind::Unavailable));
    assert!(read_all().await.iter().all(Result::is_ok), "stale values are served");

    // The longest pause after one failure.
    advance(Duration::from_secs(1)).await;
    let calls = memory.calls_of(Operation::Get);
    read_all().await;
    settle().await;
    assert!(memory.calls_of(Operation::Get) > calls, "the provider is asked again");
    let secret = cached.get(&names[19], &GetOptions::default()).await.expect("a secret");
    assert_eq!(secret.expose_str().expect("text"), "two");
}
