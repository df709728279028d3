//! The contract of `Provider`, for every provider, bare and behind the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use s1crets::{
    CachePolicy, Cached, DiskCache, Provider, SecretValue,
    conformance::{Fixture, run},
    providers::{file::FileProvider, memory::Memory},
};
use s1crets_testbed::{AwsSeed, unique};
use tempfile::TempDir;

use crate::{
    on_file,
    support::{Aws, shared},
};

/// Plants in a provider's store by another way than the provider's own.
type Plant = Box<dyn Fn(&str, &SecretValue) + Send + Sync>;

struct Planted {
    provider: Arc<dyn Provider>,
    root: String,
    plant: Plant,
}

#[async_trait]
impl Fixture for Planted {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    fn root(&self) -> String {
        self.root.clone()
    }

    async fn plant(&self, name: &str, value: &SecretValue) {
        (self.plant)(name, value);
    }
}

fn in_memory(memory: &Memory, provider: Arc<dyn Provider>) -> Planted {
    let memory = memory.clone();
    let plant: Plant = Box::new(move |name, value| memory.set(name, value.clone()));
    Planted { provider, root: "conformance".into(), plant }
}

fn parameters(seed: &AwsSeed, provider: Arc<dyn Provider>) -> Planted {
    let seed = seed.clone();
    let plant: Plant = Box::new(move |name, value| {
        seed.put_parameter(name, value.expose_text().expect("parameters are text"), "SecureString");
    });
    Planted { provider, root: unique("/conformance/"), plant }
}

fn secrets(seed: &AwsSeed, provider: Arc<dyn Provider>) -> Planted {
    let seed = seed.clone();
    let plant: Plant = Box::new(move |name, value| match value.expose_text() {
        Some(text) => drop(seed.create_secret(name, text)),
        None => drop(seed.create_secret_binary(name, value.expose_bytes().unwrap())),
    });
    Planted { provider, root: unique("conformance/"), plant }
}

fn entries(file: PathBuf, opened: FileProvider, provider: Arc<dyn Provider>) -> Planted {
    let plant: Plant = Box::new(move |name, value| {
        on_file::add(&file, name, value.expose_text().expect("entries are text"));
        opened.reload().expect("a whole file");
    });
    Planted { provider, root: "conformance".into(), plant }
}

fn mounted(mount: PathBuf, opened: FileProvider, provider: Arc<dyn Provider>) -> Planted {
    let plant: Plant = Box::new(move |name, value| {
        on_file::add_to_mount(&mount, name, value.expose_text().expect("answers are text"));
        opened.reload().expect("a whole mount");
    });
    Planted { provider, root: "conformance".into(), plant }
}

fn cached(provider: impl Provider) -> Arc<dyn Provider> {
    Arc::new(Cached::new(Arc::new(provider), CachePolicy::default()))
}

/// With a disk behind the memory, in a folder that is kept until the guard goes.
fn on_disk(provider: impl Provider) -> (TempDir, Arc<dyn Provider>) {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::default().with_path(folder.path().join("cache"));
    let cached = Cached::new(Arc::new(provider), CachePolicy::default()).with_disk_cache(disk, "conformance");
    (folder, Arc::new(cached))
}

#[tokio::test]
async fn memory_bare() {
    let memory = Memory::new();
    run(&in_memory(&memory, shared(memory.clone()))).await;
}

#[tokio::test]
async fn memory_shared() {
    let memory = Memory::new();
    run(&in_memory(&memory, shared(shared(memory.clone())))).await;
}

#[tokio::test]
async fn memory_cached() {
    let memory = Memory::new();
    run(&in_memory(&memory, cached(memory.clone()))).await;
}

#[tokio::test]
async fn memory_cached_on_disk() {
    let memory = Memory::new();
    let (_folder, provider) = on_disk(memory.clone());
    run(&in_memory(&memory, provider)).await;
}

#[tokio::test]
async fn parameter_store_bare() {
    let aws = Aws::start().await;
    run(&parameters(&aws.seed, shared(aws.parameter_store().await))).await;
}

#[tokio::test]
async fn parameter_store_cached() {
    let aws = Aws::start().await;
    run(&parameters(&aws.seed, cached(aws.parameter_store().await))).await;
}

#[tokio::test]
async fn parameter_store_cached_on_disk() {
    let aws = Aws::start().await;
    let (_folder, provider) = on_disk(aws.parameter_store().await);
    run(&parameters(&aws.seed, provider)).await;
}

#[tokio::test]
async fn secrets_manager_bare() {
    let aws = Aws::start().await;
    run(&secrets(&aws.seed, shared(aws.secrets_manager().await))).await;
}

#[tokio::test]
async fn secrets_manager_cached() {
    let aws = Aws::start().await;
    run(&secrets(&aws.seed, cached(aws.secrets_manager().await))).await;
}

#[tokio::test]
async fn secrets_manager_cached_on_disk() {
    let aws = Aws::start().await;
    let (_folder, provider) = on_disk(aws.secrets_manager().await);
    run(&secrets(&aws.seed, provider)).await;
}

#[tokio::test]
async fn file_bare() {
    let folder = on_file::empty();
    let path = folder.path().join("secrets.json");
    let file = on_file::open(&path).await;
    run(&entries(path, file.clone(), shared(file))).await;
}

#[tokio::test]
async fn file_cached() {
    let folder = on_file::empty();
    let path = folder.path().join("secrets.json");
    let file = on_file::open(&path).await;
    run(&entries(path, file.clone(), cached(file))).await;
}

#[tokio::test]
async fn csi_mount_bare_and_cached() {
    for wrap in [shared as fn(FileProvider) -> Arc<dyn Provider>, cached] {
        let mount = on_file::empty_mount();
        let file = on_file::open(mount.path()).await;
        run(&mounted(mount.path().to_owned(), file.clone(), wrap(file))).await;
    }
}

/// A method with a default that a wrapper does not forward would be lost without an error.
#[test]
fn every_wrapper_denies_missing_trait_methods() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrappers = 0;
    for file in rust_files(&source) {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[1].starts_with("impl<") && pair[1].contains(" Provider for ")) {
            assert_eq!(pair[0], "#[deny(clippy::missing_trait_methods)]", "{}: {}", file.display(), pair[1]);
            wrappers += 1;
        }
    }
    assert!(wrappers >= 2, "the cache and Arc");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
