//! Values with an end of their own, and updates under another name.

use async_trait::async_trait;

use super::*;
use crate::{
    Result,
    capabilities::Capabilities,
    provider::{Listing, Updated},
    secret::SecretValue,
};

/// [`Memory`] whose values are valid for a time, and whose secrets have a second name.
#[derive(Debug)]
struct Renamed {
    memory: Memory,
    valid_for: Option<Duration>,
    /// How an update ends that was made.
    lost: Option<ErrorKind>,
}

/// The other name of the secret `name`.
const ALIAS: &str = "arn:aws:secretsmanager:eu-west-1:1:secret:name-AbCdEf";

fn own_name(path: &str) -> &str {
    if path == ALIAS { "name" } else { path }
}

#[async_trait]
impl Provider for Renamed {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn get(&self, path: &str, options: &GetOptions) -> Result<Secret> {
        let secret = self.memory.get(own_name(path), options).await?;
        let mut metadata = secret.metadata().clone().with_name(own_name(path));
        metadata.valid_for = self.valid_for;
        Ok(Secret::text(secret.expose_str()?, metadata))
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut answers = Vec::new();
        for path in paths {
            answers.push(self.get(path, options).await);
        }
        answers
    }

    async fn get_by_path(&self, path: &str, options: &ListOptions) -> Result<Listing> {
        self.memory.get_by_path(path, options).await
    }

    async fn version(&self, path: &str, options: &GetOptions) -> Result<Option<String>> {
        self.memory.version(own_name(path), options).await
    }

    async fn path_exists(&self, path: &str) -> Result<bool> {
        self.memory.path_exists(own_name(path)).await
    }

    async fn update(&self, path: &str, value: &SecretValue, options: &UpdateOptions) -> Result<Updated> {
        let updated = self.memory.update(own_name(path), value, options).await?;
        match self.lost {
            Some(kind) => Err(crate::Error::new(kind, "the answer was lost")),
            None => Ok(updated),
        }
    }
}

fn leased(seconds: u64, policy: CachePolicy) -> (Memory, Arc<Cached<Renamed>>) {
    let memory = Memory::new().with("name", "one");
    let valid_for = Some(Duration::from_secs(seconds));
    let provider = Renamed { memory: memory.clone(), valid_for, lost: None };
    (memory, Arc::new(cached(Arc::new(provider), policy.with_ttl(TTL))))
}

/// A version that is confirmed does not move the end of a lease.
#[tokio::test(start_paused = true)]
async fn a_value_with_an_end_of_its_own_is_read_again_and_not_only_confirmed() {
    let (memory, cached) = leased(60, CachePolicy::default().with_revalidate(true).with_refresh_ahead(0.5));
    let get = async || cached.get("name", &GetOptions::default()).await.expect("a secret");
    get().await;
    advance(Duration::from_secs(48)).await;
    get().await;
    settle().await;
    assert_eq!((memory.calls_of(Operation::Get), memory.calls_of(Operation::Version)), (2, 0));
    advance(Duration::from_secs(60)).await;
    get().await;
    assert_eq!((memory.calls_of(Operation::Get), memory.calls_of(Operation::Version)), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_load_is_told_the_end_that_the_value_has() {
    for policy in [CachePolicy::default(), CachePolicy::default().with_entries(0)] {
        let (memory, cached) = leased(30, policy);
        memory.fail_next(Fault::delay(Duration::from_secs(20)));
        let read = |cached: Arc<Cached<Renamed>>| async move {
            cached.get("name", &GetOptions::default()).await.expect("a secret").freshness().expect("it has an end")
        };
        let first = tokio::spawn(read(cached.clone()));
        sleep(Duration::from_secs(19)).await;
        let second = tokio::spawn(read(cached.clone()));
        sleep(Duration::from_secs(1)).await;
        for reader in [first, second] {
            let freshness = reader.await.expect("it ends");
            assert!(freshness.expires_in <= Duration::from_secs(10), "{freshness:?}");
            assert!(!freshness.stale && freshness.source == Source::Provider, "{freshness:?}");
        }
    }
}

/// The write may have been made although it timed out; the error does not tell the secret's own name.
#[tokio::test(start_paused = true)]
async fn a_failed_update_by_another_name_leaves_no_old_value_under_its_own() {
    for is_known in [true, false] {
        let provider = Renamed {
            memory: Memory::new().with("name", "one").with("other", "kept"),
            valid_for: None,
            lost: Some(ErrorKind::Timeout),
        };
        let cached = cached(Arc::new(provider), CachePolicy::default().with_ttl(TTL));
        let text = async |path: &str| {
            let secret = cached.get(path, &GetOptions::default()).await.expect("a secret");
            secret.expose_str().expect("text").to_owned()
        };
        assert_eq!((text("name").await, text("other").await), ("one".to_owned(), "kept".to_owned()));
        cached.get_by_path("", &ListOptions::default()).await.expect("a listing");
        if is_known {
            assert_eq!(text(ALIAS).await, "one");
        }
        let error = cached.update(ALIAS, &"two".into(), &UpdateOptions::default()).await.expect_err("timed out");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!((text("name").await, text(ALIAS).await), ("two".to_owned(), "two".to_owned()), "{is_known}");
        let listing = cached.get_by_path("", &ListOptions::default()).await.expect("a listing");
        assert_eq!(listing.get("name").expect("listed").expose_str().expect("text"), "two");
        assert!(cached.held("other", &GetOptions::default()).is_some(), "others stay");
    }
}
