//! Calls on a provider that is not open yet, and paths that no backend takes.

use std::collections::HashMap;

use super::*;
use crate::{
    cache::CachePolicy, client::registry::Opening, error::ErrorKind, providers::memory::Memory, single_flight::Executor,
};

fn client(memory: &Memory) -> Client {
    Client::builder().with_provider("m", memory.clone()).build().expect("a client")
}

/// Paths that could be taken for another entry's key, or that no backend takes.
const CRAFTED: [&str; 6] = ["a\0n1", "a\0", "\0", "a\nb", "a\u{7f}", "a\u{85}"];

#[tokio::test]
async fn a_crafted_path_is_refused_whatever_the_cache_holds() {
    let memory = Memory::new().with("a", "one");
    memory.set("a", "two");
    let client = client(&memory);
    client.get("m", "a").version(1).await.expect("the old version");
    client.get("m", "a").await.expect("the current one");
    let (stats, calls) = (client.stats("m"), memory.calls());
    for path in CRAFTED {
        let refused = |error: Error| assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}: {error}");
        let uncached = client.get("m", path).cached(false).await.expect_err("refused");
        let cached = client.get("m", path).await.expect_err("refused");
        assert_eq!(cached.to_string(), uncached.to_string());
        refused(cached);
        refused(client.get("m", path).default("spare").await.expect_err("refused"));
        refused(client.get("m", path).version(1).await.expect_err("refused"));
        refused(client.get_by_path("m", path).await.expect_err("refused"));
        refused(client.path_exists("m", path).await.expect_err("refused"));
        refused(client.update("m", path, "x").await.expect_err("refused"));
        refused(client.refresh("m", path).await.expect_err("refused"));
        refused(client.invalidate("m", path).expect_err("refused"));
        let old = Secret::text("one", crate::Metadata::default());
        refused(client.rejected("m", path, &old).await.expect_err("refused"));
        let escaped: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let reference = format!("m://{escaped}");
        refused(client.get_refs([&reference]).await.remove(0).expect_err("refused"));
        refused(client.at(&reference).get().await.expect_err("refused"));
        refused(client.handle(&reference).await.expect_err("refused"));
        refused(
            client.load_many("m", &[path.to_owned()], &GetOptions::default()).await.remove(0).expect_err("refused"),
        );
    }
    assert_eq!(memory.calls(), calls);
    assert_eq!(format!("{:?}", client.stats("m")), format!("{stats:?}"));
}

#[test]
fn every_path_is_checked_alike_by_the_fast_and_the_slow_way() {
    for path in ["", "a", "a b/c~", "ä/ß", "a\u{a0}b", "日本"].into_iter().chain(CRAFTED) {
        assert_eq!(check(path).map_err(|error| error.to_string()), check_path(path).map_err(|error| error.to_string()));
    }
}

#[cfg(all(feature = "disk-cache", unix))]
mod on_disk {
    use std::{path::Path, sync::Arc, time::Duration};

    use tokio::time::timeout;

    use super::*;
    use crate::{
        cache::{Cached, DiskCache, SecondTier, disk::Disk},
        provider::Provider,
    };

    /// A client whose provider `m` opens by this, over a disk cache.
    fn client(folder: &Path, opening: Opening) -> Client {
        let disk = Disk::new(DiskCache::default().with_path(folder), 1000);
        let second_tier = SecondTier::on_disk(disk, "scope".to_owned());
        let stack = Stack::new(opening, CachePolicy::default()).with_second_tier(second_tier);
        Client::new(
            HashMap::from([("m".to_owned(), stack)]),
            "m".to_owned(),
            Executor::Caller,
            #[cfg(feature = "vault")]
            crate::vault::VaultConnections::default(),
        )
    }

