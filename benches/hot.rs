//! What a read costs that is answered from memory, against the parts it is made of.
//!
//! `cargo bench --bench hot`

use std::{hint::black_box, sync::Arc, thread, time::Instant};

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use s1crets::{Client, Metadata, Secret, providers::memory::Memory, request::Get};
use tokio::runtime::Runtime;

const NAME: &str = "prod/db";
const VALUE: &str = r#"{"user":"app","password":"correct-horse-battery-staple","hosts":[{"name":"a"},{"name":"b"}]}"#;

fn reads(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let client = Client::builder().with_provider("m", Memory::new().with(NAME, VALUE)).build().expect("a client");
    let handle = runtime.block_on(client.handle("m://prod/db#password")).expect("a handle");
    let moka = moka::sync::Cache::new(1000);
    moka.insert(NAME.to_owned(), Arc::new(VALUE.to_owned()));
    let swapped = ArcSwap::from_pointee(Secret::text(VALUE, Metadata::default()));

    runtime.block_on(client.get("m", NAME).into_future()).expect("a secret");

    // A hit is ready when it is first polled: no runtime takes part.
    let hit = |call: Get<'_>| black_box(call.into_future().now_or_never().expect("a hit").expect("a secret"));
    let get = || hit(client.get("m", black_box(NAME)));
    let get_key = || hit(client.get("m", black_box(NAME)).key("hosts").key("1"));
    let held = || black_box(handle.get());
    let raw = || black_box(moka.get(black_box(NAME)).expect("held"));
    let load = || black_box(Secret::clone(&swapped.load()));

    let mut group = criterion.benchmark_group("one thread");
    group.bench_function("handle.get", |bench| bench.iter(held));
    group.bench_function("baseline: arc-swap load and clone", |bench| bench.iter(load));
    group.bench_function("client.get", |bench| bench.iter(get));
    group.bench_function("client.get, two steps of keypath", |bench| bench.iter(get_key));
    group.bench_function("baseline: moka get of an Arc", |bench| bench.iter(raw));
    group.finish();

    let mut group = criterion.benchmark_group("two threads");
    group.bench_function("handle.get", |bench| bench.iter_custom(|count| on_two_threads(count, &held)));
    group.bench_function("baseline: arc-swap load and clone", |bench| {
        bench.iter_custom(|count| on_two_threads(count, &load));
    });
    group.bench_function("client.get", |bench| bench.iter_custom(|count| on_two_threads(count, &get)));
    group
        .bench_function("baseline: moka get of an Arc", |bench| bench.iter_custom(|count| on_two_threads(count, &raw)));
    group.finish();
}

/// The time for `count` calls on each of two threads.
fn on_two_threads<T>(count: u64, call: &(impl Fn() -> T + Sync)) -> std::time::Duration {
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..count).for_each(|_| drop(call())));
        }
    });
    started.elapsed()
}

criterion_group!(benches, reads);
criterion_main!(benches);
