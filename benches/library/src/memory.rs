//! What a held secret takes.

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
    let (held, stats) = (resident() - before, cached.stats());
    assert_eq!(stats.entries, ENTRIES as u64);
    println!("| held secret of {} bytes, name of {} | bytes |\n| --- | --- |", VALUE.len(), names[0].len());
    println!("| resident memory, of {ENTRIES} each | {} |", held / ENTRIES);
    println!("| of that value, name and version | {} |\n", stats.bytes as usize / ENTRIES);
}

/// Bytes of memory that this process has. Linux only.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Makes a secret of its own for each name, and keeps none.
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
        Err(Error::new(ErrorKind::Unsupported, "it is read only"))
    }
}
