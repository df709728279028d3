//! Outages that processes tell each other about through the disk.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A secret on disk that has expired, and a provider that fails from now on.
async fn expired(kind: ErrorKind) -> Shared {
    let shared = Shared::new(CachePolicy::default());
    text(&shared.process()).await;
    advance(TTL + SECOND).await;
    (0..1000).for_each(|_| shared.memory.fail_next(Fault::new(kind)));
    shared
}

#[tokio::test(start_paused = true)]
async fn processes_one_after_another_do_not_each_wait_for_a_failing_provider() {
    for kind in OUTAGES {
        let shared = expired(kind).await;
        for process in 0..10 {
            let secret = get(&shared.process()).await;
            let freshness = secret.freshness().expect("cached");
            let told = (freshness.stale, freshness.source, freshness.refresh_error);
            assert_eq!(told, (true, Source::Disk, Some(kind)), "process {process}");
        }
        assert_eq!(shared.calls(), 2, "the first one asks, for all");
        // For one second at most, then for two, and so on: the provider is asked all the same.
        let mut asked = Vec::new();
        for second in 1..100 {
            advance(SECOND).await;
            let before = shared.calls();
            get(&shared.process()).await;
            if shared.calls() > before {
                asked.push(second);
            }
        }
        let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(asked[0], 1, "{asked:?}");
        assert!(waits.iter().all(|wait| *wait <= 31) && asked.len() < 15, "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_the_outage_for_all_processes() {
    let shared = expired(ErrorKind::Unavailable).await;
    get(&shared.process()).await;
    shared.memory.clear_faults();
    shared.memory.set("a", "two");
    shared.memory.set("b", "x");
    assert_eq!(text(&shared.process()).await, "one", "the outage is believed");
    shared.process().get("b", &GetOptions::default()).await.expect("a read without a value asks");
    assert_eq!(text(&shared.process()).await, "two");
}

#[tokio::test(start_paused = true)]
async fn a_read_without_a_value_asks_however_often_the_provider_has_failed() {
    let shared = expired(ErrorKind::Unavailable).await;
    get(&shared.process()).await;
    for _ in 0..3 {
        let calls = shared.calls();
        shared.process().get("b", &GetOptions::default()).await.expect_err("an outage");
        shared.process().get("a", &uncached()).await.expect_err("an outage");
        assert_eq!(shared.calls(), calls + 2);
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_meet_an_outage_together_make_one_call() {
    let shared = Shared::new(CachePolicy::default());
    text(&shared.process()).await;
    advance(TTL + SECOND).await;
    (0..100).for_each(|_| shared.memory.fail_next(Fault::new(ErrorKind::Timeout).with_delay(SECOND)));
    let processes: Vec<_> = (0..8).map(|_| shared.process()).collect();
    let reads = futures::future::join_all(processes.iter().map(get)).await;
    assert!(reads.iter().all(|secret| secret.freshness().is_some_and(|freshness| freshness.stale)));
    assert_eq!(shared.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_served_from_disk_while_the_provider_fails() {
    let shared = Shared::new(CachePolicy::default());
    list(&shared.process()).await;
    advance(TTL + SECOND).await;
    (0..100).for_each(|_| shared.memory.fail_next(Fault::new(ErrorKind::Unavailable)));
    for _ in 0..5 {
        let listing = list(&shared.process()).await;
        let (_, secret) = listing.iter().next().expect("a secret");
        let freshness = secret.freshness().expect("cached");
        assert_eq!((freshness.stale, freshness.source), (true, Source::Disk));
    }
    assert_eq!(shared.calls(), 2);
}

/// Nothing in the file is believed beyond the longest wait, and nonsense is no outage.
#[tokio::test(start_paused = true)]
async fn an_outage_file_with_any_content_stops_no_read() {
    let shared = expired(ErrorKind::Unavailable).await;
    get(&shared.process()).await;
    let files = fs::read_dir(shared.folder.path().join("cache")).expect("a folder");
    let mut paths = files.map(|entry| entry.expect("an entry").path());
    let file = paths.find(|path| path.to_string_lossy().contains("/o-")).expect("an outage");
    for content in
        [&b""[..], b"nonsense", &[0xff; 26], b"s1co\x01\x00\0\0\0\x01\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"]
    {
        fs::write(&file, content).expect("written");
        let calls = shared.calls();
        get(&shared.process()).await;
        assert_eq!(shared.calls(), calls + 1, "{content:?}");
    }
}
