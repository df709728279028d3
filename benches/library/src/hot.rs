//! Cache hits, compared with moka, arc-swap and the AWS caching client.

use std::{hint::black_box, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures::{FutureExt, executor::block_on};
use s1crets::{Client, Metadata, Secret, providers::memory::Memory, request::Get};
use s1crets_testbed::unique;

use crate::{
    measure::{Contender, compare, print},
    rivals::{Aws, VALUE, runtime},
};

const NAME: &str = "prod/db";

pub fn run() {
    let runtime = runtime();
    let client = Client::builder().with_provider("m", Memory::new().with(NAME, VALUE)).build().expect("a client");
    let handle = runtime.block_on(client.handle("m://prod/db#password")).expect("a handle");
    runtime.block_on(client.get("m", NAME).into_future()).expect("a secret");
    let moka = moka::sync::Cache::new(1000);
    moka.insert(NAME.to_owned(), Arc::new(VALUE.to_owned()));
    let swapped = ArcSwap::from_pointee(Secret::text(VALUE, Metadata::default()));
    let aws = runtime.block_on(Aws::start());
    let rival = runtime.block_on(aws.caching(Duration::from_secs(3600)));
    let name = unique("bench/");
    aws.seed.create_secret(&name, VALUE);
    runtime.block_on(rival.get_secret_value(&name, None, None, false)).expect("a secret");

    // A hit is ready at the first poll, so it needs no runtime.
    let hit = |call: Get<'_>| black_box(call.into_future().now_or_never().expect("a hit").expect("a secret"));
    let get = || hit(client.get("m", black_box(NAME)));
    let key = || hit(client.get("m", black_box(NAME)).key("replicas").key("1"));
    let in_place = || black_box(handle.get().expect("kept fresh").expose_bytes().expect("one value").len());
    let cloned = || black_box(Secret::clone(&handle.get().expect("kept fresh")));
    let raw = || black_box(moka.get(black_box(NAME)).expect("a hit"));
    let load = || black_box(swapped.load_full());
    let caching =
        || black_box(block_on(rival.get_secret_value(black_box(&name), None, None, false)).expect("a secret"));

    const IN_PLACE: &str = "`handle.get()`, value read in place";
    const CLONED: &str = "`handle.get()`, secret cloned";
    const ARC: &str = "arc-swap: load of an `Arc`";
    const GET: &str = "`client.get(provider, name)`";
    const KEY: &str = "the same with two keypath steps";
    const MOKA: &str = "moka: get of an `Arc`";
    const CLOCK: &str = "for reference: the clock alone";
    const CACHING: &str = "aws_secretsmanager_caching: get";
    print(
        "handle, one thread",
        &compare(vec![
            Contender::on_one_thread(ARC, load),
            Contender::on_one_thread(IN_PLACE, in_place),
            Contender::on_one_thread(CLONED, cloned),
        ]),
    );
    print(
        "handle, two threads",
        &compare(vec![
            Contender::on_two_threads(ARC, load),
            Contender::on_two_threads(IN_PLACE, in_place),
            Contender::on_two_threads(CLONED, cloned),
        ]),
    );
    print(
        "client, one thread",
        &compare(vec![
            Contender::on_one_thread(MOKA, raw),
            Contender::on_one_thread(GET, get),
            Contender::on_one_thread(KEY, key),
            Contender::on_one_thread(CLOCK, std::time::Instant::now),
            Contender::on_one_thread(CACHING, caching),
        ]),
    );
    print(
        "client, two threads",
        &compare(vec![
            Contender::on_two_threads(MOKA, raw),
            Contender::on_two_threads(GET, get),
            Contender::on_two_threads(CACHING, caching),
        ]),
    );
}
