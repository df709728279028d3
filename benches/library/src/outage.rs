//! Reads while the backend is down.

use std::time::{Duration, Instant};

use s1crets::{CachePolicy, Client};
use s1crets_testbed::{Fault, unique};

use crate::{
    measure::time,
    rivals::{Aws, VALUE, runtime},
};

/// Longer than [`TTL`], so that the value expires.
const OUTAGE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(10);

/// The results of the reads.
#[derive(Default)]
struct Tally {
    reads: usize,
    answered: usize,
    /// Answered with an expired value that was marked as stale.
    marked: usize,
    longest: Duration,
}

pub fn run() {
    let runtime = runtime();
    let (ours, theirs) = runtime.block_on(async {
        let aws = Aws::start().await;
        let name = unique("bench/");
        aws.seed.create_secret(&name, VALUE);
        let client = aws.client(CachePolicy::default().with_ttl(TTL)).await;
        let rival = aws.caching(TTL).await;
        client.get("aws.sm", &name).await.expect("a secret");
        rival.get_secret_value(&name, None, None, false).await.expect("a secret");
        aws.proxy.fault_any(Fault::unavailable()).always();
        let ours = reads(async || stale(&client, &name).await);
        let theirs = reads(async || {
            let answer = rival.get_secret_value(&name, None, None, false).await;
            answer.ok().map(|_| false)
        });
        tokio::join!(ours, theirs)
    });
    println!("| outage of 60 s, value expires after 10 s | reads | answered | marked as stale | longest read |");
    println!("| --- | --- | --- | --- | --- |");
    for (name, tally) in [("s1crets", ours), ("aws_secretsmanager_caching", theirs)] {
        let share = 100.0 * tally.answered as f64 / tally.reads as f64;
        let longest = time(tally.longest.as_secs_f64());
        println!("| {name} | {} | {share:.2}% | {} | {longest} |", tally.reads, tally.marked);
    }
    println!();
}

/// Reads once: `None` if it fails, else whether the value is marked as stale.
async fn stale(client: &Client, name: &str) -> Option<bool> {
    let secret = client.get("aws.sm", name).await.ok()?;
    secret.freshness().map(|freshness| freshness.stale)
}

async fn reads(read: impl AsyncFn() -> Option<bool>) -> Tally {
    let (mut tally, begun) = (Tally::default(), Instant::now());
    while begun.elapsed() < OUTAGE {
        let started = Instant::now();
        let answer = read().await;
        tally.longest = tally.longest.max(started.elapsed());
        tally.reads += 1;
        tally.answered += usize::from(answer.is_some());
        tally.marked += usize::from(answer == Some(true));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tally
}
