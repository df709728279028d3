//! The disk cache: one secret under several names, and encryption.

use std::{fs, path::Path, sync::Arc};

use s1crets::{CachePolicy, Cached, DiskCache, GetOptions, ListOptions, Provider, SecretValue, Source, UpdateOptions};
use s1crets_testbed::unique;
use tempfile::TempDir;

use crate::{
    canary::{Heard, Marks, assert_silence, everything},
    gated::Gated,
    support::{Aws, STORES, text, within},
};

/// A folder that caches share as processes do: each opens it for itself.
struct Shared(TempDir);

impl Shared {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cached<P: Provider + ?Sized>(&self, provider: Arc<P>) -> Cached<P> {
        let disk = DiskCache::default().with_path(self.path());
        Cached::new(provider, CachePolicy::default()).with_disk_cache(disk, "tests")
    }

    fn path(&self) -> impl AsRef<Path> + Into<std::path::PathBuf> {
        self.0.path().join("cache")
    }

    /// All that stands in the folder: the names of the files, and what they hold.
    fn contents(&self) -> String {
        let mut contents = String::new();
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            contents += &path.to_string_lossy();
            contents += &String::from_utf8_lossy(&fs::read(path).unwrap());
        }
        contents
    }
}

async fn provider(aws: &Aws, store: &str) -> Arc<dyn Provider> {
    match store {
        "aws.ps" => Arc::new(aws.parameter_store().await),
        _ => Arc::new(aws.secrets_manager().await),
    }
}

#[tokio::test]
async fn a_restart_makes_no_call_and_keeps_what_is_known() {
    for (store, _, prefix) in STORES {
        let (aws, shared, root) = (Aws::start().await, Shared::new(), unique(prefix));
        let name = format!("{root}/x");
        aws.plant(store, &name, r#"{"n":1.10}"#);
        let before = shared.cached(provider(&aws, store).await);
        let first = before.get(&name, &GetOptions::default()).await.unwrap();
        before.get_by_path(&root, &ListOptions::default()).await.unwrap();
        let calls = aws.proxy.total();
        let after = shared.cached(provider(&aws, store).await);
        let again = after.get(&name, &GetOptions::default()).await.unwrap();
        assert_eq!((&again, again.metadata()), (&first, first.metadata()));
        assert_eq!(again.freshness().unwrap().source, Source::Disk);
        assert_eq!(text(again.key("n")), "1.10");
        assert_eq!(after.get_by_path(&root, &ListOptions::default()).await.unwrap().len(), 1);
        assert_eq!(aws.proxy.total(), calls, "{store}");
    }
}

#[tokio::test]
async fn an_update_by_one_name_is_seen_by_the_others_under_every_name() {
    let (aws, shared, name) = (Aws::start().await, Shared::new(), unique("it/names-"));
    let arn = aws.seed.create_secret(&name, "0");
    let partial = arn.rsplit_once('-').unwrap().0.to_owned();
    let (ours, theirs) = (shared.cached(provider(&aws, "aws.sm").await), shared.cached(provider(&aws, "aws.sm").await));
    let ids = [&name, &arn, &partial];
    for (round, written) in ids.into_iter().enumerate() {
        for id in ids {
            text(theirs.get(id, &GetOptions::default()).await);
        }
        let value = (round + 1).to_string();
        ours.update(written, &value.as_str().into(), &UpdateOptions::default()).await.unwrap();
        for id in ids {
            assert_eq!(text(theirs.get(id, &GetOptions::default()).await), value, "written by {written}, read by {id}");
        }
    }
}

/// A slow answer is an old one here: what was read before the gate is answered behind it.
#[tokio::test]
async fn an_answer_from_before_an_update_elsewhere_is_kept_nowhere() {
    let shared = Shared::new();
    let gated = Gated::new(s1crets::providers::memory::Memory::new().with("a", "old"));
    let slow = Arc::new(shared.cached(Arc::new(gated.clone())));
    let ours = shared.cached(Arc::new(gated.memory.clone()));
    let reading = tokio::spawn({
        let slow = slow.clone();
        async move { text(slow.get("a", &GetOptions::default()).await) }
    });
    gated.arrived(1).await;
    ours.update("a", &"new".into(), &UpdateOptions::default()).await.unwrap();
    gated.open();
    assert_eq!(within(reading).await.unwrap(), "old");
    assert_eq!(text(shared.cached(Arc::new(gated.memory.clone())).get("a", &GetOptions::default()).await), "new");
    assert_eq!(text(slow.get("a", &GetOptions::default()).await), "new");
}

#[tokio::test]
async fn nothing_of_names_and_values_stands_in_the_folder_or_is_said() {
    let (heard, mut marks, shared) = (Heard::everything(), Marks::default(), Shared::new());
    let aws = Aws::start().await;
    for (store, _, prefix) in STORES {
        let name = format!("{}/{}", unique(prefix), marks.mark());
        aws.plant(store, &name, &format!(r#"{{"password":"{}","more":1}}"#, marks.mark()));
        let mut values = Marks::default();
        aws.plant_again(store, &name, &format!(r#"{{"password":"{}"}}"#, values.mark()));
        let cached = shared.cached(provider(&aws, store).await);
        everything(&heard, &cached, &name, &SecretValue::text(values.mark())).await;
        everything(&heard, &shared.cached(provider(&aws, store).await), &name, &SecretValue::text(values.mark())).await;
        cached.get(&name, &GetOptions::default()).await.unwrap();
        heard.show(&DiskCache::default().with_path(shared.path()));
        assert_silence(&heard, &values);
        let contents = shared.contents();
        assert!(contents.contains("s1cr"), "there are records");
        assert!(!marks.are_in(&contents) && !values.are_in(&contents), "{store}");
    }
}
