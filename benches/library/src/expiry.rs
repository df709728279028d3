//! Reads while a value expires.

use std::time::{Duration, Instant};

use s1crets::{
    CachePolicy, Client,
    providers::memory::{Fault, Memory},
};

use crate::{measure::time, rivals::VALUE};

/// What every call of the provider takes.
const UPSTREAM: Duration = Duration::from_millis(500);

/// Loaded anew from half of it on, at the latest at three quarters: half a second before the end.
const TTL: Duration = Duration::from_secs(2);

/// Some expiries.
const READ_FOR: Duration = Duration::from_secs(10);

pub fn run() {
    let runtime = crate::rivals::runtime();
    println!("| reads for 10 s | p50 | p99.9 | longest | loads |\n| --- | --- | --- | --- | --- |");
    for (name, ttl) in [("value expires every 2 s, upstream takes 500 ms", TTL), ("value never expires", TTL * 3600)] {
        let policy = CachePolicy::default().with_ttl(ttl).with_refresh_ahead(0.5);
        let memory = Memory::new().with("a", VALUE);
        (0..1000).for_each(|_| memory.fail_next(Fault::delay(UPSTREAM)));
        let client = Client::builder().with_provider("m", memory).with_cache(policy).build().expect("a client");
        let mut taken = runtime.block_on(read(&client));
        taken.sort_unstable();
        let at = |part: f64| time(taken[((taken.len() - 1) as f64 * part) as usize].as_secs_f64());
        let loads = client.stats("m").expect("a provider").expect("a cache").loaded;
        println!("| {name} | {} | {} | {} | {loads} |", at(0.5), at(0.999), at(1.0));
    }
    println!();
}

async fn read(client: &Client) -> Vec<Duration> {
    client.get("m", "a").await.expect("a secret");
    let (mut taken, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < READ_FOR {
        // Every 50 µs or so: more would only heat.
        for _ in 0..10 {
            let started = Instant::now();
            client.get("m", "a").await.expect("a secret");
            taken.push(started.elapsed());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    taken
}
