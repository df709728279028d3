//! Values that are fresh again without being read.

use super::*;

fn bench() -> Bench {
    Bench::new(CachePolicy::default().with_revalidate(true).with_refresh_ahead(0.5))
}

impl Bench {
    fn versions(&self) -> usize {
        self.memory.calls_of(Operation::Version)
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_value_is_fresh_again_without_being_read() {
    let bench = bench();
    bench.get().await;
    for round in 1..=10 {
        // Due, so that it happens behind the reader; expired, so that the reader waits.
        advance(if round % 2 == 0 { TTL.mul_f64(0.8) } else { TTL }).await;
        bench.get().await;
        settle().await;
        let freshness = bench.get().await.freshness().expect("cached");
        assert!(freshness.age <= Duration::from_millis(20) && !freshness.stale, "round {round}: {freshness:?}");
        assert_eq!((bench.gets(), bench.versions()), (1, round));
    }
    let stats = bench.cached.stats();
    assert_eq!((stats.revalidated, stats.loaded, stats.calls), (10, 1, 11));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_confirmed_for_its_reader_says_so() {
    let bench = bench();
    bench.get().await;
    advance(TTL * 2).await;
    let freshness = bench.get().await.freshness().expect("cached");
    assert_eq!((freshness.source, freshness.age, freshness.expires_in), (Source::Provider, Duration::ZERO, TTL));
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_is_read() {
    let bench = bench();
    bench.get().await;
    bench.memory.set("a", "two");
    advance(TTL).await;
    assert_eq!((bench.text().await.as_str(), bench.gets(), bench.versions()), ("two", 2, 1));
    assert_eq!(bench.cached.stats().revalidated, 0);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_ask_for_versions_reads_and_is_not_refused_at_every_turn() {
    let bench = bench();
    bench.get().await;
    bench.memory.set("b", "b");
    bench.memory.fail_next(Fault::new(ErrorKind::AccessDenied).with_operation(Operation::Version));
    for reads in 2..=5 {
        advance(TTL).await;
        assert_eq!((bench.text().await.as_str(), bench.gets()), ("one", reads));
        assert_eq!((bench.versions(), bench.cached.stats().revalidation_denied), (1, 1));
    }
    // Another secret may have other rights.
    let beside = async || bench.cached.get("b", &GetOptions::default()).await.expect("a secret");
    beside().await;
    advance(TTL).await;
    beside().await;
    assert_eq!((bench.gets(), bench.versions()), (6, 2));
    // Rights may be given later.
    advance(Duration::from_secs(6 * 60 * 60)).await;
    bench.get().await;
    advance(TTL).await;
    bench.get().await;
    assert_eq!((bench.gets(), bench.versions()), (7, 3));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_met_with_one_question_and_the_value_that_is_held() {
    let bench = bench();
    bench.get().await;
    bench.outage(ErrorKind::Unavailable);
    advance(TTL).await;
    let freshness = bench.get().await.freshness().expect("cached");
    assert!(freshness.stale && freshness.refresh_error == Some(ErrorKind::Unavailable));
    assert_eq!((bench.gets(), bench.versions(), bench.cached.stats().failed), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_gone_is_not_confirmed() {
    let bench = bench();
    bench.get().await;
    bench.memory.remove("a");
    advance(TTL).await;
    assert_eq!(bench.try_get().await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert!(bench.cached.held("a", &GetOptions::default()).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_wants_nothing_from_the_cache_is_given_a_value_that_was_read() {
    let bench = bench();
    bench.get().await;
    let options = GetOptions { cached: false, ..GetOptions::default() };
    bench.cached.get("a", &options).await.expect("a secret");
    assert_eq!((bench.gets(), bench.versions()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_an_update_overtook_is_not_confirmed() {
    let bench = bench();
    bench.get().await;
    advance(TTL).await;
    bench.memory.fail_next(Fault::delay(Duration::from_secs(1)).with_operation(Operation::Version));
    let mut slow = Box::pin(bench.get());
    assert!(futures::poll!(&mut slow).is_pending());
    settle().await;
    bench.cached.update("a", &"two".into(), &UpdateOptions::default()).await.expect("updated");
    assert_eq!(bench.text().await, "two");
    slow.await;
    assert_eq!(bench.text().await, "two");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_versions_by_default() {
    let bench = Bench::new(CachePolicy::default());
    bench.get().await;
    advance(TTL).await;
    bench.get().await;
    assert_eq!((bench.gets(), bench.versions()), (2, 0));
}
