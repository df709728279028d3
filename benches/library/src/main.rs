//! Measures the library and its rivals in the same run: `cargo xtask bench [NAME…]`.
//!
//! Each group is a file and a name in [`GROUPS`]. The output is Markdown, for
//! `docs/performance.md`.

mod calls; // the number of backend calls
mod cold; // reads that miss the cache, and bare calls
mod expiry; // reads while a value expires
mod hot; // cache hits
mod measure; // times contenders in turn
mod memory; // the memory of a cached secret
mod outage; // reads while the backend is down
mod rivals; // the clients to compare, and their server

use std::{env, process::ExitCode};

/// The name of a group, and the function that measures it and prints the result.
type Group = (&'static str, fn());

const GROUPS: &[Group] = &[
    ("hot", hot::run),
    ("cold", cold::run),
    ("calls", calls::run),
    ("expiry", expiry::run),
    ("outage", outage::run),
    ("memory", memory::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| !GROUPS.iter().any(|(group, _)| group == name)) {
        let names: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
        eprintln!("unknown group {unknown:?}; the groups are {}", names.join(", "));
        return ExitCode::from(2);
    }
    for (name, run) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|group| group == name) {
            println!("\n### {name}\n");
            run();
        }
    }
    ExitCode::SUCCESS
}
