//! Loads that processes share through the disk.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_value_that_another_process_refreshed_is_not_loaded_again() {
    let shared = Shared::new(CachePolicy::default().with_refresh_ahead(0.5));
    let (ours, theirs) = (shared.process(), shared.process());
    text(&ours).await;
    text(&theirs).await;
    advance(TTL.mul_f64(0.8)).await;
    shared.memory.set("a", "two");
    text(&theirs).await;
    settle().await;
    assert_eq!((text(&theirs).await.as_str(), shared.calls()), ("two", 2));
    assert_eq!(text(&ours).await, "one", "what is held is served at once");
    settle().await;
    assert_eq!((text(&ours).await.as_str(), shared.calls()), ("two", 2));
    // Nor is what has expired here and not there.
    advance(TTL.mul_f64(0.4)).await;
    assert_eq!((text(&shared.process()).await.as_str(), shared.calls()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn eight_processes_that_miss_at_once_make_one_call() {
    let shared = Shared::new(CachePolicy::default());
    for (round, delay) in [0, 10, 1000, 4000].into_iter().enumerate() {
        let name = format!("n/{round}");
        shared.memory.set(&name, "x");
        shared.memory.fail_next(Fault::delay(Duration::from_millis(delay)));
        let processes: Vec<_> = (0..8).map(|_| shared.process()).collect();
        let options = GetOptions::default();
        let reads = processes.iter().map(|cached| cached.get(&name, &options));
        for read in futures::future::join_all(reads).await {
            assert_eq!(read.expect("a secret").expose_bytes().expect("bytes"), b"x");
        }
        assert_eq!(shared.calls(), round + 1, "{delay} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn eight_processes_that_miss_the_same_batch_make_one_call() {
    let shared = Shared::new(CachePolicy::default());
    let names: Vec<_> = (0..100).map(|number| format!("n/{number}")).collect();
    names.iter().for_each(|name| shared.memory.set(name, name.as_str()));
    shared.memory.fail_next(Fault::delay(Duration::from_secs(1)));
    let processes: Vec<_> = (0..8).map(|_| shared.process()).collect();
    let options = GetOptions::default();
    let reads = processes.iter().enumerate().map(|(number, cached)| {
        let mut names = names.clone();
        // In any order.
        names.rotate_left(number * 13);
        let options = &options;
        async move {
            let answers = cached.get_many(&names, options).await;
            names
                .iter()
                .zip(answers)
                .all(|(name, answer)| answer.expect("a secret").expose_bytes().expect("bytes") == name.as_bytes())
        }
    });
    assert!(futures::future::join_all(reads).await.into_iter().all(|right| right));
    assert_eq!(shared.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_elsewhere_that_takes_too_long_is_not_waited_for() {
    let shared = Shared::new(CachePolicy::default());
    let (stuck, ours) = (Arc::new(shared.process()), shared.process());
    shared.memory.fail_next(Fault::delay(Duration::from_secs(3600)));
    let reading = tokio::spawn({
        let stuck = stuck.clone();
        async move { text(&stuck).await }
    });
    settle().await;
    let started = tokio::time::Instant::now();
    assert_eq!(text(&ours).await, "one");
    assert!(started.elapsed() < Duration::from_secs(6));
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn an_uncached_read_ignores_the_disk_and_stores_its_answer_there() {
    let shared = Shared::new(CachePolicy::default());
    text(&shared.process()).await;
    shared.memory.set("a", "two");
    let fresh = shared.process().get("a", &uncached()).await.expect("a secret");
    assert_eq!((fresh.expose_bytes().expect("bytes"), shared.calls()), (&b"two"[..], 2));
    assert_eq!((text(&shared.process()).await.as_str(), shared.calls()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_secret_is_replaced_by_the_newer_one_of_another_process() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    let refused = get(&ours).await;
    text(&theirs).await;
    shared.memory.set("a", "two");
    advance(Duration::from_secs(1)).await;
    for cached in [&theirs, &ours] {
        let newer = cached.rejected("a", &GetOptions::default(), &refused).await.expect("an answer");
        assert_eq!(newer.expect("a newer one").expose_bytes().expect("bytes"), b"two");
    }
    assert_eq!(shared.calls(), 2, "one load for both");
}
