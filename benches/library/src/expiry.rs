//! Read latency while a value expires again and again.

use std::time::{Duration, Instant};

use s1crets::{
    CachePolicy, Client,
    providers::memory::{Fault, Memory},
};

use crate::{measure::time, rivals::VALUE};

/// How long each call of the provider takes.
const UPSTREAM: Duration = Duration::from_millis(500);

/// A refresh starts after a half to three quarters of it, so at least half a second before the end.
const TTL: Duration = Duration::from_secs(2);

/// Long enough for several expiries.
const READ_FOR: Duration = Duration::from_secs(10);

pub fn run() {
    let runtime = crate::rivals::runtime();
    println!("| reads for 10 s | p50 | p99.9 | longest | loads |\n| --- | --- | --- | --- | --- |");
    for (name, ttl) in [("value expires every 2 s, upstream takes 500 ms", TTL), ("value never expires", TTL * 3600)] {
        let policy = CachePolicy::default().with_ttl(ttl).with_refresh_ahead(0.5);
        let memory = Memory::new().with("a", VALUE);
        (0..1000).for_each(|_| memory.fail_next(Fault::delay(UPSTREAM)));
        let client = Client::builder().with_provider("m", memory).with_cache(policy).build().expect("a client");
        let mut times = runtime.block_on(read(&client));
        times.sort_unstable();
        let at = |part: f64| time(times[((times.len() - 1) as f64 * part) as usize].as_secs_f64());
        let loads = client.stats("m").expect("a provider").expect("a cache").loaded;
        println!("| {name} | {} | {} | {} | {loads} |", at(0.5), at(0.999), at(1.0));
    }
    println!();
}

async fn read(client: &Client) -> Vec<Duration> {
    client.get("m", "a").await.expect("a secret");
    let (mut times, started) = (Vec::new(), Instant::now());
    while started.elapsed() < READ_FOR {
        // About one read per 50 µs: more would add load, but no information.
        for _ in 0..10 {
            let asked = Instant::now();
            client.get("m", "a").await.expect("a secret");
            times.push(asked.elapsed());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    times
}
