//! The number of backend calls.

use std::{future::Future, time::Duration};

use futures::future::join_all;
use s1crets::{CachePolicy, Client, Reference};
use s1crets_testbed::unique;
use tokio::runtime::Builder;

use crate::rivals::{Aws, VALUE};

pub fn run() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("| reads | s1crets | aws_secretsmanager_caching |\n| --- | --- | --- |");
    runtime.block_on(async {
        let aws = Aws::start().await;
        one_key(&aws).await;
        hundred_keys(&aws).await;
        refreshes(&aws).await;
    });
    println!();
}

fn row(what: &str, ours: usize, theirs: Option<usize>) {
    println!("| {what} | {ours} | {} |", theirs.map_or("–".to_owned(), |calls| calls.to_string()));
}

/// The number of calls that arrive during the reads.
async fn counted(aws: &Aws, reads: impl Future) -> usize {
    let before = aws.proxy.total();
    reads.await;
    aws.proxy.total() - before
}

async fn one_key(aws: &Aws) {
    let name = unique("bench/");
    aws.seed.create_secret(&name, VALUE);
    let client = aws.client(CachePolicy::default()).await;
    let ours = counted(aws, all(vec![name.clone(); 1000], async |name| get(&client, "aws.sm", &name).await)).await;
    let rival = aws.caching(Duration::from_secs(3600)).await;
    let theirs = all(vec![name; 1000], async |name| drop(rival.get_secret_value(&name, None, None, false).await));
    row("1,000 tasks, one cold key", ours, Some(counted(aws, theirs).await));
}

async fn hundred_keys(aws: &Aws) {
    let client = aws.client(CachePolicy::default()).await;
    for (store, prefix) in [("aws.sm", "bench/"), ("aws.ps", "/bench/")] {
        let names = store_secrets(aws, store, prefix, 100);
        let ours = counted(aws, all(names.clone(), async |name| get(&client, store, &name).await)).await;
        let mut theirs = None;
        if store == "aws.sm" {
            let rival = aws.caching(Duration::from_secs(3600)).await;
            let reads = all(names, async |name| drop(rival.get_secret_value(&name, None, None, false).await));
            theirs = Some(counted(aws, reads).await);
        }
        row(&format!("100 tasks, one cold key each, `{store}`"), ours, theirs);
    }
}

/// Reads 1,000 keys when all are due for a refresh, but none has expired.
async fn refreshes(aws: &Aws) {
    const TTL: Duration = Duration::from_secs(20);
    for (store, prefix) in [("aws.sm", "bench/"), ("aws.ps", "/bench/")] {
        let names = store_secrets(aws, store, prefix, 1000);
        let policy = CachePolicy::default().with_ttl(TTL).with_refresh_ahead(0.0).with_entries(10_000);
        let client = aws.client(policy).await;
        let references = names.iter().map(|name| Reference::new(store, name).expect("a name"));
        client.get_refs(references).await.into_iter().for_each(|answer| drop(answer.expect("a secret")));
        tokio::time::sleep(TTL / 2 + Duration::from_secs(1)).await;
        let ours = counted(aws, async {
            for name in &names {
                get(&client, store, name).await;
            }
            let stats = || client.stats(store).expect("a provider").expect("a cache");
            while stats().loaded < 2000 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(stats().misses, 1000, "no read waited");
        });
        row(&format!("1,000 keys due for refresh together, `{store}`"), ours.await, None);
    }
}

fn store_secrets(aws: &Aws, store: &str, prefix: &str, count: usize) -> Vec<String> {
    let root = unique(prefix);
    let names: Vec<_> = (0..count).map(|index| format!("{root}/{index}")).collect();
    for name in &names {
        match store {
            "aws.ps" => drop(aws.seed.put_parameter(name, VALUE, "SecureString")),
            _ => drop(aws.seed.create_secret(name, VALUE)),
        }
    }
    names
}

async fn get(client: &Client, store: &str, name: &str) {
    client.get(store, name).await.expect("a secret");
}

/// Reads all names at once.
async fn all(names: Vec<String>, read: impl AsyncFn(String)) {
    join_all(names.into_iter().map(|name| read(name))).await;
}
