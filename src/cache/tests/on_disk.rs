//! All of this again with a disk behind the memory, and what the disk adds.

mod under_load; // what it costs its callers

use std::{
    env, fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use tempfile::TempDir;

use super::*;
use crate::{
    cache::{CacheStats, DiskCache, SecondTier, disk::Disk, key::ListingKey, loader::LoadReason},
    error::Error,
    options::Version,
    provider::Listing,
    secret::Metadata,
};

/// The folder in which caches put their disks, when the tests around are run again.
const AGAIN: &str = "S1CRETS_TEST_ON_DISK";

pub(super) fn if_run_again<P: Provider>(cached: Cached<P>) -> Cached<P> {
    static CACHES: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = env::var_os(AGAIN) else { return cached };
    let own = std::path::Path::new(&folder).join(CACHES.fetch_add(1, Ordering::Relaxed).to_string());
    cached.on_disk(DiskCache::default().with_path(own), "settings")
}

/// In a process of its own, whose caches all have a disk.
#[test]
fn memory_and_disk_agree() {
    if env::var_os(AGAIN).is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut again = Command::new(env::current_exe().expect("this binary"));
    // But for the bounds, which are those of the memory; the metrics, which all tests of a process share; and a test that counts
    // on two loads of one key, of which the second finds here what the first has brought.
    for but_for in ["on_disk", "bounds", "exported", "what_was_gathered_before_an_update"] {
        again.args(["--skip", but_for]);
    }
    again.arg("cache::tests::").env(AGAIN, folder.path());
    let output = again.output().expect("a process");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let used = fs::read_dir(folder.path()).expect("a folder").count();
    assert!(used > 20, "the caches had no disk: {used}");
}

/// Processes that share a folder, as far as caches can tell: each has a memory and opens the folder for itself.
struct Shared {
    folder: TempDir,
    memory: Memory,
    policy: CachePolicy,
}

impl Shared {
    fn new(policy: CachePolicy) -> Self {
        let memory = Memory::new().with("a", "one").with("p/x", "one");
        let policy = policy.with_ttl(TTL).with_max_stale(MAX_STALE);
        Self { folder: tempfile::tempdir().expect("a folder"), memory, policy }
    }

    fn process(&self) -> Cached<Memory> {
        self.process_in(&self.memory)
    }

    fn process_in(&self, memory: &Memory) -> Cached<Memory> {
        let disk = DiskCache::default().with_path(self.folder.path().join("cache"));
        Cached::new(Arc::new(memory.clone()), self.policy).on_disk(disk, "settings")
    }

    fn calls(&self) -> usize {
        self.memory.calls()
    }
}

async fn get(cached: &Cached<Memory>) -> Secret {
    cached.get("a", &GetOptions::default()).await.expect("a secret")
}

async fn text(cached: &Cached<Memory>) -> String {
    get(cached).await.expose_str().expect("text").to_owned()
}

async fn list(cached: &Cached<Memory>) -> Listing {
    cached.get_by_path("p", &ListOptions::default()).await.expect("a listing")
}

fn uncached() -> GetOptions {
    GetOptions { cached: false, ..GetOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_nothing_is_loaded_again_and_nothing_is_younger() {
    let shared = Shared::new(CachePolicy::default().with_refresh_ahead(1.0));
    let before = shared.process();
    let (secret, listing) = (get(&before).await, list(&before).await);
    drop(before);
    advance(TTL / 2).await;
    let after = shared.process();
    let (again, listed) = (get(&after).await, list(&after).await);
    assert_eq!((&again, again.version()), (&secret, secret.version()));
    assert!(listed.iter().eq(listing.iter()));
    for (_, secret) in listed.iter().chain([("a", &again)]) {
        let freshness = secret.freshness().expect("cached");
        assert_eq!((freshness.source, freshness.stale), (Source::Disk, false));
        assert!(freshness.age >= TTL / 2 - Duration::from_millis(2), "{freshness:?}");
        assert!(freshness.expires_in <= TTL / 2 + Duration::from_millis(2), "{freshness:?}");
    }
    assert_eq!(get(&after).await.freshness().expect("cached").source, Source::Memory);
    assert_eq!(shared.calls(), 2);
    let CacheStats { hits, restored, misses, .. } = after.stats();
    assert_eq!((hits, restored, misses), (3, 2, 0));
    // The time goes on where it was.
    advance(TTL / 2).await;
    text(&after).await;
    list(&after).await;
    assert_eq!(shared.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_after_a_restart_is_served_and_loaded_behind() {
    let shared = Shared::new(CachePolicy::default().with_refresh_ahead(0.5));
    text(&shared.process()).await;
    shared.memory.set("a", "two");
    advance(TTL.mul_f64(0.8)).await;
    let after = shared.process();
    assert_eq!(text(&after).await, "one");
    settle().await;
    assert_eq!((text(&after).await.as_str(), shared.calls()), ("two", 2));
    assert_eq!((text(&shared.process()).await.as_str(), shared.calls()), ("two", 2), "the disk has the new one too");
}

#[tokio::test(start_paused = true)]
async fn what_another_process_has_loaded_anew_is_not_loaded_again() {
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
async fn an_outage_after_a_restart_is_answered_from_disk_within_its_bound() {
    for kind in OUTAGES {
        let shared = Shared::new(CachePolicy::default());
        text(&shared.process()).await;
        let fail = || (0..1000).for_each(|_| shared.memory.fail_next(Fault::new(kind)));
        fail();
        advance(TTL + MAX_STALE / 2).await;
        let secret = get(&shared.process()).await;
        let freshness = secret.freshness().expect("cached");
        assert!(freshness.stale && freshness.refresh_error == Some(kind), "{freshness:?}");
        assert!(freshness.age >= TTL + MAX_STALE / 2 - Duration::from_millis(2), "{freshness:?}");
        let told = shared.process().get("a", &uncached()).await.expect_err("nothing old for whoever wants nothing old");
        assert_eq!(told.kind(), kind);
        advance(MAX_STALE / 2).await;
        let told = shared.process().get("a", &GetOptions::default()).await.expect_err("too old");
        assert_eq!(told.kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_denied_is_gone_from_disk() {
    for kind in [ErrorKind::NotFound, ErrorKind::AccessDenied] {
        let shared = Shared::new(CachePolicy::default());
        text(&shared.process()).await;
        shared.memory.fail_next(Fault::new(kind));
        shared.process().get("a", &uncached()).await.expect_err("an answer");
        let calls = shared.calls();
        text(&shared.process()).await;
        assert_eq!(shared.calls(), calls + 1, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_and_what_is_missing_are_not_kept_on_disk() {
    let shared = Shared::new(CachePolicy::default());
    for kind in ErrorKind::ALL {
        shared.memory.fail_next(Fault::new(kind));
        shared.process().get("late", &GetOptions::default()).await.expect_err("a failure");
    }
    shared.memory.set("late", "x");
    shared.process().get("late", &GetOptions::default()).await.expect("a secret");
}

#[tokio::test(start_paused = true)]
async fn a_listing_with_failures_is_not_kept_on_disk() {
    let shared = Shared::new(CachePolicy::default());
    let disk = Disk::new(DiskCache::default().with_path(shared.folder.path().join("cache")), 10);
    let behind = SecondTier::on_disk(disk, "settings".to_owned());
    let readable = || [("p/a".to_owned(), Secret::text("x", Metadata::default()))].into();
    let whole = Listing::new(readable(), Default::default());
    let partial = Listing::new(readable(), [("p/b".to_owned(), Error::unanswered())].into());
    for (path, listing, kept) in [("whole", whole, true), ("partial", partial, false)] {
        let key = ListingKey::new(path, &ListOptions::default());
        behind.load(vec![key.clone()], LoadReason::Missing, &shared.policy, async |_| vec![Ok(listing)]).await;
        assert_eq!(behind.restore::<Listing>(&key).is_some(), kept, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_listing_is_kept_on_disk_and_grows_old() {
    let shared = Shared::new(CachePolicy::default());
    let empty = |cached: Cached<Memory>| async move {
        cached.get_by_path("nothing", &ListOptions::default()).await.expect("a listing").len()
    };
    assert_eq!((empty(shared.process()).await, empty(shared.process()).await, shared.calls()), (0, 0, 1));
    advance(TTL - Duration::from_secs(1)).await;
    empty(shared.process()).await;
    assert_eq!(shared.calls(), 1);
    advance(Duration::from_secs(2)).await;
    empty(shared.process()).await;
    assert_eq!(shared.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_update_is_seen_by_the_memory_of_other_processes_at_once() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    for cached in [&ours, &theirs] {
        text(cached).await;
        list(cached).await;
    }
    assert_eq!(shared.calls(), 2);
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!(text(&theirs).await, "two");
    assert_eq!(text(&ours).await, "two");
    ours.update("p/x", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    for cached in [&theirs, &ours, &shared.process()] {
        let listing = list(cached).await;
        assert_eq!(listing.get("p/x").expect("an entry").expose_bytes(), b"two");
    }
    assert_eq!(shared.calls(), 6, "two updates, and a load of each that changed");
    // What did not change was found on the disk.
    assert_eq!((text(&theirs).await.as_str(), shared.calls()), ("two", 6));
}

#[tokio::test(start_paused = true)]
async fn an_update_drops_no_more_of_its_own_memory_than_has_to_go() {
    let shared = Shared::new(CachePolicy::default());
    let ours = shared.process();
    text(&ours).await;
    ours.invalidate("other");
    assert_eq!(get(&ours).await.freshness().expect("cached").source, Source::Memory);
    ours.invalidate("a");
    text(&ours).await;
    assert_eq!((ours.stats().restored, shared.calls()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_before_an_update_elsewhere_is_kept_nowhere() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), Arc::new(shared.process()));
    // Memory answers as of when the call ends, so the old answer is made by a store of its own.
    let old = Memory::new().with("a", "old");
    let slow = Arc::new(shared.process_in(&old));
    old.fail_next(Fault::delay(Duration::from_secs(2)));
    let reading = tokio::spawn({
        let slow = slow.clone();
        async move { text(&slow).await }
    });
    sleep(Duration::from_secs(1)).await;
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!(reading.await.expect("no panic"), "old");
    assert_eq!(text(&theirs).await, "two", "nothing old came onto the disk");
    assert_eq!(text(&slow).await, "two", "nor did it stay in the memory of whoever read it");
}

#[tokio::test(start_paused = true)]
async fn eight_that_miss_at_once_make_one_call() {
    let shared = Shared::new(CachePolicy::default());
    for (round, delay) in [0, 10, 1000, 4000].into_iter().enumerate() {
        let name = format!("n/{round}");
        shared.memory.set(&name, "x");
        shared.memory.fail_next(Fault::delay(Duration::from_millis(delay)));
        let processes: Vec<_> = (0..8).map(|_| shared.process()).collect();
        let options = GetOptions::default();
        let reads = processes.iter().map(|cached| cached.get(&name, &options));
        for read in futures::future::join_all(reads).await {
            assert_eq!(read.expect("a secret").expose_bytes(), b"x");
        }
        assert_eq!(shared.calls(), round + 1, "{delay} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_of_the_same_names_are_called_for_once() {
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
            names.iter().zip(answers).all(|(name, answer)| answer.expect("a secret").expose_bytes() == name.as_bytes())
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
async fn nobody_waits_for_a_load_from_before_an_update() {
    let shared = Shared::new(CachePolicy::default());
    let (slow, ours) = (Arc::new(shared.process()), shared.process());
    shared.memory.fail_next(Fault::delay(Duration::from_secs(4)));
    let reading = tokio::spawn({
        let slow = slow.clone();
        async move { text(&slow).await }
    });
    settle().await;
    let started = tokio::time::Instant::now();
    ours.update("a", &"two".into(), &UpdateOptions::default()).await.expect("an update");
    assert_eq!((text(&ours).await.as_str(), text(&slow).await.as_str()), ("two", "two"));
    assert!(started.elapsed() < Duration::from_secs(1));
    reading.await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn whoever_wants_nothing_from_a_cache_gets_nothing_from_disk_and_keeps_for_others() {
    let shared = Shared::new(CachePolicy::default());
    text(&shared.process()).await;
    shared.memory.set("a", "two");
    let fresh = shared.process().get("a", &uncached()).await.expect("a secret");
    assert_eq!((fresh.expose_bytes(), shared.calls()), (&b"two"[..], 2));
    assert_eq!((text(&shared.process()).await.as_str(), shared.calls()), ("two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_secret_is_replaced_by_the_newer_one_that_another_process_has() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    let refused = get(&ours).await;
    text(&theirs).await;
    shared.memory.set("a", "two");
    advance(Duration::from_secs(1)).await;
    for cached in [&theirs, &ours] {
        let newer = cached.rejected("a", &GetOptions::default(), &refused).await.expect("an answer");
        assert_eq!(newer.expect("a newer one").expose_bytes(), b"two");
    }
    assert_eq!(shared.calls(), 2, "one load for both");
}

#[tokio::test(start_paused = true)]
async fn versions_and_keypaths_share_what_they_can_and_no_more() {
    let shared = Shared::new(CachePolicy::default());
    shared.memory.set("a", r#"{"k":"two"}"#);
    let versions = [Version::Current, Version::Number(1), Version::Number(2)];
    for _ in 0..2 {
        let process = shared.process();
        let mut read = Vec::new();
        for version in &versions {
            let options = GetOptions::default().with_version(version.clone());
            read.push(process.get("a", &options).await.expect("a version"));
        }
        assert_eq!((read[1].expose_bytes(), read[0] == read[2]), (&b"one"[..], true));
        assert_eq!(read[0].key("k").expect("a key").expose_bytes(), b"two");
    }
    assert_eq!(shared.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn clear_clears_the_disk_and_the_memory_of_all() {
    let shared = Shared::new(CachePolicy::default());
    let (ours, theirs) = (shared.process(), shared.process());
    text(&ours).await;
    text(&theirs).await;
    // A thread without a runtime removes the records itself.
    std::thread::scope(|scope| scope.spawn(|| ours.clear()).join().expect("no panic"));
    shared.memory.set("a", "two");
    assert_eq!((text(&theirs).await.as_str(), text(&ours).await.as_str(), shared.calls()), ("two", "two", 2));
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_goes_away_is_no_error() {
    let shared = Shared::new(CachePolicy::default());
    let cached = shared.process();
    text(&cached).await;
    fs::remove_dir_all(shared.folder.path()).expect("a folder");
    shared.memory.set("a", "two");
    text(&cached).await;
    cached.invalidate("a");
    assert_eq!(text(&cached).await, "two");
}
