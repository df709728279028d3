//! The memory of a cached secret.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use s1crets::{
    CachePolicy, Cached, Capabilities, Error, ErrorKind, GetOptions, ListOptions, Listing, Metadata, Provider, Result,
    Secret, SecretValue, UpdateOptions, Updated,
};

use crate::rivals::{VALUE, runtime};

const ENTRIES: usize = 100_000;

pub fn run() {
    let runtime = runtime();
    let names: Vec<_> = (0..ENTRIES).map(|index| format!("prod/service-{index:06}/db")).collect();
    let before = resident();
    let cached = Cached::new(Arc::new(Fresh), CachePolicy::default().with_entries(2 * ENTRIES as u64));
    runtime.block_on(async {
        for name in &names {
            cached.get(name, &GetOptions::default()).await.expect("a secret");
        }
    });
    let (growth, stats) = (resident() - before, cached.stats());
    assert_eq!(stats.entries, ENTRIES as u64);
    println!("| cached secret of {} bytes, name of {} | bytes |\n| --- | --- |", VALUE.len(), names[0].len());
    println!("| resident memory, mean of {ENTRIES} | {} |", growth / ENTRIES);
    println!("| of which value, name and version | {} |\n", stats.bytes as usize / ENTRIES);
}

/// The resident memory of this process, in bytes. Linux only; 0 elsewhere.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// A provider that creates a new secret for each request, and stores none.
#[derive(Debug)]
struct Fresh;

#[async_trait]
impl Provider for Fresh {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get(&self, path: &str, _: &GetOptions) -> Result<Secret> {
        Ok(Secret::text(VALUE, Metadata::default().with_name(path).with_version("1")))
    }

    async fn get_many(&self, paths: &[String], options: &GetOptions) -> Vec<Result<Secret>> {
        let mut answers = Vec::new();
        for path in paths {
            answers.push(self.get(path, options).await);
        }
        answers
    }

    async fn get_by_path(&self, _: &str, _: &ListOptions) -> Result<Listing> {
        Ok(Listing::default())
    }

    async fn path_exists(&self, _: &str) -> Result<bool> {
        Ok(true)
    }

    async fn update(&self, _: &str, _: &SecretValue, _: &UpdateOptions) -> Result<Updated> {
        Err(Error::new(ErrorKind::Unsupported, "this provider is read-only"))
    }
}