    /// A client over a disk cache that another one has filled. Its own provider never opens.
    async fn closed(folder: &Path) -> Client {
        let memory = Memory::new().with("a", "x").with("b", r#"{"k":"y"}"#);
        let opening: Opening = Box::new(move || {
            let provider: Arc<dyn Provider> = Arc::new(memory.clone());
            Box::pin(async move { Ok(provider) })
        });
        let filling = client(folder, opening);
        for answer in filling.get_refs(["m://a", "m://b"]).await {
            answer.expect("a secret");
        }
        client(folder, Box::new(|| Box::pin(std::future::pending())))
    }

    fn reads_from_disk(client: &Client, path: &str) -> bool {
        client.held("m", path, &GetOptions::default()).is_some_and(|answer| answer.is_ok())
    }

    #[tokio::test]
    async fn references_are_read_from_disk_without_an_open_provider() {
        let folder = tempfile::tempdir().expect("a folder");
        let client = closed(&folder.path().join("cache")).await;
        let read = client.get_refs(["m://a", "m://b#k", "m://b#none", "malformed"]).into_future();
        let answers = timeout(Duration::from_secs(10), read).await.expect("nothing waits for the provider");
        let texts: Vec<_> = answers[..2].iter().map(|answer| answer.as_ref().expect("a secret").expose_str()).collect();
        assert_eq!(texts.into_iter().map(|text| text.expect("text")).collect::<Vec<_>>(), ["x", "y"]);
        let kinds: Vec<_> = answers[2..].iter().map(|answer| answer.as_ref().expect_err("an error").kind()).collect();
        assert_eq!(kinds, [ErrorKind::KeyNotFound, ErrorKind::InvalidInput]);
    }

    #[tokio::test]
    async fn a_name_is_dropped_from_disk_before_the_provider_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let client = closed(&folder.path().join("cache")).await;
        assert!(reads_from_disk(&client, "a") && reads_from_disk(&client, "b"));
        client.invalidate("m", "a").expect("a provider");
        assert!(!reads_from_disk(&client, "a"), "an invalidated value is served");
        // A read that meets the end of the drop in the background is not served.
        let others = async {
            while !reads_from_disk(&client, "b") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(10), others).await.expect("others stay");
        assert!(!reads_from_disk(&client, "a"));
    }

    #[tokio::test]
    async fn all_is_dropped_from_disk_before_the_provider_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let client = closed(&folder.path().join("cache")).await;
        assert!(reads_from_disk(&client, "a"));
        client.clear();
        assert!(!reads_from_disk(&client, "a") && !reads_from_disk(&client, "b"), "a cleared value is served");
    }

    #[tokio::test]
    async fn a_record_of_a_path_that_no_client_takes_is_not_served() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        let cached = Cached::new(Arc::new(Memory::new().with("a\nb", "x")), CachePolicy::default());
        let cached = cached.with_disk_cache(DiskCache::default().with_path(&path), "scope");
        cached.get("a\nb", &GetOptions::default()).await.expect("a secret");
        let client = client(&path, Box::new(|| Box::pin(std::future::pending())));
        let error = timeout(Duration::from_secs(10), client.get("m", "a\nb").into_future()).await.expect("at once");
        assert_eq!(error.expect_err("refused").kind(), ErrorKind::InvalidInput);
    }

    /// Fills a disk cache with the listings of `a` and of a path with nothing below it.
    async fn listed(folder: &Path) {
        let memory = Memory::new().with("a/b", "x");
        let cached = Cached::new(Arc::new(memory), CachePolicy::default());
        let cached = cached.with_disk_cache(DiskCache::default().with_path(folder), "scope");
        for path in ["a", "none"] {
            cached.get_by_path(path, &ListOptions::default()).await.expect("a listing");
        }
    }

    #[tokio::test]
    async fn a_provider_that_can_not_be_opened_is_answered_for_from_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        listed(&path).await;
        for (kind, answered) in [(ErrorKind::Unavailable, true), (ErrorKind::Config, false)] {
            let opening: Opening = Box::new(move || Box::pin(async move { Err(Error::new(kind, "can't open")) }));
            let listing = client(&path, opening).get_by_path("m", "a").await;
            assert_eq!(listing.as_ref().is_ok_and(|listing| listing.len() == 1), answered, "{kind}");
            assert!(answered || listing.is_err_and(|error| error.kind() == kind));
        }
    }

    #[tokio::test]
    async fn offline_the_disk_never_says_that_a_path_does_not_exist() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache");
        listed(&path).await;
        let disk = Disk::new(DiskCache::default().with_path(&path), 1000);
        let second_tier = SecondTier::on_disk(disk, "scope".to_owned());
        let opening: Opening = Box::new(|| Box::pin(std::future::pending()));
        let stack = Stack::new(opening, CachePolicy::default()).with_second_tier(second_tier).with_offline(true);
        assert!(stack.exists_offline("a").expect("it is listed"));
        assert!(stack.list_offline("none", &ListOptions::default()).expect("it is listed").is_empty());
        for path in ["none", "other"] {
            let error = stack.exists_offline(path).expect_err("not known");
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{path}");
            assert!(error.to_string().contains("does not hold this path"), "{error}");
        }
    }
}
