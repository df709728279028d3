//! The cache with a disk cache behind it: all tests around again, and what the disk adds.

mod loads; // loads that processes share
mod outages; // failing providers that processes tell each other about
mod under_load; // threads, reads and file descriptors that it takes
mod updates; // what updates and clears drop

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

/// The variable with the folder for disk caches, set for the process that runs the tests around
/// again.
const AGAIN: &str = "S1CRETS_TEST_ON_DISK";

pub(super) fn if_run_again<P: Provider>(cached: Cached<P>) -> Cached<P> {
    static CACHES: AtomicUsize = AtomicUsize::new(0);
    let Some(folder) = env::var_os(AGAIN) else { return cached };
    let own = std::path::Path::new(&folder).join(CACHES.fetch_add(1, Ordering::Relaxed).to_string());
    cached.with_disk_cache(DiskCache::default().with_path(own), "settings")
}

/// Runs the tests around in a process whose caches all have a disk.
#[test]
fn all_cache_tests_pass_with_a_disk() {
    if env::var_os(AGAIN).is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut again = Command::new(env::current_exe().expect("this binary"));
    // Bounds are those of memory. Metrics are shared by all tests of a process. The last one counts
    // on two loads of one key, and here the second finds what the first has stored.
    for skipped in ["on_disk", "bounds", "exported", "what_was_gathered_before_an_update"] {
        again.args(["--skip", skipped]);
    }
    again.arg("cache::tests::").env(AGAIN, folder.path());
    let output = again.output().expect("a process");
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let used = fs::read_dir(folder.path()).expect("a folder").count();
    assert!(used > 20, "the caches had no disk: {used}");
}

/// A folder shared by processes, as far as caches can tell: each has a memory of its own, and opens
/// the folder for itself.
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
        Cached::new(Arc::new(memory.clone()), self.policy).with_disk_cache(disk, "settings")
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
async fn a_restart_loads_nothing_again_and_makes_nothing_younger() {
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
async fn a_value_due_after_a_restart_is_served_and_refreshed_in_the_background() {
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
async fn an_outage_after_a_restart_is_answered_from_disk_within_max_stale() {
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
async fn a_missing_or_denied_secret_is_removed_from_disk() {
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
async fn errors_are_not_stored_on_disk() {
    let shared = Shared::new(CachePolicy::default());
    for &kind in ErrorKind::ALL {
        shared.memory.fail_next(Fault::new(kind));
        shared.process().get("late", &GetOptions::default()).await.expect_err("a failure");
    }
    shared.memory.set("late", "x");
    shared.process().get("late", &GetOptions::default()).await.expect("a secret");
}

#[tokio::test(start_paused = true)]
async fn a_listing_with_failures_is_not_stored_on_disk() {
    let shared = Shared::new(CachePolicy::default());
    let disk = Disk::new(DiskCache::default().with_path(shared.folder.path().join("cache")), 10);
    let second_tier = SecondTier::on_disk(disk, "settings".to_owned());
    let readable = || [("p/a".to_owned(), Secret::text("x", Metadata::default()))].into();
    let whole = Listing::new(readable(), Default::default());
    let partial = Listing::new(readable(), [("p/b".to_owned(), Error::unanswered())].into());
    for (path, listing, kept) in [("whole", whole, true), ("partial", partial, false)] {
        let key = ListingKey::new(path, &ListOptions::default());
        second_tier.load(vec![key.clone()], LoadReason::Missing, &shared.policy, async |_| vec![Ok(listing)]).await;
        assert_eq!(second_tier.restore::<Listing>(&key).is_some(), kept, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_listing_is_stored_on_disk_and_expires() {
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
async fn versions_have_records_of_their_own_and_keypaths_share_one() {
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
        assert_eq!((read[1].expose_bytes().expect("bytes"), read[0] == read[2]), (&b"one"[..], true));
        assert_eq!(read[0].key("k").expect("a key").expose_bytes().expect("bytes"), b"two");
    }
    assert_eq!(shared.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_deleted_is_no_error() {
    let shared = Shared::new(CachePolicy::default());
    let cached = shared.process();
    text(&cached).await;
    fs::remove_dir_all(shared.folder.path()).expect("a folder");
    shared.memory.set("a", "two");
    text(&cached).await;
    cached.invalidate("a");
    assert_eq!(text(&cached).await, "two");
}
