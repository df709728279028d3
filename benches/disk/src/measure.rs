//! The measurements: reads within a process, and whole runs.

use std::{
    error::Error,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use s1crets::{CachePolicy, Cached, DiskCache, GetOptions, Provider, providers::memory::Memory};
use s1crets_bench_runs::{RUNS, median, s1crets, time};
use s1crets_testbed::{AwsSeed, Moto};

const SECRETS: usize = 1000;
const ROUNDS: usize = 9;
const REGION: &str = "eu-west-1";

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    reads(folder.path())?;
    runs(folder.path())
}

/// Reads each secret once, so that no read is served from memory.
fn reads(folder: &Path) -> Result<(), Box<dyn Error>> {
    let names: Vec<_> = (0..SECRETS).map(|number| format!("prod/service-{number}")).collect();
    let memory = names.iter().fold(Memory::new(), |memory, name| memory.with(name, "x".repeat(200)));
    let cached = || {
        let disk = DiskCache::default().with_path(folder.join("s1crets"));
        let policy = CachePolicy::default().with_entries(10 * SECRETS as u64);
        Cached::new(Arc::new(memory.clone()), policy).with_disk_cache(disk, "bench")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    for answer in runtime.block_on(cached().get_many(&names, &GetOptions::default())) {
        answer?;
    }
    let cacache = folder.join("cacache");
    for name in &names {
        cacache::write_sync(&cacache, name, [b'x'; 200])?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cached = cached();
        let held = |name: &str| cached.held(name, &GetOptions::default());
        ours.push(mean_of_each(&names, |name| {
            Ok(held(name).ok_or("the secret is not on disk")?.expose_bytes()?.len())
        })?);
        theirs.push(mean_of_each(&names, |name| Ok(cacache::read_sync(&cacache, name)?.len()))?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("a read of 200 bytes from disk: s1crets {ours:.1?}, cacache {theirs:.1?}: {ratio:.2}x");
    Ok(())
}

/// Reads each name once, and returns the mean time of a read.
fn mean_of_each(
    names: &[String],
    mut read: impl FnMut(&str) -> Result<usize, Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let started = Instant::now();
    for name in names {
        if read(name)? != 200 {
            return Err(format!("{name} has the wrong size").into());
        }
    }
    Ok(started.elapsed() / u32::try_from(names.len())?)
}

fn runs(folder: &Path) -> Result<(), Box<dyn Error>> {
    let moto = Moto::start();
    AwsSeed::new(moto.endpoint(), REGION).create_secret("prod/db", "hunter2");
    let get = |disk: &str| {
        let mut command = s1crets();
        command.args(["get", "aws.sm://prod/db"]).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_REGION", REGION).env("AWS_ENDPOINT_URL", moto.endpoint());
        command.env("S1CRETS_CACHE_DISK", disk).env("S1CRETS_CACHE_PATH", folder.join("runs"));
        command
    };
    let version = || {
        let mut command = s1crets();
        command.arg("--version");
        command
    };
    time(get("true"))?;
    let kinds: [(&str, &dyn Fn() -> Command); 4] = [
        ("/bin/true", &|| Command::new("/bin/true")),
        ("s1crets --version", &version),
        ("s1crets get from disk", &|| get("true")),
        ("s1crets get from moto", &|| get("false")),
    ];
    let mut times = vec![Vec::new(); kinds.len()];
    for _ in 0..RUNS {
        for ((_, make), times) in kinds.iter().zip(&mut times) {
            times.push(time(make())?);
        }
    }
    let medians: Vec<_> = times.into_iter().map(median).collect();
    println!("medians of {RUNS} whole runs each, alternating");
    for ((name, _), took) in kinds.iter().zip(&medians) {
        println!("{name}: {took:.2?}, {:.1}x", took.as_secs_f64() / medians[0].as_secs_f64());
    }
    Ok(())
}
